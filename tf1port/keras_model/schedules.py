"""The learning rate that a graph computes, as a schedule of Keras and as its value at a checkpoint.

A schedule is recognised by its formula (tf1port.tf1.graph.schedules) and then compared, by value:
the graph computes its rate at many steps, Keras its own. One that differs is none.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from tf1port.errors import UserError
from tf1port.keras_model.expressions import Call
from tf1port.numerics.tolerances import tolerance
from tf1port.tf1.checkpoint.reader import Checkpoint
from tf1port.tf1.graph.index import Graph, scalar
from tf1port.tf1.graph.optimizers import Kind
from tf1port.tf1.graph.schedules import Schedule, find_schedule
from tf1port.tf1.session.whole_graph import WholeGraph

_COUNTING = {"AssignAdd", "AssignAddVariableOp"}
_FARTHEST = 5  # times the steps of a decay, up to which it is compared
_POINTS = 40


class Rate(NamedTuple):
    """A learning rate that a graph computes.

    value: at the checkpoint. call: what makes Keras' schedule of it, None: Keras has no such one.
    variable: the schedule's step, which is `step` in the checkpoint.
    """

    value: float
    call: Call | None = None
    variable: str = ""
    step: int = 0


def computed_rate(graph: Graph, tensors: set[str], checkpoint: Checkpoint) -> Rate | None:
    """The Rate that a graph computes; None: it is a constant or a variable, or is fed.

    Args:
        graph: the forward graph. tensors: its names, as the updates of several variables have them.
    """
    if len(tensors) != 1:
        return None
    (tensor,) = tensors
    if graph.constant(tensor) is not None or graph.variable(tensor) is not None:
        return None
    try:
        whole = WholeGraph(graph.whole, upcast=False, targets=[tensor])
        whole.restore(checkpoint)
        value = scalar(whole.run(whole.tensor(tensor)))
        schedule = find_schedule(whole.graph, tensor)
        call = schedule and _checked(whole, tensor, schedule)
    except (UserError, KeyError):
        return None
    if value is None or schedule is None or call is None:
        return value if value is None else Rate(value)
    if schedule.variable not in checkpoint.shapes:
        return Rate(value)
    return Rate(value, call, schedule.variable, int(checkpoint.read(schedule.variable)))


def schedule_of(
    rate: Rate,
    iterations: int | None,
    kind: Kind,
    options: dict[str, Any],
    notes: list[str],
    unknown: dict[str, str],
) -> Call | None:
    """The schedule that an optimizer goes on with; None: its rate stays as it is, which is noted.

    Args:
        iterations: of the optimizer, which Keras computes the rate by. kind, options: its own.
        notes, unknown: as of an OptimizerSpec; what the model does differently is added.
    """
    stays = f"it stays at {options['learning_rate']:g}, that of this checkpoint"
    if rate.call is None:
        unknown["learning_rate"] = "is computed in the graph"
        notes.append(f"learning_rate is computed in the graph, as by no schedule of Keras: {stays}")
        return None
    if iterations != rate.step:
        unknown["learning_rate"] = f"is computed of {rate.variable}"
        notes.append(
            f"learning_rate is computed of {rate.variable}, which is {rate.step} where the "
            f"optimizer counts {iterations}: {stays}"
        )
        return None
    if kind.keras == "SGD" and options.get("momentum"):
        unknown["momentum"] = "of a decaying rate sums up steps in Keras, gradients in TF1"
        notes.append(
            "the momentum of a decaying rate sums up steps in Keras, gradients in TF1: training "
            "goes on a little differently"
        )
    return rate.call


def _checked(whole: WholeGraph, tensor: str, schedule: Schedule) -> Call | None:
    """Keras' schedule, which computes at many steps what the graph does; None: it does not."""
    if not _is_counted(whole.graph, schedule.variable):
        return None
    compute = _rates(whole, tensor, schedule.variable)
    options = {name: _shortest(value) for name, value in schedule.options.items()}
    if schedule.constants:
        options = _pieces(compute, schedule.constants)
    call = Call(f"keras.optimizers.schedules.{schedule.kind}", options)
    made, bound = call.make(), tolerance("learning rate", "float32").bound
    for step in _steps(options):
        expected, actual = compute(step), float(made(np.int64(step)))
        if not abs(actual - expected) <= bound * abs(expected):  # a NaN differs
            return None
    return call


def _rates(whole: WholeGraph, tensor: str, variable: str):
    """A function from a step to the graph's rate."""

    def compute(step: int) -> float:
        whole.assign({variable: np.array(step)})
        return float(whole.run(whole.tensor(tensor)))

    return compute


def _is_counted(graph: Graph, variable: str) -> bool:
    """Whether a training step adds one to a variable, and nothing else is added to it."""
    added = [
        scalar(graph.constant(graph.inputs(node)[1])) for node in graph.uses(variable, _COUNTING)
    ]
    return added == [1.0]


def _pieces(compute, constants: tuple[int, ...]) -> dict[str, Any]:
    """The options of a piecewise constant rate: it changes beside these constants alone."""
    ends = sorted({end for constant in constants for end in (constant - 1, constant) if end >= 0})
    boundaries = [end for end in ends if compute(end) != compute(end + 1)]
    values = [compute(end) for end in [*boundaries, max(ends) + 1]]
    return {"boundaries": boundaries, "values": [_shortest(value) for value in values]}


def _steps(options: dict[str, Any]) -> list[int]:
    """Steps at which two rates are compared: around the ends of a decay, and between them."""
    ends = options.get("boundaries") or [int(options.get("decay_steps", 1)) * n for n in (1, 2, 3)]
    last = max(*ends, 1) * _FARTHEST
    around = [end + shift for end in ends for shift in (-1, 0, 1)]
    between = np.linspace(0, last, _POINTS).astype(int).tolist()
    return sorted({step for step in [*around, *between] if step >= 0})


def _shortest(value: Any) -> Any:
    """The float of the fewest digits that is the same float32; anything else as it is."""
    return float(str(np.float32(value))) if isinstance(value, float) else value
