"""`python -m equivalence`: what it writes and prints, how it continues, and that it can fail."""

import json
import re

import numpy as np
import pytest

from equivalence import compare, proof, trainings
from equivalence.__main__ import main
from equivalence.controls import matrix as controls
from equivalence.modern_side import ModernSide
from modern_tf2 import training as modern_training
from tf1port.comparison.controls import matrix
from tf1port.comparison.ladder import checks
from tf1port.comparison.report import terminal as report

FLAGS = ["window-rnn", "--data", "digits", "--window", "5", "--steps", "210", "--batch-size", "32"]
QUICK = ["dense", "--data", "digits", "--batch-size", "16", "--quick"]
CAUGHT = [
    {
        "name": "a",
        "description": "w",
        "check": "outputs",
        "caught": True,
        "results": {},
        "diagnosis": None,
    }
]


def read(out):
    return json.loads((out / "report.json").read_text())


@pytest.fixture(scope="module")
def comparison(tmp_path_factory):
    out = tmp_path_factory.mktemp("compare") / "out"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(controls, "matrix", lambda *_, **__: CAUGHT)
        code = main([*FLAGS, "--out", str(out)])
    return code, out, read(out)


KEYS = [
    *("model", "dataset", "mode", "command", "seed", "config", "versions", "machine"),
    *("passed", "outcome", "verdict", "claim", "counts", "breaks", "checks", "curves", "loss_gap"),
    *("heat", "gradients", "losses", "bands", "controls", "timings"),
]


@pytest.mark.slow
def test_sides_agree_and_all_of_it_is_written(comparison):
    code, out, found = comparison
    assert code == 0
    assert list(found) == KEYS
    assert (found["passed"], found["outcome"], found["breaks"]) == (True, "equal", None)
    count = len([entry for entry in found["checks"] if entry["applies"]])
    assert found["counts"] == {"equal": count, "different": 0, "not compared": 0}
    assert found["verdict"] == (
        f"PASS: equal on {count} of {count} checks (claim: outputs, training and exports: "
        "checks 1 to 8); 1 of 1 known mistakes are noticed"
    )
    assert [entry for entry in found["checks"] if entry["applies"] and not entry["passed"]] == []
    numbers = [entry["number"] for entry in found["checks"]]
    assert numbers == sorted(numbers)
    assert set(numbers) == set(range(1, 10))
    assert [entry["applies"] for entry in found["checks"] if entry["number"] == 9] == [False]
    assert not (out / "parts").exists()
    for name in ("report.html", "report.md"):
        assert (out / name).stat().st_size > 1000


@pytest.mark.slow
def test_details_of_the_ladders_and_trainings(comparison):
    _, _, found = comparison
    gaps = found["loss_gap"]
    assert list(gaps) == ["float32", "float64", "float64, TF1's powers"]
    assert [len(gap) for gap in gaps.values()] == [210, 200, 200]
    assert found["heat"]["float64"]["layers"] == ["cell_0", "cell_1", "cell_2"]
    assert np.shape(found["heat"]["float32"]["max_abs"]) == (3, 5)
    assert len(found["gradients"]["float32"]) == 11
    for side in ("legacy", "modern"):
        curve = found["curves"][side]
        assert len(curve["step"]) == len(curve["loss"]) == len(curve["accuracy"]) <= 400
        assert curve["test"][-1]["step"] == 210
    assert found["timings"]["total"] > sum(found["timings"]["checks"].values())


@pytest.mark.slow
def test_both_sides_started_from_the_same_weights(comparison):
    _, out, found = comparison
    legacy, modern = (np.load(out / side / "initial_weights.npz") for side in ("legacy", "modern"))
    assert set(legacy) == set(modern)
    assert all((legacy[name] == modern[name]).all() for name in legacy)
    assert found["losses"][0]["max_abs"] < 1e-6


