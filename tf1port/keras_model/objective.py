"""What an optimizer minimizes: the graph's loss and its penalties, as Keras has them."""

from collections.abc import Mapping, Sequence

from tf1port.keras_model.blueprint import Spec
from tf1port.keras_model.losses import advice, find_loss
from tf1port.keras_model.optimizer import OptimizerSpec
from tf1port.keras_model.penalties import add_penalties
from tf1port.tf1.checkpoint.reader import Checkpoint
from tf1port.tf1.graph.index import Graph
from tf1port.tf1.graph.optimizers import AVERAGES
from tf1port.tf1.graph.penalties import find_penalties
from tf1port.tf1.graph.statistics_updates import not_updated
from tf1port.tf1.graph.training_ops import sole_loss

_NAMED = 3  # of the variables that are left out


def with_objective(
    optimizer: OptimizerSpec | None,
    graph: Graph,
    specs: Sequence[Spec],
    outputs: Mapping[str, str],
    checkpoint: Checkpoint,
    *,
    masked: Sequence[str] = (),
) -> OptimizerSpec | None:
    """An optimizer with the loss that it minimizes; penalties are added to the layers in place.

    Args:
        specs: all layers. outputs: the graph's tensors by the model's outputs.
        masked: the outputs that carry a mask of Keras', by which its losses leave steps out.
    """
    loss = sole_loss(graph.graph_def)
    if optimizer is None or not outputs or loss is None:
        return optimizer
    variables = {name for spec in specs for name in spec.sources.values()}
    penalties = find_penalties(graph, loss, list(outputs.values()), variables)
    penalized = add_penalties(specs, penalties.factors)
    notes = list(optimizer.notes)
    if terms := sorted(penalties.factors.keys() - penalized):
        notes.append(
            f"the loss has a term of {_named(terms)}, which no layer of Keras has: it is left out, "
            "training goes on differently"
        )
    if others := sorted({*penalties.others} - penalized):
        notes.append(
            f"the loss depends on {_named(others)} in another way than by the outputs: that is "
            "left out, training goes on differently"
        )
    found = find_loss(graph, loss, outputs, checkpoint)
    if found is not None and found.output in masked:
        notes.append(
            "the loss is left out, as Keras' own leave out the steps after the end of a row that "
            f"{found.output} is masked by: compile the model with yours"
        )
        found = None
    elif found is None:
        notes.append(advice(graph, loss, outputs))
    return optimizer._replace(
        loss=found,
        penalized=frozenset(penalized),
        notes=notes,
    )


def with_statistics(
    optimizer: OptimizerSpec | None, graph: Graph, specs: Sequence[Spec]
) -> OptimizerSpec | None:
    """An optimizer that names the moving averages which its step does not update, as Keras does.

    A program may run their updates beside the step: the graph does not say.

    Args:
        specs: all layers.
    """
    if optimizer is None:
        return None
    trained = [
        spec
        for spec in specs
        if spec.kind == "BatchNormalization" and spec.call.arguments.get("trainable", True)
    ]
    learning = {name for spec in specs for name in spec.sources.values()}
    averages = [name for spec in trained for role, name in spec.sources.items() if role in AVERAGES]
    missing = not_updated(graph, averages, learning) if averages else []
    if not missing:
        return optimizer
    line = f"nothing that the train op runs updates the moving averages of {_named(missing)}"
    return optimizer._replace(
        notes=[*optimizer.notes, f"{line}: Keras updates them as it trains, TF1 if they are run"],
        unknown={**optimizer.unknown, "training": f"of the normalizations, as {line}"},
    )


def _named(names: Sequence[str]) -> str:
    """Some names, the first ones of many."""
    return ", ".join([*names[:_NAMED], *(["…"] if len(names) > _NAMED else [])])
