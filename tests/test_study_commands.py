"""The commands `study` and `time` on both sides, with real trainings, as if on a terminal."""

import contextlib
import importlib
import io
import json

import numpy as np
import pytest

pytestmark = pytest.mark.slow

SIDES = {"legacy": "legacy_tf1", "modern": "modern_tf2"}
both_sides = pytest.mark.parametrize("side", SIDES)
FLAGS = ("--data", "digits", "--steps", "30", "--out")
KERNELS = {
    "legacy": ["generic", "fused-cpu"],
    "modern": ["auto", "generic", "fused-cpu", "unrolled"],
}


class Terminal(io.StringIO):
    """What a program takes for a terminal."""

    def isatty(self):
        return True


def on_terminal(side, *words):
    """Runs a command line; returns what it wrote to standard output and standard error."""
    main = importlib.import_module(SIDES[side] + ".__main__").main
    output, errors = Terminal(), Terminal()
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
        assert main([str(word) for word in words]) == 0
    return output.getvalue().splitlines(), errors.getvalue()


def read_json(path):
    return json.loads(path.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def studied(tmp_path_factory):
    """The folder of a study that both sides made, and what each of them wrote."""
    folder = tmp_path_factory.mktemp("study")
    words = ["study", "window-rnn", "--windows", "3,5", "--seeds", 1, *FLAGS, folder]
    return folder, {side: on_terminal(side, *words) for side in SIDES}


@pytest.fixture(scope="module")
def timed(tmp_path_factory):
    """The folder of each side's timing, and what it wrote."""
    folders = {side: tmp_path_factory.mktemp(side) for side in SIDES}
    return {
        side: (folders[side], *on_terminal(side, "time", "row-lstm", *FLAGS, folders[side]))
        for side in SIDES
    }


@both_sides
def test_a_study_leaves_runs_and_records(studied, side):
    folder, _ = studied
    found = read_json(folder / side / "study.json")
    assert [row["window"] for row in found["windows"]] == [3, 5]
    for row in found["windows"]:
        run = folder / side / f"window-{row['window']}-seed-0"
        result = read_json(run / "result.json")
        assert (result["steps"], result["finished"]) == (30, True)
        assert row["accuracy"] == [result["test"][-1]["accuracy"]]
        with np.load(str(run / "steps.npz")) as steps:
            assert row["loss"] == [np.mean(steps["loss"], dtype=np.float64)]
        assert "test  loss" in (run / "log.txt").read_text()
    assert (folder / "study.png").stat().st_size > 10_000


@both_sides
def test_a_terminal_shows_one_bar_and_one_table(studied, side):
    folder, written = studied
    output, errors = written[side]
    starts = ["window-3-seed-0", "window-5-seed-0", f"{side} window-rnn on digits: 30 steps"]
    assert len(output) == 2 + 5 + 1
    assert all(line.startswith(start) for line, start in zip(output, starts, strict=False))
    assert output[-1] == f"wrote {folder / 'study.png'}"
    assert "2/2" in errors
    assert "30/30" not in errors  # no bar over the steps of a training


@both_sides
def test_a_timing_trains_each_kernel_alike(timed, side):
    folder, output, errors = timed[side]
    found = read_json(folder / "time.json")["kernels"]
    assert [row["kernel"] for row in found] == KERNELS[side]
    initial, losses = [], []
    for kernel in KERNELS[side]:
        with np.load(str(folder / kernel / "initial_weights.npz")) as weights:
            initial.append({name: weights[name].tobytes() for name in weights.files})
        with np.load(str(folder / kernel / "steps.npz")) as steps:
            losses.append(steps["loss"])
    assert all(weights == initial[0] for weights in initial)
    assert len({loss.tobytes() for loss in losses}) > 1  # another kernel was at work
    assert len(output) == 2 + len(found) + 3
    assert (folder / "time.png").stat().st_size > 10_000
    count = len(found)
    assert f"{count}/{count}" in errors
