"""Small TF1 graphs for the tests, as programs of the time built them: trained, and saved."""

from collections.abc import Mapping
from contextlib import contextmanager
from types import MappingProxyType, SimpleNamespace
from typing import NamedTuple

import numpy as np

import legacy_tf1  # noqa: F401  (TF1's cells come from tf_keras)

# isort: split
import tensorflow.compat.v1 as tf1

F, U, B, T, IDS = 3, 4, 3, 5, 7
UNOPTIMIZED = tf1.ConfigProto()  # a graph that runs a few times only is not worth it
UNOPTIMIZED.graph_options.rewrite_options.disable_meta_optimizer = True
TRAINED, MORE = 3, 5  # steps before the checkpoint, and after it


class Case(NamedTuple):
    """What a graph is made of; the defaults are the most common choices."""

    cell: str = "BasicLSTMCell"
    options: Mapping = MappingProxyType({})
    layers: int = 1
    run: str = "dynamic_rnn"  # or static_rnn, loop
    time_major: bool = False
    lengths: bool = False  # a placeholder of sequence lengths
    head: str = "last"  # or steps, tensordot, state, gathered, none, first, reversed, dropped
    inputs: str = "plain"  # or dense, reversed, python
    hidden: bool = False  # a ReLU layer below the head
    embedding: bool = False
    features: int = F
    dtype: str = "float32"
    optimizer: str = "Adam"
    clip: str = ""  # of gradients: global, norm, value, one-sided
    resource: bool = False  # variables of the later kind
    partitions: int = 0  # that each variable is partitioned into
    sliced: bool = False  # and saved as slices of the whole, not each by its name
    averages: bool = False  # of the trained variables are kept


class Saved(NamedTuple):
    """A checkpoint and what its session did.

    values: by variable. made: the graph's output for batch 0. losses: of the MORE steps after it.
    """

    prefix: str
    values: dict
    outputs: np.ndarray
    losses: list


OPTIMIZERS = {
    "Adam": lambda: tf1.train.AdamOptimizer(0.01, 0.8, 0.95, 1e-5),
    "SGD": lambda: tf1.train.GradientDescentOptimizer(0.1),
    "Momentum": lambda: tf1.train.MomentumOptimizer(0.05, 0.7),
    "Nesterov": lambda: tf1.train.MomentumOptimizer(0.05, 0.7, use_nesterov=True),
    "RMSProp": lambda: tf1.train.RMSPropOptimizer(0.01, 0.8, momentum=0.3, epsilon=1e-6),
    "RMSProp, no momentum": lambda: tf1.train.RMSPropOptimizer(0.01, 0.8, epsilon=1e-6),
    "centered": lambda: tf1.train.RMSPropOptimizer(0.01, 0.8, 0.3, 1e-6, centered=True),
    "Adagrad": lambda: tf1.train.AdagradOptimizer(0.05, 0.2),
    "Adadelta": lambda: tf1.train.AdadeltaOptimizer(0.5, 0.9, 1e-5),
    "Adam, decayed": lambda: tf1.train.AdamOptimizer(_decayed(), 0.8, 0.95, 1e-5),
    "Adam, floored": lambda: tf1.train.AdamOptimizer(tf1.maximum(_decayed(), 1e-4), 0.8, 0.95),
    "SGD, in pieces": lambda: tf1.train.GradientDescentOptimizer(
        tf1.train.piecewise_constant(tf1.train.get_global_step(), [1, 4], [0.2, 0.1, 0.05])
    ),
    "Momentum, decayed": lambda: tf1.train.MomentumOptimizer(_decayed(), 0.7),
}


def _decayed():
    """A learning rate that decays at each step."""
    return tf1.train.exponential_decay(0.02, tf1.train.get_global_step(), 2, 0.7)


