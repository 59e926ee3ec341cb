"""The optimizer of a graph for the weights of a map; a computed learning rate is read by a run."""

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import numpy as np

from tf1port.comparison.sides.constants import DENSE
from tf1port.keras_model import optimizer_search
from tf1port.keras_model.optimizer import OptimizerSpec
from tf1port.tf1.graph.optimizers import AVERAGES

_RATE = "learning_rate"


def find_optimizer(program: Any, entries: Any, applied: Mapping[str, Any]) -> OptimizerSpec | None:
    """The optimizer that a graph applies to the variables of a map; None: unknown or none.

    Args:
        program: tf1port.comparison.sides.program.Program.
        entries: of a tf1port.comparison.sides.weight_map.WeightMap.
        applied: the optimizer's ops by variable.
    """
    layers = [_layer(entry, program, applied) for entry in entries]
    trained = [layer for layer in layers if layer.sources]
    if not trained or not applied:
        return None
    spec = optimizer_search.find_optimizer(
        program.graph, trained, program.checkpoint, program.inventory, schedules=False
    )
    if spec is None or (spec.options.get("global_clipnorm") or 0) < DENSE:
        return spec
    # The clipping that convert adds for an embedding table (D20) is not the graph's.
    options = {name: value for name, value in spec.options.items() if name != "global_clipnorm"}
    return spec._replace(options=options)


def with_rate(
    spec: OptimizerSpec | None, applied: Mapping[str, Any], whole: Any, feed: Any
) -> OptimizerSpec | None:
    """The spec with the learning rate that a graph computes, or is fed, at its start."""
    if spec is None or _RATE not in spec.unknown:
        return spec
    names = sorted({op.arguments["lr"] for op in applied.values()})
    rates = {float(np.float32(rate)) for rate in whole.run([whole.tensor(n) for n in names], feed)}
    if len(rates) != 1:
        return spec
    unknown = {name: why for name, why in spec.unknown.items() if name != _RATE}
    return spec._replace(options={**spec.options, _RATE: rates.pop()}, unknown=unknown)


def _layer(entry, program, applied):
    """An entry as tf1port.keras_model.optimizer looks at a layer, of what is trained."""
    sources = {
        role: source.name
        for role, source in entry.sources.items()
        if role not in AVERAGES and program.trains(source.name, applied)
    }
    weights = {role: program.checkpoint.read(name) for role, name in sources.items()}
    kind = "Embedding" if "embeddings" in sources else ""
    return SimpleNamespace(
        name=entry.name,
        kind=kind,
        is_trained=True,
        sources=sources,
        weights=weights,
        cells=(),
        mappings=(),
    )
