"""legacy_tf1 on the TensorFlow that runs here, held against what it computed on 1.15.5."""

import dataclasses
import hashlib
import os

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from tests import goldens
from tests.goldens import traces, wrong
from tests.goldens.graph import LegacyGraph

MODEL = "window-rnn"
CONFIG, BATCHES = goldens.config_and_batches(MODEL)
INITIAL = goldens.under(goldens.load(MODEL), "initial")
START, END = (goldens.checkpoint(MODEL, step) for step in (0, goldens.STEPS))


@pytest.fixture(scope="module", params=goldens.DTYPES)
def dtype(request):
    return request.param


@pytest.fixture(scope="module")
def golden(dtype):
    return traces.load(MODEL, dtype)


@pytest.fixture(scope="module")
def graph(dtype):
    return LegacyGraph(CONFIG, dtype=dtype)


def unseen(gaps):
    return [name for name, gap in gaps.items() if gap.closed]


def test_every_recorded_array_is_computed_again(graph, golden, dtype):
    graph.restore(START)
    found = traces.trace(graph, BATCHES)
    graph.restore(END)
    found.update(traces.resumed_trace(graph, BATCHES))
    gaps = traces.gaps(golden, found, dtype=dtype)
    assert {name: gap for name, gap in gaps.items() if not gap.closed} == {}
    assert set(found) == set(golden)
    assert len(gaps) == 10


@pytest.mark.parametrize("name", wrong.WEIGHTS)
def test_wrong_weights_are_seen_everywhere(graph, golden, dtype, name):
    graph.start(wrong.WEIGHTS[name](INITIAL))
    found = traces.trace(graph, BATCHES[:50])
    gaps = traces.gaps(golden, found, dtype=dtype)
    assert len(gaps) == 7
    assert unseen(gaps) == []
    assert all(np.isfinite(gap.max_abs) for gap in gaps.values())


def test_wrong_windows_are_seen_everywhere(graph, golden, dtype):
    graph.start(INITIAL)
    found = traces.trace(graph, wrong.later_windows(MODEL, 50))
    gaps = traces.gaps(golden, found, dtype=dtype)
    assert len(gaps) == 7
    assert unseen(gaps) == []


@pytest.mark.parametrize(
    ("change", "unseen_groups"),
    [
        # Keras' default: nothing is wrong until the first step, and even the slots are right then.
        ({"epsilon": 1e-7}, {"outputs", "logits", "loss", "gradients", "slots"}),
        ({"beta_2": 0.99}, {"outputs", "logits", "loss", "gradients"}),
    ],
    ids=["epsilon", "beta_2"],
)
def test_another_optimizer_is_seen_from_the_first_step_on(golden, dtype, change, unseen_groups):
    graph = LegacyGraph(dataclasses.replace(CONFIG, **change), INITIAL, dtype=dtype)
    gaps = traces.gaps(golden, traces.trace(graph, BATCHES[:50]), dtype=dtype)
    assert set(unseen(gaps)) == unseen_groups


def test_forgotten_slots_are_seen(graph, golden, dtype):
    graph.restore(END)
    graph.start(graph.weights())
    gaps = traces.gaps(golden, traces.resumed_trace(graph, BATCHES), dtype=dtype)
    assert unseen(gaps) == ["resumed_logits"]


def test_forgotten_powers_are_seen(graph, golden, dtype):
    graph.restore(END)
    with graph.graph.as_default():
        for variable in tf.global_variables():
            if variable.op.name.endswith("_power"):
                graph.session.run(variable.initializer)
    gaps = traces.gaps(golden, traces.resumed_trace(graph, BATCHES), dtype=dtype)
    assert unseen(gaps) == ["resumed_logits"]


def test_the_other_checkpoint_is_seen(graph, golden, dtype):
    graph.restore(START)
    gaps = traces.gaps(golden, traces.resumed_trace(graph, BATCHES), dtype=dtype)
    assert unseen(gaps) == []


def test_checkpoints_hold_weights_slots_powers_and_step():
    for path, step in ((START, 0), (END, goldens.STEPS)):
        reader = tf.train.load_checkpoint(path)
        shapes = reader.get_variable_to_shape_map()
        weights = [v for v in shapes if not v.endswith(("/Adam", "/Adam_1", "_power", "_step"))]
        assert len(weights) == 8
        for name in weights:
            for slot in ("/Adam", "/Adam_1"):
                assert shapes[name + slot] == shapes[name]
                assert bool(np.any(reader.get_tensor(name + slot))) == bool(step)
        assert set(shapes) - {w + s for w in weights for s in ("", "/Adam", "/Adam_1")} == {
            "beta1_power",
            "beta2_power",
            "global_step",
        }
        assert reader.get_tensor("global_step") == step


def test_first_checkpoint_holds_the_initial_weights():
    graph = LegacyGraph(CONFIG)
    graph.restore(START)
    gap = traces.gap("weights", INITIAL, graph.weights(), dtype="float32")
    assert gap.closed, gap


def test_meta_graph_restores_and_computes():
    with tf.Graph().as_default(), tf.Session() as session:
        saver = tf.train.import_meta_graph(END + ".meta")
        saver.restore(session, END)
        logits = session.run("logits/BiasAdd:0", {"inputs:0": BATCHES[goldens.STEPS][0]})
    expected = traces.load(MODEL, "float32")["resumed_logits"]
    gap = traces.gap("logits", expected, {"logits": logits}, dtype="float32")
    assert gap.closed, gap


def test_facts_are_those_of_the_files():
    folder = goldens.folder(MODEL)
    facts = goldens.read_json(os.path.join(folder, "golden.json"))
    assert facts["versions"]["tensorflow"] == "1.15.5"
    assert facts["versions"]["python"].startswith("3.7.")
    assert type(CONFIG)(**facts["config"]) == CONFIG
    for name, digest in facts["sha256"].items():
        with open(os.path.join(folder, name), "rb") as file:
            assert hashlib.sha256(file.read()).hexdigest() == digest