@pytest.mark.slow
def test_table_of_losses_holds_the_differences(comparison):
    _, out, found = comparison
    losses = [np.load(out / side / "steps.npz")["loss"] for side in ("legacy", "modern")]
    gap = np.abs(losses[0].astype("float64") - losses[1])
    assert [row["steps"] for row in found["losses"]] == [1, 10, 50, 100, 200, 210]
    assert found["losses"][2]["max_abs"] == gap[:50].max()
    assert found["losses"][-1]["mean_abs"] == pytest.approx(gap.mean())
    assert found["loss_gap"]["float32"] == gap.tolist()


@pytest.mark.slow
def test_two_runs_write_the_same_but_for_the_timings(tmp_path, capsys):
    texts = []
    for name in ("first", "second"):
        assert main([*QUICK, "--out", str(tmp_path / name)]) == 0
        found = read(tmp_path / name)
        assert found["mode"] == "quick"
        assert found["verdict"].startswith("PASS: equal on ")
        assert (
            "(claim: outputs, training and exports: checks 1 to 8; nothing was trained to its end)"
            in found["verdict"]
        )
        del found["timings"]
        texts.append(json.dumps(found))
    assert texts[0] == texts[1]
    assert "check 9, test accuracy: left out, no trainings" in capsys.readouterr().out


@pytest.mark.slow
def test_a_known_mistake_fails_and_is_explained(tmp_path, monkeypatch, capsys):
    class Transposed(ModernSide):
        def __init__(self, config, weights, **options):
            logits = weights["logits/kernel"]
            super().__init__(config, {**weights, "logits/kernel": logits[::-1]}, **options)
            self.changed = {name: value.astype(self.dtype) for name, value in weights.items()}

        def weights(self):
            return self.changed

    monkeypatch.setattr(proof, "ModernSide", Transposed)
    assert main([*QUICK, "--out", str(tmp_path)]) == 1
    found = read(tmp_path)
    assert found["passed"] is False
    assert (found["breaks"]["check"], found["breaks"]["layer"]) == ("outputs", "logits")
    assert found["outcome"] == "different"
    assert re.match(r"FAIL: logits differ at logits\[.*\] \(float32\): ", found["verdict"])
    assert f"{found['verdict']}\nfirst at layer logits\n" in capsys.readouterr().out


@pytest.mark.slow
def test_a_side_that_trains_otherwise_fails_the_comparison(tmp_path, monkeypatch, capsys):
    train = modern_training.train

    def wrong(run, dataset, *, initial_weights):
        wrong_weights = {name: value * 1.01 for name, value in initial_weights.items()}
        return train(run, dataset, initial_weights=wrong_weights)

    monkeypatch.setattr(modern_training, "train", wrong)
    monkeypatch.setattr(proof, "prove", lambda *_, **__: passing())
    monkeypatch.setattr(controls, "matrix", lambda *_, **__: CAUGHT)
    assert main([*FLAGS, "--out", str(tmp_path / "out")]) == 1
    assert "\nFAIL: losses of 50 steps differ at training, step[" in capsys.readouterr().out


# Without a ladder and a training: how a comparison is put together


def passing(**changes):
    """What equivalence.proof.prove returns of a ladder of one check, which passes."""
    entry = {
        "number": 1,
        "check": "variables",
        "quantity": "weights",
        "dtype": "float32",
        "applies": True,
        "max_abs": 0.0,
        "place": "kernel[0, 0]",
        "bound": 0.0,
        "passed": True,
        "margin": None,
        "reason": "the same bytes, moved",
        **changes,
    }
    ladder = {"checks": [entry], "heat": {"layers": [], "max_abs": []}, "gradients": []}
    return {**ladder, "losses": {}, "breaks": None, "seconds": {"variables": 0.5}}


@pytest.fixture
def ladders(monkeypatch):
    """The dtypes in which the ladder was run; each passes."""
    ran = []

    def prove(config, dataset, weights, *, dtype):
        ran.append(dtype)
        return passing(dtype=dtype)

    monkeypatch.setattr(proof, "prove", prove)
    monkeypatch.setattr(proof, "initial_weights", lambda config: {})
    return ran


