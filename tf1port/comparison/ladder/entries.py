"""The entries of a report: a quantity that was compared, or that was not, and why."""

from typing import Literal, NotRequired, TypedDict

Number = float | str  # text in a written report where it is not finite: "inf", "nan"


class Compared(TypedDict):
    """A quantity that was compared, in one dtype."""

    number: int  # of its check, 1 to 9
    check: str  # the name of its check
    quantity: str
    dtype: str
    applies: Literal[True]
    max_abs: Number
    place: str  # of the worst element
    bound: Number
    passed: bool
    margin: Number | None  # bound / max_abs; None where that is 0
    reason: str  # why the bound is not tighter


class LeftOut(TypedDict):
    """A check, or a quantity or dtype of it, that was not compared."""

    number: int
    check: str
    quantity: NotRequired[str]  # without it: all of the check
    dtype: NotRequired[str]  # without it: both
    applies: Literal[False]
    needed: bool  # whether the claim needs it: then nothing is proved without
    why: str


Entry = Compared | LeftOut


class Cause(TypedDict):
    """A known mistake, and the difference that remains once it is corrected."""

    cause: str  # its description, with its ids
    pitfalls: list[str]  # ids of tf1port.pitfalls.catalogue
    max_abs: Number
    explains: bool


class Break(TypedDict):
    """The first quantity that differs, and what would explain it."""

    number: int
    check: str
    dtype: str
    quantity: str
    place: str
    layer: str | None
    step: int | None  # a time step, counted from 0, of outputs; a training step, from 1, of losses
    gradient: str | None
    diagnosis: list[Cause]  # best first
    undiagnosed: NotRequired[str]  # what the search for a cause raised


class Control(TypedDict):
    """The result for a known mistake that was made on purpose."""

    id: str  # of tf1port.pitfalls.catalogue
    name: str
    description: str
    check: str  # the check that must fail
    results: dict[str, str]  # "passes", "fails" or "not reached" by check
    caught: bool
    not_run: NotRequired[str | None]  # why its check was not compared
    diagnosis: str | None
    pitfalls: list[str]  # ids of what the diagnosis names


class Heat(TypedDict):
    """The largest differences by layer and time step."""

    layers: list[str]
    max_abs: list[list[Number]]  # [layer][time step]


class Gradient(TypedDict):
    """How far the gradients of one parameter differ."""

    name: str
    max_abs: Number
    bound: Number


class LadderRun(TypedDict):
    """The results of the checks of one dtype."""

    checks: list[Entry]
    heat: Heat
    gradients: list[Gradient]
    losses: dict[str, list[float]]  # series by "legacy", "modern", "exact"
    breaks: Break | None
    seconds: dict[str, float]  # by check
