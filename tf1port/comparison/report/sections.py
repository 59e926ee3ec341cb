"""The sections of a report, in the order in which they are read."""

from tf1port.comparison.ladder.entries import Compared
from tf1port.comparison.report.bands import bands
from tf1port.comparison.report.blocks import Column, Command, Section, Table, listed
from tf1port.comparison.report.evidence import curves, gradients, heat, loss_gap
from tf1port.comparison.report.form import BySide, Report
from tf1port.comparison.report.ladder import applying, breaks, controls, ladder
from tf1port.comparison.report.text import megabytes, number, seconds, times
from tf1port.numerics import outcome as outcome_


def sections(report: Report) -> list[Section]:
    """All sections of a report below its verdict."""
    every = [
        breaks(report),
        ladder(report),
        curves(report),
        loss_gap(report),
        heat(report),
        gradients(report),
        bands(report),
        controls(report),
        speed(report),
        origin(report),
    ]
    return [section for section in every if section is not None]


SIGNS = {outcome_.EQUAL: "✓", outcome_.DIFFERENT: "✗", outcome_.NOT_PROVED: "?"}


def headline(report: Report) -> str:
    """The outcome as a heading."""
    if report["outcome"] == outcome_.EQUAL:
        return "Equal in all that was compared"
    if report["outcome"] == outcome_.NOT_PROVED:
        return "Not proved"
    return "The two sides differ" if report["breaks"] else "A known mistake is not noticed"


def highlights(report: Report) -> list[tuple[str, str]]:
    """The few numbers above the first section, as pairs of a value and its label."""
    checks = applying(report)
    passed = sum(check["passed"] for check in checks)
    missing = [check for check in report["checks"] if not check["applies"] and check["needed"]]
    numbers = [(f"{passed} of {len(checks) + len(missing)}", "checks are equal")]
    margins = [(float(check["margin"]), _name(check)) for check in checks if check["margin"]]
    if margins and report["passed"]:
        least, name = min(margins, key=lambda pair: pair[0])
        numbers.append((f"{times(least)} ×", f"smallest margin: {name}"))
    if tried := report["controls"]:
        caught = sum(control["caught"] for control in tried)
        numbers.append((f"{caught} of {len(tried)}", "known mistakes noticed"))
    total = report["timings"].get("total")
    if total is not None:
        numbers.append((seconds(total), "for all of it"))
    return numbers


def speed(report: Report) -> Section:
    """Seconds per step and memory of both sides, and the times of the checks."""
    timings = report["timings"]
    step = timings.get("seconds_per_step") or {}
    memory = timings.get("peak_memory_bytes") or {}
    rows = [
        [side, seconds(step.get(side)), megabytes(memory.get(side))]
        for side in ("legacy", "modern")
    ]
    text = "Measured while both sides trained in this comparison."
    ratio = _ratio(step)
    if not step:
        text = "Neither side was trained, so that only the checks were timed."
    elif ratio:
        text += f" Legacy takes {number(ratio)} times as long per step as modern."
    columns = [Column("Side"), Column("Per step", "number"), Column("Peak memory", "number")]
    times = [[name, seconds(value)] for name, value in (timings.get("checks") or {}).items()]
    blocks = [Table("Training", columns, rows, "narrow")] if step else []
    if times:
        time_columns = [Column("Check"), Column("Time", "number")]
        blocks.append(Table("Time of the checks", time_columns, times, "narrow"))
    return Section("speed", "Speed", [text], blocks)


def origin(report: Report) -> Section:
    """What is needed to reproduce the report."""
    run = {name: report[name] for name in ("model", "dataset", "mode", "seed")}
    blocks: list[Command | Table] = [
        Command(report["command"]),
        listed("Run", run),
        listed("Machine", report["machine"]),
        listed("Versions", report["versions"]),
        listed("Configuration", report["config"]),
    ]
    text = "The same seed on the same machine gives the same report, but for the times."
    return Section("origin", "How it was made", [text], blocks)


def _ratio(step: BySide) -> float | None:
    legacy, modern = step.get("legacy"), step.get("modern")
    return legacy / modern if legacy and modern else None


def _name(check: Compared) -> str:
    return f"{check['quantity']}, {check['dtype']}"
