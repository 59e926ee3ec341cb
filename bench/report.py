"""The tables of bench.json."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import Any

import numpy as np

from bench import results, session
from bench.session import Row
from shared.tables import table

UNITS = {"s": (1e3, "ms"), "bytes": (2.0**-20, "MiB")}
SECONDS = ("start-up to first step", "test-set evaluation", "whole train run")  # not in ms


def lines(content: dict[str, Any]) -> Iterator[str]:
    """All tables as lines of text, and what to know of the machine."""
    for model in content["models"]:
        yield f"{model['model']} on {model['dataset']}: {model['steps_per_turn']} steps per turn"
        yield ""
        for part in model_lines(model):
            yield from (*part, "")
    yield from machine_lines(content)


def model_lines(model: dict[str, Any]) -> Iterator[list[str]]:
    """A table per quantity, the floor below the training steps, a table per sweep."""
    for quantity, rows in by_quantity(results.rows(model)).items():
        part = quantity_lines(rows, batch=model["config"]["batch_size"])
        if quantity == session.TRAIN and model["floor"]:
            part.append(floor_line(model["floor"], rows))
        yield part
    for name, points in model["sweeps"].items():
        yield sweep_lines(name, points)


def by_quantity(rows: list[Row]) -> dict[str, list[Row]]:
    """The rows of each quantity, in their order."""
    return {key: list(group) for key, group in groupby(rows, lambda row: row.quantity)}


def quantity_lines(rows: list[Row], *, batch: int) -> list[str]:
    """Medians with their range, and the median ratio to the first row, round by round."""
    quantity, first = rows[0].quantity, rows[0].values
    factor, unit = scale(quantity, rows[0].unit)
    is_training = quantity == session.TRAIN
    head = [f"{quantity} [{unit}]", "median", "min", "max", "ratio"]
    cells = [[*head, *(["examples/s"] if is_training else [])]]
    for row in rows:
        numbers = [f"{factor * f(row.values):.3f}" for f in (np.median, min, max) if row.values]
        ratio = ratio_to(first, row.values)
        numbers += ["-" if ratio is None else f"{ratio:.2f}"] if row.values else []
        if is_training and row.values:
            numbers.append(f"{batch / np.median(row.values):.0f}")
        cells.append([row.variant, *numbers, *[""] * (len(cells[0]) - 1 - len(numbers))])
    notes = [f"{row.variant}: {row.note}" for row in rows if row.note]
    return [*table(cells, "<" + ">" * (len(cells[0]) - 1)), *notes]


def scale(quantity: str, unit: str) -> tuple[float, str]:
    """The factor from s or bytes to what a table shows, and its name."""
    return (1.0, "s") if quantity in SECONDS else UNITS[unit]


def ratio_to(first: list[float], values: list[float]) -> float | None:
    """The median of the ratios, round by round; None where the rounds are not the same."""
    if not first or len(first) != len(values):
        return None
    return float(np.median(np.array(values) / np.array(first)))


def floor_line(floor: dict[str, float], rows: list[Row]) -> str:
    """What a step needs at least, and how far the fastest variant is from it."""
    text = (
        f"floor: {1e3 * floor['seconds']:.3f} ms, for {floor['flops'] / 1e6:.1f} MFLOP at"
        f" {floor['flops_per_second'] / 1e9:.1f} GFLOP/s and {floor['bytes'] / 1e6:.1f} MB at"
        f" {floor['bytes_per_second'] / 1e9:.1f} GB/s"
    )
    medians = {row.variant: float(np.median(row.values)) for row in rows if row.values}
    if not medians:
        return text
    best = min(medians, key=lambda name: medians[name])
    return f"{text}; {best} takes {medians[best] / floor['seconds']:.1f} times as long"


def sweep_lines(name: str, points: list[dict[str, Any]]) -> list[str]:
    """Medians per training step in ms: a row per size, a column per variant."""
    variants = sweep_variants(points)
    cells = [[f"{name} [ms per step]", *variants]]
    for point in points:
        medians = sweep_medians(point)
        cells.append(
            [point["size"], *(f"{1e3 * medians[v]:.3f}" if v in medians else "-" for v in variants)]
        )
    notes = [
        f"{name} {point['size']}, {row.variant}: {row.note}"
        for point in points
        for row in results.rows(point)
        if row.note
    ]
    return [*table(cells, ">" * len(cells[0])), *notes]


def sweep_variants(points: list[dict[str, Any]]) -> list[str]:
    """The variants of a sweep, in their order."""
    return list(dict.fromkeys(row.variant for point in points for row in results.rows(point)))


def sweep_medians(point: dict[str, Any]) -> dict[str, float]:
    """Seconds per training step by variant."""
    return {row.variant: float(np.median(row.values)) for row in results.rows(point) if row.values}


def machine_lines(content: dict[str, Any]) -> Iterator[str]:
    """Hardware, versions, command, and a warning where the machine was not quiet."""
    hardware = content["hardware"]
    yield f"{hardware['processor']}, {hardware['cores']} cores, {hardware['machine']}"
    known = [f"{name} {version}" for name, version in content["versions"].items() if version]
    yield ", ".join(known)
    yield content["command"]
    for warning in content["load"]["warnings"]:
        yield f"warning: {warning}"
