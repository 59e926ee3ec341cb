"""Right ports of many kinds of programs, written in many ways: each has to be called equal."""

import keras
import numpy as np
import pytest

from tests.tf1port.ported import (
    CROSS_ENTROPY,
    GRAPH,
    INPUTS,
    LAYERS,
    C,
    F,
    Program,
    T,
    U,
    adam,
    model,
    prove,
    save,
    without,
)
from tests.tf1port.test_port_mistakes import KEPT, SWITCHED, later_decay, schedule

# isort: split
import tensorflow.compat.v1 as tf1

pytestmark = [
    pytest.mark.slow,
    # Keras, of a class without one whose inputs are a dict.
    pytest.mark.filterwarnings("ignore:`build:UserWarning"),
]
TEXT = LAYERS + INPUTS + GRAPH


def sequential():
    layers = keras.layers
    made = keras.Sequential(
        [
            keras.Input((T, F)),
            layers.LSTM(U, name="lstm"),
            layers.Dense(C, name="scores"),
        ]
    )
    made.compile(adam(), CROSS_ENTROPY)
    return made


@keras.saving.register_keras_serializable("tests")
class Subclassed(keras.Model):
    """The same as a class."""

    def __init__(self, **options):
        super().__init__(**options)
        self.lstm = keras.layers.LSTM(U, name="lstm")
        self.scores = keras.layers.Dense(C, name="scores")

    def call(self, inputs):
        return self.scores(self.lstm(inputs))


@keras.saving.register_keras_serializable("tests")
class WithMask(Subclassed):
    """The same of several inputs."""

    def __init__(self, **options):
        super().__init__(**options)
        self.lstm = masked()

    def call(self, inputs):
        x, mask = inputs["x"], inputs["mask"]
        return self.scores(self.lstm(x, mask=mask)[:, -1])


@keras.saving.register_keras_serializable("tests")
class Classifier(keras.layers.Layer):
    """The same as a layer of one's own."""

    def __init__(self, **options):
        super().__init__(**options)
        self.lstm = keras.layers.LSTM(U, name="lstm")
        self.scores = keras.layers.Dense(C, name="scores")

    def build(self, shape):
        self.lstm.build(shape)
        self.scores.build((shape[0], U))

    def call(self, inputs):
        return self.scores(self.lstm(inputs))


def built(made, *inputs):
    made.compile(adam(), CROSS_ENTROPY)
    made(*inputs)
    return made


def subclassed():
    return built(Subclassed(), np.zeros((2, T, F), "float32"))


def with_mask():
    return built(WithMask(), {"x": np.zeros((2, T, F), "float32"), "mask": np.ones((2, T), bool)})


def own_layer():
    inputs = keras.Input((T, F), name="x")
    made = keras.Model(inputs, Classifier(name="own")(inputs))
    made.compile(adam(), CROSS_ENTROPY)
    return made


def probabilities():
    inputs = keras.Input((T, F), name="x")
    x = keras.layers.LSTM(U, name="lstm")(inputs)
    made = keras.Model(inputs, keras.layers.Dense(C, activation="softmax", name="scores")(x))
    made.compile(adam(), keras.losses.SparseCategoricalCrossentropy())
    return made


def cell_in_rnn():
    """A cell within the layer that runs any."""
    inputs = keras.Input((T, F), name="x")
    x = keras.layers.RNN(keras.layers.LSTMCell(U), name="lstm")(inputs)
    made = keras.Model(inputs, keras.layers.Dense(C, name="scores")(x))
    made.compile(adam(), CROSS_ENTROPY)
    return made


LENGTHS = LAYERS + INPUTS + 'mask = { lengths = "n" }\n' + GRAPH
FED = TEXT + "[feed_training]\nrate = 0.003\n"
TABLE = LAYERS + "table = { embeddings = 'table' }\n" + INPUTS + GRAPH


def dense_gradients():
    return model(Program(embedded=True), optimizer=adam(global_clipnorm=2.0**30))


