"""A small TF1 program as users have them, with its choices; its port to Keras, the map of both."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, NamedTuple

import keras
import numpy as np

import legacy_tf1  # noqa: F401  (TF1's cells come from tf_keras)

# isort: split
import tensorflow.compat.v1 as tf1

from tests.tf1port.graphs import UNOPTIMIZED, first_control_flow
from tf1port.comparison.port import port as ports

T, F, U, C, IDS = 4, 3, 5, 4, 7
CROSS_ENTROPY = keras.losses.SparseCategoricalCrossentropy(from_logits=True)


class Program(NamedTuple):
    """What a program does besides: each of it is a way to be ported wrongly."""

    lengths: bool = False
    embedded: bool = False  # ids in place of floats
    keep: Any = None  # what dropout keeps of the outputs: a number, or "fed"
    cell: Callable[[], Any] = lambda: tf1.nn.rnn_cell.BasicLSTMCell(U)
    loss: Callable[[Any], Any] = tf1.reduce_mean  # of the losses of examples
    rate: Callable[[], Any] = lambda: 0.01
    optimizer: Callable[[Any], Any] = tf1.train.AdamOptimizer
    clip: float | None = None
    batch: int | None = None
    dtype: str = "float32"
    state: bool = False  # the head takes the final state, not the last output
    counts: bool = True  # by a global step


def build(program):
    """The graph in the default one; its ends."""
    ends = SimpleNamespace(extra={})
    shape = [program.batch, T] if program.embedded else [program.batch, T, F]
    ends.x = tf1.placeholder("int32" if program.embedded else program.dtype, shape, name="x")
    ends.y = tf1.placeholder(tf1.int64, [program.batch], name="y")
    x, lengths = ends.x, None
    if program.lengths:
        ends.extra["n"] = lengths = tf1.placeholder(tf1.int32, [None], name="n")
    if program.embedded:
        x = tf1.nn.embedding_lookup(tf1.get_variable("table", [IDS, F], program.dtype), x)
    cell = program.cell()
    if program.keep == "fed":
        ends.extra["keep"] = kept = tf1.placeholder(program.dtype, [], name="keep")
        cell = tf1.nn.rnn_cell.DropoutWrapper(cell, output_keep_prob=kept)
    outputs, state = tf1.nn.dynamic_rnn(cell, x, lengths, dtype=program.dtype)
    taken = state.h if program.state else outputs[:, -1]
    if type(program.keep) is float:
        training = tf1.placeholder_with_default(False, [], name="training")
        ends.extra["training"] = training
        taken = tf1.layers.dropout(taken, 1 - program.keep, training=training)
    logits = tf1.layers.dense(taken, C, name="scores")
    losses = tf1.nn.sparse_softmax_cross_entropy_with_logits(labels=ends.y, logits=logits)
    ends.loss = program.loss(losses)
    step = tf1.train.get_or_create_global_step() if program.counts else None
    rate = program.rate()
    if rate == "fed":
        ends.extra["rate"] = rate = tf1.placeholder(program.dtype, [], name="rate")
    pairs = program.optimizer(rate).compute_gradients(ends.loss)
    gradients, variables = zip(*pairs, strict=True)
    if program.clip is not None:
        gradients, _ = tf1.clip_by_global_norm(gradients, program.clip)
    applied = zip(gradients, variables, strict=True)
    ends.train = program.optimizer(rate).apply_gradients(applied, global_step=step)
    return ends


def feed(program, ends, stream):
    """What the program feeds in training."""
    size = program.batch or 3
    shape = (size, T) if program.embedded else (size, T, F)
    x = stream.integers(IDS, size=shape) if program.embedded else stream.normal(size=shape)
    found = {ends.x: x, ends.y: stream.integers(C, size=size)}
    values = {"keep": 0.9, "rate": 0.003, "training": False, "n": stream.integers(1, T + 1, size)}
    return {**found, **{tensor: values[name] for name, tensor in ends.extra.items()}}


def save(folder, program=Program(), make=build, steps=3):  # noqa: B008  (a tuple of constants)
    """Trains a program some steps and saves it; returns the prefix."""
    with first_control_flow(), tf1.Graph().as_default():
        tf1.set_random_seed(1)
        ends, stream = make(program), np.random.default_rng(0)
        with tf1.Session(config=UNOPTIMIZED) as session:
            session.run(tf1.global_variables_initializer())
            for _ in range(steps):
                session.run(ends.train, feed(program, ends, stream))
            return tf1.train.Saver().save(session, str(folder / "model.ckpt"), steps)


def model(program=Program(), *, rate=None, layer=None, optimizer=None, loss=CROSS_ENTROPY):  # noqa: B008
    """The right port, compiled; or with another rate of dropout, recurrent layer or optimizer."""
    dtype = "int32" if program.embedded else program.dtype
    inputs = x = keras.Input((T,) if program.embedded else (T, F), dtype=dtype, name="x")
    mask = keras.Input((None,), dtype="bool", name="mask") if program.lengths else None
    if program.embedded:
        x = keras.layers.Embedding(IDS, F, name="table")(x)
    layer = layer or keras.layers.LSTM(U, return_sequences=True, name="lstm")
    x = layer(x, mask=mask)
    if rate is not None:
        x = keras.layers.Dropout(rate, name="drop")(x)
    scores = keras.layers.Dense(C, name="scores")(x[:, -1])
    made = keras.Model([inputs, mask] if program.lengths else inputs, scores)
    made.compile(optimizer or adam(), loss)
    return made


def adam(rate=0.01, **changes):
    """Adam as TF1 has it by default."""
    return keras.optimizers.Adam(rate, **{"epsilon": 1e-8, **changes})


LAYERS = '[layers]\nlstm = "rnn/basic_lstm_cell"\nscores = "scores"\n'
INPUTS = '[inputs]\nx = "x"\n'
GRAPH = '[graph]\nlabels = "y"\n'


def prove(folder, prefix, port, *, text=LAYERS + INPUTS + GRAPH, steps=3, **options):
    """The report of a port under a map; of a few checks in both dtypes unless `only` says more."""
    path = folder / "map.toml"
    path.write_text(text)
    options = {"load_weights": True, "only": CHECKS, **options}
    return ports.prove(ports.load(prefix, port, str(path), steps=steps, **options))


# All but those of many steps.
CHECKS = ("variables", "outputs", "loss", "gradients", "one step", "resume", "exports")


def without(report):
    """What was not compared of what the claim needs."""
    return [entry for entry in report["checks"] if not entry["applies"] and entry["needed"]]
