"""`python -m porting`: what a comparison writes and says, and that it can fail."""

import json

import numpy as np
import pytest

from legacy_tf1 import training as legacy_training
from modern_tf2 import training as modern_training
from porting import compare, report
from porting.__main__ import main

FLAGS = ["window-rnn", "--data", "digits", "--window", "5", "--steps", "210", "--batch-size", "32"]


@pytest.fixture(scope="module")
def comparison(tmp_path_factory):
    out = tmp_path_factory.mktemp("compare") / "out"
    code = main(["compare", *FLAGS, "--out", str(out)])
    return code, out, json.loads((out / "compare.json").read_text())


@pytest.mark.slow
def test_sides_agree_and_all_of_it_is_written(comparison):
    code, out, summary = comparison
    assert code == 0
    assert summary["passed"] is True
    assert [rung for rung in summary["rungs"] if not rung["passed"]] == []
    quantities = [(rung["quantity"], rung["dtype"]) for rung in summary["rungs"]]
    assert ("losses of 200 steps, TF1's powers", "float64") in quantities
    assert quantities[-2:] == [("final loss", "float32"), ("final accuracy", "float32")]
    assert (out / "compare.png").read_bytes().startswith(b"\x89PNG")
    for side in ("legacy", "modern"):
        assert json.loads((out / side / "result.json").read_text()) == summary[side]


@pytest.mark.slow
def test_both_sides_started_from_the_same_weights(comparison):
    _, out, summary = comparison
    legacy, modern = (np.load(out / side / "initial_weights.npz") for side in ("legacy", "modern"))
    assert set(legacy) == set(modern)
    assert all((legacy[name] == modern[name]).all() for name in legacy)
    assert summary["losses"][0]["max_abs"] < 1e-6


@pytest.mark.slow
def test_table_of_losses_holds_the_differences(comparison):
    _, out, summary = comparison
    losses = [np.load(out / side / "steps.npz")["loss"] for side in ("legacy", "modern")]
    gap = np.abs(losses[0].astype("float64") - losses[1])
    assert [row["steps"] for row in summary["losses"]] == [1, 10, 50, 100, 200, 210]
    assert summary["losses"][2]["max_abs"] == gap[:50].max()
    assert summary["losses"][-1]["mean_abs"] == pytest.approx(gap.mean())


@pytest.mark.slow
def test_a_side_that_trains_otherwise_fails_the_comparison(tmp_path, monkeypatch, capsys):
    train = modern_training.train

    def wrong(run, dataset, *, initial_weights):
        wrong_weights = {name: value * 1.01 for name, value in initial_weights.items()}
        return train(run, dataset, initial_weights=wrong_weights)

    monkeypatch.setattr(modern_training, "train", wrong)
    monkeypatch.setattr(compare, "prove", lambda *arguments: [])
    assert main(["compare", *FLAGS, "--out", str(tmp_path / "out")]) == 1
    assert "THE TWO SIDES PART: losses of 50 steps (float32)" in capsys.readouterr().out


def test_an_interrupted_training_ends_the_comparison(tmp_path, monkeypatch, capsys):
    stopped = {"finished": False, "steps": 7}
    monkeypatch.setattr(legacy_training, "train", lambda *_, **__: stopped)
    assert main(["compare", *FLAGS, "--out", str(tmp_path / "out")]) == 2
    assert "step 7 of legacy" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["compare", "window-rnn", "--window", "0"], "--window is 0"),
        (["compare", "window-rnn", "--steps", "-3"], "--steps is -3"),
        (["compare", "row-lstm", "--window", "4"], "no --window"),
        (["compare", "window-rnn", "--out", "/dev/null/x", "--data", "digits"], "cannot write"),
        (["bench", "window-rnn", "--rounds", "0", "--data", "digits"], "--rounds is 0"),
        (["compare", "no-such-model"], "no-such-model"),
        (["climb"], "climb"),
    ],
)
def test_bad_input_is_one_line(argv, said, capsys):
    assert main(argv) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    assert said in lines[0]


def test_infinite_differences_can_be_written():
    assert report.finite({"a": [float("inf"), 1.5], "b": float("nan")}) == {
        "a": ["inf", 1.5],
        "b": "nan",
    }