def batch(case, number):
    """The inputs of one step: [B, T, F] or ids [B, T], and lengths [B]."""
    stream = np.random.RandomState(number)
    if case.embedding:
        return stream.randint(IDS, size=(B, T)), np.array([T, 2, 3])
    return stream.normal(size=(B, T, case.features)).astype(case.dtype), np.array([T, 2, 3])


@contextmanager
def first_control_flow():
    """Loops as TF1 made them: of Enter, Merge and Switch."""
    with _control_flow(tf1.disable_control_flow_v2):
        yield


@contextmanager
def second_control_flow():
    """Loops and conditions as functions, as TensorFlow 2 makes them."""
    with _control_flow(tf1.enable_control_flow_v2):
        yield


@contextmanager
def _control_flow(choose):
    enabled = tf1.control_flow_v2_enabled()
    choose()
    try:
        yield
    finally:
        (tf1.enable_control_flow_v2 if enabled else tf1.disable_control_flow_v2)()


def build(case):
    """The ends of a case's graph, in the default graph: inputs, lengths, loss, train_op."""
    options = {"use_resource": case.resource}
    if case.partitions:  # all of which one initializer without a seed would make alike
        options["partitioner"] = tf1.fixed_size_partitioner(case.partitions)
        options["initializer"] = tf1.glorot_uniform_initializer(seed=1)
    with tf1.variable_scope("", **options):
        ends = SimpleNamespace(lengths=None)
        x = _inputs(case, ends)
        if case.lengths:
            ends.lengths = tf1.placeholder(tf1.int32, [None])
        outputs, state = _RUNS[case.run](_cells(case), x, case, ends)
        head = _head(outputs, state, case, ends)
        ends.outputs = head
        ends.loss = tf1.reduce_mean(tf1.square(head - 1))
        step = tf1.train.get_or_create_global_step()
        if case.optimizer:
            optimizer = OPTIMIZERS[case.optimizer]()
            gradients, variables = zip(*optimizer.compute_gradients(ends.loss), strict=True)
            pairs = zip(_clipped(case, gradients), variables, strict=True)
            ends.train_op = optimizer.apply_gradients(pairs, global_step=step)
        if case.averages:
            with tf1.control_dependencies([ends.train_op]):
                average = tf1.train.ExponentialMovingAverage(0.5)
                ends.train_op = average.apply(tf1.trainable_variables())
    return ends


def _clipped(case, gradients):
    return {
        "": lambda: gradients,
        "global": lambda: tf1.clip_by_global_norm(gradients, 0.1)[0],
        "norm": lambda: [tf1.clip_by_norm(gradient, 0.1) for gradient in gradients],
        "value": lambda: [tf1.clip_by_value(gradient, -0.01, 0.01) for gradient in gradients],
        "one-sided": lambda: [tf1.clip_by_value(gradient, -0.01, 1) for gradient in gradients],
    }[case.clip]()


def _inputs(case, ends):
    """[B, T, F] in the graph, from what is fed."""
    steps = None if case.run == "dynamic_rnn" else T
    if case.embedding:
        ends.inputs = tf1.placeholder(tf1.int32, [None, steps])
        table = tf1.get_variable("embedding", [IDS, F], case.dtype)
        return tf1.nn.embedding_lookup(table, ends.inputs)
    ends.inputs = tf1.placeholder(case.dtype, [None, steps, case.features])
    return {
        "plain": lambda: ends.inputs,
        "reversed": lambda: tf1.reverse(ends.inputs, [1]),
        "python": lambda: _python(ends.inputs),
        "dense": lambda: tf1.layers.dense(ends.inputs, F, tf1.nn.relu, name="features"),
    }[case.inputs]()


def _python(x):
    same = tf1.py_func(lambda value: value, [x], x.dtype)
    same.set_shape(x.shape)
    return same


def _cells(case):
    cells = [getattr(tf1.nn.rnn_cell, case.cell)(U, **case.options) for _ in range(case.layers)]
    return cells[0] if case.layers == 1 else tf1.nn.rnn_cell.MultiRNNCell(cells)


