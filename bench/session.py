"""The measurements of one model: all variants in turn, round by round."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import NamedTuple

from tqdm import tqdm

from bench import floor
from bench.variants import Variant
from bench.worker import START_LIMIT, Failed, Worker
from shared.config import Config

STARTUP, TRAIN, INPUTS = "start-up to first step", "training step", "input pipeline, per step"
EVALUATE, MEDIAN, SLOWEST = "test-set evaluation", "one image, p50", "one image, p99"
MEMORY = "peak memory"
QUANTITIES = (STARTUP, TRAIN, INPUTS, EVALUATE, MEDIAN, SLOWEST, MEMORY)

# A turn has the FLOPs of 500 steps of the window RNN at its default size, within limits.
TURN_FLOPS = 500 * 80e6
FEWEST, MOST, MULTIPLE = 20, 500, 20  # steps of a turn


class Effort(NamedTuple):
    """How much is measured."""

    starts: int = 3  # processes of each variant, one after the other
    rounds: int = 3  # turns in each of them, after one that does not count
    steps: int | None = None  # training steps of a turn; None: by the model's size
    calls: int = 200  # predictions of a turn at most
    limit: float = START_LIMIT  # s until a variant's first step
    only_training: bool = False  # nothing but start-up and training steps


class Row(NamedTuple):
    """What was measured of a variant: a value per round, or why there is none."""

    quantity: str
    variant: str
    unit: str  # "s" or "bytes"
    values: list[float]
    note: str | None = None


def turn_steps(config: Config, effort: Effort) -> int:
    """Training steps of a turn."""
    work = floor.flops(config) or TURN_FLOPS / MOST
    fitting = int(TURN_FLOPS / work) // MULTIPLE * MULTIPLE
    steps = effort.steps or min(max(fitting, FEWEST), MOST)
    return min(steps, config.steps_per_epoch, config.total_steps)


def measure(variants: list[Variant], *, data: tuple[str, str | None], effort: Effort) -> list[Row]:
    """The rows of all quantities, by quantity and then in the variants' order.

    Args:
        variants: those to measure; one that is missing or fails gets a row that says why.
        data: what shared.datasets.load is given, and --data-dir.
        effort: how much.
    """
    session = _Session(variants, data=data, effort=effort)
    for _ in tqdm(range(effort.starts), unit="start", disable=not sys.stderr.isatty()):
        session.run()
    return list(session.rows())


class _Session:
    def __init__(
        self, variants: list[Variant], *, data: tuple[str, str | None], effort: Effort
    ) -> None:
        self.variants, self.data, self.effort = variants, data, effort
        self.notes = {v.name: v.missing for v in variants if v.missing is not None}
        self.values: dict[tuple[str, str], list[float]] = {}  # by quantity and row's name
        self.workers: dict[str, Worker] = {}
        self.config = variants[0].config

    def run(self) -> None:
        """All rounds with new processes."""
        try:
            for variant in self.variants:
                self._start(variant)
            for number in range(self.effort.rounds + 1):
                self._round(counted=number > 0)
            for name in list(self.workers):
                self._ask(MEMORY, name, name, "memory")
        finally:
            for worker in self.workers.values():
                worker.close()
            self.workers = {}

    def rows(self) -> Iterator[Row]:
        """What was measured, and why the rest was not."""
        for quantity in QUANTITIES:
            unit = "bytes" if quantity == MEMORY else "s"
            for variant in self.variants:
                if variant.name in self.notes:
                    if quantity == TRAIN:
                        yield Row(quantity, variant.name, unit, [], self.notes[variant.name])
                    continue
                for (what, name), values in self.values.items():
                    if what == quantity and name.partition(":")[0] == variant.name:
                        yield Row(quantity, name, unit, values)

    def _start(self, variant: Variant) -> None:
        if variant.name in self.notes:
            return
        try:
            worker = Worker(variant, data=self.data, limit=self.effort.limit)
        except Failed as error:
            self.notes[variant.name] = f"failed: {error}"
            return
        self.workers[variant.name] = worker
        self._add(STARTUP, variant.name, worker.startup)

    def _round(self, *, counted: bool) -> None:
        """One turn of each variant for each quantity."""
        steps = turn_steps(self.config, self.effort)
        for name in list(self.workers):
            self._ask(TRAIN, name, name, "train", steps, counted=counted)
        if self.effort.only_training:
            return
        for name in list(self.workers):
            self._ask(INPUTS, name, name, "inputs", steps, counted=counted)
        for name in list(self.workers):
            self._ask(EVALUATE, name, name, "evaluate", counted=counted)
        for name, worker in list(self.workers.items()):
            for kind in worker.predictors:
                self._predict(name, kind, counted=counted)

    def _predict(self, name: str, kind: str, *, counted: bool) -> None:
        answer = self._ask(None, name, name, "predict", kind, self.effort.calls)
        if counted and answer is not None:
            for quantity, value in zip((MEDIAN, SLOWEST), answer, strict=True):  # type: ignore[call-overload]
                self._add(quantity, f"{name}: {kind}", value)

    def _ask(
        self, quantity: str | None, name: str, row: str, *task: object, counted: bool = True
    ) -> object:
        """A worker's answer, entered under a quantity; one that fails is measured no more."""
        if name not in self.workers:
            return None
        try:
            answer = self.workers[name].ask(*task)  # type: ignore[arg-type]
        except Failed as error:
            self.notes[name] = f"failed: {error}"
            del self.workers[name]
            return None
        if quantity is not None and counted and answer is not None:
            self._add(quantity, row, answer)
        return answer

    def _add(self, quantity: str, row: str, value: float) -> None:
        self.values.setdefault((quantity, row), []).append(value)
