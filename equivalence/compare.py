"""Both sides from the same weights on the same batches: the proof, then the two trainings."""

import dataclasses
import os
import time
from contextlib import nullcontext
from typing import NamedTuple

from equivalence import calibration, proof, report_entries, trainings
from equivalence import seeds as bands
from equivalence.controls import matrix as controls
from equivalence.parts_store import PartsStore
from legacy_tf1 import feedforward as legacy_feedforward
from modern_tf2 import feedforward as modern_feedforward
from shared.config import check_range
from tf1port.comparison.report import summary
from tf1port.comparison.report.files import show, writable


class Options(NamedTuple):
    """How much a comparison does.

    quick: whether no side is trained to its end and no wrong port is tried.
    seeds: trainings of each side for rung 9; 0 for none; None: as many as the model needs on
        MNIST, none on the digits and none where it is quick.
    jobs: processes in which those run.
    calibrate: whether to climb with more seeds and print what the tolerances leave.
    command: the command line that asks for it, for the report.
    json: whether to print the report as JSON, not as text.

    Raises:
        UserError: a number is out of its range.
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
            check_range("--seeds", self.seeds, 2, bands.MAX_SEEDS)
        check_range("--jobs", self.jobs, 1, bands.MAX_JOBS)


_ALL = Options()


def compare(config, dataset, out, *, options=_ALL):
    """Proves the two sides equal and writes what came of it into `out`.

    Writes the runs `out`/legacy and `out`/modern, unless it is quick, and the report. Parts that an
    interrupted comparison has finished are taken over.

    Args:
        config: the model's config, fitted to the dataset.
        dataset: shared.datasets.Dataset.
        out: folder to write.
        options: how much to do.

    Returns:
        The outcome, one of tf1port.comparison.ladder.outcome: a wrong port that is not noticed is a
        check
        that failed.

    Raises:
        UserError: `out` cannot be written, a training was interrupted, an option is out of range,
            or this machine cannot run the config.
    """
    began = time.perf_counter()
    options.check()
    for dtype in proof.dtypes(config):
        for side in (legacy_feedforward, modern_feedforward):
            side.check_layout(config, dtype=dtype)
    mode = "quick" if options.quick else "full"
    begin = summary.facts(
        config.model,
        dataset.name,
        mode=mode,
        command=options.command,
        seed=config.seed,
        config=dataclasses.asdict(config),
    )
    parts = _Parts(config, dataset, store=PartsStore(os.path.join(writable(out), "parts"), begin))
    trained = None if options.quick else parts.trainings(out)
    with parts.bands_begun(options):
        climbs = parts.climbs()
        tried = None if options.quick else parts.controls()
    measured = parts.bands(options)
    timings = _timings(climbs, trained)
    timings["total"] = time.perf_counter() - began
    found = summary.report(
        begin,
        report_entries.entries_of(config, climbs, trained, measured),
        climbs=climbs,
        trained=trained,
        bands=measured,
        controls=tried,
        timings=timings,
    )
    show(found, out, as_json=options.json)
    if options.calibrate:
        entries = [*found["rungs"], *parts.calibration()]
        print("\n".join(["", *calibration.lines(entries)]))
    parts.store.clear()
    return found["outcome"]


class _Parts:
    """The parts of a comparison: each from the store, or made and kept."""

    def __init__(self, config, dataset, *, store):
        self.config, self.dataset, self.store = config, dataset, store
        self.initial = proof.initial_weights(config)

    def trainings(self, out):
        return trainings.train_both(
            self.config, self.dataset, self.initial, out=out, store=self.store
        )

    def climbs(self):
        """What equivalence.proof.prove returns, by dtype."""
        return {dtype: self._climb(self.config, dtype) for dtype in proof.dtypes(self.config)}

    def calibration(self):
        """The entries of climbs with other seeds."""
        configs = [
            dataclasses.replace(self.config, seed=(self.config.seed + n) % 2**32)
            for n in range(1, calibration.CLIMBS + 1)
        ]
        dtypes = proof.dtypes(self.config)
        climbs = [self._climb(config, dtype) for config in configs for dtype in dtypes]
        return [entry for climb in climbs for entry in climb["rungs"]]

    def controls(self):
        return self.store.part("controls", lambda: controls.of_dataset(self.config, self.dataset))

    def bands_begun(self, options):
        """Trains for `bands` beside what is done within."""
        return self._of_bands(bands.begun, options) or nullcontext()

    def bands(self, options):
        return self._of_bands(bands.measure, options)

    def _of_bands(self, call, options):
        seeds = options.seeds
        if seeds is None:
            enough = self.dataset.name == "mnist" and not options.quick
            seeds = bands.SEEDS[self.config.model] if enough else 0
        if not seeds:
            return None
        return call(self.config, self.dataset, seeds=seeds, jobs=options.jobs, store=self.store)

    def _climb(self, config, dtype):
        def make():
            # Equal weights would hide a port that exchanges them.
            weights = proof.initial_weights(config)
            weights = proof.without_constants(weights, seed=config.seed)
            return proof.prove(config, self.dataset, weights, dtype=dtype)

        return self.store.part(f"ladder-{dtype}-seed-{config.seed}", make)


def _timings(climbs, trained):
    results = {side: run.result() for side, run in (trained or {}).items()}
    return {
        "seconds_per_step": {side: result["seconds_per_step"] for side, result in results.items()},
        "peak_memory_bytes": {side: r["peak_memory_bytes"] for side, r in results.items()},
        "rungs": summary.seconds_of_rungs(climbs),
    }
