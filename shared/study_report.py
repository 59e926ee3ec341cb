"""The results of a study of windows: its summary, its table, its figure."""

import dataclasses

import numpy as np

from shared import plots
from shared.tables import table

LAST = 100  # steps over which the final loss is the mean
POINTS = 50  # of a plotted loss curve


def summary(runs):
    """The content of study.json for finished runs: per window each quantity, a list over seeds."""
    first = runs[0]
    windows = sorted({run.config.window for run in runs})
    by_window = [[run for run in runs if run.config.window == window] for window in windows]
    return {
        "side": first.side,
        "model": first.config.model,
        "dataset": first.dataset,
        "steps": first.config.steps,
        "config": _common(first.config),
        "seeds": len(by_window[0]),
        "versions": first.result()["versions"],
        "windows": [_of_window(group) for group in by_window],
    }


def lines(study):
    """The table of one side's study."""
    title = "%(side)s %(model)s on %(dataset)s: %(steps)d steps, seeds: %(seeds)d" % study
    rows = [
        ("", "test acc.", "", "", "loss of", ""),
        ("window", "mean", "min", "max", "last %d" % LAST, "s/step"),
    ]
    for row in study["windows"]:
        accuracy, seconds = row["accuracy"], mean(row["seconds_per_step"])
        numbers = (np.mean(accuracy), min(accuracy), max(accuracy), np.mean(row["loss"]))
        per_step = "-" if seconds is None else "%.5f" % seconds
        rows.append((row["window"], *("%.4f" % number for number in numbers), per_step))
    return [title, *table(rows, ">>>>>>")]


def draw(figure, studies):
    """Accuracy over the window, loss curves by window, seconds per step over the window."""
    accuracy, loss, seconds = figure.subplots(1, 3)
    for study in studies:
        rows, side = study["windows"], study["side"]
        windows = [row["window"] for row in rows]
        style = {"color": plots.COLORS[side], "linestyle": plots.LINES[side], "marker": "o"}
        low, middle, high = (
            np.array([f(row["accuracy"]) for row in rows]) for f in (np.min, np.mean, np.max)
        )
        spread = [middle - low, high - middle]
        accuracy.errorbar(windows, middle, yerr=spread, capsize=4, label=side, **style)
        times = [mean(row["seconds_per_step"]) for row in rows]
        milliseconds = [1e3 * time if time is not None else np.nan for time in times]
        seconds.plot(windows, milliseconds, label=side, **style)
    _loss_curves(loss, studies)
    title = "%(model)s on %(dataset)s: %(steps)d steps, seeds: %(seeds)d" % studies[0]
    accuracy.set(xlabel="window [rows]", ylabel="test accuracy, mean and range", title=title)
    seconds.set(xlabel="window [rows]", ylabel="ms per training step", ylim=(0, None), title="time")
    accuracy.legend()
    seconds.legend()


def is_study(content):
    """Whether what was read of a study.json is a study that can be drawn."""
    windows = content.get("windows")
    return (
        content.get("side") in tuple(plots.LINES)
        and _are(content.get(name) for name in ("steps", "seeds"))
        and isinstance(windows, list)
        and all(isinstance(row, dict) and _is_row(row) for row in windows)
    )


def _is_row(row):
    curve, seconds = row.get("curve"), row.get("seconds_per_step")
    lists = [row.get("accuracy"), seconds]
    lists += [curve.get("step"), curve.get("loss")] if isinstance(curve, dict) else [None]
    return (
        all(isinstance(values, list) and values for values in lists)
        and _are([row.get("window"), *lists[0], *lists[2], *lists[3]])
        and _are(value for value in seconds if value is not None)
        and len(lists[2]) == len(lists[3])
    )


def _are(values):
    """Whether values are numbers."""
    return all(isinstance(value, (int, float)) and -1e300 < value < 1e300 for value in values)


def mean(values):
    """The mean of the values that are not None, or None: very short runs have no time per step."""
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _common(config):
    """The hyper-parameters that all trainings share: epochs follow from steps and window."""
    values = dataclasses.asdict(config)
    return {name: values[name] for name in values if name not in ("window", "seed", "epochs")}


def _of_window(group):
    results = [run.result() for run in group]
    losses = np.array([run.steps()[0] for run in group], np.float64)  # [seeds, steps]
    return {
        "window": group[0].config.window,
        "accuracy": [result["test"][-1]["accuracy"] for result in results],
        "loss": losses[:, -LAST:].mean(axis=1).tolist(),
        "seconds_per_step": [result["seconds_per_step"] for result in results],
        "curve": _curve(losses.mean(axis=0)),
    }


def _curve(losses):
    """Means over blocks of steps, each at its last step."""
    width = max(1, len(losses) // POINTS)
    blocks = losses[: len(losses) // width * width].reshape(-1, width)
    steps = width * np.arange(1, len(blocks) + 1)
    return {"step": steps.tolist(), "loss": blocks.mean(axis=1).tolist()}


def _loss_curves(axes, studies):
    """A color per window, a kind of line per side."""
    windows = sorted({row["window"] for study in studies for row in study["windows"]})
    for study in studies:
        for row in study["windows"]:
            color = "C%d" % windows.index(row["window"])
            curve, line = row["curve"], plots.LINES[study["side"]]
            axes.plot(curve["step"], curve["loss"], color=color, linestyle=line)
    for number, window in enumerate(windows):
        axes.plot([], color="C%d" % number, label=window)
    sides = ", ".join("%s %s" % (plots.LINES[s["side"]], s["side"]) for s in studies)
    axes.set(xlabel="training step", ylabel="loss [nats]", title="training loss (%s)" % sides)
    axes.legend(title="window")
