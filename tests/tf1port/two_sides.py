"""A TF1 program and its right Keras port, of many kinds: what wrong ports are made of.

A Program says what both have. `save` trains it in TF1 and writes a checkpoint and a map, `port`
makes the Keras model; a wrong port is `port` of another Program.
"""

from typing import NamedTuple

import keras
import numpy as np

from tests.tf1port import graphs

# isort: split
import tensorflow.compat.v1 as tf1

BATCH, TIME, FEATURES, UNITS, CLASSES, IDS = 6, 5, 3, 4, 3, 9
MOMENTUM = 0.75  # of a normalization's statistics
STEPS = 3  # before the checkpoint


class Program(NamedTuple):
    """What both sides have."""

    cell: str = "lstm"  # or gru
    layers: int = 1
    lengths: bool = False
    embedding: bool = False
    head: str = "state"  # or last: the output of the last step, c
    initial: bool = False  # a state that is learned, by TF1 alone
    cell_clip: float = 0.0
    normalization: bool = False
    keep: float = 1.0  # of dropout
    penalty: float = 0.0  # times half the sum of squares of all variables
    smoothing: float = 0.0
    total: bool = False  # the sum over the batch
    optimizer: str = "adam"  # or momentum, sgd
    rate: float = 0.02
    decay: int = 0  # steps after which the rate is halved, each time
    clip: float = 0.0  # of the global norm
    averages: bool = False


def batches(program, count, seed=0):
    """Pairs of inputs by Keras' name and labels."""
    stream = np.random.default_rng(seed)
    found = []
    for _ in range(count):
        x = stream.normal(size=(BATCH, TIME, FEATURES)).astype("float32")
        inputs = {"x": stream.integers(IDS, size=(BATCH, TIME)) if program.embedding else x}
        if program.lengths:
            inputs["mask"] = np.arange(TIME) < stream.integers(1, TIME, size=(BATCH, 1))
        found.append((inputs, stream.integers(CLASSES, size=BATCH)))
    return found


def save(program, folder):
    """Trains a program in TF1. Returns the checkpoint's prefix and the path of a map."""
    with graphs.first_control_flow(), tf1.Graph().as_default():
        tf1.set_random_seed(1)
        x, lengths, labels, loss, train = _graph(program)
        with tf1.Session(config=graphs.UNOPTIMIZED) as session:
            session.run(tf1.global_variables_initializer())
            _make_uneven(session)
            for inputs, classes in batches(program, STEPS, seed=1):
                feed = {x: inputs["x"], labels: classes, "training:0": True}
                feed |= {lengths: inputs["mask"].sum(axis=1)} if program.lengths else {}
                session.run([loss, train], feed)
            prefix = tf1.train.Saver().save(session, str(folder / "model.ckpt"), STEPS)
    path = folder / "map.toml"
    path.write_text(_map(program))
    return prefix, str(path)


def _make_uneven(session):
    """Noise on what starts with equal values: an exchange of them would not be seen."""
    for number, variable in enumerate(tf1.trainable_variables()):
        if "kernel" not in variable.op.name and "embedding" not in variable.op.name:
            noise = np.random.RandomState(number).normal(0, 0.3, variable.shape)
            variable.load(session.run(variable) + noise.astype("float32"), session)


def _graph(program):
    tf1.get_variable_scope().set_initializer(tf1.glorot_uniform_initializer(seed=1))
    kind = tf1.int32 if program.embedding else tf1.float32
    x = tf1.placeholder(kind, [None, TIME] + [FEATURES] * (not program.embedding), name="x")
    lengths = tf1.placeholder(tf1.int32, [None], name="lengths") if program.lengths else None
    labels = tf1.placeholder(tf1.int64, [None], name="labels")
    switches = {
        "training": tf1.placeholder_with_default(False, [], name="training"),
        "keep_prob": tf1.placeholder_with_default(1.0, [], name="keep_prob"),
    }
    made = x
    if program.embedding:
        made = tf1.nn.embedding_lookup(tf1.get_variable("embedding", [IDS, FEATURES]), x)
    logits = _head(program, *_recurrent(program, made, lengths), **switches)
    loss = tf1.identity(_loss(program, labels, logits), name="loss")
    return x, lengths, labels, loss, _train(program, loss)


def _recurrent(program, x, lengths):
    cells = [_cell(program) for _ in range(program.layers)]
    cell = cells[0] if len(cells) == 1 else tf1.nn.rnn_cell.MultiRNNCell(cells)
    state = None
    if program.initial:
        start = tf1.get_variable("start", [2, UNITS], initializer=tf1.random_normal_initializer())
        rows = [tf1.tile(start[n : n + 1], [tf1.shape(x)[0], 1]) for n in range(2)]
        state = tf1.nn.rnn_cell.LSTMStateTuple(*rows)
    outputs, state = tf1.nn.dynamic_rnn(
        cell, x, sequence_length=lengths, initial_state=state, dtype=tf1.float32
    )
    return outputs, state[-1] if program.layers > 1 else state


def _cell(program):
    if program.cell == "gru":
        return tf1.nn.rnn_cell.GRUCell(UNITS)
    if program.cell_clip:
        return tf1.nn.rnn_cell.LSTMCell(UNITS, cell_clip=program.cell_clip)
    return tf1.nn.rnn_cell.BasicLSTMCell(UNITS)


