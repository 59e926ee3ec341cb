"""Records what TensorFlow 1.15's recurrent cells compute, contrib's among them.

Without --write nothing in the tree changes; how far the recorded numbers are from those there is
printed, case by case.
"""

import argparse
import hashlib
import os
import sys

import numpy as np

from shared import versions
from shared.errors import UserError
from shared.files import replacing, write_json
from tests import goldens
from tests.goldens import cells, record
from tf1port.numerics.differences import difference

COMMAND = "python -m tests.goldens.record_cells --write"


def main(argv=None):
    arguments = _parser().parse_args(argv)
    try:
        record._require_tensorflow_1_15()
    except UserError as error:
        print("error: %s" % error, file=sys.stderr)
        return 2
    arrays = everything()
    for line in changes(arrays):
        print(line)
    if arguments.write:
        _write(arrays)
    else:
        print("nothing is written without --write")
    return 0


def everything():
    """All arrays of golden.npz by name."""
    stream = np.random.RandomState(cells.SEED)
    inputs = stream.normal(size=(cells.BATCH, cells.STEPS, cells.FEATURES)).astype("float32")
    found = {"inputs": inputs}
    for case in cells.CASES:
        variables, outputs, states = _run(case, inputs, stream=stream)
        found.update({"%s/variables/%s" % (case.name, n): v for n, v in variables.items()})
        found.update({case.name + "/outputs": outputs, case.name + "/states": states})
    for case in cells.OPAQUE:
        found.update({case.name + "/" + n: v for n, v in _opaque(case, stream).items()})
    return found


def changes(arrays):
    """Compares recorded arrays with those in the tree: a line for every case."""
    if not os.path.exists(cells.FOLDER):
        yield "all %d cases: new" % len(cells.CASES + cells.OPAQUE)
        return
    old = cells.load()
    for case in cells.CASES + cells.OPAQUE:
        try:
            pair = goldens.under(old, case.name), goldens.under(arrays, case.name)
        except KeyError:
            yield case.name + ": new"
        else:
            yield "%s: max-abs %.3g at %s" % (case.name, *difference(*pair))


def _run(case, inputs, *, stream):
    """The variables of a case, drawn, and its outputs and states with them."""
    import tensorflow as tf

    with tf.Graph().as_default(), tf.Session() as session:
        x = tf.constant(inputs, case.dtype)
        outputs, states = _wired(case, x)
        variables = {v.op.name: v for v in tf.global_variables()}
        values = {name: _drawn(stream, variables[name].shape) for name in sorted(variables)}
        for name, value in values.items():
            variables[name].load(value, session)
        states = tf.concat(tf.nest.flatten(states), axis=-1)
        outputs, states = session.run([outputs, states])
    # float32 values in either dtype: half the size.
    return {name: value.astype("float32") for name, value in values.items()}, outputs, states


def _drawn(stream, shape):
    """No zeros or ones that would hide anything; rounded, for smaller files."""
    return np.round(stream.normal(0, 0.5, shape.as_list()) * 256) / 256


def _wired(case, x):
    """Outputs and states of a case on a tensor [B, T, F]."""
    import tensorflow as tf

    options = {"sequence_length": list(cells.LENGTHS), "dtype": x.dtype}
    if case.cell == "LSTMBlockFusedCell":
        outputs, states = _cell(case)(tf.transpose(x, (1, 0, 2)), **options)
        return tf.transpose(outputs, (1, 0, 2)), states
    if case.wiring == "stack":
        stacks = ([_cell(case) for _ in range(case.layers)] for _ in range(2))
        outputs, *states = tf.contrib.rnn.stack_bidirectional_dynamic_rnn(*stacks, x, **options)
        return outputs, states
    if case.wiring == "bidirectional":
        outputs, states = tf.nn.bidirectional_dynamic_rnn(_stack(case), _stack(case), x, **options)
        return tf.concat(outputs, axis=-1), states
    return tf.nn.dynamic_rnn(_stack(case), x, **options)


