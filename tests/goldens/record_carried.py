"""Records small trainings under TensorFlow 1.15.5: checkpoints, and how they go on.

Without --write nothing in the tree changes; how far the recorded numbers are from those there is
printed, case by case.
"""

import argparse
import hashlib
import os
import shutil
import sys
import tempfile
import zipfile

import numpy as np

from shared import versions
from shared.errors import UserError
from shared.files import replacing, write_json
from tests.goldens import carried, record, record_cells
from tf1port.numerics.differences import difference

COMMAND = "python -m tests.goldens.record_carried --write"
NEVER = (1980, 1, 1, 0, 0, 0)  # the date of every file in a zip


def main(argv=None):
    arguments = _parser().parse_args(argv)
    try:
        record._require_tensorflow_1_15()
    except UserError as error:
        print("error: %s" % error, file=sys.stderr)
        return 2
    for case in _chosen(carried.CARRIED, arguments.names):
        folder = tempfile.mkdtemp()
        try:
            arrays = _train(case, folder)
            print("%s: %s" % (case.name, _change(case, arrays)))
            if arguments.write:
                _write(case, folder)
        finally:
            shutil.rmtree(folder)
    for case in _chosen(carried.CUDNN, arguments.names):
        folder = tempfile.mkdtemp()
        try:
            _export(case, folder)
            if arguments.write:
                _write(case, folder)
        finally:
            shutil.rmtree(folder)
    if arguments.write:
        _write_facts()
    else:
        print("nothing is written without --write")
    return 0


def _chosen(cases, names):
    return [case for case in cases if not names or case.name in names]


def _train(case, folder):
    """Trains a case, saves it into a folder, trains on: the arrays of golden.npz."""
    import tensorflow as tf

    with tf.Graph().as_default(), tf.Session() as session:
        tf.set_random_seed(carried.SEED)
        x, lengths, keep, training, made = _network(case)
        loss = tf.reduce_mean(tf.square(made - 1))
        with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
            train_op = _train_op(case, loss)
        session.run(tf.global_variables_initializer())
        stream = np.random.RandomState(carried.SEED)
        for variable in tf.trainable_variables():  # no zeros or ones that would hide anything
            drawn = stream.normal(0, 0.4, variable.shape.as_list())
            variable.load(drawn.astype(case.case.dtype), session)

        def feed(number, in_training=True):
            inputs = carried.batch(number, case.case.dtype)
            flags = {} if training is None else {training: in_training}
            return {x: inputs, keep: 1.0, lengths: carried.LENGTHS, **flags}

        def train(numbers):
            return np.array([session.run([loss, train_op], feed(n))[0] for n in numbers])

        train(range(carried.TRAINED))
        prefix = os.path.join(folder, "model.ckpt")
        tf.train.Saver().save(session, prefix, carried.TRAINED)
        os.remove(os.path.join(folder, "checkpoint"))
        arrays = {"made": session.run(made, feed(0, in_training=False))}
        arrays["losses"] = train(range(carried.TRAINED, carried.TRAINED + carried.MORE))
    np.savez(os.path.join(folder, "golden.npz"), **arrays)
    return arrays


def _train_op(case, loss):
    import tensorflow as tf

    optimizer, step = _optimizer(case), tf.train.get_or_create_global_step()
    gradients, variables = zip(*optimizer.compute_gradients(loss))
    if case.clip_norm:
        gradients, _ = tf.clip_by_global_norm(gradients, case.clip_norm)
    return optimizer.apply_gradients(zip(gradients, variables), step)


def _export(case, folder):
    """Writes the graph of a layer of cuDNN's, which is not run."""
    import tensorflow as tf

    with tf.Graph().as_default():
        x = tf.placeholder("float32", [None, None, carried.FEATURES], name="inputs")
        layer = getattr(tf.contrib.cudnn_rnn, case.layer)(
            case.layers, carried.UNITS, direction=case.direction
        )
        outputs, _ = layer(tf.transpose(x, (1, 0, 2)))
        tf.layers.dense(outputs[-1], carried.OUTPUTS, name="logits")
        tf.train.Saver().export_meta_graph(os.path.join(folder, "model.ckpt.meta"))


def _network(case):
    """The placeholders of inputs, lengths, what dropout keeps, training; the outputs [B, 2]."""
    import tensorflow as tf

    x = tf.placeholder(case.case.dtype, [None, None, carried.FEATURES], name="inputs")
    lengths = tf.placeholder(tf.int32, [None], name="lengths")
    keep = tf.placeholder(case.case.dtype, [], name="keep_prob")
    training = None
    outputs, states = _cells(case, x, lengths if case.lengths else None, keep)
    taken = _final(states) if case.lengths else outputs[:, -1]
    if case.head == "batch_norm":
        training = tf.placeholder(tf.bool, [], name="training")
        taken = tf.layers.batch_normalization(taken, momentum=0.9, training=training)
    elif case.head == "layer_norm":
        taken = tf.contrib.layers.layer_norm(taken)
    made = tf.layers.dense(taken, carried.OUTPUTS, name="logits")
    return x, lengths, keep, training, made


