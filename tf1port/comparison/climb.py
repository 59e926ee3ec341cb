"""Split off from equivalence/proof.py."""

import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

from tf1port.comparison.diagnosis import diagnose as diagnosis
from tf1port.comparison.ladder import breaks, ladder, rungs
from tf1port.comparison.ladder.entries import Break, Climb, Compared, Entry
from tf1port.comparison.ladder.findings import NOT_EXERCISED, Findings, raised
from tf1port.comparison.sides.protocol import NotOffered, Side
from tf1port.errors import UserError
from tf1port.numerics.comparison import Rung
from tf1port.progress import progress


def climb(
    make: Callable[[], tuple[Side, Side]],
    batches: Sequence[Any],
    *,
    dtype: str,
    only: tuple[int, ...] = rungs.ALL,
    beside: Callable[[], dict[str, Any]] = dict,
    on_check: Callable[[Compared], None] | None = None,
    **options: Any,
) -> Climb:
    """Climbs the ladder from rung 1 to rung 8, and says where it breaks and what explains it.

    Args:
        make: a function without arguments to the two sides, before their first step.
        only: the numbers of the rungs that are reported.
        beside: a function to further options, of sides that are made when the climb begins.
        on_check: takes each entry that was compared, as soon as it is.
        batches, dtype, options: as for tf1port.comparison.ladder.ladder.climb.

    Returns:
        A Climb: `breaks` is None where all rungs pass, and has `undiagnosed` where the search for a
        cause raised something.
    """
    seen = Findings()
    climbed: list[Rung] = []
    seconds: dict[str, float] = defaultdict(float)
    with tempfile.TemporaryDirectory() as folder:
        exports = folder if dtype == "float32" else None
        try:
            legacy, modern = make()
            options.update(beside(), seen=seen, exports=exports, only=only)
        except Exception as error:  # of one dtype: the other one is compared all the same
            return _without(only, dtype, error)
        found = ladder.climb(legacy, modern, batches, dtype=dtype, **options)
        start = time.perf_counter()
        for rung in progress(found, f"ladder, {dtype}", unit=" checks"):
            number, now = rungs.number(rung.quantity), time.perf_counter()
            seconds[rungs.name(number)] += now - start
            start = now
            if number in only:
                climbed.append(rung)
                if on_check is not None:
                    on_check(rungs.compared(rung))
    return {
        "rungs": [
            *map(rungs.compared, climbed),
            *_not_compared(seen, climbed, dtype, only),
        ],
        "heat": seen.heat,
        "gradients": seen.gradients,
        "losses": {name: series.tolist() for name, series in seen.losses.items()},
        "breaks": _break(climbed, seen, make, batches),
        "seconds": dict(seconds),
    }


def _without(only: tuple[int, ...], dtype: str, error: Exception) -> Climb:
    """A Climb in whose dtype a side cannot be made."""
    why = str(error) if isinstance(error, UserError | NotOffered) else raised(error)
    return {
        "rungs": [*rungs.without(only, dtype, why, needed=True)],
        "heat": {"layers": [], "max_abs": []},
        "gradients": [],
        "losses": {},
        "breaks": None,
        "seconds": {},
    }


def _break(climbed: list[Rung], seen: Findings, make: Any, batches: Any) -> Break | None:
    """The first rung that fails as the report has it, with the mistakes that explain it."""
    failed = next((rung for rung in climbed if not rung.passed), None)
    if failed is None:
        return None
    found = breaks.described(rungs.compared(failed), seen)
    legacy, modern = make()
    try:
        causes = diagnosis.diagnose(legacy, modern, batches, dtype=failed.dtype, failed=failed)
        return {**found, "diagnosis": causes}
    except NotOffered:  # it asks for more than the rung that failed
        return found
    except Exception as error:  # what differs is known, and not to be lost for want of a cause
        return {**found, "undiagnosed": raised(error)}


def _not_compared(
    seen: Findings, climbed: list[Rung], dtype: str, only: tuple[int, ...]
) -> list[Entry]:
    """Entries of the report for what the sides do not offer."""
    found = [
        rungs.left_out(rungs.number(quantity), why, needed=needed, quantity=quantity, dtype=dtype)
        for quantity, why, needed in seen.left_out
    ]
    noted = {one["number"] for one in found if not one["why"].startswith(NOT_EXERCISED)}
    told = {rungs.number(rung.quantity) for rung in climbed} | noted
    silent = [number for number in only if number not in told]
    why = "there was nothing to compare"
    found = [entry for entry in found if entry["number"] in only]
    return [*found, *rungs.without(silent, dtype, why, needed=True)]
