"""The gates of a GRU with reset_after: TF1's cell has one bias, Keras' two, so one stays at zero.

Both would learn, and their sum would go twice as far in a step (D18). With the constraint the first
one learns as TF1's does, where an optimizer treats each number by itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from tf1port.keras_model.blueprint import Spec
from tf1port.keras_model.expressions import Call
from tf1port.tf1.graph.clipping import find_clipping
from tf1port.tf1.graph.index import Graph
from tf1port.tf1.graph.optimizers import Applied, find_applied

OPTION, CONSTRAINT = "bias_constraint", "tf1port.cells.keras.OneBiasPerGate"
_ROLE = "gates/bias"
_NORMS = ("clipnorm", "global_clipnorm")


def with_one_bias(graph: Graph, spec: Spec) -> Spec:
    """A Spec with the constraint, where the graph trains the bias of such a cell."""
    if not any(_updates(graph, [spec])):
        return spec
    return replace(spec, call=_constrained(spec.call))


def norm_of_two(graph: Graph, specs: Iterable[Spec]) -> str | None:
    """Why no optimizer of Keras trains such cells alike: their gradients are clipped by a norm."""
    for name, update in _updates(graph, specs):
        clipping = find_clipping(graph, update.arguments["grad"])
        if clipping is not None and clipping.option in _NORMS:
            return (
                f"gradients are clipped by a norm, in which that of {name} would count twice: the "
                "gates of a GRU with reset_after have two biases in Keras (D18)"
            )
    return None


def _updates(graph: Graph, specs: Iterable[Spec]) -> Iterator[tuple[str, Applied]]:
    """The biases of gates that the graph trains, each with its update; of parts those of each."""
    biases = [
        spec.sources[cell.prefix + _ROLE]
        for spec in specs
        for cell in spec.cells
        if cell.family == "cudnn_gru"
    ]
    for name, update in find_applied(graph).items() if biases else ():
        for bias in biases:
            if name == bias or str(name).startswith(f"{bias}/part_"):
                yield bias, update


def _constrained(value: Any) -> Any:
    """A call of a constructor whose GRUs, or cells of one, have the constraint."""
    if isinstance(value, list):
        return [_constrained(item) for item in value]
    if not isinstance(value, Call):
        return value
    arguments = {key: _constrained(item) for key, item in value.arguments.items()}
    if value.function in ("keras.layers.GRU", "keras.layers.GRUCell") and arguments["reset_after"]:
        last = {key: arguments.pop(key) for key in [*arguments] if key in ("dtype", "name")}
        arguments |= {OPTION: Call(CONSTRAINT, {}), **last}
    return replace(value, arguments=arguments)