def _head(program, outputs, state, *, training, keep_prob):
    h = state if program.cell == "gru" else state.h
    taken = {"state": h, "last": outputs[:, -1], "c": getattr(state, "c", h)}[program.head]
    if program.normalization:
        taken = tf1.layers.batch_normalization(
            taken, momentum=MOMENTUM, training=training, name="normalization"
        )
    if program.keep < 1:
        taken = tf1.nn.dropout(taken, rate=1 - keep_prob)
    return tf1.layers.dense(taken, CLASSES, name="logits")


def _loss(program, labels, logits):
    rows = tf1.one_hot(labels, CLASSES)
    if program.smoothing:
        rows = rows * (1 - program.smoothing) + program.smoothing / CLASSES
    losses = tf1.nn.softmax_cross_entropy_with_logits_v2(labels=rows, logits=logits)
    loss = tf1.reduce_sum(losses) if program.total else tf1.reduce_mean(losses)
    if program.penalty:
        terms = [tf1.nn.l2_loss(variable) for variable in tf1.trainable_variables()]
        loss += program.penalty * tf1.add_n(terms)
    return loss


def _train(program, loss):
    step, rate = tf1.train.get_or_create_global_step(), program.rate
    if program.decay:
        rate = tf1.train.exponential_decay(rate, step, program.decay, 0.5, staircase=True)
    optimizer = {
        "adam": lambda: tf1.train.AdamOptimizer(rate),
        "momentum": lambda: tf1.train.MomentumOptimizer(rate, 0.9),
        "sgd": lambda: tf1.train.GradientDescentOptimizer(rate),
    }[program.optimizer]()
    variables = tf1.trainable_variables()
    gradients = tf1.gradients(loss, variables)
    if program.clip:
        gradients, _ = tf1.clip_by_global_norm(gradients, program.clip)
    with tf1.control_dependencies(tf1.get_collection(tf1.GraphKeys.UPDATE_OPS)):
        train = optimizer.apply_gradients(zip(gradients, variables, strict=True), step)
    if program.averages:
        with tf1.control_dependencies([train]):
            train = tf1.train.ExponentialMovingAverage(0.5).apply(variables)
    return tf1.group(train, name="train")


def _map(program):
    cell = {"gru": "gru_cell"}.get(program.cell, "lstm_cell" if program.cell_clip else "")
    cell = cell or "basic_lstm_cell"
    scopes = [f"rnn/{cell}"]
    if program.layers > 1:
        scopes = [f"rnn/multi_rnn_cell/cell_{n}/{cell}" for n in range(program.layers)]
    lines = ["[layers]", *(f'rnn_{n} = "{scope}"' for n, scope in enumerate(scopes))]
    lines += ['embedding = "embedding"'] if program.embedding else []
    lines += ['normalization = "normalization"'] if program.normalization else []
    lines += ['logits = "logits"', "[inputs]", 'x = "x"']
    lines += ['mask = { lengths = "lengths" }'] if program.lengths else []
    lines += [
        "[graph]",
        'labels = "labels"',
        'logits = "logits/BiasAdd"',
        'loss = "loss"',
        'train = "train"',
    ]
    lines += ["[feed_training]", f"keep_prob = {program.keep}", "training = true"]
    return "\n".join(lines) + "\n"


def port(program, **options):
    """The Keras model of a program, compiled; `options` of its recurrent layers."""
    shape = (TIME,) if program.embedding else (TIME, FEATURES)
    x = keras.Input(shape, dtype="int32" if program.embedding else "float32", name="x")
    mask = keras.Input((TIME,), dtype="bool", name="mask") if program.lengths else None
    made = x
    if program.embedding:
        made = keras.layers.Embedding(IDS, FEATURES, name="embedding")(x)
    kind = keras.layers.GRU if program.cell == "gru" else keras.layers.LSTM
    if program.cell == "gru":
        options = {"reset_after": False, **options}
    options = {"zero_output_for_mask": True, **options}
    for n in range(program.layers):
        layer = kind(UNITS, return_sequences=True, return_state=True, name=f"rnn_{n}", **options)
        made, *states = layer(made, mask=mask)
    made = {"state": states[0], "last": made[:, -1], "c": states[-1]}[program.head]
    if program.normalization:
        made = keras.layers.BatchNormalization(name="normalization", momentum=MOMENTUM)(made)
    if program.keep < 1:
        made = keras.layers.Dropout(1 - program.keep, name="dropout")(made)
    logits = keras.layers.Dense(CLASSES, name="logits")(made)
    model = keras.Model([x] if mask is None else [x, mask], logits)
    return compiled(model, program)


def compiled(model, program, *, loss=None, **changes):
    """A model with a program's loss and optimizer, but for some changes."""
    loss = loss or keras.losses.SparseCategoricalCrossentropy(
        from_logits=True, reduction="sum" if program.total else "sum_over_batch_size"
    )
    dense = 1e9 if program.embedding else None  # Keras squares an embedding's rows one by one
    clip = program.clip or dense
    options = {"learning_rate": _rate(program), "global_clipnorm": clip, **changes}
    kind = keras.optimizers.SGD
    if program.optimizer == "adam":
        kind, options = keras.optimizers.Adam, {"epsilon": 1e-8, **options}
    if program.optimizer == "momentum":
        options = {"momentum": 0.9, **options}
    model.compile(optimizer=kind(**options), loss=loss)
    return model


def _rate(program):
    if not program.decay:
        return program.rate
    schedules = keras.optimizers.schedules
    return schedules.ExponentialDecay(program.rate, program.decay, 0.5, staircase=True)
