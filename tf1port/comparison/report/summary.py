"""Builds the report of a comparison, the content of report.json."""

import os
import platform
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from tf1port import versions
from tf1port.comparison.ladder import breaks, checks, outcome
from tf1port.comparison.ladder.entries import Break, Control, Entry, Heat, LadderRun, Number
from tf1port.comparison.report.form import Bands, Curve, Facts, LossRow, Report, Tested, Timings
from tf1port.numerics import outcome as outcome_
from tf1port.numerics import tolerances

POINTS = 400  # of a curve, at most
SMOOTH = 100  # steps of which a point of a curve is the mean, at most


def facts(
    model: str, dataset: str, *, mode: str, command: str, seed: int, config: dict[str, Any]
) -> Facts:
    """The beginning of the report: what was compared, by which command and where."""
    return {
        "model": model,
        "dataset": dataset,
        "mode": mode,
        "command": command,
        "seed": seed,
        "config": config,
        "versions": versions.installed("tensorflow", "keras", "tf_keras"),
        "machine": {
            "system": platform.system(),
            "processor": platform.processor() or platform.machine(),
            "cores": os.cpu_count(),
        },
    }


def report(
    begin: Facts,
    entries: Sequence[Entry],
    *,
    ladders: Mapping[str, LadderRun],
    timings: Timings,
    trained: Mapping[str, Any] | None = None,
    bands: Bands | None = None,
    controls: list[Control] | None = None,
) -> Report:
    """All of the report.

    Args:
        begin: the result of `facts`.
        entries: of all checks, in any order.
        ladders: what equivalence.proof.prove returned, by dtype.
        trained: Runs by side, or None where nothing was trained to its end.
        bands, controls, timings: as in the report; None where they were left out.
    """
    entries = sorted(entries, key=lambda entry: entry["number"])
    first_break = _break(entries, ladders)
    result = outcome.outcome(entries, controls)
    losses = [run.steps()[0] for run in trained.values()] if trained else []
    return {
        **begin,
        "passed": result == outcome_.EQUAL,
        "outcome": result,
        "verdict": outcome.verdict(entries, first_break, controls=controls, mode=begin["mode"]),
        "claim": outcome.claim(entries, begin["mode"]),
        "counts": outcome.counts(entries),
        "breaks": first_break,
        "checks": entries,
        "curves": {side: _curve(run) for side, run in (trained or {}).items()},
        "loss_gap": _loss_gaps(ladders, losses),
        "heat": {dtype: c["heat"] for dtype, c in ladders.items() if _has_time(c["heat"])},
        "gradients": {dtype: run["gradients"] for dtype, run in ladders.items()},
        "losses": loss_table(*losses) if trained else [],
        "bands": bands,
        "controls": controls,
        "timings": timings,
    }


def seconds_of_checks(ladders: Mapping[str, LadderRun]) -> dict[str, float]:
    """The time of each check that was compared, in seconds by its name."""
    totals = dict.fromkeys(checks.NAMES, 0.0)
    for run in ladders.values():
        for name, value in run["seconds"].items():
            totals[name] += value
    return {name: value for name, value in totals.items() if value}


def _break(entries: Sequence[Entry], ladders: Mapping[str, LadderRun]) -> Break | None:
    """The first entry that fails, with the diagnosis of its run; None where none fails."""
    failed = [entry for entry in entries if entry["applies"] and not entry["passed"]]
    if not failed:
        return None
    failed.sort(key=lambda entry: entry["quantity"] != tolerances.plain(entry["quantity"]))
    diagnosed = [run["breaks"] for run in ladders.values() if run["breaks"]]
    plain = breaks.described(failed[0])
    same = (known for known in diagnosed if _quantity(known) == _quantity(plain))
    return next(same, plain)


def _quantity(first_break: Break) -> tuple[str, str, str]:
    return first_break["quantity"], first_break["dtype"], first_break["place"]


def _curve(run: Any) -> Curve:
    """Running means of a training, at most POINTS of them, and its tests."""
    losses, accuracies = run.steps()
    width = max(1, min(SMOOTH, len(losses) // 4))
    every = -(-(len(losses) - width + 1) // POINTS)
    means = [
        np.convolve(series.astype(np.float64), np.ones(width) / width, mode="valid")[::every]
        for series in (losses, accuracies)
    ]
    return {
        "step": list(range(width, len(losses) + 1, every)),
        "loss": means[0].tolist(),
        "accuracy": means[1].tolist(),
        "test": [
            Tested(**{key: test[key] for key in Tested.__annotations__})  # type: ignore[typeddict-item]
            for test in run.result()["test"]
        ],
    }


def _loss_gaps(ladders: Mapping[str, LadderRun], losses: Sequence[Any]) -> dict[str, list[Number]]:
    """|Δloss| per step, by dtype; in float32 of the complete trainings where there are any."""
    gaps = {}
    for dtype, run in ladders.items():
        for side, name in (("modern", dtype), ("exact", f"{dtype}, TF1's powers")):
            if side in run["losses"]:
                gaps[name] = _gap(run["losses"]["legacy"], run["losses"][side])
    if losses:
        gaps["float32"] = _gap(*losses)
    return gaps


def _gap(first: ArrayLike, second: ArrayLike) -> list[Number]:
    return np.abs(np.asarray(first, np.float64) - np.asarray(second, np.float64)).tolist()


def _has_time(heat: Heat) -> bool:
    return any(len(row) > 1 for row in heat["max_abs"])


# The steps at which the table has the difference of the losses of single steps.
HORIZONS = (1, 10, 50, 100, 200, 500, 1000, 2000, 5000)


def loss_table(legacy: Sequence[float], modern: Sequence[float]) -> list[LossRow]:
    """How far single steps' losses differ: rows of the largest and the mean difference so far."""
    steps = [n for n in HORIZONS if n < len(legacy)] + [len(legacy)]
    gap = np.abs(np.asarray(legacy, np.float64) - np.asarray(modern, np.float64))
    return [
        {
            "steps": n,
            "legacy": float(legacy[n - 1]),
            "modern": float(modern[n - 1]),
            "max_abs": float(gap[:n].max()),
            "mean_abs": float(gap[:n].mean()),
        }
        for n in steps
    ]
