"""A report as text for the terminal."""

from collections.abc import Iterable, Mapping
from typing import Any, Literal

import numpy as np

from tf1port.comparison.ladder.entries import Break, Entry, LeftOut
from tf1port.comparison.report.form import LossRow, Report
from tf1port.terminal import shortened

_WIDTH = 36  # of the first column, where any width will do
_PLACES: tuple[Literal["layer", "step", "gradient"], ...] = ("layer", "step", "gradient")


def lines(report: Report, columns: int | None = None) -> list[str]:
    """The tables of a report, an empty line after each, and the verdict.

    columns: the width that its rows are fitted to; None: any.
    """
    applying = [entry for entry in report["checks"] if entry["applies"]]
    tables = [check_lines(applying, columns), _left_out_lines(report["checks"])]
    if report["losses"]:
        tables += [loss_lines(report["losses"]), end_lines(report)]
    rows = [line for table in tables if table for line in (*table, "")]
    drawn = [f"{report['dataset']}, seed {report['seed']}"] if report["mode"] == "port" else []
    return [
        *rows,
        *drawn,
        report["verdict"],
        *_first_place(report["breaks"]),
        *_more(report["breaks"]),
    ]


def check_lines(checks: Iterable[Mapping[str, Any]], columns: int | None = None) -> list[str]:
    """The ladder as a table; `columns` as for `lines`. The place of a failure is never cut."""
    checks = list(checks)
    width = _WIDTH if columns is None else max((len(c["quantity"]) for c in checks), default=8)
    row = f"{{:<{width}}} {{:<8}} {{:>9}} {{:>9}}  {{:<6}} {{}}".format
    found = [row("compared", "dtype", "max-abs", "tolerance", "", "worst at")]
    for check in checks:
        place, begin = str(check["place"]), len(row(*[""] * 6))
        fits = columns is None or begin + len(place) <= columns
        numbers = [f"{check['max_abs']:.2g}", f"{check['bound']:.2g}"]
        verdict = "ok" if check["passed"] else "FAILS"
        shown = place if fits or columns is None else shortened(place, columns - begin)
        found.append(row(check["quantity"], check["dtype"], *numbers, verdict, shown))
        found += [] if fits or check["passed"] else [f"  {place}"]
    return found


def loss_lines(rows: Iterable[LossRow]) -> list[str]:
    """How far the losses of single steps differ in the course of training (float32, chaotic)."""
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


def end_lines(report: Report) -> list[str]:
    """The final values of both trainings."""
    row = "{:<8} {:>10} {:>14} {:>12} {:>10} {:>12}"
    rows = [row.format("", "test loss", "test accuracy", "min of batch", "s/step", "peak memory")]
    timings = report["timings"]
    for side, curve in report["curves"].items():
        test = curve["test"][-1]
        seconds = timings["seconds_per_step"][side]
        rows.append(
            row.format(
                side,
                f"{test['loss']:.4f}",
                f"{test['accuracy']:.4f}",
                f"{test['min_accuracy']:.4f}",
                "-" if seconds is None else f"{seconds:.5f}",
                f"{timings['peak_memory_bytes'][side] / 1e6:.0f} MB",
            )
        )
    return rows


def finite(value: Any) -> Any:
    """The same structure with numbers that are not finite as text, for JSON."""
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [finite(item) for item in value]
    return str(value) if isinstance(value, float) and not np.isfinite(value) else value


def _left_out_lines(entries: Iterable[Entry]) -> list[str]:
    """What was not compared, and why, without repetitions."""
    labels = {True: "not compared", False: "left out"}
    return list(
        dict.fromkeys(
            f"check {entry['number']}, {_name(entry)}: {labels[entry['needed']]}, {entry['why']}"
            for entry in entries
            if not entry["applies"]
        )
    )


def _name(entry: LeftOut) -> str:
    """The quantity; of a whole check its name, with the dtype if the other one may be compared."""
    dtype = f" ({entry['dtype']})" if "dtype" in entry else ""
    return entry.get("quantity", f"{entry['check']}{dtype}")


def _first_place(first_break: Break | None) -> list[str]:
    """The layer, step and gradient where a comparison breaks, as one line or none."""
    places = {name: first_break[name] for name in _PLACES} if first_break else {}
    first = [f"{name} {place}" for name, place in places.items() if place is not None]
    return [f"first at {', '.join(first)}"] if first else []


def _more(first_break: Break | None) -> list[str]:
    """The command that shows what is known of the probable cause, as one line or none."""
    causes = (first_break.get("diagnosis") or []) if first_break else []
    ids = next((cause["pitfalls"] for cause in causes if cause["explains"]), [])
    return [f"more of it: python -m tf1port explain {ids[0]}"] if ids else []
