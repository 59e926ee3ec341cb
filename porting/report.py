"""What a comparison says on the terminal."""

import numpy as np


def lines(report):
    """The tables of a report, an empty line after each, and the last word."""
    applying = [entry for entry in report["rungs"] if entry["applies"]]
    tables = [rung_lines(applying), _left_out_lines(report["rungs"])]
    if report["losses"]:
        tables += [loss_lines(report["losses"]), end_lines(report)]
    found = [line for table in tables if table for line in (*table, "")]
    return [*found, *_last_words(report, applying)]


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


def end_lines(report):
    """What both trainings ended with."""
    row = "{:<8} {:>10} {:>14} {:>12} {:>10} {:>12}"
    found = [row.format("", "test loss", "test accuracy", "min of batch", "s/step", "peak memory")]
    timings = report["timings"]
    for side, curve in report["curves"].items():
        test = curve["test"][-1]
        seconds = timings["seconds_per_step"][side]
        found.append(
            row.format(
                side,
                f"{test['loss']:.4f}",
                f"{test['accuracy']:.4f}",
                f"{test['min_accuracy']:.4f}",
                "-" if seconds is None else f"{seconds:.5f}",
                f"{timings['peak_memory_bytes'][side] / 1e6:.0f} MB",
            )
        )
    return found


def finite(value):
    """The same structure with infinite numbers as text, which JSON can hold."""
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [finite(item) for item in value]
    return str(value) if isinstance(value, float) and not np.isfinite(value) else value


def _left_out_lines(entries):
    """What was not compared, and why: one line for all entries of a kind."""
    return list(
        dict.fromkeys(
            f"rung {entry['number']}, {entry.get('quantity', entry['rung'])}: not climbed, "
            f"{entry['why']}"
            for entry in entries
            if not entry["applies"]
        )
    )


def _last_words(report, applying):
    found = report["breaks"]
    if found is None:
        return ["the two sides agree" if report["passed"] else report["verdict"]]
    failed = next(
        entry
        for entry in applying
        if all(entry[name] == found[name] for name in ("quantity", "dtype", "place"))
    )
    place = f"{found['quantity']} ({found['dtype']}) at {found['place']}"
    gap = f"{failed['max_abs']:.2g} > {failed['bound']:.2g}"
    causes = [cause["cause"] for cause in found["diagnosis"]]
    first = [
        f"{key} {found[key]}" for key in ("layer", "step", "gradient") if found[key] is not None
    ]
    words = [f"THE TWO SIDES PART: {place}: {gap}"]
    words += [f"first at {', '.join(first)}"] if first else []
    return [*words, f"explained by: {'; '.join(causes) or 'no mistake that is known'}"]
