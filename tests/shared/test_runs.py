"""A run's folder: what is written, what is cleared, what is refused, what may be resumed."""

import dataclasses
import errno
import json
import os
import shlex
import shutil
from types import SimpleNamespace

import numpy as np
import pytest

from shared import checkpoints, runs
from shared.config import WindowRNNConfig
from shared.errors import UserError
from shared.reporting import interpreter

CONFIG = WindowRNNConfig(window=5, batch_size=10, train_examples=50, test_examples=20, steps=30)
LOG = SimpleNamespace(
    step=2,
    losses=np.array([1.5, 0.1, 9.0], np.float32),
    accuracies=np.array([0.25, 0.5, 9.0], np.float32),
    summary=lambda: {"steps": 2, "finished": False, "train_seconds": 1.5, "train": [], "test": []},
)


def create(path, side="legacy", config=CONFIG, **options):
    return runs.create_run(path, side, config=config, dataset="digits", **options)


def resume(path, side="legacy", model="window-rnn", **changes):
    return runs.resume_run(path, side, model=model, changes=changes)


def refusal(function, path, *arguments, **keywords):
    with pytest.raises(UserError) as error:
        function(path, *arguments, **keywords)
    message = str(error.value)
    assert "\n" not in message
    return message.replace(str(path), "RUN")


@pytest.fixture
def trained(tmp_path):
    """The path of a run with records."""
    create(tmp_path / "run").save_records(LOG, parameters=7)
    return tmp_path / "run"


def contents(path):
    return {name: (path / name).read_bytes() for name in os.listdir(str(path))}


def test_a_new_run_says_what_was_asked_for(tmp_path):
    run = create(tmp_path / "deep" / "run", "modern")
    assert sorted(os.listdir(run.path)) == [".lock", "config.json"]
    assert json.loads((tmp_path / "deep" / "run" / "config.json").read_text()) == {
        "side": "modern",
        "model": "window-rnn",
        "dataset": "digits",
        "config": dataclasses.asdict(CONFIG),
    }
    assert (run.side, run.config, run.dataset, run.resumed) == ("modern", CONFIG, "digits", False)
    assert run.result() is None


def test_records_come_back_bit_by_bit(trained):
    run = runs.open_run(trained, "legacy", model="window-rnn")
    losses, accuracies = run.steps()
    assert (losses.dtype, accuracies.dtype) == (np.float32, np.float32)
    assert losses.tobytes() == LOG.losses[:2].tobytes()
    assert accuracies.tobytes() == LOG.accuracies[:2].tobytes()
    assert run.result() == {
        "side": "legacy",
        "model": "window-rnn",
        "dataset": "digits",
        "seed": 0,
        "config": dataclasses.asdict(CONFIG),
        "steps": 2,
        "finished": False,
        "train_seconds": 1.5,
        "train": [],
        "test": [],
        "checkpoints": [],
        "parameters": 7,
    }


def test_a_run_opens_as_it_was(trained):
    run = runs.open_run(str(trained), "legacy", model="window-rnn")
    assert (run.path, run.side, run.config, run.dataset, run.resumed) == (
        str(trained), "legacy", CONFIG, "digits", False,
    )  # fmt: skip


def test_log_lines_are_printed_and_kept(tmp_path, capsys):
    run = create(tmp_path / "run")
    for line in ("one", "zwei – 2", "three"):
        run.write_line(line)
    assert capsys.readouterr().out == "one\nzwei – 2\nthree\n"
    assert (tmp_path / "run" / "log.txt").read_bytes() == "one\nzwei – 2\nthree\n".encode()
    run.cut_log(2)
    run.write_line("four")
    assert (tmp_path / "run" / "log.txt").read_bytes() == "one\nzwei – 2\nfour\n".encode()
    run.cut_log(5)
    assert (tmp_path / "run" / "log.txt").read_bytes() == "one\nzwei – 2\nfour\n".encode()


def test_cutting_a_log_that_was_removed(tmp_path):
    create(tmp_path / "run").cut_log(2)
    assert (tmp_path / "run" / "log.txt").read_bytes() == b""


