"""A verdict claims what was compared, and no more; an exception is the outcome of one check."""

import re

import numpy as np
import pytest

from tests.tf1port import graphs
from tests.tf1port.forms import fits
from tf1port.__main__ import main
from tf1port.comparison import running
from tf1port.comparison.controls import matrix
from tf1port.comparison.controls.control import Control
from tf1port.comparison.controls.runner import Bench
from tf1port.comparison.ladder import checks, ladder, outcome
from tf1port.comparison.ladder.findings import Findings
from tf1port.comparison.port import port as ports
from tf1port.comparison.report.form import Report
from tf1port.comparison.sides.protocol import NotApplicable, NotOffered, Side, State
from tf1port.comparison.sides.traits import Traits
from tf1port.conversion import plan as conversion
from tf1port.errors import UserError
from tf1port.keras_model.build import build
from tf1port.numerics import comparison
from tf1port.pitfalls import catalogue

BATCHES = [({"x": np.full((4, 3), step + 1.0, "float32")}, np.zeros(4)) for step in range(3)]


class Small(Side):
    """One weight that a step moves by 0.125; no optimizer slots and no export."""

    config = Traits()

    def __init__(self, dtype):
        self.dtype = dtype
        self.held = {"kernel": np.ones((3, 2), dtype)}

    def weights(self):
        return self.held

    def forward(self, inputs):
        return {"logits": inputs["x"].astype(self.dtype) @ self.held["kernel"]}

    def gradients(self, inputs, labels):
        return self.held["kernel"].sum(), {"kernel": np.ones_like(self.held["kernel"])}

    def accuracy(self, inputs, labels):
        raise NotApplicable("it has no classes")

    def train_steps(self, batches):
        losses = []
        for _ in batches:
            losses.append(self.held["kernel"].sum())
            self.held = {name: value - 0.125 for name, value in self.held.items()}
        return np.array(losses)

    def slots(self):
        return {}

    def state(self):
        return State(self.held, {}, 0)

    def restore(self, state):
        self.held = state.weights


class Exported(Small):
    """Its export is not tried, for the time that takes."""

    def export(self, folder):
        raise NotApplicable("nothing is exported here")


def port(legacy=Exported, modern=Exported, **more):
    return ports.Port(legacy, modern, **{"batches": BATCHES[:1] * 200, **more})


def test_equal_is_what_was_compared_in_all_that_is_needed():
    found = ports.prove(port())
    assert fits(found, Report)
    count = found["counts"]["equal"]
    assert found["counts"] == {"equal": count, "different": 0, "not compared": 0}
    claim = "outputs and training: checks 1 to 7"
    assert found["claim"] == claim
    assert found["verdict"] == f"PASS: equal on {count} of {count} checks (claim: {claim})"
    assert (found["outcome"], found["passed"]) == ("equal", True)


class WithoutLoss(Exported):
    def gradients(self, inputs, labels):
        raise NotOffered("no loss is found: name it in [graph]")

    def train_steps(self, batches):
        raise NotOffered("no loss is found: name it in [graph]")


def test_what_is_needed_and_not_compared_is_named_with_its_reason():
    found = ports.prove(port(WithoutLoss, WithoutLoss))
    assert (found["outcome"], found["passed"]) == ("not proved", False)
    assert found["verdict"] == (
        "NOT PROVED: equal on 4 of 16 checks (claim: outputs and training: checks 1 to 7); "
        "not compared: "
        "loss, gradients, stepped weights, losses of 50 SGD steps, resumed losses, resumed weights"
        " (float32): no loss is found: name it in [graph]; "
        "loss, gradients, stepped weights, losses of 200 SGD steps, resumed losses, resumed "
        "weights (float64): no loss is found: name it in [graph]"
    )


class Raising(Exported):
    def gradients(self, inputs, labels):
        raise KeyError("x")


def test_an_exception_is_the_outcome_of_its_check_and_the_others_go_on():
    found = ports.prove(port(modern=Raising))
    assert found["outcome"] == "not proved"
    missing = [entry for entry in found["checks"] if entry.get("needed")]
    assert {(entry["quantity"], entry["why"]) for entry in missing} >= {
        ("loss", "raised KeyError: 'x'"),
        ("gradients", "raised KeyError: 'x'"),
    }
    assert {entry["number"] for entry in found["checks"] if entry["applies"]} == {1, 2, 5, 6, 7}


