"""The two complete trainings of a comparison: from the same weights, on the same batches."""

import os

import numpy as np

from legacy_tf1 import training as legacy_training
from modern_tf2 import training as modern_training
from shared import runs
from shared.errors import UserError
from tf1port.comparison.ladder import checks, ladder
from tf1port.numerics import comparison

SIDES = {"legacy": legacy_training, "modern": modern_training}
LAST = 500  # steps over which the final training loss is the mean


def train_both(config, dataset, weights, *, out, store):
    """Trains both sides into `out`/legacy and `out`/modern, unless the store has them as finished.

    Returns:
        Their Runs by side.

    Raises:
        UserError: a folder cannot be written, or a training was interrupted.
    """
    return {
        side: _train(side, config, dataset, weights, folder=os.path.join(out, side), store=store)
        for side in SIDES
    }


def entries(trained):
    """Compares two complete trainings, of Runs by side: entries of the report."""
    losses = [trained[side].steps()[0] for side in SIDES]
    config = trained["legacy"].config
    checks_ = ladder.loss_checks(*losses, dtype="float32", config=config, where="training, ")
    finals = {
        "final loss": [np.mean(series[-LAST:], dtype=np.float64) for series in losses],
        "final accuracy": [trained[side].result()["test"][-1]["accuracy"] for side in SIDES],
    }
    for quantity, (first, second) in finals.items():
        checks_.append(
            comparison.check(quantity, {"value": first}, {"value": second}, dtype="float32")
        )
    return [checks.compared(check) for check in checks_]


def _train(side, config, dataset, weights, *, folder, store):
    name = f"training-{side}"
    if store.load(name):
        run = runs.open_run(folder, side, model=config.model)
        if run.config == config and (run.result() or {}).get("finished"):
            return run
    print(f"{side}:", flush=True)
    run = runs.create_run(folder, side, config=config, dataset=dataset.name, overwrite=True)
    result = SIDES[side].train(run, dataset, initial_weights=weights)
    if not result["finished"]:
        raise UserError(
            f"interrupted at step {result['steps']} of {side}: run the same command to continue"
        )
    store.save(name, True)
    return run
