"""Keras 2 HDF5 files: converted, compared with Keras 2 itself, and what must not pass."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest

from tests.tf1port import keras2_files as files
from tf1port.__main__ import main
from tf1port.conversion.keras2 import checks, original, weights
from tf1port.conversion.keras2.convert import read_conversion
from tf1port.verification import cudnn_numpy

TF1 = Path(__file__).parents[2] / ".venv-tf1" / "bin" / "python"
BUILDS = {"stacked": files.stacked, "tagger": files.tagger, "stateful": files.stateful}
by_program = pytest.mark.parametrize("name", BUILDS)


@pytest.fixture(autouse=True)
def one_size(monkeypatch):
    """A single batch is enough."""
    monkeypatch.setattr(checks, "_SIZES", checks._SIZES[:1])


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A function from a program to its file, and to what convert made of it."""
    done = {}

    def of(name):
        if name not in done:
            folder = tmp_path_factory.mktemp(name)
            path = files.save(BUILDS[name](), folder / "model.h5")
            assert main(["convert", path, "--to", str(folder / "model.keras")]) == 0
            done[name] = path, str(folder / "model.keras")
        return done[name]

    return of


@pytest.fixture(scope="module")
def copied(tmp_path_factory):
    """A function to a folder with a copy of one file."""
    path = files.save(files.tagger(), tmp_path_factory.mktemp("tagger") / "model.h5")
    return lambda folder: shutil.copy(path, str(folder / "model.h5"))


def last_line(capsys):
    return capsys.readouterr().out.rstrip().splitlines()[-1]


def refused(words, capsys):
    assert main(words) == 2
    (line,) = capsys.readouterr().err.splitlines()
    return line


@pytest.mark.slow
@pytest.mark.sampled(3)
@by_program
def test_a_file_is_proved_with_its_training(saved, name, capsys):
    assert main(["verify", *saved(name), "--steps", "3"]) == 0
    assert "and 3 steps of training" in last_line(capsys)


def test_the_source_has_stock_layers_and_the_hard_sigmoid_of_keras_2(tmp_path):
    path = files.save(files.stacked(), tmp_path / "model.h5")
    source = read_conversion(path).source
    assert "0.2 * x + 0.5" in source
    assert "recurrent_activation=hard_sigmoid" in source
    assert "initial_state=[encoder_states[0], encoder_states[1]], mask=mask_of_masking" in source
    assert "keras.layers.TimeDistributed" not in source  # Keras 3.15 computes other steps


@pytest.mark.slow
@pytest.mark.sampled(3)
@by_program
def test_a_changed_weight_is_found(saved, name, tmp_path, capsys):
    path, keras_file = saved(name)
    read_conversion(path).model()  # registers what the file needs
    model = keras.models.load_model(keras_file)
    weight = model.weights[0]
    weight.assign(weight + 1e-3)
    model.save(tmp_path / "model.keras")
    assert main(["verify", path, str(tmp_path / "model.keras")]) == 1
    assert last_line(capsys).startswith("FAIL: weights differ")