def test_a_quick_comparison_runs_in_both_dtypes(ladders, tmp_path, capsys):
    assert main([*QUICK, "--out", str(tmp_path)]) == 0
    assert ladders == ["float32", "float64"]
    found = read(tmp_path)
    assert list(found) == KEYS
    assert found["command"] == (
        "python -m equivalence dense --batch-size 16 --data digits --jobs 2 --quick"
    )
    assert (found["curves"], found["losses"], found["bands"]) == ({}, [], None)
    assert found["timings"]["checks"] == {"variables": 1.0}
    claim = "(claim: variables; nothing was trained to its end)"
    assert found["verdict"] == f"PASS: equal on 2 of 2 checks {claim}"
    assert f"\n{found['verdict']}\n" in capsys.readouterr().out


def test_json_is_the_report(ladders, tmp_path, capsys):
    assert main([*QUICK, "--out", str(tmp_path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == read(tmp_path)


def test_json_of_known_mistakes_is_their_rows(monkeypatch, capsys):
    rows = [{"name": "swapped", "caught": True}]
    monkeypatch.setattr(controls, "of_dataset", lambda config, dataset: rows)
    monkeypatch.setattr(matrix, "lines", lambda rows: ["a table"])
    assert main([*QUICK, "--controls", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == rows


def test_a_check_that_fails_and_infinite_gaps_can_be_written(
    ladders, tmp_path, monkeypatch, capsys
):
    failing = passing(max_abs=float("inf"), passed=False)
    monkeypatch.setattr(proof, "prove", lambda *_, **__: failing)
    assert main([*QUICK, "--out", str(tmp_path)]) == 1
    found = read(tmp_path)
    assert found["checks"][0]["max_abs"] == "inf"
    assert found["breaks"]["place"] == "kernel[0, 0]"
    line = "FAIL: weights differ at kernel[0, 0] (float32): inf > 0; probable cause: unknown"
    assert line in capsys.readouterr().out


def test_a_known_mistake_that_goes_unnoticed_fails_the_comparison(
    ladders, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(trainings, "train_both", lambda *_, **__: {})
    rows = [*CAUGHT, dict(CAUGHT[0], name="gates reordered", caught=False)]
    monkeypatch.setattr(controls, "matrix", lambda *_, **__: rows)
    assert main([*QUICK[:-1], "--out", str(tmp_path)]) == 1
    line = "FAIL: 1 of 2 known mistakes is not noticed: gates reordered"
    assert read(tmp_path)["verdict"] == line
    assert "gates reordered" in capsys.readouterr().out


def test_a_check_that_did_not_run_leaves_it_unproved(ladders, tmp_path, monkeypatch, capsys):
    def prove(*_, dtype):
        ladder, names = passing(dtype=dtype), {"quantity": "loss", "dtype": dtype}
        ladder["checks"].append(checks.left_out(3, "raised KeyError: 'x'", needed=True, **names))
        return ladder

    monkeypatch.setattr(proof, "prove", prove)
    assert main([*QUICK, "--out", str(tmp_path), "--json"]) == 3
    found = json.loads(capsys.readouterr().out)
    assert (found["passed"], found["outcome"]) == (False, "not proved")
    assert found["counts"] == {"equal": 2, "different": 0, "not compared": 2}
    assert found["verdict"] == (
        "NOT PROVED: equal on 2 of 4 checks (claim: variables, loss; nothing was trained to its"
        " end); not compared: loss (float32, float64): raised KeyError: 'x'"
    )


def test_an_exception_elsewhere_is_an_internal_error(monkeypatch, capsys):
    monkeypatch.setattr(proof, "dtypes", lambda config: {}[config.model])
    assert main(QUICK) == 4
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("internal error: KeyError: 'dense' (tests/equivalence/test_compare.py:")


def test_an_interrupted_comparison_continues(ladders, tmp_path, monkeypatch):
    prove = proof.prove

    def interrupted(config, dataset, weights, *, dtype):
        if dtype == "float64":
            raise KeyboardInterrupt
        return prove(config, dataset, weights, dtype=dtype)

    with monkeypatch.context() as patch:
        patch.setattr(proof, "prove", interrupted)
        assert main([*QUICK, "--out", str(tmp_path)]) == 130
    assert ladders == ["float32"]
    assert not (tmp_path / "report.json").exists()
    assert main([*QUICK, "--seed", "1", "--out", str(tmp_path)]) == 0
    assert ladders == ["float32", "float32", "float64"]


def test_what_an_interrupted_comparison_has_finished_is_not_done_again(
    ladders, tmp_path, monkeypatch
):
    def interrupted(*arguments, **options):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(compare.summary, "report", interrupted)
        assert main([*QUICK, "--out", str(tmp_path)]) == 130
    assert main([*QUICK, "--out", str(tmp_path)]) == 0
    assert ladders == ["float32", "float64"]
    assert main([*QUICK, "--out", str(tmp_path)]) == 0  # a finished one starts again
    assert len(ladders) == 4


def test_an_interrupted_training_ends_the_comparison(tmp_path, monkeypatch, capsys):
    class Stopped:
        @staticmethod
        def train(*arguments, **options):
            return {"finished": False, "steps": 7}

    monkeypatch.setitem(trainings.SIDES, "legacy", Stopped)
    assert main([*QUICK[:-1], "--out", str(tmp_path / "out")]) == 2
    assert "step 7 of legacy" in capsys.readouterr().err


@pytest.mark.slow
def test_a_finished_training_is_not_repeated(tmp_path, monkeypatch):
    trained = []
    monkeypatch.setattr(proof, "prove", lambda *_, **__: passing())
    for side, module in trainings.SIDES.items():

        class Counting:
            @staticmethod
            def train(*arguments, side=side, module=module, **options):
                trained.append(side)
                if trained == ["legacy", "modern"]:
                    return {"finished": False, "steps": 7}
                return module.train(*arguments, **options)

        monkeypatch.setitem(trainings.SIDES, side, Counting)
    monkeypatch.setattr(controls, "matrix", lambda *_, **__: CAUGHT)
    command = [*QUICK[:-1], "--steps", "3", "--out", str(tmp_path)]
    assert [main(command), main(command)] == [2, 0]
    assert trained == ["legacy", "modern", "modern"]


def test_calibration_prints_what_the_tolerances_leave(ladders, tmp_path, monkeypatch, capsys):
    seeds = []

    def prove(config, dataset, weights, *, dtype):
        seeds.append(config.seed)
        return passing(dtype=dtype, quantity="loss", max_abs=config.seed * 1e-9, bound=1e-6)

    monkeypatch.setattr(proof, "prove", prove)
    assert main([*QUICK, "--calibrate", "--out", str(tmp_path)]) == 0
    assert sorted(set(seeds)) == [0, 1, 2, 3, 4]
    lines = capsys.readouterr().out.splitlines()
    row = next(line.split() for line in reversed(lines) if line.startswith("loss "))
    assert row == ["loss", "float64", "1e-12", "4.5e-16", "4e-09", "0.00025"]


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["window-rnn", "--window", "0"], "--window is 0"),
        (["window-rnn", "--steps", "-3"], "--steps is -3"),
        (["row-lstm", "--window", "4"], "no --window"),
        (["window-rnn", "--out", "/dev/null/x", "--data", "digits"], "cannot write"),
        (["dense", "--seeds", "1", "--data", "digits"], "--seeds is 1"),
        (["dense", "--seeds", "-2", "--data", "digits"], "--seeds is -2"),
        (["dense", "--jobs", "0", "--data", "digits"], "--jobs is 0"),
        (["no-such-model"], "no-such-model"),
        (["ascend"], "ascend"),
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
