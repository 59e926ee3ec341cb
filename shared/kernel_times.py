"""The kernels that can compute a recurrent layer, timed: a training with each, one table.

They start from the same weights and see the same batches, one after the other. A kernel's time per
step is the median over its run's log lines, so that a disturbance of some seconds does not count.
"""

import dataclasses
import os
import sys

import numpy as np
from tqdm import tqdm

from shared import plots, runs, weights
from shared.config import CONFIGS, KERNELS
from shared.errors import UserError
from shared.files import write_json
from shared.tables import table

FLAGS = ("epochs", "steps", "batch_size", "learning_rate", "seed")  # what may be set
LOG_EVERY = 100  # steps
SMOOTH = 50  # steps over which the plotted losses are means

# What each side has, and what to know about it. In TF1 all but "fused-cpu" build the same graph.
SIDE_KERNELS = {"legacy": ("generic", "fused-cpu"), "modern": KERNELS}
NOTES = {
    "legacy": "auto is left out: on this side it is generic",
    "modern": "on a machine without a GPU, auto runs Keras' plain while loop, not cuDNN",
}


def add_flags(parser):
    """Adds the flags of this command alone."""
    parser.add_argument("--out", metavar="DIR", help="(default: runs/time/SIDE/MODEL)")


def check(arguments):
    """Raises UserError where the model has no choice of kernels."""
    able = [model for model in CONFIGS if len(_kernels("legacy", CONFIGS[model])) > 1]
    if arguments.model not in able:
        raise UserError(
            "%s has no choice of kernels: time one of %s" % (arguments.model, ", ".join(able))
        )


def run(side, train, arguments, *, config, dataset):
    """Trains with each kernel, prints the table, writes time.json and time.png.

    Args:
        side: "legacy" or "modern".
        train: the side's `train(run, dataset, initial_weights=)`.
        arguments: the flags, checked.
        config: the model's config, fitted to the dataset.
        dataset: shared.datasets.Dataset.

    Raises:
        UserError: a folder cannot be written, or a training fails.
        KeyboardInterrupt: a training was stopped.
    """
    out = arguments.out or os.path.join("runs", "time", side, config.model)
    finished = _train_all(side, train, config, dataset=dataset, out=out)
    times = summary(finished)
    print("\n".join(lines(times)))
    write_json(os.path.join(out, "time.json"), times)
    plots.write(
        os.path.join(out, "time.png"), lambda figure: draw(figure, finished), size=(11, 4.5)
    )


def summary(finished):
    """What time.json holds of finished runs."""
    first = finished[0]
    return {
        "side": first.side,
        "model": first.config.model,
        "dataset": first.dataset,
        "steps": first.config.total_steps,
        "versions": first.result()["versions"],
        "kernels": [_of_kernel(run, first) for run in finished],
    }


def lines(times):
    """The table of one side's kernels, and what to know about it."""
    rows = [("kernel", "seconds", "ms/step", "ratio", "test loss", "test acc.")]
    for row in times["kernels"]:
        per_step, ratio = row["seconds_per_step"], row["ratio"]
        rows.append(
            (
                row["kernel"],
                "%.2f" % row["seconds"],
                "-" if per_step is None else "%.3f" % (1e3 * per_step),
                "-" if ratio is None else "%.2f" % ratio,
                "%.4f" % row["test_loss"],
                "%.4f" % row["test_accuracy"],
            )
        )
    return [
        "%(side)s %(model)s on %(dataset)s: %(steps)d steps" % times,
        *table(rows, "<>>>>>"),
        "ms/step: the median over log lines of %d steps" % LOG_EVERY,
        NOTES[times["side"]],
    ]


def draw(figure, finished):
    """The runs' loss curves over each other, and bars of their time per step."""
    loss, bars = figure.subplots(1, 2)
    for number, run in enumerate(finished):
        losses, kernel = run.steps()[0], run.config.kernel
        width = max(1, min(SMOOTH, len(losses) // 4))
        means = np.convolve(losses, np.ones(width) / width, mode="valid")
        steps = np.arange(width, len(losses) + 1)
        style = {
            "color": "C%d" % number,
            "linestyle": ("-", "--", ":", "-.")[number],
        }  # one may hide another
        loss.plot(steps, means, label=kernel, **style)
        per_step = run.result()["seconds_per_step"]
        bars.bar(kernel, np.nan if per_step is None else 1e3 * per_step, color="C%d" % number)
    first = finished[0]
    title = "%s %s on %s" % (first.side, first.config.model, first.dataset)
    loss.set(xlabel="training step", ylabel="loss [nats], mean of %d steps" % width, title=title)
    loss.legend()
    bars.set(ylabel="ms per training step", title="time")


def _kernels(side, config):
    """The kernels of a config's model that the side has."""
    return [kernel for kernel in SIDE_KERNELS[side] if kernel in config.kernels]


def _train_all(side, train, config, *, dataset, out):
    """A finished run with each kernel, all from the first one's initial weights."""
    finished, initial = [], None
    kernels = _kernels(side, config)
    for kernel in tqdm(kernels, unit="training", disable=not sys.stderr.isatty()):
        variant = dataclasses.replace(config, kernel=kernel, log_every=LOG_EVERY)
        path = os.path.join(out, kernel)
        run = runs.create_run(path, side, config=variant, dataset=dataset.name, overwrite=True)
        run.quiet = True
        if not train(run, dataset, initial_weights=initial)["finished"]:
            print("stopped with %s at work: start again" % kernel)
            raise KeyboardInterrupt
        initial = weights.load(run.file("initial_weights.npz"), variant)
        finished.append(run)
    return finished


def _of_kernel(run, first):
    result, test = run.result(), run.result()["test"][-1]
    per_step, reference = (r.result()["seconds_per_step"] for r in (run, first))
    return {
        "kernel": run.config.kernel,
        "seconds": result["train_seconds"],
        "seconds_per_step": per_step,
        "ratio": None if per_step is None else per_step / reference,
        "test_loss": test["loss"],
        "test_accuracy": test["accuracy"],
    }
