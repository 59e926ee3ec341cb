"""Outputs, loss and gradients once more: with other variables, with other values of placeholders.

The batch alone does not show what zero biases, untrained states and neutral values hide.
"""

from typing import Any

from tf1port.comparison.ladder import redrawn as redrawn_
from tf1port.comparison.ladder.lengths import check_finite
from tf1port.comparison.sides.protocol import NotOffered
from tf1port.numerics.tolerances import REDRAWN, VARIED

NO_LOGITS = "a side gives no logits: the [graph] of a map names them"


def redrawn(ladder: Any, batch: Any, seed: int) -> Any:
    """Yields the Checks of outputs, loss and gradients with all variables drawn anew.

    Args:
        ladder: that of tf1port.comparison.ladder.ladder, with its sides. batch: inputs, labels.
        seed: of the variables' values.
    """
    if not redrawn_.offered(ladder.sides):
        return
    quantities = [f"{name}{REDRAWN}" for name in ("outputs", "logits", "loss", "gradients")]
    with ladder.seen.offered(*quantities):
        _name_kept(ladder)
        with redrawn_.redrawn(ladder.sides, seed):
            yield from _redrawn_outputs(ladder, batch[0])
            yield from _redrawn_gradients(ladder, batch)


def _redrawn_outputs(ladder, images):
    outputs, logits = (f"{name}{REDRAWN}" for name in ("outputs", "logits"))
    with ladder.seen.offered(outputs, logits):
        forwards = [dict(side.forward(images)) for side in ladder.sides]
        check_finite(forwards[0])
        of_logits = [forward.pop("logits", None) for forward in forwards]
        if forwards[0] or forwards[1]:
            yield ladder.compare(outputs, *forwards)
        if any(value is None for value in of_logits):
            raise NotOffered(NO_LOGITS)
        yield ladder.compare(logits, *({"logits": value} for value in of_logits))


def _redrawn_gradients(ladder, batch):
    loss, gradients = (f"{name}{REDRAWN}" for name in ("loss", "gradients"))
    with ladder.seen.offered(loss, gradients):
        losses, all_gradients = zip(*(s.gradients(*batch) for s in ladder.sides), strict=True)
        check_finite({"loss": losses[0], **all_gradients[0]})
        yield ladder.compare(loss, *({"loss": value} for value in losses))
        yield ladder.compare(gradients, *all_gradients)


def _name_kept(ladder):
    """Names the variables that keep their values."""
    kept = ladder.sides[0].redrawn
    with ladder.seen.offered(f"outputs{REDRAWN}"):
        if kept.hiding:
            raise NotOffered(
                f"{', '.join(kept.hiding)} of zeros or ones alone may hide what the model "
                "lacks: name them in [layers]"
            )
    if kept.kept:
        why = f"{', '.join(kept.kept)} keep their values: no [layers] name them"
        ladder.seen.note(f"outputs{REDRAWN}", why)


def varied(ladder: Any, batch: Any, seed: int) -> Any:
    """Yields the Checks of outputs and loss with other values of placeholders without an input.

    Args:
        ladder, batch, seed: as for `redrawn`.
    """
    legacy, modern, *twins = ladder.sides
    if not hasattr(legacy, "unmapped"):
        return
    for quantity, names in legacy.unmapped.items():
        if not names:
            continue
        with ladder.seen.offered(f"{quantity}{VARIED}"):
            of_graph = legacy.vary(quantity, names, batch, seed)
            _name_unvaried(ladder, quantity, names, of_graph)
            if not of_graph:
                continue
            of_twins = [twin.vary(quantity, names, batch, seed) for twin in twins]
            of_model = _of_model(modern, quantity, batch)
            arrays = [
                _by_place(of) for of in (of_graph, dict.fromkeys(of_graph, of_model), *of_twins)
            ]
            yield ladder.compare(f"{quantity}{VARIED}", *arrays)
    for name in legacy.always_fed:
        ladder.seen.note("placeholders", f"{name}: [feed] has one value for it")


def _of_model(modern, quantity, batch):
    """The model's arrays by name, which takes none of the placeholders."""
    if quantity == "loss":
        return {"loss": modern.gradients(*batch)[0]}
    return dict(modern.forward(batch[0]))


def _by_place(arrays):
    """{value of a placeholder: {name: array}} as one dict."""
    return {f"{place}, {n}": array for place, of in arrays.items() for n, array in of.items()}


def _name_unvaried(ladder, quantity, names, of_graph):
    """Names the placeholders of which the graph takes no other value."""
    varied = {place.partition(" = ")[0] for place in of_graph}
    stuck = [name.removesuffix(":0") for name in names if name.removesuffix(":0") not in varied]
    with ladder.seen.offered(f"{quantity}{VARIED}"):
        if stuck:
            raise NotOffered(
                f"the graph takes no other value of {', '.join(stuck)}: name it in [inputs], or "
                "give its one value in [feed]"
            )