def test_the_events_of_a_split_have_a_folder(tmp_path):
    run = create(tmp_path / "run")
    assert run.events("test") == str(tmp_path / "run" / "events" / "test")


@pytest.mark.parametrize("side", ["legacy", "modern"])
def test_a_former_run_is_cleared(trained, side):
    (trained / "events").mkdir()
    (trained / "events" / "file").write_text("old")
    create(trained, side, overwrite=True)
    assert os.listdir(str(trained)) == ["config.json"]


@pytest.mark.parametrize(
    ("finished", "words"),
    [
        (True, "a finished run: pass --overwrite to train anew"),
        (False, "a run that stopped after step 2: pass --resume to go on, --overwrite to train"),
    ],
)
def test_a_former_run_is_not_overwritten_unasked(tmp_path, finished, words):
    summary = dict(LOG.summary(), finished=finished)
    log = SimpleNamespace(**dict(vars(LOG), summary=lambda: summary))
    create(tmp_path / "run").save_records(log)
    before = contents(tmp_path / "run")
    message = refusal(create, tmp_path / "run")
    assert message.startswith("RUN holds " + words)
    assert contents(tmp_path / "run") == before
    create(tmp_path / "run", overwrite=True)
    create(tmp_path / "run")  # nothing was trained in it yet


def test_a_run_with_broken_records_may_be_replaced(trained):
    (trained / "result.json").write_text("{")
    create(trained)
    assert os.listdir(str(trained)) == ["config.json"]


@pytest.mark.parametrize("replaced", [False, True])
def test_a_folder_that_disappears_ends_the_training(tmp_path, replaced):
    path = tmp_path / "run"
    run = create(path)
    shutil.rmtree(str(path))
    path.mkdir()  # as TensorFlow does to write a checkpoint
    for name in ("model.ckpt-2.index", "model.ckpt-2.meta", "checkpoint"):
        (path / name).write_text("")
    if replaced:
        (path / "model.ckpt-20.index").write_text("somebody's")
    message = "RUN was removed during the training: train again"
    assert refusal(save_records, path, run) == message
    assert path.exists() == replaced
    assert not replaced or os.listdir(str(path)) == ["model.ckpt-20.index"]


@pytest.mark.parametrize("other", [None, "config.json"])
def test_what_was_written_after_it_disappeared_is_no_hindrance(tmp_path, other):
    """Unless the folder is another run's by now."""
    path = tmp_path / "run"

    def write(path, run):
        with run:
            shutil.rmtree(str(path))
            (path / "events").mkdir(parents=True)  # as TensorFlow does
            assert not run.has_checkpoint("model.ckpt-2")
            for name in ("initial_weights.npz", "model.keras", "model.ckpt-2.meta"):
                (path / name).write_text("")
            if other:
                (path / other).write_text("{}")
            raise OSError(errno.ENOENT, "No such file or directory")

    assert "was removed during the training" in refusal(write, path, create(path))
    assert path.exists() == bool(other)
    assert not other or len(os.listdir(str(path))) == 5


def save_records(path, run):
    run.save_records(LOG, "model.ckpt-2")


class OfTensorFlow(Exception):
    """Stands for tf.errors.OpError, which quotes the system."""


@pytest.mark.parametrize(
    "error",
    [
        OfTensorFlow("Failed to rename: x.tempstate; No such file or directory"),
        ValueError("Parent directory of x doesn't exist, can't save."),
        OSError(errno.ENOENT, "No such file or directory"),
    ],
)
def test_whatever_writes_to_a_folder_that_disappeared_ends_so(tmp_path, error):
    path = tmp_path / "run"

    def write(path, run):
        with run:
            shutil.rmtree(str(path))
            raise error

    assert refusal(write, path, create(path)) == "RUN was removed during the training: train again"


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "No space left on device"),
        (OSError(errno.EROFS, "Read-only file system"), "Read-only file system"),
        (OfTensorFlow("model.ckpt_temp; No space left on device"), "No space left on device"),
        (OfTensorFlow("x; Permission denied [Op:SaveV2]"), "Permission denied"),
    ],
)
def test_a_training_that_cannot_write_says_what_is_kept(tmp_path, error, words):
    run = create(tmp_path / "run")
    for advice in ("nothing is kept: train again", "the checkpoint of step 2 is kept: go on with"):
        with pytest.raises(UserError) as raised, run:
            raise error
        message = str(raised.value).replace(run.path, "RUN")
        assert message.startswith("cannot write to RUN: %s; %s" % (words, advice))
        run.checkpoints = [checkpoints.Checkpoint("model.ckpt-2", 2, 0.0, {})]
        (tmp_path / "run" / "result.json").write_text("{}")