def _cells(case, x, lengths, keep):
    """Outputs [B, T, P] and states."""
    import tensorflow as tf

    of, options = case.case, {"sequence_length": lengths, "dtype": x.dtype}
    if of.cell == "LSTMBlockFusedCell":
        outputs, states = record_cells._cell(of)(tf.transpose(x, (1, 0, 2)), **options)
        return tf.transpose(outputs, (1, 0, 2)), [states]
    stacks = [
        [_wrapped(case, record_cells._cell(of), i, keep) for i in range(of.layers)] for _ in "12"
    ]
    if of.wiring == "stack":
        outputs, *states = tf.contrib.rnn.stack_bidirectional_dynamic_rnn(*stacks, x, **options)
        return outputs, [states[0][-1], states[1][-1]]
    joined = [tf.nn.rnn_cell.MultiRNNCell(cells) if of.layers > 1 else cells[0] for cells in stacks]
    if of.wiring == "bidirectional":
        outputs, states = tf.nn.bidirectional_dynamic_rnn(*joined, inputs=x, **options)
        return tf.concat(outputs, axis=-1), [_top(case, state) for state in states]
    outputs, states = tf.nn.dynamic_rnn(joined[0], x, **options)
    return outputs, [_top(case, states)]


def _wrapped(case, cell, layer, keep):
    import tensorflow as tf

    if case.wrapper == "dropout":
        return tf.nn.rnn_cell.DropoutWrapper(cell, input_keep_prob=keep, output_keep_prob=keep)
    if case.wrapper == "residual" and layer:  # the first one's inputs are of another size
        return tf.nn.rnn_cell.ResidualWrapper(cell)
    return cell


def _top(case, state):
    """The state of the last layer of a stack."""
    return state[-1] if case.case.layers > 1 else state


def _final(states):
    """The outputs' parts of final states, side by side: h of (c, h), or h alone."""
    import tensorflow as tf

    return tf.concat([state.h if hasattr(state, "h") else state for state in states], axis=-1)


def _optimizer(case):
    import tensorflow as tf

    return {
        "Adam": lambda: tf.train.AdamOptimizer(0.003),
        "GradientDescent": lambda: tf.train.GradientDescentOptimizer(0.05),
        "Momentum": lambda: tf.train.MomentumOptimizer(0.01, 0.9),
        "Nesterov": lambda: tf.train.MomentumOptimizer(0.01, 0.8, use_nesterov=True),
        "RMSProp": lambda: tf.train.RMSPropOptimizer(0.003, 0.9, momentum=0.2),
        "CenteredRMSProp": lambda: tf.train.RMSPropOptimizer(0.003, 0.8, 0.1, 1e-6, centered=True),
        "Adagrad": lambda: tf.train.AdagradOptimizer(0.02),
        "Adadelta": lambda: tf.train.AdadeltaOptimizer(0.5, 0.9, 1e-5),
        "Ftrl": lambda: tf.train.FtrlOptimizer(
            0.05, l1_regularization_strength=0.001, l2_regularization_strength=0.002
        ),
    }[case.optimizer]()


def _change(case, arrays):
    """How far a case is from the one in the tree."""
    if not os.path.exists(_path(case)):
        return "new"
    folder = tempfile.mkdtemp()
    try:
        return "max-abs %.3g at %s" % difference(carried.unpack(case, folder)[1], arrays)
    finally:
        shutil.rmtree(folder)


def _write(case, folder):
    os.makedirs(carried.FOLDER, exist_ok=True)
    with replacing(_path(case)) as beside:
        with zipfile.ZipFile(beside, "w", zipfile.ZIP_DEFLATED) as archive:
            for name in sorted(os.listdir(folder)):
                info = zipfile.ZipInfo(name, NEVER)
                info.compress_type = zipfile.ZIP_DEFLATED
                with open(os.path.join(folder, name), "rb") as file:
                    archive.writestr(info, file.read())


def _write_facts():
    digests = {}
    for case in carried.CARRIED + carried.CUDNN:
        with open(_path(case), "rb") as file:
            digests[case.name + ".zip"] = hashlib.sha256(file.read()).hexdigest()
    facts = {
        "versions": versions.installed("tensorflow"),
        "seed": carried.SEED,
        "command": COMMAND,
        "sha256": digests,
    }
    write_json(os.path.join(carried.FOLDER, "golden.json"), facts)


def _path(case):
    return os.path.join(carried.FOLDER, case.name + ".zip")


def _parser():
    parser = argparse.ArgumentParser(prog="python -m tests.goldens.record_carried")
    parser.description = __doc__
    parser.add_argument("names", nargs="*", metavar="CASE", help="(default: all)")
    parser.add_argument("--write", action="store_true", help="replace the goldens in the tree")
    return parser


if __name__ == "__main__":
    sys.exit(main())
