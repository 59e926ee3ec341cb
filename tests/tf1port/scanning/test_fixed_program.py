"""What `scan --fix` writes is the same model: for legacy_tf1/window_rnn.py, and for lengths."""

import importlib.util
from pathlib import Path

import keras
import numpy as np
import pytest

import legacy_tf1  # noqa: F401  (TF1's cells come from tf_keras)
import tf1port
from legacy_tf1 import window_rnn
from shared.config import WindowRNNConfig
from tests.tf1port.graphs import UNOPTIMIZED, first_control_flow
from tests.tf1port.scanning.test_fix import HEAD, fixed
from tf1port.numerics.tolerances import tolerance

# isort: split
import tensorflow.compat.v1 as tf1

pytestmark = pytest.mark.slow

CONFIG = WindowRNNConfig(window=6, units=5)
SOURCE = Path(window_rnn.__file__)
# What is done by hand: each statement stands under a mark.
BY_HAND = {
    "self.variables = tf.global_variables()": "self.model = keras.Model(inputs, self.logits)",
    "(labels, self.logits)": "",
    "self.train_op = self.optimizer.minimize(self.loss, global_step=step)": (
        "self.model.compile(self.optimizer, self.loss)"
    ),
    "wrong = tf.count_nonzero(labels - tf.argmax(self.logits, axis=1), dtype=tf.float32)": "",
    "self.accuracy = 1 - wrong / tf.cast(tf.shape(labels)[0], tf.float32)": "",
    "step = tf.train.get_or_create_global_step()": "",
    "tf.get_variable_scope().set_initializer(tf.glorot_uniform_initializer())": "",
}
FIRST_FOUR = ("variables", "outputs", "loss", "gradients")
MAP = """
[layers]
"rnn/cell_0" = "rnn/multi_rnn_cell/cell_0/basic_rnn_cell"
"rnn/cell_1" = "rnn/multi_rnn_cell/cell_1/basic_rnn_cell"
"rnn/cell_2" = "rnn/multi_rnn_cell/cell_2/basic_rnn_cell"
logits = "logits"
[inputs]
inputs = "inputs"
[graph]
labels = "labels"
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """The program that --fix writes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("fixed"))
        return fixed(SOURCE.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """The TF1 program after three steps."""
    with first_control_flow(), tf1.Graph().as_default(), tf1.Session(config=UNOPTIMIZED) as session:
        tf1.set_random_seed(1)
        model, random = window_rnn.build_model(CONFIG), np.random.default_rng(0)
        session.run(tf1.global_variables_initializer())
        for _ in range(3):
            images, labels = (
                random.uniform(size=(8, *CONFIG.input_shape)),
                random.integers(10, size=8),
            )
            session.run(model.train_op, model.feed(images, labels))
        return tf1.train.Saver().save(
            session, str(tmp_path_factory.mktemp("legacy") / "model.ckpt")
        )


def by_hand(text):
    for before, after in BY_HAND.items():
        assert text.count(before) == 1, before
        text = text.replace(before, after)
    return text


def module(text, folder):
    path = folder / "program.py"
    path.write_text(text, encoding="utf-8")
    spec = importlib.util.spec_from_file_location("program", path)
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


def proved(text, checkpoint, folder):
    keras.utils.clear_session()  # the layers are named after their classes, with no number
    model = module(by_hand(text), folder).build_model(CONFIG).model
    (folder / "map.toml").write_text(MAP)
    options = {"load_weights": True, "only": FIRST_FOUR, "steps": 1}
    return tf1port.compare(checkpoint, model, str(folder / "map.toml"), **options)


def test_what_is_done_by_hand_is_marked(written):
    lines = written.splitlines()
    for statement in BY_HAND:
        (number,) = (number for number, line in enumerate(lines) if statement in line)
        assert lines[number - 1].strip().startswith("# TODO tf1port: "), statement


def test_the_program_builds_and_passes_the_first_four_checks(written, checkpoint, tmp_path):
    found = proved(written, checkpoint, tmp_path)
    assert found.outcome == tf1port.Outcome.EQUAL, found.verdict


WRONG = {
    "one step less": ("lengths = config.window", "lengths = config.window - 1"),
    "another activation": ("units=config.units,", "units=config.units, activation='relu',"),
    "no cell of its own": ("for _ in range(config.layers)]", "for _ in range(config.layers - 1)]"),
    "another loss": ("from_logits=True", "from_logits=True, reduction='sum'"),
}


@pytest.mark.sampled(3)
@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_program_does_not(name, written, checkpoint, tmp_path):
    assert written.count(WRONG[name][0]) == 1
    found = proved(written.replace(*WRONG[name]), checkpoint, tmp_path)
    assert found.outcome == tf1port.Outcome.DIFFERENT, found.verdict


RECURRENT = """
def build(x, time_major, n=None):
    cell = tf.nn.rnn_cell.BasicRNNCell(4)
    outputs, state = tf.nn.dynamic_rnn(cell, x, LENGTHS, time_major=time_major, dtype=tf.float32)
    return outputs, state
"""
SEQUENCES = np.random.default_rng(0).normal(size=(3, 5, 2)).astype("float32")  # [B, T, F]


def executed(text, **names):
    exec(compile(text, "program.py", "exec"), names)
    return names


def of_tf1(text, x, *more):
    """Outputs, state, kernel and bias of the program as it is."""
    with tf1.Graph().as_default(), tf1.Session() as session:
        results = executed(text)["build"](tf1.constant(x), *more)
        session.run(tf1.global_variables_initializer())
        kernel, bias = tf1.global_variables()
        bias.load([0.5] * 4, session)  # a step of padding changes the state
        return session.run([*results, kernel, bias])


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("lengths", [None, [5, 2, 0]])
@pytest.mark.parametrize("time_major", [False, True])
def test_sequences_with_lengths_and_time_major_ones_are_those_of_tf1(time_major, lengths):
    text = HEAD + RECURRENT.replace("LENGTHS", "n" if lengths else "None")
    x = np.swapaxes(SEQUENCES, 0, 1) if time_major else SEQUENCES
    more = [np.array(lengths)] if lengths else []
    *expected, kernel, bias = of_tf1(text, x, time_major, *more)
    inputs, *rest = [keras.Input(batch_shape=(None, None, 2)), keras.Input((), dtype="int32")]
    outputs, (state,) = executed(fixed(text))["build"](inputs, time_major, *rest[: len(more)])
    model = keras.Model([inputs, *rest[: len(more)]], [outputs, state])
    model.set_weights([kernel[:2], kernel[2:], bias])
    bound = tolerance("cell outputs", "float32").bound
    for one, other in zip(expected, model([x, *more]), strict=True):
        np.testing.assert_allclose(np.asarray(other), one, rtol=0, atol=bound)


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    "expression",
    [
        "tf.transpose(x, [0, 2, 1])",
        "tf.reshape(x, [-1, 6])",
        "tf.concat([x, x], 1)",
        "tf.expand_dims(x, -1)",
        "tf.squeeze(x[:, :1], axis=[1])",
        "tf.squeeze(x[:, :1, :1])",
        "tf.tanh(x)",
        "tf.nn.tanh(x)",
        "tf.nn.relu(x)",
    ],
)
def test_what_a_tensor_of_keras_goes_through_computes_the_same(expression):
    program = f"{HEAD}x = tf.placeholder(tf.float32, [None, 3, 2])\ny = {expression}\n"
    program += "z = tf.layers.flatten(x)\n"
    data = SEQUENCES[:, 1:4]
    with tf1.Graph().as_default(), tf1.Session() as session:
        names = executed(program)
        expected = session.run(names["y"], {names["x"]: data})
    names = executed(fixed(program))
    actual = np.asarray(keras.Model(names["x"], names["y"])(data))
    assert actual.dtype == expected.dtype
    np.testing.assert_array_equal(actual, expected)


def test_the_program_is_the_same_with_time_major_sequences(written, tmp_path):
    text = by_hand(written)
    models = [
        module(text.replace("time_major=False", f"time_major={way}"), tmp_path).build_model(CONFIG)
        for way in (False, True)
    ]
    first, second = (one.model for one in models)
    second.set_weights(first.get_weights())
    images = np.random.default_rng(0).uniform(size=(8, *CONFIG.input_shape)).astype("float32")
    np.testing.assert_array_equal(first(images), second(images))
