"""The recipes of docs/converting.md: what is exported of a converted model, against the graph."""

import re
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.tf1port.programs.program import converted, running
from tests.tf1port.programs.sequences import floats, lstm
from tf1port.numerics.tolerances import tolerance

# isort: split
import tensorflow.compat.v1 as tf1

ROWS, STEPS, FEATURES = 1, 28, 28  # as in the recipes
PAGE = Path(__file__).parents[2] / "docs" / "converting.md"
BOUND = tolerance("exported logits", "float32").bound


def classifier():
    x, _ = floats("x", STEPS, FEATURES)
    outputs, _ = tf1.nn.dynamic_rnn(lstm(), x, dtype=tf1.float32)
    logits = tf1.layers.dense(outputs[:, -1], 10, name="logits")
    y = tf1.placeholder(tf1.float32, [None, 10], name="y")
    stream = np.random.RandomState(7)
    array = stream.normal(size=(ROWS, STEPS, FEATURES)).astype("float32")
    return {x: array, y: np.zeros((ROWS, 10), "float32")}, tf1.reduce_mean(tf1.square(logits - y))


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """A folder with the model, what the graph is fed, and what its session computes of that."""
    folder = tmp_path_factory.mktemp("served")
    with running(classifier, folder) as run:
        target = converted(run.prefix)
        (expected,) = run.values(["logits/BiasAdd:0"])
        (x,) = run.fed(target)
    Path(target).rename(folder / "window.keras")
    return folder, x, expected


def recipe(word, served, monkeypatch):
    """Runs the recipe of the page that a word is in."""
    folder, x, _ = served
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    (block,) = [block for block in blocks if word in block]
    monkeypatch.chdir(folder)
    names = {"keras": keras, "tf": tf, "model": keras.models.load_model("window.keras"), "x": x}
    exec(block, names)
    return np.array(names["outputs"])


@pytest.mark.slow
def test_a_saved_model_computes_what_the_graph_does(served, monkeypatch):
    outputs = recipe("saved_model.load", served, monkeypatch)
    assert np.abs(outputs - served[2]).max() <= BOUND


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*tf.lite.Interpreter is deprecated")
def test_a_lite_model_computes_what_the_graph_does(served, monkeypatch):
    outputs = recipe("TFLiteConverter", served, monkeypatch)
    assert np.abs(outputs - served[2]).max() <= BOUND


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:In the future `np.object`")
def test_an_onnx_model_computes_what_the_graph_does(served, monkeypatch):
    for name in ("tf2onnx", "onnxruntime"):
        pytest.importorskip(name, reason="an export that the project does not install")
    outputs = recipe("onnxruntime", served, monkeypatch)
    assert np.abs(outputs - served[2]).max() <= BOUND
