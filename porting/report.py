"""What a comparison says: a table on the terminal, `compare.json`, `compare.png`."""

import os

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from shared.files import replacing, write_json

matplotlib.use("Agg")

SMOOTH = 100  # steps over which the plotted curves are means
COLORS = {"legacy": "#b3541e", "modern": "#1e6fb3"}


def write(summary, steps, *, out):
    """Prints a comparison and writes it into the folder `out`.

    Args:
        summary: what porting.compare.compare collected.
        steps: (loss [steps], accuracy [steps]) of legacy, then of modern.
        out: an existing folder.
    """
    for lines in (rung_lines(summary["rungs"]), loss_lines(summary["losses"]), end_lines(summary)):
        print("\n".join(lines) + "\n")
    write_json(os.path.join(out, "compare.json"), finite(summary))
    picture = os.path.join(out, "compare.png")
    with replacing(picture) as beside:
        figure(summary, steps).savefig(beside, dpi=110)
    print(f"wrote {picture}")
    failed = [rung for rung in summary["rungs"] if not rung["passed"]]
    if failed:
        first = failed[0]
        place = f"{first['quantity']} ({first['dtype']}) at {first['place']}"
        print(f"THE TWO SIDES PART: {place}: {first['max_abs']:.2g} > {first['bound']:.2g}")
    else:
        print("the two sides agree")


def rung_lines(rungs):
    """The ladder as a table."""
    row = "{:<36} {:<8} {:>9} {:>9}  {:<6} {}"
    lines = [row.format("compared", "dtype", "max-abs", "tolerance", "", "worst at")]
    for rung in rungs:
        lines.append(
            row.format(
                rung["quantity"],
                rung["dtype"],
                f"{rung['max_abs']:.2g}",
                f"{rung['bound']:.2g}",
                "ok" if rung["passed"] else "FAILS",
                rung["place"],
            )
        )
    return lines


def loss_lines(rows):
    """How the losses of single steps part as the training goes on (float32, chaotic)."""
    lines = [
        "{:>7} {:>10} {:>10} {:>12} {:>12}".format(
            "step", "legacy", "modern", "max |diff|", "mean |diff|"
        )
    ]
    for row in rows:
        lines.append(
            f"{row['steps']:>7} {row['legacy']:>10.6f} {row['modern']:>10.6f}"
            f" {row['max_abs']:>12.2g} {row['mean_abs']:>12.2g}"
        )
    return lines


def end_lines(summary):
    """What both trainings ended with."""
    row = "{:<8} {:>10} {:>14} {:>12} {:>10} {:>12}"
    lines = [row.format("", "test loss", "test accuracy", "min of batch", "s/step", "peak memory")]
    for side in ("legacy", "modern"):
        result = summary[side]
        test = result["test"][-1]
        seconds = result["seconds_per_step"]
        lines.append(
            row.format(
                side,
                f"{test['loss']:.4f}",
                f"{test['accuracy']:.4f}",
                f"{test['min_accuracy']:.4f}",
                "-" if seconds is None else f"{seconds:.5f}",
                f"{result['peak_memory_bytes'] / 1e6:.0f} MB",
            )
        )
    return lines


def figure(summary, steps):
    """Loss and accuracy of both sides over each other, and below them the loss difference."""
    panels = Figure(figsize=(9, 9), layout="constrained")
    loss, accuracy, gap = panels.subplots(3, sharex=True)
    for side, (losses, accuracies) in zip(("legacy", "modern"), steps, strict=True):
        style = {"color": COLORS[side], "linestyle": "-" if side == "legacy" else "--"}
        loss.plot(*smoothed(losses), label=side, **style)
        accuracy.plot(*smoothed(accuracies), label=side, **style)
        for test in summary[side]["test"]:
            accuracy.plot(test["step"], test["accuracy"], "o", fillstyle="none", color=COLORS[side])
    loss.set(ylabel="loss [nats]", title=f"{summary['model']} on {summary['dataset']}")
    accuracy.set(ylabel="accuracy (o: test)")
    loss.legend()
    accuracy.legend()
    difference = np.abs(steps[0][0].astype(np.float64) - steps[1][0])
    gap.semilogy(np.arange(1, len(difference) + 1), np.maximum(difference, 1e-8), lw=0.6, color="k")
    gap.set(ylabel="|loss difference|, float32", xlabel="training step")
    for axes in (loss, accuracy, gap):
        axes.grid(alpha=0.3)
    return panels


def smoothed(values):
    """Steps and running means of a series, for a curve that can be read."""
    width = max(1, min(SMOOTH, len(values) // 4))
    means = np.convolve(values, np.ones(width) / width, mode="valid")
    return np.arange(width, len(values) + 1), means


def finite(value):
    """The same structure with infinite numbers as text, which JSON can hold."""
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [finite(item) for item in value]
    return str(value) if isinstance(value, float) and not np.isfinite(value) else value
