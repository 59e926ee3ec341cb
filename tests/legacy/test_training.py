"""How legacy_tf1 trains: a finalized graph, a polite session, a checkpoint with everything."""

import dataclasses
import os

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from legacy_tf1 import input_pipeline, training
from shared import batches, datasets, runs
from shared.config import WindowRNNConfig, for_dataset
from tests.goldens import traces
from tests.goldens.graph import LegacyGraph

STEPS = 3


@pytest.fixture(scope="module")
def digits():
    return datasets.load_digits()


@pytest.fixture(scope="module")
def config(digits):
    return dataclasses.replace(for_dataset(WindowRNNConfig(), digits), steps=STEPS)


@pytest.fixture(scope="module")
def trained(tmp_path_factory, digits, config):
    """A run of three steps, and what happened when its graph was given another op in between."""
    run = runs.create_run(
        str(tmp_path_factory.mktemp("runs") / "run"), "legacy", config=config, dataset="digits"
    )
    errors = []
    plain = input_pipeline.train_batches

    def meddling(*arguments, **options):
        for pair in plain(*arguments, **options):
            try:
                tf.constant(1)
            except RuntimeError as error:
                errors.append(str(error))
            yield pair

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(input_pipeline, "train_batches", meddling)
        training.train(run, digits)
    return run, errors


def test_graph_is_finalized_while_it_trains(trained):
    _, errors = trained
    assert len(errors) == STEPS
    assert all("finalized" in error for error in errors)


def test_checkpoint_has_slots_counters_and_meta_graph(trained):
    run, _ = trained
    path = tf.train.latest_checkpoint(run.path)
    assert path == run.file("model.ckpt-%d" % STEPS)
    assert os.path.exists(path + ".meta")
    reader = tf.train.load_checkpoint(path)
    names = set(reader.get_variable_to_shape_map())
    assert reader.get_tensor("global_step") == STEPS
    assert {"beta1_power", "beta2_power"} <= names
    slots = {name for name in names if name.endswith(("/Adam", "/Adam_1"))}
    assert len(slots) == 2 * 8
    assert all(np.any(reader.get_tensor(name)) for name in slots)


def test_checkpoint_is_what_the_same_steps_lead_to(trained, digits, config):
    run, _ = trained
    graph = LegacyGraph(config)
    with np.load(run.file("initial_weights.npz")) as initial:
        graph.start({name: initial[name] for name in initial.files})
    plan = batches.train_plan(config, 0)
    steps = [batches.batch(digits.train, plan, step, config=config) for step in range(STEPS)]
    losses = graph.train_steps(steps)
    restored = LegacyGraph(config)
    restored.restore(run.file("model.ckpt-%d" % STEPS))
    pairs = {
        "stepped weights": (graph.weights(), restored.weights()),
        "slots": (graph.slots(), restored.slots()),
        "loss": ({"step": losses}, {"step": run.steps()[0]}),
    }
    for row, pair in pairs.items():
        gap = traces.gap(row, *pair, dtype="float32")
        assert gap.closed, (row, gap)
    # One step fewer is another model.
    graph.start()
    graph.train_steps(steps[:-1])
    for row, found in (("stepped weights", graph.weights()), ("slots", graph.slots())):
        assert not traces.gap(row, pairs[row][1], found, dtype="float32").closed


def test_session_takes_gpu_memory_as_it_grows():
    assert training.session_config().gpu_options.allow_growth
    assert not tf.ConfigProto().gpu_options.allow_growth