WRONG = {
    "the hard sigmoid of Keras 3": ("activation=hard_sigmoid", 'activation="hard_sigmoid"'),
    "the mask is not handed on": (", mask=mask_of_masking", ""),
    "states are not handed on": ("initial_state=[encoder_states[0], encoder_states[1]], ", ""),
    "states exchanged": ("[encoder_states[0], encoder_states[1]]",
                         "[encoder_states[1], encoder_states[0]]"),
    "another activation": ('activation="tanh",\n        use_bias=True,\n        dtype="float32",\n'
                           '        name="steps"', 'name="steps"'),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.sampled(3)
@pytest.mark.parametrize("mistake", WRONG)
def test_a_wrong_port_is_found(saved, mistake, tmp_path, capsys):
    from tf1port.keras_model import program_build

    path, _ = saved("stacked")
    conversion = read_conversion(path)
    before, after = WRONG[mistake]
    assert before in conversion.source
    model = program_build.load_source(conversion.source.replace(before, after)).build_model()
    for layer in conversion.network.layers:
        weights.assign(model.get_layer(layer.name), conversion.weights[layer.name])
    model.save(tmp_path / "model.keras")
    assert main(["verify", path, str(tmp_path / "model.keras")]) == 1
    assert last_line(capsys).startswith("FAIL")


@pytest.mark.slow
def test_convert_refuses_what_it_misreads(monkeypatch, tmp_path, capsys):
    path = files.with_cudnn(tmp_path / "model.h5")
    monkeypatch.setattr(weights, "of_cudnn_kernel", lambda kernel, gates: kernel)
    line = refused(["convert", path, "--to", str(tmp_path / "model.keras")], capsys)
    assert "Keras 3 computes something else than Keras 2" in line
    assert not (tmp_path / "model.keras").exists()


@pytest.mark.slow
def test_cudnn_layers_are_proved_by_equations_too(tmp_path, capsys):
    path, target = files.with_cudnn(tmp_path / "model.h5"), str(tmp_path / "model.keras")
    assert main(["convert", path, "--to", target, "--check"]) == 0
    printed = capsys.readouterr().out
    assert printed.count("cuDNN's equations") == 3  # two directions and a GRU
    assert '"CuDNN' not in (tmp_path / "model.py").read_text()


def test_cudnn_gates_are_read_as_they_lie_in_memory():
    stream = np.random.RandomState(0)
    kernel, recurrent = stream.normal(size=(2, 12)), stream.normal(size=(3, 12))
    x, bias = stream.normal(size=(1, 1, 2)), stream.normal(size=24)
    gates = [np.split(kernel, 4, axis=1)[g].ravel().reshape(3, 2) @ x[0, 0] for g in range(4)]
    biases = (bias[:12] + bias[12:]).reshape(4, 3)
    i, _, c, o = (gate + b for gate, b in zip(gates, biases, strict=True))
    sigmoid = lambda value: 1 / (1 + np.exp(-value))  # noqa: E731
    expected = sigmoid(o) * np.tanh(sigmoid(i) * np.tanh(c))
    actual = cudnn_numpy.lstm([kernel, recurrent, bias], x)[0, 0]
    assert np.abs(actual - expected).max() < 1e-15
    ours = weights.of_cudnn_kernel(kernel, 4)
    assert np.array_equal(ours[:, :3], kernel[:, :3].ravel().reshape(3, 2).T)


def test_code_in_a_file_is_never_run(copied, tmp_path, capsys):
    path = copied(tmp_path)

    def change(config):
        config["config"]["layers"][-1] = {"class_name": "Lambda", "config": {"name": "own"}}

    files.rewrite(path, change)
    line = refused(["convert", path, "--to", str(tmp_path / "model.keras")], capsys)
    assert line.startswith("error: own is a Lambda, code within the file, which is never run")


def test_a_layer_within_another_one_is_no_way_around_that(copied, tmp_path, capsys):
    path = copied(tmp_path)

    def change(config):
        config["config"]["layers"][-2]["config"]["layer"]["class_name"] = "Lambda"

    files.rewrite(path, change)
    assert "Lambda" in refused(["convert", path, "--to", str(tmp_path / "m.keras")], capsys)


def test_data_outside_of_the_file_is_refused(copied, tmp_path, capsys):
    path = copied(tmp_path)
    with h5py.File(path, "r+") as file:
        del file["model_weights"]["tags"]
        file["model_weights"]["tags"] = h5py.ExternalLink("other.h5", "/dense")
    line = refused(["inspect", path], capsys)
    assert line.endswith("model_weights/tags in another place: it is no file of Keras'")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model_config": None}, "holds weights without their model"),
        ({"keras_version": "1.2.2"}, "is of Keras 1.2.2: save it again with Keras 2 first"),
        ({"backend": "theano"}, "was written with the backend theano"),
    ],
)
def test_other_files_are_refused_by_name(copied, tmp_path, capsys, change, message):
    path = copied(tmp_path)
    with h5py.File(path, "r+") as file:
        for key, value in change.items():
            for group in (file, file["model_weights"]):
                if value is None and key in group.attrs:
                    del group.attrs[key]
                elif value is not None:
                    group.attrs[key] = value
    assert message in refused(["convert", path, "--to", str(tmp_path / "m.keras")], capsys)