def decayed():
    step = tf1.train.get_or_create_global_step()
    return tf1.train.exponential_decay(0.01, step, 2, 0.7, staircase=True)


def decaying():
    schedules = keras.optimizers.schedules
    return model(optimizer=adam(schedules.ExponentialDecay(0.01, 2, 0.7, staircase=True)))


def momentum(rate):
    return tf1.train.MomentumOptimizer(rate, 0.9)


def residual():
    cell = tf1.nn.rnn_cell.BasicLSTMCell(F, name="basic_lstm_cell")
    return tf1.nn.rnn_cell.ResidualWrapper(cell)


def of_state():
    """Whose head takes the state, to which no residual is added."""
    inputs = keras.Input((T, F), name="x")
    x = keras.layers.LSTM(F, name="lstm")(inputs)
    made = keras.Model(inputs, keras.layers.Dense(C, name="scores")(x))
    made.compile(adam(), CROSS_ENTROPY)
    return made


RIGHT = {
    "plain": (Program(), model, TEXT),
    "sequential": (Program(), sequential, TEXT),
    "subclassed": (Program(), subclassed, TEXT),
    "subclassed, of several inputs": (Program(lengths=True), with_mask, LENGTHS),
    "a layer of one's own": (
        Program(),
        own_layer,
        TEXT.replace("lstm =", '"own/lstm" =').replace("scores =", '"own/scores" ='),
    ),
    "probabilities": (Program(), probabilities, TEXT),
    "a cell within RNN": (Program(), cell_in_rnn, TEXT),
    "batch of one": (Program(batch=1), model, TEXT),
    "batches of one from any": (Program(), model, TEXT + "[data]\nbatch_size = 1\n"),
    "float64": (Program(dtype="float64"), lambda: model(Program(dtype="float64")), TEXT),
    "a table": (Program(embedded=True), dense_gradients, TABLE),
    "lengths": (
        Program(lengths=True),
        lambda: model(Program(lengths=True), layer=masked()),
        LENGTHS,
    ),
    "dropout, fed": (Program(keep="fed"), lambda: model(rate=0.1), KEPT),
    "dropout, constant": (Program(keep=0.9), lambda: model(rate=0.1), SWITCHED),
    "a fed rate": (Program(rate=lambda: "fed"), lambda: model(optimizer=adam(0.003)), FED),
    "a fed rate, momentum": (
        Program(rate=lambda: "fed", optimizer=momentum),
        lambda: model(optimizer=keras.optimizers.SGD(0.003, momentum=0.9)),
        FED,
    ),
    "a schedule": (Program(rate=decayed), decaying, TEXT),
    "a later schedule": (
        Program(rate=later_decay),
        lambda: model(optimizer=adam(schedule(100_000))),
        TEXT,
    ),
    "clipped": (Program(clip=0.1), lambda: model(optimizer=adam(global_clipnorm=0.1)), TEXT),
    "clipped later": (
        Program(clip=500.0),
        lambda: model(optimizer=adam(global_clipnorm=500.0)),
        TEXT,
    ),
    "a residual cell, its state taken": (Program(cell=residual, state=True), of_state, TEXT),
    "a sum of losses": (
        Program(loss=lambda losses: tf1.reduce_mean(losses) + 0.0 + tf1.constant(0.0)),
        model,
        TEXT,
    ),
    "losses that are summed": (
        Program(loss=tf1.reduce_sum),
        lambda: model(
            loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction="sum")
        ),
        TEXT,
    ),
}


def masked():
    return keras.layers.LSTM(U, return_sequences=True, zero_output_for_mask=True, name="lstm")


@pytest.mark.sampled(3)
@pytest.mark.parametrize("name", RIGHT)
def test_a_right_port_is_equal(name, tmp_path):
    program, port, text = RIGHT[name]
    found = prove(tmp_path, save(tmp_path, program), port(), text=text)
    failed = [entry for entry in found["checks"] if entry["applies"] and not entry["passed"]]
    assert (failed, without(found)) == ([], [])
    assert found["verdict"].startswith("PASS: equal on ")