def _dynamic(cell, x, case, ends):
    x = tf1.transpose(x, [1, 0, 2]) if case.time_major else x
    outputs, state = tf1.nn.dynamic_rnn(
        cell, x, sequence_length=ends.lengths, dtype=case.dtype, time_major=case.time_major
    )
    return tf1.transpose(outputs, [1, 0, 2]) if case.time_major else outputs, state


def _static(cell, x, case, ends):
    outputs, state = tf1.nn.static_rnn(
        cell, tf1.unstack(x, axis=1), dtype=case.dtype, sequence_length=ends.lengths
    )
    return tf1.stack(outputs, axis=1), state


def _loop(cell, x, case, ends):
    state, outputs = cell.zero_state(tf1.shape(x)[0], case.dtype), []
    with tf1.variable_scope("unrolled") as scope:
        for t in range(T):
            if t:
                scope.reuse_variables()
            output, state = cell(x[:, t], state)
            outputs.append(output)
    return tf1.stack(outputs, axis=1), state


_RUNS = {"dynamic_rnn": _dynamic, "static_rnn": _static, "loop": _loop}


def _head(outputs, state, case, ends):
    if case.head == "none":
        return outputs
    top = state[-1] if case.layers > 1 else state
    rows = tf1.range(tf1.shape(outputs)[0])
    head_inputs = {
        "last": lambda: outputs[:, -1],
        "first": lambda: outputs[:, 0],
        "gathered": lambda: tf1.gather_nd(outputs, tf1.stack([rows, ends.lengths - 1], axis=1)),
        "reversed": lambda: tf1.reverse(outputs, [1])[:, -1],
        "tensordot": lambda: outputs,
        "dropped": lambda: tf1.nn.dropout(outputs[:, -1], tf1.placeholder_with_default(0.5, [])),
        "steps": lambda: tf1.reshape(outputs, [-1, U]),
        "state": lambda: top.h if "LSTM" in case.cell else top,
    }[case.head]()
    if case.hidden:
        head_inputs = tf1.layers.dense(head_inputs, 6, tf1.nn.relu, name="hidden")
    logits = tf1.layers.dense(head_inputs, 2, name="logits")
    return tf1.reshape(logits, [-1, T, 2]) if case.head == "steps" else logits


def save(case, folder):
    """Trains a case's graph, saves it into a folder and trains on; returns Saved."""
    with first_control_flow(), tf1.Graph().as_default():
        tf1.set_random_seed(1)
        ends = build(case)
        biases = [v for v in tf1.trainable_variables() if "bias" in v.op.name]
        noise = [np.random.RandomState(i).normal(size=v.shape) for i, v in enumerate(biases)]
        noisy = [tf1.assign(v, x) for v, x in zip(biases, noise, strict=True)]  # none is all alike
        with tf1.Session(config=UNOPTIMIZED) as session:
            session.run(tf1.global_variables_initializer())
            session.run(noisy)
            _train(session, ends, case, range(TRAINED))
            own = {v.op.name: v for v in tf1.global_variables()}
            saver = tf1.train.Saver(own if case.partitions and not case.sliced else None)
            prefix = saver.save(session, str(folder / "model.ckpt"), TRAINED)
            values = session.run(own)
            outputs = session.run(ends.outputs, _feed(ends, case, 0))
            losses = _train(session, ends, case, range(TRAINED, TRAINED + MORE))
    return Saved(prefix, values, outputs, losses)


def _train(session, ends, case, numbers):
    fetches = [ends.loss, ends.train_op] if case.optimizer else []
    return [session.run(fetches, _feed(ends, case, number))[:1] for number in numbers]


def _feed(ends, case, number):
    inputs, lengths = batch(case, number)
    return {ends.inputs: inputs, **({ends.lengths: lengths} if case.lengths else {})}