def test_a_damaged_file_is_one_line(copied, tmp_path, capsys):
    path = copied(tmp_path)
    Path(path).write_bytes(Path(path).read_bytes()[:3000])
    assert "is damaged" in refused(["inspect", path], capsys)


def test_options_of_checkpoints_are_refused(copied, tmp_path, capsys):
    path = copied(tmp_path)
    words = ["convert", path, "--to", str(tmp_path / "m.keras"), "--forget-bias", "1.0"]
    assert "--forget-bias is of TF1 checkpoints" in refused(words, capsys)


@pytest.mark.slow
def test_without_keras_2_there_is_no_verdict(saved, monkeypatch, capsys):
    def missing():
        raise original.UserError("pip install tf_keras")

    paths = saved("tagger")
    monkeypatch.setattr(original, "_tf_keras", missing)
    capsys.readouterr()
    assert "pip install tf_keras" in refused(["verify", *paths], capsys)


@pytest.mark.slow
def test_dropout_is_not_proved_in_training(tmp_path, capsys):
    model = files.tf_keras.Sequential(
        [files.layers.LSTM(3, dropout=0.5, name="lstm", input_shape=(4, 2))]
    )
    model.compile("sgd", "mse")
    path, target = files.save(model, tmp_path / "model.h5"), str(tmp_path / "model.keras")
    assert main(["convert", path, "--to", target]) == 0
    capsys.readouterr()
    assert main(["verify", path, target, "--steps", "2"]) == 3
    assert "lstm draws random numbers" in last_line(capsys)


def test_inspect_says_what_there_is(copied, tmp_path, capsys):
    path = copied(tmp_path)
    assert main(["inspect", path, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    (cell,) = report["cells"]
    assert (cell["family"], cell["direction"], cell["features"], cell["units"]) == (
        "lstm",
        "both",
        4,
        3,
    )
    assert report["optimizer"]["guess"] == "Adam"


PROGRAM = """
import sys
import numpy as np
import tensorflow as tf
K, L = tf.keras, tf.keras.layers
stream = np.random.RandomState(0)
x = L.Input((6,), name="ids")
h = L.Embedding(9, 4, mask_zero=True)(x)
h = L.Bidirectional(L.GRU(3, return_sequences=True), merge_mode="sum")(h)
h, s, c = L.LSTM(4, return_sequences=True, return_state=True)(h)
y = L.Dense(2)(L.LSTM(4)(h, initial_state=[s, c]))
model = K.Model(x, y)
model.compile(K.optimizers.Adam(0.01), "mse")
for _ in range(3):
    model.train_on_batch(stream.randint(0, 9, (4, 6)), stream.normal(size=(4, 2)))
model.save(sys.argv[1])
"""


@pytest.mark.slow
@pytest.mark.skipif(not TF1.exists(), reason="needs TensorFlow 1.15.5: make .venv-tf1/.made")
def test_a_file_of_tensorflow_1_is_proved_with_its_training(tmp_path, capsys):
    path, target = str(tmp_path / "model.h5"), str(tmp_path / "model.keras")
    environment = {**os.environ, "PYTHONPATH": "", "TF2_BEHAVIOR": "0"}
    subprocess.run([TF1, "-c", PROGRAM, path], check=True, env=environment, capture_output=True)
    assert main(["convert", path, "--to", target]) == 0
    assert main(["verify", path, target, "--steps", "5"]) == 0
    assert "recurrent_activation=hard_sigmoid" in (tmp_path / "model.py").read_text()
