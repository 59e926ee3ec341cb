"""The nine checks of the ladder: their numbers, names, and the quantities compared on each."""

from collections.abc import Iterable

from tf1port.comparison.ladder.entries import Compared, LeftOut
from tf1port.errors import UserError
from tf1port.numerics.comparison import Check
from tf1port.numerics.tolerances import plain

NAMES = (
    "variables",
    "outputs",
    "loss",
    "gradients",
    "one step",
    "losses of N steps",
    "resume",
    "exports",
    "bands",
)

ALL = tuple(range(1, len(NAMES) + 1))
DTYPES = ("float32", "float64")

# Keys of tf1port.numerics.tolerances.TABLE by the number of their check.
_QUANTITIES = {
    1: ("weights", "weights with forget bias"),
    2: ("outputs", "logits", "outputs of lengths", "constants of cells", "placeholders"),
    3: ("loss", "accuracy", "dropout"),
    4: ("gradients",),
    5: ("slots", "stepped weights", "optimizer"),
    6: (
        "losses of 5 SGD steps",
        "losses of 50 steps",
        "losses of 50 SGD steps",
        "losses of 200 steps",
        "losses of 200 SGD steps",
        "weights after SGD",
        "losses of 200 steps, TF1's powers",
        "weights, TF1's powers",
        "final loss",
        "final accuracy",
    ),
    7: ("resumed losses", "resumed weights", "resumed slots"),
    8: ("exported logits",),
    9: ("test accuracy", "test accuracy, still rising", "mean test accuracy"),
}
_NUMBERS = {quantity: number for number, many in _QUANTITIES.items() for quantity in many}


def number(quantity: str) -> int:
    """The number of the check on which a quantity is compared, 1 to 9."""
    return _NUMBERS[plain(quantity)]


def name(number: int) -> str:
    """The name of a check by its number."""
    return NAMES[number - 1]


def compared(check: Check) -> Compared:
    """A tf1port.numerics.comparison.Check as an entry of the report."""
    rank = number(check.quantity)
    return {
        "number": rank,
        "check": name(rank),
        "quantity": check.quantity,
        "dtype": check.dtype,
        "applies": True,
        "max_abs": check.max_abs,
        "place": check.place,
        "bound": check.bound,
        "passed": check.passed,
        "margin": check.bound / check.max_abs if check.max_abs else None,
        "reason": check.reason,
    }


def without(numbers: Iterable[int], dtype: str, why: str, *, needed: bool) -> list[LeftOut]:
    """The entries of a dtype in which nothing is compared; there are exports in float32 alone."""
    last = 8 if dtype == "float32" else 7
    return [
        left_out(number, why, needed=needed, dtype=dtype) for number in numbers if number <= last
    ]


def left_out(
    number: int, why: str, *, needed: bool, quantity: str | None = None, dtype: str | None = None
) -> LeftOut:
    """A check, or one quantity or dtype of it, that was not compared, as an entry of the report.

    Args:
        needed: whether the claim needs it: then nothing is proved without.
        quantity, dtype: that was not compared; None: all of the check, both dtypes.
    """
    entry: LeftOut = {
        "number": number,
        "check": name(number),
        "applies": False,
        "needed": needed,
        "why": why,
    }
    if quantity is not None:
        entry["quantity"] = quantity
    if dtype is not None:
        entry["dtype"] = dtype
    return entry


def selected(names: Iterable[str]) -> tuple[str, ...]:
    """The checks and dtypes that are named, as `one step` or `one-step`: a tuple of names.

    Raises:
        UserError: there is none of a name.
    """
    valid = (*NAMES, *DTYPES)
    chosen = tuple(word.strip().replace("-", " ") for word in names)
    for word in chosen:
        if word not in valid:
            raise UserError(f"--only names {word!r}: give some of {', '.join(valid)}")
    return chosen