def test_a_difference_counts_whatever_else_did_not_run():
    class Different(Raising):
        def forward(self, inputs):
            return {"logits": super().forward(inputs)["logits"] + 1}

    found = ports.prove(port(modern=Different))
    assert fits(found, Report)
    assert (found["outcome"], found["counts"]["different"]) == ("different", 2)
    assert found["verdict"].startswith("FAIL: logits differ at logits[0, 0] (float32): 1 > ")


def test_a_refusal_is_the_outcome_of_its_check():
    class Refusing(Exported):
        def gradients(self, inputs, labels):
            raise UserError("the graph does not run here")

    found = ports.prove(port(modern=Refusing))
    left_out = [entry for entry in found["checks"] if not entry["applies"]]
    whys = {entry["quantity"]: entry["why"] for entry in left_out if "quantity" in entry}
    assert whys["gradients"] == "the graph does not run here"
    assert {"weights", "logits"} <= {e["quantity"] for e in found["checks"] if e["applies"]}


def test_a_side_that_cannot_be_made_in_one_dtype_leaves_the_other():
    class Single(Exported):
        def __init__(self, dtype):
            if dtype == "float64":
                raise TypeError("no kernel of float64")
            super().__init__(dtype)

    found = ports.prove(port(modern=Single))
    whys = {e["why"] for e in found["checks"] if not e["applies"] and e.get("dtype") == "float64"}
    assert whys == {"raised TypeError: no kernel of float64"}
    assert {e["dtype"] for e in found["checks"] if e["applies"]} == {"float32"}
    assert found["outcome"] == "not proved"


def test_a_search_for_the_cause_that_raises_leaves_the_difference(monkeypatch):
    class Different(Exported):
        def forward(self, inputs):
            return {"logits": super().forward(inputs)["logits"] + 1}

    def broken(*arguments, **options):
        raise IndexError("of nothing")

    monkeypatch.setattr(running.diagnosis, "diagnose", broken)
    verdict = ports.prove(port(modern=Different))["verdict"]
    assert verdict.endswith("cause: unknown (the search raised IndexError: of nothing)")


def test_too_few_steps_are_not_the_losses_of_200():
    found = ports.prove(port(batches=BATCHES))
    assert found["outcome"] == "not proved"
    assert "losses of 50 SGD steps (float32): 3 steps are too few: give 50" in found["verdict"]
    assert "losses of 200 SGD steps (float64): 3 steps are too few: give 200" in found["verdict"]


def test_each_horizon_that_is_not_reached_is_named():
    class Adam(Exported):
        config = Traits(optimizer="adam")

    seen = Findings()
    sides = [Adam("float32"), Adam("float32")]
    list(ladder.run(*sides, BATCHES[:1] * 60, dtype="float32", seen=seen))
    assert ("losses of 200 steps", "60 steps are too few: give 200", True) in seen.left_out
    assert "losses of 50 steps" in seen.compared


def test_what_applies_to_one_side_alone_is_needed():
    class Classes(Exported):
        def accuracy(self, inputs, labels):
            return np.float64(0.5)

    found = ports.prove(port(modern=Classes))
    assert "accuracy (float32, float64): of one side alone: it has no classes" in found["verdict"]


def test_only_makes_the_claim_smaller():
    found = ports.prove(port(modern=Raising, only=("variables", "outputs")))
    assert found["verdict"] == "PASS: equal on 4 of 4 checks (claim: variables, outputs)"
    found = ports.prove(port(modern=Raising, only=("variables", "float64")))
    assert found["verdict"] == "PASS: equal on 1 of 1 checks (claim: variables in float64)"
    found = ports.prove(port(only=("bands",)))
    assert (found["outcome"], found["counts"]["equal"]) == ("not proved", 0)
    found = ports.prove(port(only=("exports", "float64")))  # exports are of float32
    words = "NOT PROVED: equal on 0 of 0 checks; not compared: nothing was there to compare"
    assert found["verdict"] == words
    with pytest.raises(UserError, match="--only names 'weights': give some of variables, outputs"):
        ports.prove(port(only=("weights",)))
    assert checks.selected(["one-step", " resume"]) == ("one step", "resume")