@pytest.mark.parametrize("error", [ValueError("x"), UserError("No space left on device")])
def test_other_errors_of_a_training_are_left_as_they_are(tmp_path, error):
    with pytest.raises(type(error)) as raised, create(tmp_path / "run"):
        raise error
    assert raised.value is error


def test_an_empty_folder_is_taken(tmp_path):
    create(tmp_path)
    assert os.listdir(str(tmp_path)) == ["config.json"]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("notes.txt", "mine"),
        ("config.json", '{"compilerOptions": {}}'),
        ("config.json", "[]"),
        ("config.json", "{"),
        ("config.json", b"\xff"),
    ],
)
def test_a_folder_with_something_else_is_left_alone(tmp_path, name, content):
    (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    (tmp_path / "thesis.txt").write_text("years of work")
    before = contents(tmp_path)
    message = refusal(create, tmp_path)
    assert message == "RUN is not empty and holds no run: choose another --out"
    assert contents(tmp_path) == before


def test_a_config_that_is_a_folder_makes_no_run(tmp_path):
    (tmp_path / "config.json").mkdir()
    assert refusal(create, tmp_path).startswith("RUN is not empty and holds no run")


def test_a_file_in_the_way(tmp_path):
    (tmp_path / "file").write_text("mine")
    message = refusal(create, tmp_path / "file")
    assert message == "cannot write to RUN: File exists; choose another --out"
    message = refusal(create, tmp_path / "file" / "below")
    assert message == "cannot write to RUN: Not a directory; choose another --out"
    assert (tmp_path / "file").read_text() == "mine"


def test_no_run_to_open(tmp_path):
    for path in (tmp_path / "nothing", tmp_path):
        message = refusal(runs.open_run, path, "legacy", model="window-rnn")
        assert message == "RUN holds no run: train one with --out RUN"


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "{}",
        '{"side": "legacy", "model": "window-rnn", "dataset": "digits"}',
        '{"side": "legacy", "model": "window-rnn", "dataset": "digits", "config": 3}',
        '{"side": "legacy", "model": "window-rnn", "dataset": "digits", "config": {"no": 3}}',
        '{"side": "legacy", "model": "no", "dataset": "digits", "config": {}}',
        '{"side": "legacy", "model": [], "dataset": "digits", "config": {}}',
        '{"side": "legacy", "model": "window-rnn", "dataset": 1, "config": {"window": "5"}}',
        b"\xff\xfe",
    ],
)
def test_a_broken_config(tmp_path, content):
    content = content if isinstance(content, bytes) else content.encode()
    (tmp_path / "config.json").write_bytes(content)
    message = refusal(runs.open_run, tmp_path, "legacy", model="window-rnn")
    assert message == "%s is broken: train again" % os.path.join("RUN", "config.json")


def test_a_run_of_the_other_side(trained):
    for function in (runs.open_run, lambda *a, **k: runs.resume_run(*a, changes={}, **k)):
        message = refusal(function, trained, "modern", model="window-rnn")
        assert message == "RUN holds a run of legacy window-rnn, not of modern window-rnn"


def test_a_run_of_another_model(trained):
    message = refusal(runs.open_run, trained, "legacy", model="row-lstm")
    assert message == "RUN holds a run of legacy window-rnn, not of legacy row-lstm"


