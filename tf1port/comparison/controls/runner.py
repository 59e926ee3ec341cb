"""Runs the ladder with wrong sides, each up to the first check that fails."""

import tempfile
from contextlib import suppress

from tf1port.comparison.diagnosis.diagnose import diagnose
from tf1port.comparison.ladder import checks, ladder
from tf1port.comparison.ladder.findings import Findings
from tf1port.comparison.sides.protocol import NotOffered
from tf1port.comparison.sides.recorded import Recorded
from tf1port.numerics.precision import eagerly

FEW = 3  # batches where 200 are not needed: three legs of one step for a resumed training
MANY = 200
CHECKS = checks.NAMES[:8]  # the ninth is of trainings, not of a run
_STEPS, _RESUME, _EXPORTS = 6, 7, 8


class Bench:
    """Compares wrong sides with a legacy side whose results are computed once.

    Args:
        legacy: a function of a dtype to the legacy side before its first step.
        modern: a function of a dtype to the right modern side, to which controls add mistakes.
        batches: of a training, MANY or as many as there are.
        dtype: of all checks except the exports.
        later: whether a mistake counts as noticed by later checks than its own too.
        twin: the legacy side in the other dtype, and compare: see
            tf1port.comparison.ladder.ladder.run.
    """

    def __init__(
        self, legacy, modern, batches, *, dtype="float64", later=False, twin=None, **options
    ):
        self.legacy, self.modern, self.batches = legacy, modern, batches
        self.dtype, self.later, self.options = dtype, later, options
        self.twin = None if twin is None else Recorded(twin)
        self._recorded = {}
        self.laboratory = legacy(dtype)

    def row(self, control):
        """The result of the ladder for a control: tf1port.comparison.ladder.entries.Control."""
        results, failed, wrong, seen = self.run(control.check, control.make)
        not_run = why_not_run(control, results, seen)
        causes = []
        if failed is not None and failed.dtype == self.dtype:
            with suppress(NotOffered):  # a diagnosis asks for more than the check that failed
                causes = diagnose(
                    self.laboratory,
                    self._again(control, wrong),
                    self._batches(control.check),
                    dtype=failed.dtype,
                    failed=failed,
                )
        best = causes[0] if causes else {"cause": None, "pitfalls": []}
        return {
            **_described(control),
            "results": results,
            "caught": not not_run
            and failed is not None
            and self._is_due(checks.number(failed.quantity), control),
            "not_run": not_run,
            "diagnosis": best["cause"],
            "pitfalls": best["pitfalls"],
        }

    def untried(self, control, why):
        """The row of a control whose own check was not compared with the right side either."""
        results = dict.fromkeys(CHECKS, "not reached")
        row = {**_described(control), "results": results, "caught": False, "not_run": why}
        return {**row, "diagnosis": None, "pitfalls": []}

    def run(self, number, make):
        """Up to the first check that fails.

        Args:
            number: of the check that has to fail.
            make: a function from the right modern side to one with the mistake.

        Returns:
            The results by check, the Check that failed or None, the wrong side, and Findings.
        """
        seen = Findings()
        dtype = "float32" if number == _EXPORTS else self.dtype
        batches = self._batches(number)
        legacy = self._of_legacy(dtype, len(batches))
        wrong = Recorded(self._wrong(number, make, dtype))
        options = {**self.options, "twin": self.twin and self.twin.replay()}
        results = dict.fromkeys(CHECKS, "not reached")
        with tempfile.TemporaryDirectory() as folder:
            options["exports"] = folder if number == _EXPORTS else None
            options["seen"] = seen
            for check in ladder.run(legacy, wrong, batches, dtype=dtype, **options):
                name = checks.name(checks.number(check.quantity))
                results[name] = "passes" if check.passed else "fails"
                if not check.passed:
                    return results, check, wrong, seen
        return results, None, wrong, seen

    def _is_due(self, number, control):
        return number == control.check or (self.later and number > control.check)

    def _batches(self, number):
        return self.batches[: MANY if number == _STEPS else FEW]

    def _wrong(self, number, make, dtype):
        side = make(self.modern(dtype))
        if number != _STEPS:
            side.train_steps = _eager(side.train_steps)
        return side

    def _again(self, control, wrong):
        """The wrong side before its first step; a resume needs a new one, not a replay."""
        if control.check == _RESUME:
            return self._wrong(control.check, control.make, self.dtype)
        return wrong.replay()

    def _of_legacy(self, dtype, count):
        key = dtype, count
        if key not in self._recorded:
            self._recorded[key] = Recorded(self.legacy(dtype))
        return self._recorded[key].replay()


def _described(control):
    """The fields of a row that describe the control itself."""
    return {
        "id": control.pitfall.id,
        "name": control.name,
        "description": control.description,
        "check": checks.name(control.check),
    }


def why_not_run(control, results, seen):
    """Why the check that must fail for a control was not compared; None where it was.

    Args:
        results, seen: as Bench.run returns them.
    """
    if results[checks.name(control.check)] != "not reached":
        return None
    left_out = [entry for entry in seen.left_out if checks.number(entry.quantity) == control.check]
    return "; ".join(dict.fromkeys(entry.why for entry in left_out)) or None


def _eager(train_steps):
    def train_eagerly(batches):
        with eagerly():
            return train_steps(batches)

    return train_eagerly
