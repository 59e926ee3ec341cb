"""The sections with figures: training, outputs, gradients, with a caption each."""

import re
from functools import partial

import numpy as np

from tf1port.comparison.ladder.entries import Entry, Gradient, Heat, Number
from tf1port.comparison.report import figures
from tf1port.comparison.report.blocks import Column, Picture, Section, Table
from tf1port.comparison.report.form import SIDES, Curve, LossRow, Report
from tf1port.comparison.report.text import absent, fraction, number, result

_Curves = dict[str, Curve]  # by side
_CURVED: tuple[figures.Curved, ...] = ("loss", "accuracy")
_Series = dict[str, np.ndarray]  # by kind of arithmetic


def curves(report: Report) -> Section:
    """Loss and accuracy of both trainings, and their final values."""
    by_side = report.get("curves") or {}
    if not by_side or not any(len(curve["step"]) for curve in by_side.values()):
        return Section(
            "curves", "Training", [absent(report, "training", "No training was recorded.")]
        )
    text = "Each side trains by itself; the curves are running means over the training steps."
    blocks = [
        Picture(
            f"curve-{quantity}", _curve_caption(by_side, quantity),
            partial(figures.curve, by_side, quantity),
        )
        for quantity in _CURVED
    ]  # fmt: skip
    return Section("curves", "Training", [text], [*blocks, _tests(by_side)])


def loss_gap(report: Report) -> Section:
    """How far the losses of single steps differ in the course of training."""
    series = report.get("loss_gap") or {}
    gaps = {kind: figures.numbers(gap) for kind, gap in series.items() if len(gap)}
    drawn = {kind: gap for kind, gap in gaps.items() if len(figures.largest(gap)[0])}
    if drawn:
        text = "The difference of the two losses, step by step, on the same batches."
    elif any(gap.any() for gap in gaps.values()):
        text = "The differences of the losses are not finite."
    else:
        text = "The losses are equal to the bit at every step." if gaps else "No losses are known."
    pictures = [_gap_picture(gaps, drawn, report)] if drawn else []
    tables = [_losses(report["losses"])] if report.get("losses") else []
    return Section("losses", "How the losses part", [text], [*pictures, *tables])


def heat(report: Report) -> Section:
    """The outputs' differences, layer by time step."""
    all_heat = report.get("heat") or {}
    by_dtype = {kind: values for kind, values in all_heat.items() if values["layers"]}
    title = "Outputs, layer by time step"
    if not by_dtype:
        return Section("heat", title, ["This model has no outputs per time step."])
    text = "The largest difference over batch and units, from the same weights on the same batch."
    blocks = [
        Picture(f"heat-{kind}", _heat_caption(kind, values), partial(figures.heat, values))
        for kind, values in by_dtype.items()
    ]
    layers = list(dict.fromkeys(name for values in by_dtype.values() for name in values["layers"]))
    rows = [
        [layer, *(number(_of_layer(values, layer)) for values in by_dtype.values())]
        for layer in layers
    ]
    columns = [Column("Layer", "code"), *(Column(kind, "number") for kind in by_dtype)]
    return Section(
        "heat", title, [text], [*blocks, Table("Largest of each layer", columns, rows, "narrow")]
    )


def gradients(report: Report) -> Section:
    """Each parameter's gradient difference and its bound."""
    by_dtype = {kind: rows for kind, rows in (report.get("gradients") or {}).items() if rows}
    if not by_dtype:
        return Section("gradients", "Gradients", ["No gradients were compared."])
    text = (
        "The largest difference in each parameter's gradient against its bound, on the first batch."
    )
    equal = [kind for kind, rows in by_dtype.items() if not any(row["max_abs"] for row in rows)]
    if equal:
        text += f" In {' and '.join(equal)} every one is equal to the bit."
    blocks = [
        Picture(
            f"gradients-{kind}", _gradient_caption(kind, rows), partial(figures.gradients, rows)
        )
        for kind, rows in by_dtype.items()
        if kind not in equal
    ]
    return Section("gradients", "Gradients", [text], [*blocks, _all_gradients(by_dtype)])


def _gap_picture(gaps: _Series, drawn: _Series, report: Report) -> Picture:
    caption = " ".join(_gap_caption(kind, gap) for kind, gap in gaps.items())
    bounds = _tolerances(report["checks"])
    if any(kind in bounds for kind in drawn):
        caption += " A triangle is a tolerance: up to its step the line has to stay below it."
    return Picture("loss-gap", caption, partial(figures.loss_gap, drawn, bounds))