def test_only_the_length_may_change_on_resuming(trained):
    run = resume(trained, window=5, batch_size=10, epochs=9, steps=70)
    assert run.config == dataclasses.replace(CONFIG, epochs=9, steps=70)
    assert run.resumed
    for changes in ({"window": 6}, {"batch_size": 9}, {"learning_rate": 0.1}, {"seed": 1}):
        ((name, value),) = changes.items()
        message = refusal(resume, trained, **changes)
        flag = "--" + name.replace("_", "-")
        old = getattr(CONFIG, name)
        assert message == "RUN has a checkpoint of another config: %s is %s there, not %s" % (
            flag, old, value,
        )  # fmt: skip


def test_a_length_out_of_range_is_refused_on_resuming(trained):
    assert refusal(resume, trained, steps=0).startswith("--steps is 0")


def test_a_run_without_checkpoint_cannot_be_resumed(tmp_path):
    create(tmp_path)
    assert refusal(resume, tmp_path) == "RUN has no checkpoint to resume: leave out --resume"


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"train": [], "test": []}', b"\xff"])
def test_a_broken_result(trained, content):
    content = content if isinstance(content, bytes) else content.encode()
    (trained / "result.json").write_bytes(content)
    assert refusal(resume, trained) == "%s is broken: train again" % os.path.join(
        "RUN", "result.json"
    )


@pytest.mark.parametrize("content", [None, b"", b"hello", {"loss": np.zeros(3)}])
def test_broken_steps(trained, content):
    path = trained / "steps.npz"
    if content is None:
        path.unlink()
    elif isinstance(content, bytes):
        path.write_bytes(content)
    else:
        np.savez(str(path), **content)
    with pytest.raises(UserError, match=r"steps\.npz is missing or broken: train again$"):
        resume(trained).steps()


def test_resuming_writes_nothing_before_the_next_checkpoint(trained):
    before = contents(trained)
    run = resume(trained, steps=70)
    assert contents(trained) == dict(before, **{".lock": b""})
    run.save_records(LOG)
    del run
    # What is resumed once more, by the printed command, must know of the new length.
    assert resume(trained).config.steps == 70


def test_a_longer_run_that_was_killed_before_its_config_was_written(trained):
    old = (trained / "config.json").read_bytes()
    resume(trained, steps=70).save_records(LOG)
    (trained / "config.json").write_bytes(old)
    assert reopen(trained).config.steps == resume(trained).config.steps == 70


def test_a_clearing_that_was_killed_leaves_a_run(trained, monkeypatch):
    for name in ("a", "events", "z"):
        (trained / name).mkdir()
    for left in (5, 4, 3, 2, 1):
        with monkeypatch.context() as patch:
            patch.setattr(runs, "remove", dying_after_one(runs.remove))
            with pytest.raises(ZeroDivisionError):
                create(trained, overwrite=True)
        assert len(os.listdir(str(trained))) == left
        assert reopen(trained).result() is None
    create(trained)
    assert os.listdir(str(trained)) == ["config.json"]


def dying_after_one(remove):
    def once(path):
        remove(path)
        raise ZeroDivisionError

    return once


def test_records_with_a_number_that_is_not_finite_leave_the_former_ones(trained):
    before = (trained / "result.json").read_bytes()
    with pytest.raises(ValueError, match="JSON"):
        reopen(trained).save_records(LOG, parameters=float("nan"))
    assert (trained / "result.json").read_bytes() == before


def reopen(path):
    return runs.open_run(path, "legacy", model="window-rnn")


@pytest.mark.parametrize(("side", "package"), [("legacy", "legacy_tf1"), ("modern", "modern_tf2")])
def test_the_command_that_goes_on(tmp_path, side, package):
    path = str(tmp_path / "a run's folder")
    words = shlex.split(create(path, side).resume_command())
    expected = [interpreter(), "-m", package, "train", "window-rnn", "--resume", "--out", path]
    assert words == expected
    words = shlex.split(create(path, side).resume_command(data_dir="my data"))
    assert words == [*expected, "--data-dir", "my data"]