def _stack(case):
    import tensorflow as tf

    multi = case.wiring == "multi" or case.layers > 1
    layers = [_cell(case) for _ in range(case.layers)]
    return tf.nn.rnn_cell.MultiRNNCell(layers) if multi else layers[0]


def _cell(case):
    import tensorflow as tf

    options = dict(case.options)
    if "activation" in options:
        options["activation"] = getattr(tf.nn, options["activation"])
    for module in (tf.nn.rnn_cell, tf.contrib.rnn, tf.contrib.cudnn_rnn):
        if hasattr(module, case.cell):
            return getattr(module, case.cell)(cells.UNITS, **options)
    raise UserError("TensorFlow 1.15 has no %s" % case.cell)


def _opaque(case, stream):
    """A buffer, the variables that a Saver writes for it, and the buffer restored from those.

    Only a GPU cuts the buffer; everything after that is fed here with what it would have cut.
    """
    import tensorflow as tf
    from tensorflow.contrib.cudnn_rnn.python.ops import cudnn_rnn_ops

    direction = "bidirectional" if case.bidirectional else "unidirectional"
    # Or the placer would ask for a kernel of cuDNN's ops, which are not run here.
    pruned = tf.ConfigProto(graph_options=tf.GraphOptions(place_pruned_graph=True))
    with tf.Graph().as_default() as graph, tf.Session(config=pruned) as session:
        saveable = getattr(cudnn_rnn_ops, case.saveable)(
            tf.zeros([1]), case.layers, cells.UNITS, cells.FEATURES, direction=direction
        )
        (cut,) = [op for op in graph.get_operations() if op.type == "CudnnRNNParamsToCanonical"]
        shapes = _cudnn_shapes(case, len(cut.outputs) // 2)
        pieces = [_drawn(stream, tf.TensorShape(shape)).astype("float32") for shape in shapes]
        tensors = [spec.tensor for spec in saveable.specs]
        values = session.run(tensors, dict(zip(cut.outputs, pieces)))
        saveable.format_converter.tf_canonical_to_opaque([tf.constant(v) for v in values])
        (joined,) = [op for op in graph.get_operations() if op.type == "CudnnRNNCanonicalToParams"]
        restored = session.run(list(joined.inputs)[-len(pieces) :])
        names = ["variables/" + spec.name for spec in saveable.specs]
    buffers = {"buffer": _flat(pieces), "restored": _flat(restored)}
    return dict(zip(names, values), **buffers)


def _cudnn_shapes(case, count):
    """Shapes of `count` matrices, then of as many biases, as cuDNN cuts them."""
    directions = 2 if case.bidirectional else 1
    half = count // (case.layers * directions) // 2
    shapes = []
    for layer in range(case.layers):
        width = cells.UNITS * directions if layer else cells.FEATURES
        for _ in range(directions):
            shapes += [(cells.UNITS, width)] * half + [(cells.UNITS, cells.UNITS)] * half
    return shapes + [(cells.UNITS,)] * count


def _flat(pieces):
    return np.concatenate([np.ravel(piece) for piece in pieces])


def _write(arrays):
    os.makedirs(cells.FOLDER, exist_ok=True)
    path = os.path.join(cells.FOLDER, "golden.npz")
    with replacing(path) as beside:
        with open(beside, "wb") as file:
            np.savez_compressed(file, **arrays)
    with open(path, "rb") as file:
        digest = hashlib.sha256(file.read()).hexdigest()
    facts = {
        "versions": versions.installed("tensorflow"),
        "seed": cells.SEED,
        "command": COMMAND,
        "cases": [case.name for case in cells.CASES + cells.OPAQUE],
        "sha256": {"golden.npz": digest},
    }
    write_json(os.path.join(cells.FOLDER, "golden.json"), facts)


def _parser():
    parser = argparse.ArgumentParser(prog="python -m tests.goldens.record_cells")
    parser.description = __doc__
    parser.add_argument("--write", action="store_true", help="replace the goldens in the tree")
    return parser


if __name__ == "__main__":
    sys.exit(main())
