"""The records of a run that somebody damaged or made up: one line, whatever they hold."""

import io
import json
import zipfile

import numpy as np
import pytest

from shared import records, runs
from shared.errors import UserError
from shared.files import UNPACKED
from shared.weights import load
from tests.shared.test_runs import CONFIG, LOG, create

LINE = {"epoch": 1, "step": 2, "loss": 0.5, "accuracy": 0.5, "min_accuracy": 0.5}
TIMED = dict(LINE, seconds_per_step=None)
CHECKPOINT = {"name": "model.ckpt-2", "step": 2, "train_seconds": 1.0, "files": {"a": "digest"}}
WHOLE = {"train": [TIMED], "test": [LINE], "train_seconds": 1, "checkpoints": [CHECKPOINT]}


def write(path, content):
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return str(path)


def test_what_a_training_writes_is_read(tmp_path):
    assert records.read_result(write(tmp_path / "result.json", WHOLE)) == WHOLE


@pytest.mark.parametrize(
    "content",
    [
        "[" * 100_000,
        '{"train"',
        [WHOLE],
        dict(WHOLE, train={}),
        dict(WHOLE, train=[LINE]),
        dict(WHOLE, train=[dict(TIMED, step="2")]),
        dict(WHOLE, test=[dict(LINE, loss=None)]),
        dict(WHOLE, test=[1]),
        dict(WHOLE, train_seconds="1"),
        dict(WHOLE, steps="2"),
        dict(WHOLE, steps=True),
        dict(WHOLE, train=[dict(TIMED, step=-1)]),
        dict(WHOLE, train=[dict(TIMED, loss=True)]),
        dict(WHOLE, checkpoints=[dict(CHECKPOINT, step=-2)]),
        dict(WHOLE, checkpoints={}),
        dict(WHOLE, checkpoints=[dict(CHECKPOINT, name={})]),
        dict(WHOLE, checkpoints=[dict(CHECKPOINT, name="../model.ckpt-2")]),
        dict(WHOLE, checkpoints=[dict(CHECKPOINT, files=["a"])]),
        dict(WHOLE, checkpoints=[dict(CHECKPOINT, files={"/etc/passwd": "digest"})]),
        dict(WHOLE, checkpoints=[dict(CHECKPOINT, files={"a": 1})]),
        dict(WHOLE, checkpoints=[dict(CHECKPOINT, files={"a\0": "digest"})]),
        dict(WHOLE, checkpoints=[dict(CHECKPOINT, files={"a\ud800": "digest"})]),
    ],
)
def test_a_result_of_another_kind_is_refused(tmp_path, content):
    run = create(tmp_path / "run")
    write(tmp_path / "run" / "result.json", content)
    with pytest.raises(UserError, match=r"result\.json is broken: train again"):
        run.result()


@pytest.mark.parametrize(
    "arrays",
    [
        {"loss": np.zeros(3, np.float32)},
        {"loss": np.zeros(3, np.float32), "accuracy": np.zeros(2, np.float32)},
        {"loss": np.float32(1), "accuracy": np.float32(1)},
        {"loss": np.zeros((3, 1), np.float32), "accuracy": np.zeros(3, np.float32)},
        {"loss": np.zeros(3, "U9"), "accuracy": np.zeros(3, np.float32)},
    ],
)
def test_steps_of_another_kind_are_refused(tmp_path, arrays):
    run = create(tmp_path / "run")
    np.savez(run.file("steps.npz"), **arrays)
    with pytest.raises(UserError, match=r"steps\.npz is missing or broken: train again"):
        run.steps()


def test_a_log_that_is_no_text_is_cut_all_the_same(tmp_path):
    run = create(tmp_path / "run")
    run.save_records(LOG)
    (tmp_path / "run" / "log.txt").write_bytes(b"line\n\xff\xfe\nmore\n")
    run.cut_log(2)
    assert (tmp_path / "run" / "log.txt").read_bytes() == b"line\n\xff\xfe\n"


def test_a_config_that_is_nested_too_deeply_is_refused(tmp_path):
    create(tmp_path / "run")
    write(tmp_path / "run" / "config.json", '{"a":' * 100_000)
    with pytest.raises(UserError, match=r"config\.json is broken"):
        runs.open_run(str(tmp_path / "run"), "legacy", model="window-rnn")


def archive(header, zeros=16):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as file:
        head = b"\x93NUMPY\x01\x00" + bytes([len(header), 0]) + header
        file.writestr("x.npy", head + bytes(zeros))
    return content.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        archive(b"{'descr': '<f4', 'shape': ("),  # tokenize.TokenError of NumPy's
        archive(b"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 9223372036854775808), }"),
    ],
    ids=["cut off", "a size beyond 64 bits"],
)
def test_weights_whose_header_is_damaged_are_refused(tmp_path, recwarn, content):
    (tmp_path / "w.npz").write_bytes(content)
    with pytest.raises(UserError, match="is no npz file of plain arrays"):
        load(tmp_path / "w.npz", CONFIG)
    assert recwarn.list == []


def test_weights_that_unpack_to_very_much_are_refused(tmp_path, monkeypatch):
    assert UNPACKED < 1 << 30
    monkeypatch.setattr("shared.files.UNPACKED", 10_000)
    header = b"{'descr': '|u1', 'fortran_order': False, 'shape': (20000,), }"
    (tmp_path / "w.npz").write_bytes(archive(header, zeros=20_000))
    with pytest.raises(UserError, match="is no npz file of plain arrays"):
        load(tmp_path / "w.npz", CONFIG)
