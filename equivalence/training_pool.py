"""Parallel trainings, each in a process of one thread, that save their final accuracies.

joblib would not do: with one job it trains in this process, and Ctrl-C kills its processes before
they have removed their temporary folders.
"""

import dataclasses
import multiprocessing
import os
import signal
import tempfile
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from typing import Any

import numpy as np

from modern_tf2.__main__ import start
from shared import parent, runs
from shared.errors import UserError

FINAL_TESTS = 7  # of which a training's final accuracy is the median

_task: dict[str, Any] = {}  # of a process that trains: config, dataset and store, sent once


def result_name(side, seed):
    """The name under which the store has a final accuracy."""
    return f"seed-{seed}-{side}"


@contextmanager
def training(config, dataset, missing, *, jobs, store):
    """The futures of trainings; on exit it waits for those that run and starts no others.

    Args:
        config: the model's config; its seed is replaced.
        dataset: shared.datasets.Dataset.
        missing: pairs of side and seed.
        jobs: processes that train in parallel.
        store: equivalence.result_store.ResultStore, which saves each accuracy when it is known.
    """
    pool = ProcessPoolExecutor(
        jobs,
        mp_context=multiprocessing.get_context("spawn"),  # a process with TensorFlow can't fork
        initializer=_begin,
        initargs=(config, dataset, store),
    )
    try:
        with _interrupts_ignored():
            futures = [pool.submit(_train, *pair) for pair in missing]
        yield futures
    finally:
        pool.shutdown(cancel_futures=True)


def final_accuracy(side, config, dataset):
    """The median accuracy of the last tests of one training.

    Raises:
        UserError: it was interrupted, or a loss is not finite.
    """
    from equivalence.trainings import SIDES  # imports TensorFlow: see _begin

    with tempfile.TemporaryDirectory() as folder:
        run = runs.create_run(folder, side, config=config, dataset=dataset.name, overwrite=True)
        run.quiet = True
        result = SIDES[side].train(run, dataset, final_tests=FINAL_TESTS)
    if not result["finished"]:
        raise _interrupted(side, config.seed)
    return float(np.median([test["accuracy"] for test in result["test"][-FINAL_TESTS:]]))


@contextmanager
def _interrupts_ignored():
    """Processes that start within this ignore Ctrl-C, except during a training."""
    former = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, former)


def _begin(config, dataset, store):
    """Prepares a process of the pool."""
    for name in ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
        os.environ.setdefault(name, "1")  # parallel trainings would compete for the cores
    _task.update(config=config, dataset=dataset, store=store, stopped=False)
    parent.end_with_parent()  # it would wait for work for ever
    start()


def _train(side, seed):
    """Trains and saves the final accuracy, in a process of the pool."""
    if _task["stopped"]:  # what was queued before that can't be cancelled
        raise _interrupted(side, seed)
    config = dataclasses.replace(_task["config"], seed=seed)
    try:
        accuracy = final_accuracy(side, config, _task["dataset"])
    except UserError:
        _task["stopped"] = True
        raise
    _task["store"].save(result_name(side, seed), accuracy)


def _interrupted(side, seed):
    return UserError(f"interrupted at seed {seed} of {side}: run the same command to continue")
