"""`python -m tf1port convert --reverse`: what comes back is what the TF1 graph restores."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow.compat.v1 as tf1

from tests import goldens
from tf1port.__main__ import main
from tf1port.conversion import reverse

MODEL = "window-rnn"  # MultiRNNCell, Adam, written by TensorFlow 1.15.5
CHECKPOINT = goldens.checkpoint(MODEL, goldens.STEPS)
LSTM = goldens.checkpoint("row-lstm", goldens.STEPS)  # has a forget bias and moving averages


def arrays(prefix):
    reader = tf.train.load_checkpoint(str(prefix))
    return {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()}


@pytest.fixture(scope="module")
def converted(tmp_path_factory):
    """The window RNN as `window.keras`, the row LSTM as `lstm.keras`."""
    folder = tmp_path_factory.mktemp("converted")
    for checkpoint, name in ((CHECKPOINT, "window"), (LSTM, "lstm")):
        assert main(["convert", checkpoint, "--to", str(folder / f"{name}.keras")]) == 0
    return folder


@pytest.fixture
def back(converted, tmp_path):
    """A function that takes a model back and returns the new prefix."""

    def reverse(name, *flags):
        prefix = tmp_path / "back.ckpt"
        words = ["convert", converted / f"{name}.keras", "--reverse", "--to", prefix, *flags]
        assert main([str(word) for word in words]) == 0
        return prefix

    return reverse


def test_every_variable_comes_back_bit_by_bit(back):
    restored, expected = arrays(back("window")), arrays(CHECKPOINT)
    assert restored.keys() == expected.keys()
    for name, value in expected.items():
        assert (restored[name].dtype, restored[name].shape) == (value.dtype, value.shape)
        assert restored[name].tobytes() == value.tobytes(), name


def test_the_forget_bias_is_one_rounding_off(back):
    restored, expected = arrays(back("lstm")), arrays(LSTM)
    assert restored.keys() == expected.keys()
    rounded = {n for n, value in restored.items() if value.tobytes() != expected[n].tobytes()}
    assert rounded <= {"rnn/lstm_cell/bias"}
    gap = restored["rnn/lstm_cell/bias"] - expected["rnn/lstm_cell/bias"]
    units = len(gap) // 4
    assert not gap[: 2 * units].any()  # i, j
    assert not gap[3 * units :].any()  # o
    assert np.abs(gap).max() <= np.spacing(np.float32(1))


def test_the_rest_is_copied_from_an_older_checkpoint(back):
    restored, own, older = (
        arrays(back("lstm", "--rest", CHECKPOINT)),
        arrays(LSTM),
        arrays(CHECKPOINT),
    )
    assert restored.keys() == own.keys() | older.keys()
    assert restored["logits/bias"].tobytes() == own["logits/bias"].tobytes()
    assert restored["beta1_power"].tobytes() == older["beta1_power"].tobytes()


def test_a_tf1_session_restores_it(back):
    prefix = str(back("window"))
    with tf1.Graph().as_default(), tf1.Session() as session:
        saver = tf1.train.import_meta_graph(CHECKPOINT + ".meta")
        saver.restore(session, prefix)
        weight = session.run("logits/kernel:0")
    assert weight.tobytes() == arrays(CHECKPOINT)["logits/kernel"].tobytes()


def test_a_model_that_was_trained_on_comes_back_changed(converted, tmp_path):
    model = keras.models.load_model(converted / "window.keras")
    model.compile(model.optimizer, loss="sparse_categorical_crossentropy")
    stream = np.random.RandomState(0)
    images = stream.normal(size=(4, 19, 28)).astype("float32")
    model.train_on_batch(images, np.arange(4))
    model.save(tmp_path / "on.keras")
    (tmp_path / "on.json").write_bytes((converted / "window.json").read_bytes())
    prefix = str(tmp_path / "on.ckpt")
    assert main(["convert", str(tmp_path / "on.keras"), "--reverse", "--to", prefix]) == 0
    restored, before = arrays(prefix), arrays(CHECKPOINT)
    assert restored["global_step"] == before["global_step"] + 1
    assert restored["beta1_power"] == before["beta1_power"] * np.float32(0.9)
    changed = {name for name in before if restored[name].tobytes() != before[name].tobytes()}
    assert changed == set(before)


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (lambda folder: (folder / "m.json").unlink(), "there is no"),
        (lambda folder: (folder / "m.json").write_text("{}"), "is damaged"),
        (lambda folder: (folder / "m.keras").write_text("no model"), "is damaged or not a .keras"),
        (lambda folder: (folder / "m.keras").unlink(), "there is no"),
    ],
)
def test_bad_input_is_one_line(converted, tmp_path, capsys, change, line):
    for ending in ("keras", "json"):
        (tmp_path / f"m.{ending}").write_bytes((converted / f"window.{ending}").read_bytes())
    change(tmp_path)
    prefix = tmp_path / "back.ckpt"
    code = main(["convert", str(tmp_path / "m.keras"), "--reverse", "--to", str(prefix)])
    error = capsys.readouterr().err.strip()
    assert (code, len(error.splitlines())) == (2, 1)
    assert line in error
    assert not list(tmp_path.glob("back*"))


def test_a_map_of_another_model_is_noticed(converted, tmp_path, capsys):
    (tmp_path / "m.keras").write_bytes((converted / "lstm.keras").read_bytes())
    model_map = json.loads((converted / "window.json").read_text())
    (tmp_path / "m.json").write_text(json.dumps(model_map))
    code = main(["convert", str(tmp_path / "m.keras"), "--reverse", "--to", str(tmp_path / "b")])
    assert code == 2
    assert "is not the model of its map" in capsys.readouterr().err


def test_a_folder_that_is_not_there_is_one_line(converted, tmp_path, capsys):
    prefix = str(tmp_path / "nowhere" / "back.ckpt")
    assert main(["convert", str(converted / "window.keras"), "--reverse", "--to", prefix]) == 2
    assert "cannot write" in capsys.readouterr().err


@pytest.mark.parametrize("beta", [0.9, 0.999, 1.0, 0.0])
def test_powers_are_multiplied_up_in_float32_by_parts(monkeypatch, beta):
    monkeypatch.setattr(reverse, "_PRODUCTS", 7)
    for count in (1, 7, 8, 500):
        expected = np.cumprod(np.full(count, beta, np.float32))[-1]
        assert reverse._power(beta, count) == expected
    assert reverse._power(beta, 2**62) <= expected  # of any number of steps, at once