def _losses(losses: list[LossRow]) -> Table:
    rows = [
        [
            f"{row['steps']:,}",
            *(fraction(row[side]) for side in SIDES),
            number(row["max_abs"]),
            number(row["mean_abs"]),
        ]
        for row in losses
    ]
    names = ("Steps", "Legacy", "Modern", "Max |Δ|", "Mean |Δ|")
    columns = [Column(name, "number") for name in names]
    return Table("Losses of the trainings, float32", columns, rows, "narrow")


def _tests(curves: _Curves) -> Table:
    """Both sides side by side at each step where either was tested."""
    sides = [{row["step"]: row for row in curves[side]["test"]} for side in SIDES]
    rows = [
        [f"{step:,}", *(
            fraction(side[step][quantity] if step in side else None)
            for quantity in _CURVED
            for side in sides
        )]
        for step in sorted(sides[0] | sides[1])
    ]  # fmt: skip
    names = ["Step", "Loss, legacy", "Modern", "Accuracy, legacy", "Modern"]
    return Table("On the test images", [Column(name, "number") for name in names], rows, "narrow")


def _tolerances(checks: list[Entry]) -> dict[str, set[tuple[int, Number]]]:
    """By kind of arithmetic, the pairs of a horizon in steps and its bound."""
    tolerances: dict[str, set[tuple[int, Number]]] = {}
    for check in checks:
        horizon = re.fullmatch(r"losses of (\d+) (SGD )?steps(, .*)?", check.get("quantity", ""))
        if horizon and check["applies"]:
            kind = check["dtype"] + (horizon[3] or "")
            tolerances.setdefault(kind, set()).add((int(horizon[1]), check["bound"]))
    return tolerances


def _curve_caption(curves: _Curves, quantity: figures.Curved) -> str:
    final = [
        f"{side} {fraction(curve['test'][-1][quantity])}"
        for side, curve in curves.items()
        if curve["test"]
    ]
    text = f"Training {quantity}, legacy solid and modern dashed."
    return text + (f" Open marks are tests; at the end: {', '.join(final)}." if final else "")


def _gap_caption(kind: str, gap: np.ndarray) -> str:
    """The largest difference of a series, and its step."""
    if not gap.any():
        return f"{kind}: equal to the bit at each of {len(gap):,} steps."
    at = int(np.argmax(np.nan_to_num(gap, nan=np.inf)))
    return f"{kind}: at most {number(gap[at])} in {len(gap):,} steps, at step {at + 1:,}."


def _heat_caption(kind: str, dtype_heat: Heat) -> str:
    values = np.nan_to_num(figures.grid(dtype_heat["max_abs"]), nan=-1.0)
    row, step = np.unravel_index(np.argmax(values), values.shape)
    if values[row, step] <= 0:
        return f"{kind}: every output is equal to the bit."
    text = f"{kind}: largest in {dtype_heat['layers'][row]} at time step {step}, "
    text += f"{number(values[row, step])}; the stronger the color, the larger."
    return text + (" An empty cell is equal to the bit." if (values == 0).any() else "")


def _all_gradients(by_dtype: dict[str, list[Gradient]]) -> Table:
    names = ("Parameter", "dtype", "Max-abs", "Bound", "Result")
    kinds = ("code", "text", "number", "number", "result")
    columns = [Column(*pair) for pair in zip(names, kinds, strict=True)]
    rows = [
        [row["name"], kind, number(row["max_abs"]), number(row["bound"]), result(_holds(row))]
        for kind, gradients_ in by_dtype.items()
        for row in gradients_
    ]
    return Table("All of them", columns, rows, folded=True)


def _gradient_caption(kind: str, rows: list[Gradient]) -> str:
    worst = max(rows, key=figures.share)
    failed = sum(not _holds(row) for row in rows)
    within = f"{failed} of {len(rows)} lie beyond" if failed else f"all {len(rows)} lie within"
    hollow = (
        " A hollow dot is equal to the bit." if any(row["max_abs"] == 0 for row in rows) else ""
    )
    shown = f" The {figures.ROWS} largest are drawn." if len(rows) > figures.ROWS else ""
    return (
        f"{kind}: {within} their bounds, the short bars; the largest is {worst['name']} "
        f"with {number(worst['max_abs'])} against {number(worst['bound'])}.{hollow}{shown}"
    )


def _of_layer(dtype_heat: Heat, layer: str) -> float | None:
    if layer not in dtype_heat["layers"]:
        return None
    return float(np.max(figures.numbers(dtype_heat["max_abs"][dtype_heat["layers"].index(layer)])))


def _holds(row: Gradient) -> bool:
    return float(row["max_abs"]) <= float(row["bound"])
