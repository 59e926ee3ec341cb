"""Both sides from the same weights on the same batches: the proof, then the two trainings."""

import dataclasses
import os
import time
from typing import NamedTuple

from equivalence import calibration, proof, seeds, trainings
from equivalence.result_store import ResultStore
from equivalence.results import Results
from legacy_tf1 import feedforward as legacy_feedforward
from modern_tf2 import feedforward as modern_feedforward
from shared.config import check_range
from tf1port.comparison.report import summary
from tf1port.comparison.report.files import show, writable
from tf1port.comparison.report.form import Timings


class Options(NamedTuple):
    """The extent of a comparison.

    quick: whether no side is trained to its end and no known mistake is tried.
    seeds: trainings of each side for check 9; 0 for none; None: as many as the model needs on
        MNIST, none on the digits and none where it is quick.
    jobs: processes in which those run.
    calibrate: whether to run the ladder with more seeds and print what the tolerances leave.
    command: the command line, for the report.
    json: whether to print the report as JSON, not as text.
    """

    quick: bool = False
    seeds: int | None = None
    jobs: int = 2
    calibrate: bool = False
    command: str = ""
    json: bool = False

    def check(self):
        """Raises UserError where a number is out of its range."""
        if self.seeds is not None and self.seeds != 0:
            check_range("--seeds", self.seeds, 2, seeds.MAX_SEEDS)
        check_range("--jobs", self.jobs, 1, seeds.MAX_JOBS)


_ALL = Options()


def compare(config, dataset, out, *, options=_ALL):
    """Proves the two sides equal and writes the report into `out`.

    Writes the runs `out`/legacy and `out`/modern, unless it is quick, and the report. Results that
    an interrupted comparison has finished are used again.

    Args:
        config: the model's config, fitted to the dataset.
        dataset: shared.datasets.Dataset.
        out: folder to write.
        options: how much to do.

    Returns:
        The outcome, one of tf1port.numerics.outcome: a known mistake that is not noticed is a check
        that failed.

    Raises:
        UserError: `out` cannot be written, a training was interrupted, an option is out of range,
            or this machine cannot run the config.
    """
    began = time.perf_counter()
    options.check()
    _check_layouts(config)
    facts = _facts(config, dataset, options)
    store = ResultStore(os.path.join(writable(out), "parts"), facts)
    computation = Results(config, dataset, options, store=store)
    results = computation.all(out)
    timings = _timings(results, total=time.perf_counter() - began)
    report = summary.report(facts, _entries(config, results), timings=timings, **results)
    show(report, out, as_json=options.json)
    if options.calibrate:
        entries = [*report["checks"], *computation.calibration()]
        print("\n".join(["", *calibration.lines(entries)]))
    store.clear()
    return report["outcome"]


def _check_layouts(config):
    """Raises UserError where this machine cannot run the config on both sides in every dtype."""
    for dtype in proof.dtypes(config):
        for side in (legacy_feedforward, modern_feedforward):
            side.check_layout(config, dtype=dtype)


def _facts(config, dataset, options):
    return summary.facts(
        config.model,
        dataset.name,
        mode="quick" if options.quick else "full",
        command=options.command,
        seed=config.seed,
        config=dataclasses.asdict(config),
    )


def _entries(config, results):
    """The report's entries of all checks."""
    entries = [entry for ladder in results["ladders"].values() for entry in ladder["checks"]]
    entries += proof.left_out(config)
    entries += trainings.entries(results["trained"]) if results["trained"] else []
    return entries + seeds.entries(results["bands"], config)


def _timings(results, *, total) -> Timings:
    runs = {side: run.result() for side, run in (results["trained"] or {}).items()}
    return {
        "seconds_per_step": {side: run["seconds_per_step"] for side, run in runs.items()},
        "peak_memory_bytes": {side: run["peak_memory_bytes"] for side, run in runs.items()},
        "checks": summary.seconds_of_checks(results["ladders"]),
        "total": total,
    }
