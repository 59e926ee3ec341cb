"""Constants that differ as data: what a step, or a batch, need not show.

Every function yields attempts: a Cause, or several, and nothing that is left of the difference.
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
    """A clip that one side has, or of another size."""
    legacy = evidence.legacy.cell_constants()
    modern = evidence.live.cell_constants({name.rpartition(" of ")[2] for name in legacy})
    words = _words("constants of cells", legacy, modern, evidence.dtype)
    if words:
        yield Cause(catalogue.CELL_CLIP, "; ".join(words.values())), {}, {}


def _optimizer(evidence):
    """Options of the optimizer, or its rate at some steps."""
    legacy, modern = rates.of_optimizers(evidence)
    words = _words("optimizer", legacy, modern, evidence.dtype)
    later = [name for name in words if name.startswith(RATE)]
    for name in later[1:]:  # the first says enough
        del words[name]
    found: dict[Pitfall, list[str]] = {}
    for name, said in words.items():
        option = "learning_rate" if name.startswith(RATE) else name
        found.setdefault(pitfall_of(evidence, option), []).append(said)
    if found:
        yield [Cause(pitfall, "; ".join(said)) for pitfall, said in found.items()], {}, {}


def _words(quantity, legacy, modern, dtype):
    """What differs, in words by name."""
    found = {}
    for name in legacy.keys() & modern.keys():
        one = constants.check(quantity, {name: legacy[name]}, {name: modern[name]}, dtype)
        if not one.passed:
            found[name] = one.place
    return {name: found[name] for name in legacy if name in found}
