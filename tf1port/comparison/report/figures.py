"""The figures of a comparison: functions from values of the report to a matplotlib Figure."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullFormatter

from tf1port.comparison.ladder.entries import Gradient, Heat, Number
from tf1port.comparison.report import svg as paint
from tf1port.comparison.report.form import SIDES, Bands, Curve
from tf1port.comparison.report.text import number

Curved = Literal["loss", "accuracy"]  # the quantities that have a curve
POINTS = 300  # of a drawn series
ROWS = 30  # of gradients drawn: those nearest to their bound
_GAPS = [(paint.FIRST, "-"), (paint.SECOND, (0, (6, 2))), (paint.THIRD, (0, (1.5, 1.5)))]
_MARKS = {"legacy": "s", "modern": "o"}


def curve(curves: dict[str, Curve], quantity: Curved) -> Figure:
    """Loss or accuracy of both sides in one figure, with the test values.

    Args:
        curves: "legacy" and "modern" with `step`, `loss`, `accuracy` and `test`.
        quantity: "loss" or "accuracy".
    """
    figure, axes = _panel(250)
    for side, values in curves.items():
        axes.plot(values["step"], numbers(values[quantity]), label=side, **paint.SIDES[side])
        test = [(row["step"], float(row[quantity])) for row in values["test"]]
        style: dict[str, Any] = {"color": paint.SIDES[side]["color"], "linestyle": "none"}
        style.update(marker=_MARKS[side], markersize=7)
        style.update(markerfacecolor=paint.PAGE, markeredgewidth=1.8)
        axes.plot(*(zip(*test, strict=True) if test else ((), ())), label=f"{side}, test", **style)
    units = {"loss": "loss [nats]", "accuracy": "accuracy"}
    axes.set(xlabel="training step", ylabel=units[quantity])
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.xaxis.set_major_formatter(_thousands)
    figure.legend(loc="outside upper left", ncols=4, columnspacing=1.1, handlelength=1.6)
    return figure


def loss_gap(
    gaps: Mapping[str, Iterable[Number]], tolerances: Mapping[str, Iterable[tuple[int, Number]]]
) -> Figure:
    """|Δloss| over the steps, of each kind of arithmetic, on logarithmic axes.

    Args:
        gaps: series by kind.
        tolerances: by kind, pairs of a number of steps and the bound up to there.
    """
    figure, axes = _panel(300)
    for (kind, values), (color, line) in zip(gaps.items(), _GAPS, strict=False):
        axes.plot(*largest(numbers(values)), color=color, linestyle=line, lw=1.5, label=kind)
        for steps, bound in sorted(tolerances.get(kind, ())):
            axes.plot(steps, bound, "v", color=color, markersize=7, zorder=3)
    axes.set(xscale="log", yscale="log", xlabel="training step", ylabel="|Δ loss| [nats]")
    paint.log_axis(axes.yaxis)
    axes.xaxis.set_major_formatter(_thousands)
    axes.xaxis.set_minor_formatter(NullFormatter())
    figure.legend(loc="outside upper left", ncols=3, columnspacing=1.2, handlelength=2.2)
    return figure


def heat(dtype_heat: Heat) -> Figure:
    """Largest output difference of each layer at each time step, the darker the larger."""
    values = grid(dtype_heat["max_abs"])
    rows, steps = values.shape
    figure = Figure(figsize=(paint.WIDTH / 72, (95 + 26 * rows) / 72))
    axes, scale = figure.subplots(2, height_ratios=[rows, 0.45])
    shades, (low, high) = _shades(values)
    _cells(axes, values, shades)
    axes.set_yticks(np.arange(rows) + 0.5, [short(name) for name in dtype_heat["layers"]])
    every = max(1, math.ceil(steps / 10))
    axes.set_xticks(np.arange(0, steps, every) + 0.5, [str(n) for n in range(0, steps, every)])
    axes.set_xlabel("time step")
    axes.invert_yaxis()
    powers = np.linspace(low, high, 13)
    _cells(scale, powers[None], _alpha(powers[None], low, high))
    scale.set_yticks([])
    scale.set_xticks(
        [0.5, 6.5, 12.5], [number(10**power) for power in (low, (low + high) / 2, high)]
    )
    return figure


def gradients(rows: Sequence[Gradient]) -> Figure:
    """Each parameter's gradient difference against its bound, on a logarithmic axis.

    Args:
        rows: dicts of `name`, `max_abs` and `bound`.
    """
    rows = sorted(rows, key=share, reverse=True)[:ROWS]
    figure, axes = _panel(75 + 21 * len(rows))
    gaps, bounds = (numbers(row[key] for row in rows) for key in ("max_abs", "bound"))
    positive = np.concatenate([gaps, bounds])
    positive = positive[np.isfinite(positive) & (positive > 0)]
    least = positive.min() / 10 if len(positive) else 1e-18
    drawn = np.clip(np.nan_to_num(gaps, nan=np.inf), least, positive.max(initial=1e-18) * 10)
    for at, (value, bound) in enumerate(zip(drawn, bounds, strict=True)):
        good = gaps[at] <= bound
        color = paint.SECOND if good else paint.FAIL
        axes.plot([value, max(bound, least)], [at, at], color=color, lw=1.2, alpha=0.5)
        fill = "none" if gaps[at] == 0 else "full"
        axes.plot(value, at, "o" if good else "X", color=color, markersize=6, fillstyle=fill)
        axes.plot(max(bound, least), at, "|", color=paint.INK, markersize=11, markeredgewidth=1.6)
    axes.set_yticks(range(len(rows)), [short(row["name"]) for row in rows])
    axes.set(
        xscale="log", xlabel="largest |Δ gradient|, and its bound", ylim=(len(rows) - 0.4, -0.6)
    )
    axes.grid(axis="y", visible=False)
    paint.log_axis(axes.xaxis)
    return figure


def seeds(bands: Bands) -> Figure:
    """The final accuracies of independent trainings, a point for each seed, and their means."""
    figure, axes = _panel(170)
    if bands["band"]:
        axes.axvspan(*numbers(bands["band"]), color=paint.SHADE, alpha=0.18, lw=0)
    for row, side in enumerate(SIDES):
        values, color = numbers(bands[side]), paint.SIDES[side]["color"]
        spread = row + 0.09 * (np.arange(len(values)) % 5 - 2)
        style: dict[str, Any] = {"color": color, "linestyle": "none", "markersize": 7}
        style.update(marker=_MARKS[side], markeredgecolor=paint.PAGE, alpha=0.8)
        axes.plot(values, spread, **style)
        axes.plot([values.mean()] * 2, [row - 0.33, row + 0.33], color=color, lw=2.5)
    axes.set_yticks([0, 1], ["legacy", "modern"])
    axes.set(ylim=(1.5, -0.5), xlabel=bands["quantity"])
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.grid(axis="y", visible=False)
    return figure


def interval(bands: Bands) -> Figure:
    """The TOST interval of the means' difference within the margin of equivalence."""
    figure, axes = _panel(170)
    margin = float(bands["margin"])
    color = paint.MODERN if bands["equivalent"] else paint.FAIL
    axes.axvspan(-margin, margin, color=paint.SHADE, alpha=0.18, lw=0)
    axes.axvline(0, color=paint.INK, lw=0.8)
    axes.plot(numbers(bands["interval"]), [0, 0], color=color, lw=3, marker="|", markersize=16)
    axes.plot(float(bands["difference"]), 0, "D", color=color, markersize=8)
    reach = 1.25 * max(margin, *np.abs(numbers(bands["interval"])))
    axes.set(xlim=(-reach, reach), ylim=(-1, 1), yticks=[], xlabel="difference of the means")
    axes.set_xticks([-margin, 0, margin], [f"−{margin:g}", "0", f"+{margin:g}"])
    axes.spines["left"].set_visible(False)
    return figure


