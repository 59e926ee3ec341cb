"""Two checkpoints are kept with their digests; what was not finished is removed."""

import math
import os
import subprocess
import sys

import pytest

from shared import checkpoints, runs
from shared.config import WindowRNNConfig
from shared.errors import UserError
from shared.step_log import StepLog
from tests.support.killed import DAMAGE, go_on, records, train_killed

CONFIG = WindowRNNConfig(
    window=28, batch_size=10, train_examples=50, test_examples=20, epochs=4, log_every=2
)
NAMES = {"legacy": "model.ckpt-%d", "modern": "model-%d.keras"}
PARTS = {"legacy": (".index", ".data-00000-of-00001", ".meta"), "modern": ("",)}


def train(run):
    """Stands for a side's `train`: its checkpoint is the sum of the losses."""
    run.quiet, log, total = True, StepLog(run.config, run.write_line), 0.0
    with run:
        if run.resumed:
            with open(run.checkpoint() + PARTS[run.side][0]) as file:
                step, total = map(float, file.read().split())
            log.restore(run, int(step))
        else:
            save(run, log, total)
        while not log.finished:
            if log.test_due:
                log.add_test([total], [0.5])
            else:
                total = train_to_test(log, total)
            save(run, log, total)


def train_to_test(log, total):
    log.start()
    for step in range(log.step, log.next_test):
        total += math.sin(step)
        log.add([total], [0.5])
    log.stop()
    return total


def save(run, log, total):
    name = NAMES[run.side] % log.step
    if not run.has_checkpoint(name):
        for part in PARTS[run.side]:
            with open(run.file(name + part), "w") as file:
                file.write("%d %r" % (log.step, total))
    run.save_records(log, name)


def create(path, side):
    return runs.create_run(path, side, config=CONFIG, dataset="digits")


@pytest.fixture(params=["legacy", "modern"])
def whole(request, tmp_path):
    """The finished run of a side."""
    run = create(tmp_path / "whole", request.param)
    train(run)
    return run


def newest(run, path, number=0):
    """The first file of a checkpoint in a copy of a run's folder."""
    return path / (run.checkpoints[number].name + PARTS[run.side][0])


def resume(run):
    return runs.resume_run(run.path, run.side, model="window-rnn", changes={"epochs": 5})


def test_a_checkpoint_is_due_after_so_many_steps_or_seconds(monkeypatch):
    clock = [100.0]
    monkeypatch.setattr(checkpoints.time, "monotonic", lambda: clock[0])
    pace = checkpoints.Pace(steps=10, seconds=60.0)
    assert [pace.next_step(step, end=25) for step in (0, 9, 10, 19, 20, 24)] == [
        *(10, 10, 20, 20, 25, 25)
    ]
    assert checkpoints.Pace().next_step(7, end=25) == 25
    seen = []
    for now in (100.0, 159.9, 160.0, 500.0):
        clock[0] = now
        seen.append(pace.is_due)
    assert seen == [False, False, True, True]
    pace.saved()
    assert not pace.is_due
    clock[0] += 60
    assert pace.is_due


def test_two_checkpoints_are_kept_and_named(whole, tmp_path):
    assert [one.step for one in whole.checkpoints] == [20, 15]
    assert checkpoints.recorded(whole.result()) == whole.checkpoints
    names = {NAMES[whole.side] % step + part for step in (15, 20) for part in PARTS[whole.side]}
    assert {name for one in whole.checkpoints for name in one.files} == names
    others = {"config.json", "result.json", "steps.npz", "log.txt"}
    assert set(os.listdir(whole.path)) == names | others


def test_a_training_killed_at_any_write_ends_like_an_uninterrupted_one(whole, tmp_path):
    write, resumed = 1, 0
    while True:
        path = tmp_path / ("killed at %d" % write)
        if not train_killed(train, create(path, whole.side), write=write):
            break
        resumed += go_on(train, path, whole.side, config=CONFIG)
        assert records(path) == records(tmp_path / "whole")
        write += 1
    assert (write - 1, resumed) == (27, 25)  # 9 times three files; the first result is the second


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_checkpoint_is_passed_over(whole, tmp_path, capsys, damage):
    damage(newest(whole, tmp_path / "whole"))
    run = resume(whole)
    train(run)
    names = whole.file(NAMES[run.side] % 20), NAMES[run.side] % 15
    line = "%s is missing or damaged: using %s, the checkpoint before\n" % names
    assert capsys.readouterr().err == line
    longer = create(tmp_path / "longer", run.side)
    longer.config = run.config
    train(longer)
    assert records(tmp_path / "whole") == records(tmp_path / "longer")