@pytest.mark.parametrize(
    ("missing", "outcome"),
    [
        (NotOffered("no kernel of float64"), "not proved"),
        (NotApplicable("the checkpoint is of float32"), "equal"),
        (None, "equal"),
    ],
)
def test_a_dtype_that_is_missing(missing, outcome):
    missing = {"float64": missing} if missing else {}
    found = ports.prove(port(dtypes=("float32",), missing=missing))
    assert found["outcome"] == outcome
    if missing and outcome == "not proved":
        assert "exports" not in found["verdict"]
        assert "losses of N steps, resume (float64): no kernel of float64" in found["verdict"]
        named = ports.prove(port(dtypes=("float32",), missing=missing, only=("float32",)))
        assert named["verdict"].endswith(
            "checks (claim: outputs and training: checks 1 to 7 in float32)"
        )


@pytest.mark.parametrize(("modern", "code"), [(Exported, 0), (WithoutLoss, 3), (Raising, 3)])
def test_exit_codes_of_a_port(modern, code, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(ports, "load", lambda *_, only, **__: port(modern=modern, only=only))
    words = ["compare", "--legacy", "a", "--modern", "b", "--map", "c", "--out", str(tmp_path)]
    assert main(words) == code
    told = capsys.readouterr().out
    assert ("\nPASS: " if code == 0 else "\nNOT PROVED: ") in told
    assert ("check 3, loss: not compared, " in told) == (code == 3)
    assert ", seed 0\n" in told
    assert "check 9, bands: left out, no accuracies" in told
    assert main([*words, "--only", "variables,outputs", "--json"]) == 0


MAP = """
[layers]
lstm = "rnn/basic_lstm_cell"
logits = { kernel = "logits/kernel", bias = "logits/bias" }
[inputs]
inputs = "Placeholder"
"""


@pytest.mark.slow
def test_a_checkpoint_for_inference_proves_what_it_has_by_name_alone(tmp_path, capsys):
    saved = graphs.save(graphs.Case("BasicLSTMCell", optimizer=""), tmp_path)
    build(conversion.read(saved.prefix).blueprint).save(tmp_path / "model.keras")
    (tmp_path / "map.toml").write_text(MAP)
    words = ["compare", "--legacy", saved.prefix, "--modern", str(tmp_path / "model.keras")]
    words += ["--map", str(tmp_path / "map.toml"), "--steps", "3", "--out", str(tmp_path / "out")]
    assert main(words) == 3
    told = capsys.readouterr().out
    assert "\nNOT PROVED: equal on " in told
    assert re.search(r"; not compared: loss\b.*: give \[graph\] loss = ", told)
    assert main([*words, "--only", "variables,outputs,exports"]) == 0
    verdict = r"PASS: equal on (\d+) of \1 checks \(claim: variables, outputs, exports\)\n"
    assert re.search(verdict, capsys.readouterr().out)


def test_the_check_that_must_fail_for_a_mistake_has_to_run():
    class Wrong(Raising):
        def train_steps(self, batches):
            losses = super().train_steps(batches)
            self.held = {"kernel": self.held["kernel"] + 1}
            return losses

    mistake = Control(catalogue.SUMMED, lambda side: Wrong(side.dtype), 3)
    bench = Bench(Exported, Exported, BATCHES, later=True)
    row = bench.row(mistake)
    assert (row["caught"], row["not_run"]) == (False, "raised KeyError: 'x'")
    assert matrix.exit_code([row]) == 3
    assert matrix.lines([row])[1].endswith("not tried: loss was not compared: raised KeyError: 'x'")
    assert outcome.outcome([checks.compared(_passing())], [row]) == "not proved"


def _passing():
    return comparison.check("weights", {"a": np.ones(1)}, {"a": np.ones(1)}, dtype="float64")
