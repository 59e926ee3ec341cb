"""Negative controls: wrong ports, each of which the ladder has to notice at the rung named for it.

A harness that cannot fail proves nothing. A control that no rung notices, or another one than its
own, is a fault of the ladder.
"""

import dataclasses
import tempfile

import tensorflow as tf2

from porting import ladder
from porting.comparison import proof, rungs
from porting.comparison.progress import progress as progress_bar
from porting.controls import of_models, of_training
from porting.controls.recorded import Recorded
from porting.diagnosis import diagnose
from porting.sides import LegacySide

FEW = 3  # batches where 200 are not needed: three legs of a step for a resumed training
MANY = 200
RUNGS = rungs.NAMES[:8]  # the ninth is of trainings, not of a climb
_STEPS, _RESUME, _EXPORTS = 6, 7, 8
CONTROLS = (*of_models.CONTROLS, *of_training.CONTROLS)


def of(config):
    """The controls that apply to a model, and whose mistake shows in what this config trains."""
    return [
        control
        for control in CONTROLS
        if config.model in control.models
        and (config.window > 1 or not control.over_steps)
        and (config.batch_size > 1 or not control.over_examples)
    ]


def matrix(config, weights, batches, *, progress=None):
    """Climbs the ladder with every control that applies to the model, up to the first rung to fail.

    Args:
        config: the model's config; wrong ports are float64, and so never of a fused kernel.
        weights: named weights to start from; equal values are moved apart first.
        batches: the first 200 batches of a training.
        progress: called with each row once it is there.

    Returns:
        A row per control: "name", "what", the "rung" that must notice it, "found" ("passes",
        "fails" or "not reached" by rung), "caught" (at its rung, and at none before) and
        "diagnosis", the cause found best or None.
    """
    if "float64" not in proof.dtypes(config):
        config = dataclasses.replace(config, kernel="auto")
    bench = _Bench(config, proof.without_constants(weights, seed=0), batches)
    rows = []
    for control in of(config):
        rows.append(bench.row(control))
        if progress is not None:
            progress(rows[-1])
    return rows


def of_dataset(config, dataset):
    """The matrix for the weights and batches that a training starts with."""
    batches = proof.first_batches(config, dataset, MANY)
    with progress_bar(None, "wrong ports", unit="", total=len(of(config))) as bar:
        weights = proof.initial_weights(config)
        return matrix(config, weights, batches, progress=lambda row: bar.update())


def passed(rows):
    """Whether every control was noticed where it must be."""
    return all(row["caught"] for row in rows)


def lines(rows):
    """The matrix as text: controls by rungs."""
    marks = {"passes": "passes", "fails": "FAILS", "not reached": "-"}
    table = [["wrong port", *RUNGS, "diagnosis"]]
    for row in rows:
        missed = "" if row["caught"] else f"  not noticed at {row['rung']}"
        cells = [marks[row["found"][name]] for name in RUNGS]
        table.append([row["name"], *cells, (row["diagnosis"] or "-") + missed])
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    text = ["  ".join(map(str.ljust, cells, widths)).rstrip() for cells in table]
    count = sum(row["caught"] for row in rows)
    return [*text, f"{count} of {len(rows)} wrong ports are noticed at the rung named for them"]


class _Bench:
    """What the controls of one model share: the legacy side, which answers each question once."""

    def __init__(self, config, weights, batches):
        self.config, self.batches = config, batches
        # Changes in float32 would round what float64 is to show.
        self.weights = {name: value.astype("float64") for name, value in weights.items()}
        self._recorded = {}
        self.laboratory = LegacySide(config, self.weights, dtype="float64")

    def row(self, control):
        found, failed, wrong = self._climb(control)
        causes = []
        if failed is not None and failed.dtype == "float64":
            causes = diagnose(
                self.laboratory,
                self._again(control, wrong),
                self._batches(control),
                dtype=failed.dtype,
                failed=failed,
            )
        return {
            "name": control.name,
            "what": control.what,
            "rung": rungs.name(control.rung),
            "found": found,
            "caught": failed is not None and rungs.number(failed.quantity) == control.rung,
            "diagnosis": causes[0]["cause"] if causes else None,
        }

    def _climb(self, control):
        """What was found by rung, the first rung that failed or None, and the wrong side."""
        dtype = "float32" if control.rung == _EXPORTS else "float64"
        batches = self._batches(control)
        legacy = self._legacy(dtype, len(batches))
        wrong = Recorded(self._wrong(control, dtype))
        found = dict.fromkeys(RUNGS, "not reached")
        with tempfile.TemporaryDirectory() as folder:
            exports = folder if control.rung == _EXPORTS else None
            for rung in ladder.climb(legacy, wrong, batches, dtype=dtype, exports=exports):
                name = rungs.name(rungs.number(rung.quantity))
                found[name] = "passes" if rung.passed else "fails"
                if not rung.passed:
                    return found, rung, wrong
        return found, None, wrong

    def _batches(self, control):
        return self.batches[: MANY if control.rung == _STEPS else FEW]

    def _wrong(self, control, dtype):
        # With Keras' powers of beta no resume of float64 agrees (D8).
        exact = self.config.optimizer == "adam" and dtype == "float64"
        powers = "tf1" if exact else "keras"
        side = control.make(self.config, self.weights, dtype=dtype, powers=powers)
        if control.rung != _STEPS:
            side.train_steps = _eager(side.train_steps)
        return side

    def _again(self, control, wrong):
        """The wrong side before its first step: what it answered once a resume asks anew."""
        if control.rung == _RESUME:
            return self._wrong(control, "float64")
        return wrong.replay()

    def _legacy(self, dtype, count):
        key = dtype, count
        if key not in self._recorded:
            self._recorded[key] = Recorded(LegacySide(self.config, self.weights, dtype=dtype))
        return self._recorded[key].replay()


def _eager(train_steps):
    """Without tracing: a few steps of training are sooner done than their graph is built."""

    def train_eagerly(batches):
        tf2.config.run_functions_eagerly(True)
        try:
            return train_steps(batches)
        finally:
            tf2.config.run_functions_eagerly(False)

    return train_eagerly
