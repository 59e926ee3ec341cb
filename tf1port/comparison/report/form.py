"""The form of a report: the fields of report.json. `summary.report` makes it."""

from typing import Any, Literal, TypedDict

from tf1port.comparison.ladder.entries import Break, Control, Entry, Gradient, Heat, Number
from tf1port.numerics.outcome import Outcome

SIDES: tuple[Literal["legacy", "modern"], ...] = ("legacy", "modern")

BySide = dict[str, Any]  # values by "legacy" and "modern"


class Facts(TypedDict):
    """What was compared, by what and where."""

    model: str
    dataset: str
    mode: str  # "full", "quick" or "port"
    command: str
    seed: int
    config: dict[str, Any]
    versions: dict[str, str]
    machine: dict[str, Any]


class Tested(TypedDict):
    """A test during a training."""

    step: int
    loss: Number
    accuracy: Number
    min_accuracy: Number


class Curve(TypedDict):
    """The running means of a training over its steps, and its tests."""

    step: list[int]
    loss: list[Number]
    accuracy: list[Number]
    test: list[Tested]


class LossRow(TypedDict):
    """How far the losses of two trainings have parted after some steps."""

    steps: int
    legacy: Number
    modern: Number
    max_abs: Number
    mean_abs: Number


class Bands(TypedDict):
    """Independent trainings of both sides, and the two one-sided tests (TOST) of their means."""

    seeds: list[int]
    tests: int | None  # of which each accuracy is the median
    quantity: str
    legacy: list[float]
    modern: list[float]
    margin: float
    alpha: float
    difference: float
    interval: list[float]
    p: float
    equivalent: bool
    band: list[float] | None  # within which each accuracy has to be


class Timings(TypedDict):
    """Times in s, memory in bytes."""

    checks: dict[str, float]  # by check
    total: float
    seconds_per_step: BySide
    peak_memory_bytes: BySide


class Report(Facts):
    """All of it."""

    passed: bool
    outcome: Outcome
    verdict: str
    claim: str  # what is claimed to be equal
    counts: dict[str, int]  # counts by "equal", "different", "not compared"
    breaks: Break | None
    checks: list[Entry]
    curves: dict[str, Curve]  # by side
    loss_gap: dict[str, list[Number]]  # |Δ loss| by step, by kind of arithmetic
    heat: dict[str, Heat]  # by dtype
    gradients: dict[str, list[Gradient]]  # by dtype
    losses: list[LossRow]
    bands: Bands | None
    controls: list[Control] | None
    timings: Timings
