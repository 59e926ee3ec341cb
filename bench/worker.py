"""A variant in a process of its own, which does what it is asked to and says how long it took.

So no framework's threads, memory or imports are in another's way.
"""

from __future__ import annotations

import importlib
import multiprocessing
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

import numpy as np

from bench.runners import Runner, initial_weights
from bench.variants import Variant
from shared import datasets, parent, startup, versions
from shared.errors import line

START_LIMIT = 300.0  # s until the first step is done
TURN_LIMIT = 600.0  # s
PAUSE = 0.05  # s before a turn: threads of the last one may still spin, waiting for work
PATIENCE = 0.5  # s of one-image predictions per turn, or as many calls as were asked for


class Failed(Exception):
    """A variant that cannot be measured, and why."""


class Worker:
    """The parent's end.

    Attributes:
        startup: s from the start of the process to the end of its first training step.
        predictors: the names of its ways to predict.
    """

    def __init__(
        self, variant: Variant, *, data: tuple[str, str | None], limit: float = START_LIMIT
    ):
        context = multiprocessing.get_context("spawn")
        self._connection, other = context.Pipe()
        arguments = (other, variant.runner, variant.config, data)
        self._process = context.Process(target=_work, args=arguments, daemon=True)
        start = time.perf_counter()
        self._process.start()
        other.close()
        self.predictors: list[str] = self._answer(limit)
        self.startup = time.perf_counter() - start

    def ask(self, task: str, *arguments: Any) -> Any:
        """What a function of TASKS returns. Raises Failed where it fails or the process ends."""
        time.sleep(PAUSE)
        self._connection.send((task, arguments))
        return self._answer(TURN_LIMIT)

    def close(self) -> None:
        """Ends the process."""
        self._connection.close()
        self._process.join(10)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()

    def _answer(self, limit: float) -> Any:
        try:
            if not self._connection.poll(limit):
                raise Failed(f"no answer in {limit:g} s")
            answer, error = self._connection.recv()
            if error is not None:
                raise Failed(error)
        except EOFError:
            self.close()
            raise Failed(f"its process ended with code {self._process.exitcode}") from None
        except Failed:
            self._process.kill()
            self.close()
            raise
        return answer


def _work(connection: Connection, runner: str, config: Any, data: tuple[str, str | None]) -> None:
    """The process: builds the runner, takes one step, then answers until nobody asks."""
    parent.end_with_parent()
    try:
        dataset = datasets.load(data[0], data_dir=data[1])
        with startup.quiet(), startup.without(*startup.OPTIONAL_OF_KERAS):
            module = importlib.import_module(f"bench.runners.{runner}")
            made = module.build(config, dataset, initial_weights(config))
            made.train(1)
        connection.send((list(made.predictors), None))
        while True:
            task, arguments = connection.recv()
            connection.send((TASKS[task](made, *arguments), None))
    except (EOFError, BrokenPipeError, KeyboardInterrupt):
        pass
    except Exception as error:  # of any framework: its row says so
        connection.send((None, line(f"{type(error).__name__}: {error}")[:300]))


def _seconds(function: Callable[[], Any]) -> float:
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def _train(runner: Runner, count: int) -> float:
    return _seconds(lambda: runner.train(count)) / count


def _inputs(runner: Runner, count: int) -> float:
    return _seconds(lambda: runner.inputs(count)) / count


def _evaluate(runner: Runner) -> float:
    return _seconds(runner.evaluate)


def _predict(runner: Runner, name: str, calls: int) -> tuple[float, float]:
    """Median and 99th percentile of single calls."""
    predict, seconds = runner.predictors[name], list[float]()
    while len(seconds) < calls and (len(seconds) < 10 or sum(seconds) < PATIENCE):
        seconds.append(_seconds(predict))
    return float(np.median(seconds)), float(np.percentile(seconds, 99))


def _memory(runner: Runner) -> int | None:
    return versions.peak_memory_bytes()


TASKS: dict[str, Callable[..., Any]] = {
    "train": _train,
    "inputs": _inputs,
    "evaluate": _evaluate,
    "predict": _predict,
    "memory": _memory,
}
