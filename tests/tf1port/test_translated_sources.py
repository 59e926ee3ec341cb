"""Where a graph comes from, and what a name in it may be."""

import os
import subprocess
import sys

import numpy as np
import pytest

from tests.tf1port.graphs import UNOPTIMIZED, first_control_flow
from tests.tf1port.programs import loops, stacks
from tests.tf1port.programs.program import (
    BOUND,
    converted,
    gap,
    loaded,
    map_of,
    outputs,
    running,
    verified,
)
from tests.tf1port.programs.sequences import B, T, floats, lstm

# isort: split
import tensorflow.compat.v1 as tf1

ALONE = """
import glob, runpy, sys
import numpy as np
import keras

runpy.run_path("model.py")
model = keras.models.load_model("model.keras")
fed = [np.load(name) for name in sorted(glob.glob("fed_*.npy"))]
np.save("made.npy", np.array(model(fed if len(fed) > 1 else fed[0])))
built = runpy.run_path("model.py")["build_model"]()
assert [v.shape for v in built.weights] == [v.shape for v in model.weights]
names = {name.partition(".")[0] for name in sys.modules}
ours = {"tf1port", "modern_tf2", "legacy_tf1", "shared"} & names
assert not ours, ours
"""


@pytest.mark.slow
@pytest.mark.parametrize("build", [stacks.tagger, loops.own_cell], ids=lambda one: one.__name__)
def test_source_and_model_are_loaded_without_this_project(build, tmp_path):
    with running(build, tmp_path) as run:
        target = converted(run.prefix)
        for number, array in enumerate(run.fed(target)):
            np.save(tmp_path / f"fed_{number}.npy", array)
        (expected,) = run.values([*map_of(target)["outputs"].values()])
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [sys.executable, "-P", "-c", ALONE]
    subprocess.run(command, cwd=tmp_path, env=environment, check=True, capture_output=True)
    assert np.abs(np.load(tmp_path / "made.npy") - expected).max() <= BOUND


def predicting(folder, save):
    """What `save` makes of a session, the values of that, and the batch: a graph for prediction."""
    with first_control_flow(), tf1.Graph().as_default():
        tf1.set_random_seed(1)
        x, array = floats("x", T, 3)
        lower, _ = tf1.nn.dynamic_rnn(lstm(), x * 0.5, dtype=tf1.float32, scope="lower")
        steps, _ = tf1.nn.dynamic_rnn(lstm(), lower[:, ::2], dtype=tf1.float32, scope="upper")
        scores = tf1.nn.softmax(tf1.layers.dense(steps[:, -1], 4, name="logits"), name="made")
        with tf1.Session(config=UNOPTIMIZED) as session:
            session.run(tf1.global_variables_initializer())
            return save(session, x, scores, folder), session.run(scores, {x: array}), array


def as_saved_model(session, x, scores, folder):
    path = str(folder / "export")
    tf1.saved_model.simple_save(session, path, {"input": x}, {"scores": scores})
    return path


def as_frozen_graph(session, x, scores, folder):
    freeze = tf1.graph_util.convert_variables_to_constants
    frozen = freeze(session, session.graph_def, [scores.op.name])
    path = folder / "frozen.pb"
    path.write_bytes(frozen.SerializeToString())
    return str(path)


@pytest.mark.slow
@pytest.mark.parametrize("save", [as_saved_model, as_frozen_graph], ids=lambda one: one.__name__)
def test_what_is_exported_for_prediction_is_converted_and_proved(save, tmp_path, capsys):
    path, expected, array = predicting(tmp_path, save)
    target = converted(path)
    model_map = map_of(target)
    assert model_map["complete"], model_map["left_out"]
    assert [*model_map["outputs"].values()] == ["made:0"]
    (actual,) = outputs(loaded(target), [array], target).values()
    assert np.abs(actual - expected).max() <= BOUND
    code, report = verified(path, target, capsys)
    assert code == 0
    assert "the graph trains nothing" in report["verdict"]


def python_names():
    """Names that Python, Keras or the source itself has taken."""
    x = tf1.placeholder(tf1.float32, [None, T, 3], name="lambda")
    scale = tf1.placeholder(tf1.float32, [None, 1, 1], name="print")
    lower, _ = tf1.nn.dynamic_rnn(lstm(), x * scale, dtype=tf1.float32, scope="class")
    both = tf1.concat([lower, x], -1, name="ops")
    upper, _ = tf1.nn.dynamic_rnn(lstm(), both, dtype=tf1.float32, scope="softmax")
    logits = tf1.layers.dense(tf1.tanh(upper, name="keras"), 2, name="import")
    stream = np.random.RandomState(0)
    feed = {x: stream.normal(size=(B, T, 3)), scale: stream.normal(size=(B, 1, 1))}
    return feed, tf1.reduce_mean(tf1.square(tf1.nn.softmax(logits, name="model") - 1))


def test_names_that_are_taken(tmp_path):
    with running(python_names, tmp_path) as run:
        target = converted(run.prefix)
        assert map_of(target)["complete"]
        assert gap(run, target, loaded(target)) <= BOUND
