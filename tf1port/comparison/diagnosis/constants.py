"""Constants that differ, though a step or a batch need not show it.

Every function yields attempts: a Cause, or several, and two empty dicts: no difference remains.
"""

from tf1port.comparison.diagnosis import rates
from tf1port.comparison.diagnosis.cause import Cause
from tf1port.comparison.diagnosis.options import pitfall_of
from tf1port.comparison.ladder import constants
from tf1port.comparison.ladder.constants import RATE
from tf1port.pitfalls import catalogue
from tf1port.pitfalls.catalogue import Pitfall


def all_of(evidence):
    """All attempts for the constants of cells and of optimizers."""
    if evidence.quantity == "constants of cells":
        yield from _cells(evidence)
    if evidence.quantity == "optimizer":
        yield from _optimizer(evidence)


def _cells(evidence):
    """A clip of the cell state that one side lacks, or that differs."""
    legacy = evidence.legacy.cell_constants()
    modern = evidence.live.cell_constants({name.rpartition(" of ")[2] for name in legacy})
    differences = _differences("constants of cells", legacy, modern, evidence.dtype)
    if differences:
        yield Cause(catalogue.CELL_CLIP, "; ".join(differences.values())), {}, {}


def _optimizer(evidence):
    """Options of the optimizer that differ, or its rate at some steps."""
    legacy, modern = rates.of_optimizers(evidence)
    differences = _differences("optimizer", legacy, modern, evidence.dtype)
    later = [name for name in differences if name.startswith(RATE)]
    for name in later[1:]:  # the first one suffices
        del differences[name]
    by_pitfall: dict[Pitfall, list[str]] = {}
    for name, lines in differences.items():
        option = "learning_rate" if name.startswith(RATE) else name
        by_pitfall.setdefault(pitfall_of(evidence, option), []).append(lines)
    if by_pitfall:
        yield [Cause(pitfall, "; ".join(lines)) for pitfall, lines in by_pitfall.items()], {}, {}


def _differences(quantity, legacy, modern, dtype):
    """Descriptions of the constants that differ, by name."""
    places = {}
    for name in legacy.keys() & modern.keys():
        result = constants.check(quantity, {name: legacy[name]}, {name: modern[name]}, dtype)
        if not result.passed:
            places[name] = result.place
    return {name: places[name] for name in legacy if name in places}