def numbers(values: Iterable[Number]) -> np.ndarray:
    """A series as float64; numbers that are not finite may be text."""
    return np.array([float(value) for value in values])


def grid(rows: Sequence[Sequence[Number]]) -> np.ndarray:
    """Rows of numbers as float64 [rows, longest], missing ones NaN."""
    table = np.full((len(rows), max(map(len, rows), default=0)), np.nan)
    for at, row in enumerate(rows):
        table[at, : len(row)] = numbers(row)
    return table


def largest(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Steps and maxima over blocks of a series, at most POINTS, where there is a difference."""
    width = math.ceil(len(values) / POINTS)
    starts = np.arange(0, len(values), width)
    maxima = np.maximum.reduceat(values, starts)
    drawn = np.isfinite(maxima) & (maxima > 0)
    return starts[drawn] + 1, maxima[drawn]


def short(name: str, length: int = 25) -> str:
    """A name shortened to fit beside a figure; the tables have all of it."""
    return name if len(name) <= length else f"…{name[1 - length :]}"


def share(row: Gradient) -> float:
    """A gradient's difference divided by its bound."""
    gap, bound = float(row["max_abs"]), float(row["bound"])
    return math.inf if math.isnan(gap) else gap / bound if bound else gap


def _thousands(value: float, _: float) -> str:
    return f"{value:,.0f}"


def _panel(height: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(paint.WIDTH / 72, height / 72))
    return figure, figure.subplots()


def _shades(values: np.ndarray) -> tuple[np.ndarray, tuple[float, float]]:
    """Alpha of each cell, and the range of powers of ten over which it grows."""
    with np.errstate(divide="ignore"):
        powers = np.log10(values)
    finite = powers[np.isfinite(powers)]
    low, high = (finite.min(), finite.max()) if len(finite) else (-18, -17)
    return _alpha(powers, low, max(high, low + 0.1)), (low, max(high, low + 0.1))


def _alpha(powers: np.ndarray, low: float, high: float) -> Any:
    return np.clip(0.12 + 0.88 * (powers - low) / (high - low), 0, 1)


def _cells(axes: Axes, values: np.ndarray, shades: np.ndarray) -> None:
    """Cells [rows, steps]; one that is not finite is in another color, zero stays empty."""
    mesh = axes.pcolormesh(np.zeros(values.shape), edgecolors=paint.PAGE, linewidth=1)
    flat = zip(values.ravel(), np.nan_to_num(shades).ravel(), strict=True)
    mesh.set_array(None)
    mesh.set_facecolor(
        [to_rgba(paint.FAIL if math.isinf(v) else paint.HEAT, shade) for v, shade in flat]
    )
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
