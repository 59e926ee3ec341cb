"""Two sides whose variables are drawn anew, for as long as a comparison takes."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any


def offered(sides: Sequence[Any]) -> bool:
    """Whether the variables of sides, legacy and modern and a twin, can be drawn anew."""
    legacy, modern, *twins = sides
    graphs = all(hasattr(side, "drawn_anew") for side in (legacy, *twins))
    return graphs and hasattr(modern, "with_weights")


@contextmanager
def redrawn(sides: Sequence[Any], seed: int) -> Iterator[None]:
    """Draws the variables of a graph anew, and sets the model's weights to these.

    Args:
        sides: legacy and modern, and legacy's twin in the other dtype, if any.
        seed: of the random values.

    Raises:
        UserError: the map has nothing for some weight of the model.
    """
    legacy, modern, *twins = sides
    with ExitStack() as stack:
        for side in (legacy, *twins):
            stack.enter_context(side.drawn_anew(seed))
        stack.enter_context(modern.with_weights(legacy.weights()))
        yield
