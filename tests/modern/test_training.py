"""How modern_tf2 trains: it continues after any kill, and skips a damaged checkpoint."""

import dataclasses
import json
import operator
import shutil
import subprocess
import sys

import keras
import numpy as np
import pytest

from modern_tf2 import training
from shared import datasets, runs
from shared.checkpoints import Pace
from shared.config import DenseConfig, WindowRNNConfig, for_dataset
from shared.errors import UserError
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
from tests.support.starting import start_of

DIGITS = datasets.load_digits()
# Two steps; `train` tests after each.
SHORT = dataclasses.replace(for_dataset(DenseConfig(batch_size=20), DIGITS), steps=2)
WITH_SLOTS = dataclasses.replace(
    for_dataset(WindowRNNConfig(batch_size=20, window=28), DIGITS), steps=2
)


def train(run):
    run.quiet = True
    return training.train(run, DIGITS, final_tests=2)


def create(path, config=SHORT):
    return runs.create_run(path, "modern", config=config, dataset="digits")


def variables(path):
    """The bits of the weights and the optimizer's state in a `.keras` file."""
    model = keras.models.load_model(path)
    # Without their paths: Keras counts the optimizers of a process in their names.
    return [np.array(v).tobytes() for v in [*model.weights, *model.optimizer.variables]]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The folder of a training that nothing interrupted."""
    path = tmp_path_factory.mktemp("runs") / "whole"
    train(create(path))
    return path


@pytest.fixture
def copy(whole, tmp_path):
    """A copy of that folder."""
    shutil.copytree(whole, tmp_path / "copy")
    return tmp_path / "copy"


def evaluated(path):
    return training.evaluate(runs.open_run(path, "modern", model="dense"), DIGITS)


def assert_as_uninterrupted(path, whole):
    assert records(path) == records(whole)
    for name in ("model-1.keras", "model-2.keras", "model.keras"):
        assert variables(path / name) == variables(whole / name)


WRITES = 1 + 5 * 3 + 3 * 2  # initial weights; five times records; three times a checkpoint


@pytest.mark.sampled(3)
@pytest.mark.parametrize(
    "write",
    [pytest.param(n, marks=[pytest.mark.slow] * (n not in (4, 8))) for n in range(1, WRITES + 1)],
)
def test_a_training_killed_at_any_write_ends_like_an_uninterrupted_one(whole, tmp_path, write):
    assert train_killed(train, create(tmp_path / "run"), write=write)
    resumed = go_on(train, tmp_path / "run", "modern", config=SHORT)
    assert resumed == (write > 5)  # the fifth is the first result.json
    assert_as_uninterrupted(tmp_path / "run", whole)


@pytest.mark.slow
def test_there_are_no_further_writes(tmp_path):
    assert not train_killed(train, create(tmp_path / "run"), write=WRITES + 1)


@pytest.mark.slow
@pytest.mark.parametrize("step", [0, 1, 2])
def test_a_training_killed_within_a_save_ends_like_an_uninterrupted_one(
    whole, tmp_path, monkeypatch, step
):
    save = keras.Model.save

    def killed(model, path):
        save(model, path)
        if int(model.optimizer.iterations) == step:
            raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(keras.Model, "save", killed)
        with pytest.raises(Killed):
            train(create(tmp_path / "run"))
    assert go_on(train, tmp_path / "run", "modern", config=SHORT) == (step > 0)
    assert_as_uninterrupted(tmp_path / "run", whole)


@pytest.mark.parametrize(
    "damage", [pytest.param(d, marks=[pytest.mark.slow] * (d is not flip_a_bit)) for d in DAMAGE]
)
def test_a_damaged_checkpoint_is_passed_over(whole, copy, capsys, damage):
    newest = copy / "model-2.keras"
    damage(newest)
    line = f"{newest} is missing or damaged: using model-1.keras, the checkpoint before\n"
    assert evaluated(copy) != evaluated(whole)
    assert capsys.readouterr().err == line
    train(runs.resume_run(copy, "modern", model="dense", changes={}))
    assert capsys.readouterr().err == line
    assert_as_uninterrupted(copy, whole)


def test_two_damaged_checkpoints_are_refused(copy):
    for name in ("model-1.keras", "model-2.keras"):
        flip_a_bit(copy / name)
    with pytest.raises(UserError, match=r"no checkpoint of .*copy is whole .*: train again$"):
        evaluated(copy)


def as_before(copy):
    """Makes a run's folder one of a version that kept one file and no digests."""
    result = json.loads((copy / "result.json").read_text())
    del result["checkpoints"]
    (copy / "result.json").write_text(json.dumps(result))
    for name in ("model-1.keras", "model-2.keras"):
        (copy / name).unlink()


@pytest.mark.slow
def test_a_run_of_a_former_version_goes_on(copy, whole):
    as_before(copy)
    assert evaluated(copy) == evaluated(whole)
    train(runs.resume_run(copy, "modern", model="dense", changes={"steps": 3}))
    train(create(copy.parent / "new", dataclasses.replace(SHORT, steps=3)))
    assert variables(copy / "model.keras") == variables(copy.parent / "new" / "model.keras")


def test_the_file_without_a_number_is_the_newest(whole):
    assert (whole / "model.keras").read_bytes() == (whole / "model-2.keras").read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize("config", [SHORT, WITH_SLOTS], ids=["dense", "window-rnn"])
def test_a_stop_before_the_first_step_is_resumed(tmp_path, config):
    with stopped_at_once(training):
        result = train(create(tmp_path / "run", config))
    assert (result["steps"], result["finished"]) == (0, False)
    assert go_on(train, tmp_path / "run", "modern", config=config)
    train(create(tmp_path / "whole", config))
    assert_as_uninterrupted(tmp_path / "run", tmp_path / "whole")


@pytest.mark.parametrize("pace", [Pace(steps=1, seconds=1e9), Pace(seconds=0.0)])
def test_checkpoints_between_two_tests_change_no_number(tmp_path, monkeypatch, pace):
    monkeypatch.setattr(training, "STEPS_PER_EXECUTION", 1)
    config = dataclasses.replace(SHORT, steps=5)

    def once(run):
        run.quiet = True
        training.train(run, DIGITS)

    plain, often = tmp_path / "plain", tmp_path / "often"
    assert steps_of_records(once, create(plain, config), pace=Pace(seconds=1e9)) == {0, 5}
    assert steps_of_records(once, create(often, config), pace=pace) == {0, 1, 2, 3, 4, 5}
    assert variables(plain / "model.keras") == variables(often / "model.keras")
    same = list(map(operator.eq, records(plain), records(often)))
    assert same == [True, False, True, True, False]  # all but the names of the checkpoint before


@pytest.mark.slow
def test_the_start_leaves_out_what_keras_alone_would_use():
    source = "import sys; from modern_tf2.__main__ import start; start()\n"
    source += "print({'sklearn', 'matplotlib'} & {*sys.modules}, 'keras' in sys.modules)"
    command = [sys.executable, "-c", source]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    assert done.stdout.split() == [b"set()", b"True"]


@pytest.mark.slow
def test_the_start_leaves_no_line_of_tensorflows():
    assert start_of("modern_tf2") == (0, b"", b"")
