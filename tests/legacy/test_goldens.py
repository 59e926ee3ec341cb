"""legacy_tf1 on the TensorFlow that runs here, compared with what it computed on 1.15.5."""

import dataclasses
import functools
import hashlib
import os

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from tests import goldens
from tests.goldens import controls, traces, wrong
from tests.goldens.graph import LegacyGraph

MODEL = "window-rnn"
CONFIG, BATCHES = goldens.config_and_batches(MODEL)
INITIAL = goldens.under(goldens.load(MODEL), "initial")
START, END = (goldens.checkpoint(MODEL, step) for step in (0, goldens.STEPS))
OTHERS = [model for model in goldens.MODELS if model != MODEL]


@pytest.fixture(scope="module", params=[pytest.param("float32", marks=pytest.mark.slow), "float64"])
def dtype(request):
    return request.param


@pytest.fixture(scope="module")
def golden(dtype):
    return traces.load(MODEL, dtype)


@pytest.fixture(scope="module")
def graph(dtype):
    return LegacyGraph(CONFIG, dtype=dtype)


@functools.lru_cache(maxsize=None)
def graph_of(model, dtype):
    """The graph of another model, for several tests, each of which starts it again."""
    return LegacyGraph(goldens.config_and_batches(model, 0)[0], dtype=dtype)


def expected_gaps(model, dtype):
    """What is compared of another model's training; conv's float32 losses differ after 5 steps."""
    found = {"outputs", "logits", "loss", "gradients", "stepped"}
    if (model, dtype) != ("conv", "float32"):
        found |= {"losses, 50", "losses, 200"}
        found |= {"slots"} if model == "nested-rnn" else {"trained"}
    if model in goldens.CHECKPOINTED:
        found |= {"resumed_logits", "resumed_losses, 50"}
    return found


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


@pytest.mark.slow
@pytest.mark.sampled(3)
@pytest.mark.parametrize("model", OTHERS)
def test_every_recorded_array_of_another_model_is_computed_again(model, dtype):
    config, batches = goldens.config_and_batches(model)
    initial, golden = goldens.under(goldens.load(model), "initial"), traces.load(model, dtype)
    graph = graph_of(model, dtype)
    graph.start(initial)
    start = traces.start_gap(initial, graph)
    assert start.closed, start
    found = traces.trace(graph, batches)
    if model in goldens.CHECKPOINTED:
        graph.restore(goldens.checkpoint(model, goldens.STEPS))
        found.update(traces.resumed_trace(graph, batches))
    gaps = traces.gaps(golden, found, dtype=dtype, config=config)
    assert {name: gap for name, gap in gaps.items() if not gap.closed} == {}
    assert set(found) == set(golden)
    assert set(gaps) - {"losses, 5", "resumed_losses, 5"} == expected_gaps(model, dtype)


@pytest.mark.slow
def test_fused_kernel_computes_what_the_generic_one_did():
    config, batches = goldens.config_and_batches("row-lstm")
    initial = goldens.under(goldens.load("row-lstm"), "initial")
    graph = LegacyGraph(dataclasses.replace(config, kernel="fused-cpu"), initial)
    assert "BlockLSTM" in {operation.type for operation in graph.graph.get_operations()}
    found = traces.trace(graph, batches)
    graph.restore(goldens.checkpoint("row-lstm", goldens.STEPS))
    found.update(traces.resumed_trace(graph, batches))
    golden = traces.load("row-lstm", "float32")
    gaps = traces.gaps(golden, found, dtype="float32", config=config)
    assert {name: gap for name, gap in gaps.items() if not gap.closed} == {}
    assert set(gaps) >= expected_gaps("row-lstm", "float32")


@pytest.mark.sampled(3)
@pytest.mark.parametrize(
    ("model", "name"),
    [
        pytest.param(*control, marks=[pytest.mark.slow] * (number > 0))
        for number, control in enumerate(controls.CONTROLS)
    ],
)
def test_a_known_mistake_in_another_model_is_noticed(model, name):
    change, hidden = controls.CONTROLS[model, name]
    config, batches = goldens.config_and_batches(model, 50)
    initial, golden = goldens.under(goldens.load(model), "initial"), traces.load(model, "float64")
    graph = graph_of(model, "float64")
    graph.start(change(initial))
    assert not traces.start_gap(initial, graph).closed
    gaps = traces.gaps(golden, traces.trace(graph, batches), dtype="float64", config=config)
    assert set(unseen(gaps)) == hidden
    assert all(np.isfinite(gap.max_abs) for gap in gaps.values())


@pytest.mark.sampled(3)
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


@pytest.mark.slow
@pytest.mark.sampled(3)
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


@pytest.mark.parametrize("model", goldens.CHECKPOINTED)
def test_first_checkpoint_holds_the_initial_weights(model):
    graph = LegacyGraph(goldens.config_and_batches(model, 0)[0])
    graph.restore(goldens.checkpoint(model, 0))
    gap = traces.start_gap(goldens.under(goldens.load(model), "initial"), graph)
    assert gap.closed, gap


def test_second_checkpoint_of_the_row_lstm_holds_the_trained_weights():
    graph = LegacyGraph(goldens.config_and_batches("row-lstm", 0)[0])
    graph.restore(goldens.checkpoint("row-lstm", goldens.STEPS))
    gap = traces.start_gap(traces.load("row-lstm", "float32")["trained"], graph)
    assert gap.closed, gap


@pytest.mark.parametrize("model", goldens.CHECKPOINTED)
def test_meta_graph_restores_and_computes(model):
    end = goldens.checkpoint(model, goldens.STEPS)
    _, batches = goldens.config_and_batches(model, goldens.STEPS + 1)
    with tf.Graph().as_default(), tf.Session() as session:
        saver = tf.train.import_meta_graph(end + ".meta")
        saver.restore(session, end)
        logits = session.run("logits/BiasAdd:0", {"inputs:0": batches[goldens.STEPS][0]})
    expected = traces.load(model, "float32")["resumed_logits"]
    gap = traces.gap("logits", expected, {"logits": logits}, dtype="float32")
    assert gap.closed, gap


@pytest.mark.parametrize("model", goldens.MODELS)
def test_facts_are_those_of_the_files(model):
    folder, (config, _) = goldens.folder(model), goldens.config_and_batches(model, 0)
    facts = goldens.read_json(os.path.join(folder, "golden.json"))
    assert facts["versions"]["tensorflow"] == "1.15.5"
    assert facts["versions"]["python"].startswith("3.7.")
    assert facts["model"] == model
    assert type(config)(**facts["config"]) == config
    for name, digest in facts["sha256"].items():
        with open(os.path.join(folder, name), "rb") as file:
            assert hashlib.sha256(file.read()).hexdigest() == digest