def test_a_damaged_checkpoint_is_not_kept_for_the_next_time(whole, tmp_path):
    DAMAGE[0](newest(whole, tmp_path / "whole"))
    run = resume(whole)
    run.checkpoint()
    log = StepLog(run.config, lambda line: None)
    log.restore(run, 15)
    log.add([1.0], [0.5])
    save(run, log, 0.0)
    assert [one.step for one in run.checkpoints] == [16, 15]


def test_time_is_that_of_the_checkpoint(whole, tmp_path):
    one = whole.checkpoints[1]._replace(train_seconds=12.5)
    whole.checkpoints[1] = one
    log = StepLog(whole.config, lambda line: None)
    log.restore(whole, 15)
    whole.save_records(log)
    log.restore(whole, 15)
    assert log.train_seconds == 12.5


def test_no_whole_checkpoint(whole, tmp_path):
    for number, damage in enumerate(DAMAGE[:2]):
        damage(newest(whole, tmp_path / "whole", number))
    with pytest.raises(UserError) as error:
        resume(whole).checkpoint()
    name = NAMES[whole.side]
    assert str(error.value) == "no checkpoint of %s is whole (%s and %s damaged): train again" % (
        whole.path, name % 20, name % 15,
    )  # fmt: skip


@pytest.mark.parametrize("value", [3, [3], [[]], [{}], [{"name": "model.ckpt-3"}]])
def test_a_result_that_names_something_else(whole, tmp_path, value):
    result = dict(whole.result(), checkpoints=value)
    runs.write_json(whole.file("result.json"), result)
    with pytest.raises(UserError, match=r"result\.json is broken: train again$"):
        resume(whole)


def test_records_of_former_versions_name_no_checkpoint(whole):
    result = whole.result()
    del result["checkpoints"]
    runs.write_json(whole.file("result.json"), result)
    assert resume(whole).checkpoint() is None


LITTER = [
    ".part-abcdef", ".part-999999999-model.keras", "checkpoint.tmp0123abc",
    "model.ckpt-5.data-00000-of-00001.tempstate123", "model.ckpt-5.index.tempstate123",
    "model.ckpt-5.meta.tmp0123abc", "model.ckpt-5_temp_0123abc",
]  # fmt: skip


@pytest.mark.parametrize("name", LITTER)
def test_what_a_killed_process_was_writing_is_removed_on_resuming(whole, tmp_path, name):
    before = os.listdir(whole.path)
    (tmp_path / "whole" / name).write_text("half")
    (tmp_path / "whole" / ".part-998-folder").mkdir()
    (tmp_path / "whole" / ".part-998-folder" / "file").write_text("half")
    run = resume(whole)
    assert sorted(os.listdir(run.path)) == sorted([*before, ".lock"])


@pytest.mark.parametrize("name", [".part", "part-5", "checkpoint", "notes.tmp", "model.ckpt-5.bak"])
def test_other_files_stay(whole, tmp_path, name):
    (tmp_path / "whole" / name).write_text("mine")
    train(resume(whole))
    assert (tmp_path / "whole" / name).read_text() == "mine"


def test_what_a_living_process_is_writing_stays(whole, tmp_path):
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        (tmp_path / "whole" / (".part-%d-export" % process.pid)).mkdir()
        resume(whole)
        assert ".part-%d-export" % process.pid in os.listdir(whole.path)
        process.stdin.close()


@pytest.mark.parametrize("name", LITTER)
def test_a_start_that_was_killed_leaves_a_folder_to_start_in(tmp_path, name):
    (tmp_path / name).write_text("half")
    (tmp_path / ".lock").write_text("")
    create(tmp_path, "legacy")
    assert os.listdir(str(tmp_path)) == ["config.json"]
