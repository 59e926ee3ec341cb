"""The ladder in one dtype, as the report has it: checks, times, the first failure and its cause."""

import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

from tf1port.comparison.diagnosis import diagnose as diagnosis
from tf1port.comparison.ladder import breaks, checks, ladder
from tf1port.comparison.ladder.entries import Break, Compared, Entry, LadderRun, LeftOut
from tf1port.comparison.ladder.findings import NOT_EXERCISED, Findings, raised
from tf1port.comparison.ladder.redrawn import redrawn
from tf1port.comparison.sides.protocol import NotOffered, Side
from tf1port.errors import UserError
from tf1port.numerics.comparison import Check
from tf1port.numerics.tolerances import REDRAWN, VARIED, plain
from tf1port.progress import reached


def run(
    make: Callable[[], tuple[Side, Side]],
    batches: Sequence[Any],
    *,
    dtype: str,
    only: tuple[int, ...] = checks.ALL,
    beside: Callable[[], dict[str, Any]] = dict,
    on_check: Callable[[Compared], None] | None = None,
    **options: Any,
) -> LadderRun:
    """Runs the ladder from check 1 to check 8, and diagnoses the first failure.

    Args:
        make: a function without arguments to the two sides, before their first step.
        only: the numbers of the checks that are reported.
        beside: a function to further options, with sides that are built when the run begins.
        on_check: called with each entry that was compared, as soon as it is.
        batches, dtype, options: as for tf1port.comparison.ladder.ladder.run.

    Returns:
        A LadderRun: `breaks` is None where all checks pass, and has `undiagnosed` where the
        search for a cause raised something.
    """
    seen = Findings()
    compared: list[Check] = []
    seconds: dict[str, float] = defaultdict(float)
    with tempfile.TemporaryDirectory() as folder:
        exports = folder if dtype == "float32" else None
        try:
            legacy, modern = make()
            options.update(beside(), seen=seen, exports=exports, only=only)
        except Exception as error:  # of one dtype: the other one is compared all the same
            return _without(only, dtype, error)
        results = ladder.run(legacy, modern, batches, dtype=dtype, **options)
        start = time.perf_counter()
        bar = {"unit": " checks", "total": len(only), "place": _checks_before(only)}
        for check in reached(results, f"ladder, {dtype}", **bar):
            number, now = checks.number(check.quantity), time.perf_counter()
            seconds[checks.name(number)] += now - start
            start = now
            if number in only:
                compared.append(check)
                if on_check is not None:
                    on_check(checks.compared(check))
    return {
        "checks": [
            *map(checks.compared, compared),
            *_not_compared(seen, compared, dtype, only),
        ],
        "heat": seen.heat,
        "gradients": seen.gradients,
        "losses": {name: series.tolist() for name, series in seen.losses.items()},
        "breaks": _break(compared, seen, make, batches, seed=options.get("seed", 0)),
        "seconds": dict(seconds),
    }


def _checks_before(only: tuple[int, ...]) -> Callable[[Check], int]:
    """A function to how many of the checks come before that of a comparison."""
    return lambda check: sum(number < checks.number(check.quantity) for number in only)


def _without(only: tuple[int, ...], dtype: str, error: Exception) -> LadderRun:
    """The LadderRun of a dtype in which a side cannot be built."""
    why = str(error) if isinstance(error, UserError | NotOffered) else raised(error)
    return {
        "checks": [*checks.without(only, dtype, why, needed=True)],
        "heat": {"layers": [], "max_abs": []},
        "gradients": [],
        "losses": {},
        "breaks": None,
        "seconds": {},
    }


def _break(
    compared: list[Check], seen: Findings, make: Any, batches: Any, *, seed: int
) -> Break | None:
    """The first check that fails as the report has it, with the mistakes that explain it."""
    failed = next((check for check in compared if not check.passed), None)
    if failed is None:
        return None
    first_break = breaks.described(checks.compared(failed), seen)
    legacy, modern = make()
    try:
        causes = _causes(legacy, modern, batches, failed, seed=seed)
        return {**first_break, "diagnosis": causes}
    except NotOffered:  # a diagnosis needs more than the check that failed
        return first_break
    except Exception as error:  # the difference is reported even if the search for a cause fails
        return {**first_break, "undiagnosed": raised(error)}


def _causes(legacy: Any, modern: Any, batches: Any, failed: Check, *, seed: int) -> Any:
    """The diagnosis, with the variables with which the check failed."""
    if failed.quantity.endswith(VARIED):
        name, text = failed.place.partition(" = ")[0], "{} has no input of the model: name it in"
        cause = f"{text.format(name)} [inputs], or its one value in [feed]"
        return [{"cause": cause, "pitfalls": [], "max_abs": 0.0, "explains": True}]
    options = {"dtype": failed.dtype, "failed": failed}
    if not failed.quantity.endswith(REDRAWN):
        return diagnosis.diagnose(legacy, modern, batches, **options)
    options["failed"] = failed._replace(quantity=plain(failed.quantity))
    with redrawn((legacy, modern), seed):
        return diagnosis.diagnose(legacy, modern, batches, **options)


def _not_compared(
    seen: Findings, compared: list[Check], dtype: str, only: tuple[int, ...]
) -> list[Entry]:
    """Entries of the report for what the sides do not offer."""
    left_out = [
        checks.left_out(checks.number(quantity), why, needed=needed, quantity=quantity, dtype=dtype)
        for quantity, why, needed in seen.left_out
    ]
    noted = {entry["number"] for entry in left_out if not _is_unexercised(entry)}
    reported = {checks.number(check.quantity) for check in compared} | noted
    silent = [number for number in only if number not in reported]
    why = "there was nothing to compare"
    left_out = [entry for entry in left_out if entry["number"] in only]
    return [*left_out, *checks.without(silent, dtype, why, needed=True)]


def _is_unexercised(entry: LeftOut) -> bool:
    return entry["why"].startswith(NOT_EXERCISED)
