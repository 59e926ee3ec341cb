"""Both sides from the same weights on the same batches: the proof, then the two trainings."""

import itertools
import os

import numpy as np

from legacy_tf1 import feedforward as legacy_feedforward
from legacy_tf1 import training as legacy_training
from modern_tf2 import feedforward as modern_feedforward
from modern_tf2 import training as modern_training
from porting import ladder, report
from porting.sides import LegacySide, ModernSide
from shared import batches, runs, weights
from shared.config import train_split
from shared.errors import UserError

PROOF_STEPS = 200
# Where the table shows how far the losses of single steps have parted.
HORIZONS = (1, 10, 50, 100, 200, 500, 1000, 2000, 5000)
LAST = 500  # steps over which the final training loss is the mean


def compare(config, dataset, out):
    """Proves the two sides equal, trains both, and writes what came of it into `out`.

    Writes the runs `out`/legacy and `out`/modern, `compare.json` and `compare.png`.

    Args:
        config: the model's config, fitted to the dataset.
        dataset: shared.datasets.Dataset.
        out: folder to write.

    Returns:
        Whether all of it is within the tolerances.

    Raises:
        UserError: `out` cannot be written, a training was interrupted, or this machine cannot run
            the config.
    """
    for dtype in ("float32", "float64"):
        for side in (legacy_feedforward, modern_feedforward):
            side.check_layout(config, dtype=dtype)
    legacy_run = runs.create_run(
        os.path.join(out, "legacy"), "legacy", config=config, dataset=dataset.name
    )
    modern_run = runs.create_run(
        os.path.join(out, "modern"), "modern", config=config, dataset=dataset.name
    )
    legacy = _train("legacy", legacy_training.train, legacy_run, dataset, initial_weights=None)
    initial = weights.load(legacy_run.file("initial_weights.npz"), config)
    modern = _train("modern", modern_training.train, modern_run, dataset, initial_weights=initial)

    print("the ladder, from the same initial weights:")
    rungs = prove(config, dataset, initial)
    losses = [run.steps()[0] for run in (legacy_run, modern_run)]
    rungs += ladder.loss_rungs(*losses, dtype="float32", config=config, where="training, ")
    rungs += final_rungs(legacy, modern, losses)
    summary = {
        "model": config.model,
        "dataset": dataset.name,
        "passed": all(rung.passed for rung in rungs),
        "rungs": [dict(rung._asdict(), passed=rung.passed) for rung in rungs],
        "losses": loss_table(*losses),
        "legacy": legacy,
        "modern": modern,
    }
    report.write(summary, [run.steps() for run in (legacy_run, modern_run)], out=out)
    return summary["passed"]


def prove(config, dataset, initial):
    """Climbs the ladder in float32 and float64 from the same weights: a list of rungs."""
    steps = first_batches(config, dataset, PROOF_STEPS)
    rungs = []
    for dtype in ("float32", "float64"):
        legacy = LegacySide(config, initial, dtype=dtype)
        modern = ModernSide(config, initial, dtype=dtype)
        exact = None
        if config.optimizer == "adam" and dtype == "float64":
            exact = ModernSide(config, initial, dtype=dtype, powers="tf1")
        rungs += ladder.climb(legacy, modern, steps, dtype=dtype, exact=exact)
    return rungs


def first_batches(config, dataset, count):
    """The first `count` training batches of the plan: images [B, T, F] float32, labels [B]."""

    def endless():
        for epoch in itertools.count():
            plan = batches.train_plan(config, epoch)
            for step in range(len(plan)):
                yield batches.batch(train_split(config, dataset), plan, step, config=config)

    return list(itertools.islice(endless(), count))


def final_rungs(legacy, modern, losses):
    """Compares what the two trainings ended with: mean loss of the last steps, test accuracy."""
    last = [np.mean(series[-LAST:], dtype=np.float64) for series in losses]
    accuracy = [result["test"][-1]["accuracy"] for result in (legacy, modern)]
    return [
        ladder.rung(quantity, {"value": first}, {"value": second}, dtype="float32")
        for quantity, (first, second) in (("final loss", last), ("final accuracy", accuracy))
    ]


def loss_table(legacy, modern):
    """How far single steps' losses have parted: rows of the largest and the mean difference."""
    steps = [n for n in HORIZONS if n < len(legacy)] + [len(legacy)]
    gap = np.abs(legacy.astype(np.float64) - modern.astype(np.float64))
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


def _train(side, train, run, dataset, *, initial_weights):
    print(f"{side}:")
    result = train(run, dataset, initial_weights=initial_weights)
    if not result["finished"]:
        raise UserError(
            f"interrupted at step {result['steps']} of {side}: start the comparison anew"
        )
    return result
