"""How legacy_tf1 trains: a finalized graph, a polite session, a checkpoint with everything."""

import dataclasses
import json
import operator
import os
import shutil

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from legacy_tf1 import input_pipeline, training
from shared import batches, datasets, runs
from shared.checkpoints import Pace
from shared.config import DenseConfig, WindowRNNConfig, for_dataset
from shared.errors import UserError
from tests.goldens import traces
from tests.goldens.graph import LegacyGraph
from tests.support.killed import (
    DAMAGE,
    Killed,
    flip_a_bit,
    go_on,
    records,
    steps_of_records,
    stopped_at_once,
    train_killed,
)

STEPS = 3
DIGITS = datasets.load_digits()


@pytest.fixture(scope="module")
def digits():
    return DIGITS


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


# Killed trainings, damaged and copied runs


@pytest.fixture(scope="module")
def short():
    """Two steps; `train` tests after each."""
    config = for_dataset(DenseConfig(batch_size=20), DIGITS)
    return dataclasses.replace(config, steps=2)


def train(run):
    run.quiet = True
    return training.train(run, DIGITS, final_tests=2)


def create(path, config):
    return runs.create_run(path, "legacy", config=config, dataset="digits")


def tensors(path):
    """The bits of all tensors in the newest checkpoint of a run's folder."""
    reader = tf.train.load_checkpoint(str(path))
    names = reader.get_variable_to_shape_map()
    return {name: np.array(reader.get_tensor(name)).tobytes() for name in names}


@pytest.fixture(scope="module")
def whole(tmp_path_factory, short):
    """The folder of a training that nothing interrupted."""
    path = tmp_path_factory.mktemp("runs") / "whole"
    train(create(path, short))
    return path


@pytest.fixture
def copy(whole, tmp_path):
    """A copy of that folder."""
    shutil.copytree(str(whole), str(tmp_path / "copy"))
    return tmp_path / "copy"


def evaluated(path, digits):
    return training.evaluate(runs.open_run(path, "legacy", model="dense"), digits)


WRITES = 1 + 5 * 3  # initial weights; records before the first step, after each step and each test


@pytest.mark.sampled(3)
@pytest.mark.parametrize(
    "write",
    [pytest.param(n, marks=[pytest.mark.slow] * (n not in (3, 6))) for n in range(1, WRITES + 1)],
)
def test_a_training_killed_at_any_write_ends_like_an_uninterrupted_one(
    whole, tmp_path, short, write
):
    assert train_killed(train, create(tmp_path / "run", short), write=write)
    resumed = go_on(train, tmp_path / "run", "legacy", config=short)
    assert resumed == (write > 3)  # the third is the first result.json
    assert records(tmp_path / "run") == records(whole)
    assert tensors(tmp_path / "run") == tensors(whole)


def test_there_are_no_further_writes(tmp_path, short):
    assert not train_killed(train, create(tmp_path / "run", short), write=WRITES + 1)


@pytest.mark.parametrize("step", [0, 1, 2])
@pytest.mark.parametrize("lacking", [".index", ".meta"])
def test_a_training_killed_within_a_save_ends_like_an_uninterrupted_one(
    whole, tmp_path, short, monkeypatch, step, lacking
):
    save = tf.train.Saver.save

    def killed(saver, session, path, global_step):
        save(saver, session, path, global_step=global_step)
        if global_step == step:
            os.remove("%s-%d%s" % (path, step, lacking))
            raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(tf.train.Saver, "save", killed)
        with pytest.raises(Killed):
            train(create(tmp_path / "run", short))
    assert go_on(train, tmp_path / "run", "legacy", config=short) == (step > 0)
    assert records(tmp_path / "run") == records(whole)
    assert tensors(tmp_path / "run") == tensors(whole)


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("file", [".index", ".data-00000-of-00001", ".meta"])
def test_a_damaged_checkpoint_is_passed_over(whole, copy, digits, capsys, damage, file):
    damage(copy / ("model.ckpt-2" + file))
    newest = copy / "model.ckpt-2"
    line = "%s is missing or damaged: using model.ckpt-1, the checkpoint before\n" % newest
    assert evaluated(copy, digits) != evaluated(whole, digits)
    assert capsys.readouterr().err == line
    train(runs.resume_run(copy, "legacy", model="dense", changes={}))
    assert capsys.readouterr().err == line
    assert records(copy) == records(whole)
    assert tensors(copy) == tensors(whole)


def test_two_damaged_checkpoints_are_refused(copy, digits):
    for step in (1, 2):
        flip_a_bit(copy / ("model.ckpt-%d.index" % step))
    with pytest.raises(UserError, match=r"no checkpoint of .*copy is whole .*: train again$"):
        evaluated(copy, digits)


def as_before(copy, whole):
    """Makes a run's folder one of a version that kept no digests and wrote absolute paths."""
    result = json.loads((copy / "result.json").read_text())
    del result["checkpoints"]
    (copy / "result.json").write_text(json.dumps(result))
    (copy / "checkpoint").write_text('model_checkpoint_path: "%s"\n' % (whole / "model.ckpt-2"))


@pytest.mark.parametrize("former", [False, True])
def test_a_copy_has_its_own_weights(copy, tmp_path, short, digits, former):
    original = tmp_path / "original"
    train(create(original, dataclasses.replace(short, seed=1)))
    if former:
        as_before(copy, original)
    expected = evaluated(copy, digits)
    assert expected != evaluated(original, digits)
    shutil.rmtree(str(original))
    assert evaluated(copy, digits) == expected


def test_the_state_file_has_relative_paths(whole):
    state = (whole / "checkpoint").read_text()
    assert state.splitlines()[0] == 'model_checkpoint_path: "model.ckpt-2"'
    assert str(whole) not in state


def test_a_run_of_a_former_version_goes_on(copy, whole, short, digits):
    as_before(copy, copy)
    assert evaluated(copy, digits) == evaluated(whole, digits)
    longer = dataclasses.replace(short, steps=3)
    run = runs.resume_run(copy, "legacy", model="dense", changes={"steps": 3})
    train(run)
    new = create(copy.parent / "new", longer)
    train(new)
    assert tensors(copy) == tensors(new.path)
    names = [name for name in os.listdir(str(copy)) if name.startswith("model.ckpt-")]
    assert {name.split(".")[1] for name in names} == {"ckpt-3"}


def test_a_stop_before_the_first_step_is_resumed(whole, tmp_path, short):
    with stopped_at_once(training):
        result = train(create(tmp_path / "run", short))
    assert (result["steps"], result["finished"]) == (0, False)
    assert go_on(train, tmp_path / "run", "legacy", config=short)
    assert tensors(tmp_path / "run") == tensors(whole)


@pytest.mark.parametrize("pace", [Pace(steps=1, seconds=1e9), Pace(seconds=0.0)])
def test_checkpoints_between_two_tests_change_no_number(tmp_path, short, digits, pace):
    config = dataclasses.replace(short, steps=5)

    def once(run):
        run.quiet = True
        training.train(run, digits)

    plain, often = tmp_path / "plain", tmp_path / "often"
    assert steps_of_records(once, create(plain, config), pace=Pace(seconds=1e9)) == {0, 5}
    assert steps_of_records(once, create(often, config), pace=pace) == {0, 1, 2, 3, 4, 5}
    assert tensors(plain) == tensors(often)
    same = list(map(operator.eq, records(plain), records(often)))
    assert same == [True, False, True, True, False]  # all but the names of the checkpoint before
