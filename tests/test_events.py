"""TensorBoard: the events of both sides, read back, have the same tags, steps and numbers."""

import json
from collections import Counter

import numpy as np
import pytest
import tensorflow as tf
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from shared import runs

AGAIN = [
    pytest.param(name, marks=pytest.mark.slow) for name in ("legacy again", "modern again")
]  # interrupted and resumed
all_runs = pytest.mark.parametrize("name", ["legacy", "modern", *AGAIN])
EVERYTHING = {"scalars": 0, "tensors": 0, "graph": 0}


@pytest.fixture(scope="module")
def events(request, trained):
    """Reads the events of a split of one of the runs."""
    read = {}

    def of(name, split):
        if name.endswith(" again"):
            request.getfixturevalue("resumed")
        if (name, split) not in read:
            folder = trained.folder / name / "events" / split
            read[name, split] = EventAccumulator(str(folder), size_guidance=EVERYTHING).Reload()
        return read[name, split]

    return of


def scalars(events):
    """Pairs of step and value by tag, whichever of its two formats TensorFlow wrote."""
    found = {tag: [(e.step, e.value) for e in events.Scalars(tag)] for tag in events.scalars.Keys()}
    for tag in events.tensors.Keys():
        if events.SummaryMetadata(tag).plugin_data.plugin_name == "scalars":
            found[tag] = [
                (e.step, float(tf.make_ndarray(e.tensor_proto))) for e in events.Tensors(tag)
            ]
    return found


def record(trained, name):
    run = trained.folder / name
    with np.load(run / "steps.npz") as archive:
        steps = {key: archive[key] for key in archive.files}
    return steps, json.loads((run / "result.json").read_text())


@all_runs
def test_a_point_every_hundred_steps_of_training(trained, events, name):
    steps, _ = record(trained, name)
    every = range(100, 601, 100)
    assert scalars(events(name, "train")) == {
        "loss": [(step, steps["loss"][step - 1]) for step in every],
        "train_accuracy": [(step, steps["accuracy"][step - 1]) for step in every],
    }


@all_runs
def test_a_point_per_test(trained, events, name):
    _, result = record(trained, name)
    assert scalars(events(name, "test")) == {
        tag: [(test["step"], float(np.float32(test[key]))) for test in result["test"]]
        for tag, key in (("loss", "loss"), ("test_accuracy", "accuracy"))
    }
    assert [test["step"] for test in result["test"]] == [546, 600]


@all_runs
def test_the_tags_are_those_that_the_sides_agreed_on(events, name):
    assert set(scalars(events(name, "train"))) == {runs.LOSS, runs.TRAIN_ACCURACY}
    assert set(scalars(events(name, "test"))) == {runs.LOSS, runs.TEST_ACCURACY}


def test_legacy_shows_its_graph(events):
    operations = Counter(node.op for node in events("legacy", "train").Graph().node)
    assert operations["Placeholder"] == 2
    assert operations["ResourceApplyAdam"] == 8  # one per trained variable


@pytest.mark.parametrize("name", ["modern", AGAIN[1]])
def test_modern_shows_its_graph_once_a_run(events, name):
    (event,) = events(name, "train").Tensors("keras")
    metadata = events(name, "train").SummaryMetadata("keras")
    assert metadata.plugin_data.plugin_name == "graph_keras_model"
    graph = json.loads(tf.make_ndarray(event.tensor_proto).item())
    layers = [layer["config"]["name"] for layer in graph["config"]["layers"]]
    assert layers == ["inputs", "rnn", "logits"]
