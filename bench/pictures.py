"""The pictures of bench.json."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from bench import results, session, sweeps
from bench.report import by_quantity, sweep_medians, sweep_variants
from shared import plots


def write(folder: str, content: dict[str, Any]) -> list[str]:
    """Writes speed.png, and speed-MODEL-SWEEP.png for each sweep; returns their names."""
    names = ["speed.png"]
    plots.write(
        os.path.join(folder, names[0]), lambda figure: draw_steps(figure, content), size=(12, 4)
    )
    for model in content["models"]:
        for sweep in model["sweeps"]:
            names.append(f"speed-{model['model']}-{sweep}.png")
            path = os.path.join(folder, names[-1])
            plots.write(path, lambda f, m=model, s=sweep: draw_sweep(f, m, s), size=(8, 5))
    return names


def draw_steps(figure: Any, content: dict[str, Any]) -> None:
    """Bars of the training step, a panel per model."""
    panels = figure.subplots(1, len(content["models"]), squeeze=False)[0]
    for axes, model in zip(panels, content["models"], strict=True):
        rows = by_quantity(results.rows(model)).get(session.TRAIN, [])
        rows = [row for row in reversed(rows) if row.values]
        middle = np.array([np.median(row.values) for row in rows])
        spread = [middle - [min(r.values) for r in rows], [max(r.values) for r in rows] - middle]
        names = [row.variant for row in rows]
        axes.barh(names, 1e3 * middle, xerr=1e3 * np.array(spread), capsize=3)
        if model["floor"]:
            axes.axvline(1e3 * model["floor"]["seconds"], color="black", linestyle=":")
        axes.set(xlabel="ms per training step; dotted: the floor", title=model["model"])


_TICKS = [digit * 10.0**power for power in range(-3, 6) for digit in (1, 2, 5)]


def draw_sweep(figure: Any, model: dict[str, Any], name: str) -> None:
    """Time per step over the size, a line per variant, both axes logarithmic."""
    axes, points = figure.subplots(), model["sweeps"][name]
    for variant in sweep_variants(points):
        pairs = [
            (p["size"], 1e3 * m[variant]) for p in points if variant in (m := sweep_medians(p))
        ]
        if pairs:
            axes.plot(*zip(*pairs, strict=True), marker="o", label=variant)
    axes.set(xscale="log", yscale="log", xlabel=sweeps.AXES[name], ylabel="ms per training step")
    axes.set_xticks([point["size"] for point in points])
    axes.minorticks_off()  # of a logarithmic axis they would be labelled 2 × 10⁰
    axes.set_yticks([tick for tick in _TICKS if axes.get_ylim()[0] <= tick <= axes.get_ylim()[1]])
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter("{x:g}")
    axes.set_title(f"{model['model']} on {model['dataset']}")
    axes.legend()
