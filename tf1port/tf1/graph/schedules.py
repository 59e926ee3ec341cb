"""Learning rates that a graph computes of a step, recognised as the schedules that Keras has.

A rate is read into an expression, nested tuples of an op's name and its operands: numbers, STEP,
and expressions. Copies and casts are left out of it. The patterns below are the formulas of
`tf.train`'s decays in all releases of TF1.
"""

from collections.abc import Set
from typing import Any, NamedTuple

import numpy as np

from tf1port.tf1.graph.index import PASSING, Graph, scalar
from tf1port.tf1.graph.pruning import behind, functions_of

STEP = "step"
_OPS = {"AddV2": "Add", "Div": "RealDiv", "SelectV2": "Select"}  # spellings of one op
_LARGEST = 60  # ops of an expression; a cosine with an alpha has 10
_PASSING = PASSING | {"Cast"}
_PASSED = _PASSING | {"Switch"}  # into a branch
_COMPARING = {"Less", "LessEqual", "Greater", "GreaterEqual"}
# What a piecewise constant consists of beside comparisons: conditions, and values passed on.
_CHOOSING = {"Switch", "Merge", "Identity", "LogicalAnd", "LogicalNot", "Select", "SelectV2"}
_CHOOSING |= {"Cast", "ReadVariableOp", "Const", "If", "StatelessIf"}
_CHOOSING |= {"Assert", "Sum", "Pack", "NoOp"}  # of tf.case, that one condition at most holds
_FUNCTIONS = {"If", "StatelessIf", "Const", "Identity", "NoOp", "Assert"}  # of branches


class Schedule(NamedTuple):
    """A class of keras.optimizers.schedules, its options, and the variable of the step.

    Of a PiecewiseConstantDecay the options are unknown, and `constants` the numbers that the step
    is compared with: between two of them the rate is the same.
    """

    kind: str
    options: dict[str, Any]
    variable: str
    constants: tuple[int, ...] = ()


def find_schedule(graph: Graph, tensor: str) -> Schedule | None:
    """The schedule that computes a learning rate; None: it is not known as one.

    Args:
        graph: with its conditions as they are, so that of `backward=True`.
    """
    reader = _Reader(graph)
    options = _formula(reader.expression(tensor))
    if options is not None and len(reader.variables) == 1:
        (variable,) = reader.variables
        return Schedule(options.pop("kind"), options, variable)
    return _piecewise(graph, tensor)


class _Reader:
    """Reads expressions, and collects the variables that STEP stands for."""

    def __init__(self, graph: Graph):
        self.graph, self.variables = graph, set[str]()
        self._count = 0

    def expression(self, tensor: str) -> Any:
        """The expression of a tensor; None stands for what is none of it."""
        tensor = _uncast(self.graph, tensor)
        value = scalar(self.graph.constant(tensor))
        if value is not None:
            return value
        variable = self.graph.variable(tensor)
        if variable is not None:
            self.variables.add(variable)
            return STEP
        node = self.graph.node(tensor)
        self._count += 1
        if node is None or self._count > _LARGEST or len(node.input) > 3:
            return None
        inputs = [self.expression(name) for name in self.graph.inputs(node)]
        return (_OPS.get(node.op, node.op), *inputs)


def _uncast(graph: Graph, tensor: str, passing: Set[str] = _PASSING) -> str:
    """The tensor behind copies and casts between types of numbers."""
    while (node := graph.node(tensor)) is not None and node.op in passing:
        tensor = graph.inputs(node)[0]
    return tensor


def _formula(expression: Any) -> dict[str, Any] | None:
    """The options of a schedule that is one formula, with its kind; None: it is another one."""
    match expression:
        case ("Mul", float(rate), ("Pow", float(base), progress)):
            found = _progress(progress)
            return found and _options("ExponentialDecay", rate, found, decay_rate=base)
        case ("RealDiv", float(rate), ("Add", 1.0, ("Mul", float(factor), progress))):
            found = _progress(progress)
            return found and _options("InverseTimeDecay", rate, found, decay_rate=factor)
        case ("Add", ("Mul", span, ("Pow", ("Sub", 1.0, progress), float(power))), float(last)):
            found, first = _stopping(progress), _difference(span, last)
            if found is None or first is None:
                return None
            return _options("PolynomialDecay", first, found, end_learning_rate=last, power=power)
        case ("Mul", float(rate), decay):
            return _cosine(rate, decay)
    return None


def _cosine(rate: float, decay: Any) -> dict[str, Any] | None:
    match decay:
        case ("Add", ("Mul", float(share), half_wave), float(alpha)) if _is(share, 1 - alpha):
            pass
        case _:
            return None
    match half_wave:
        case ("Mul", 0.5, ("Add", 1.0, ("Cos", ("Mul", float(pi), progress)))) if _is(pi, np.pi):
            found = _stopping(progress)
            return found and _options("CosineDecay", rate, found, alpha=alpha)
    return None


def _options(kind: str, rate: float, found: dict[str, Any], **further: Any) -> dict[str, Any]:
    return {"kind": kind, "initial_learning_rate": rate, **found, **further}


def _progress(expression: Any) -> dict[str, Any] | None:
    """The options of a step over a number of steps, which may be rounded down."""
    match expression:
        case ("RealDiv", "step", float(steps)) if steps > 0:
            return {"decay_steps": _whole(steps), "staircase": False}
        case ("Floor", ("RealDiv", "step", float(steps))) if steps > 0:
            return {"decay_steps": _whole(steps), "staircase": True}
    return None


def _stopping(expression: Any) -> dict[str, Any] | None:
    """The option of a step over a number of steps, at which it stops."""
    match expression:
        case ("RealDiv", ("Minimum", "step", float(steps)), float(same)) if 0 < steps == same:
            return {"decay_steps": _whole(steps)}
    return None


def _difference(span: Any, last: float) -> float | None:
    """The number from which `last` is subtracted in an expression."""
    match span:
        case ("Sub", float(first), float(second)) if second == last:
            return first
    return None


def _is(value: float, expected: float) -> bool:
    return bool(np.float32(value) == np.float32(expected))


def _whole(number: float) -> float | int:
    return int(number) if number == int(number) else number


def _piecewise(graph: Graph, tensor: str) -> Schedule | None:
    """A rate of conditions that compare the step with constants alone; its values are not read."""
    nodes = behind(graph.nodes, [tensor])  # a branch may depend on its condition as a control input
    variables = {name for name in nodes if graph.variable(f"{name}:0") == name}
    others = [node for name, node in nodes.items() if name not in variables]
    if len(variables) != 1 or any(node.op not in _COMPARING | _CHOOSING for node in others):
        return None
    if any(node.op not in _COMPARING | _PASSED and _takes_step(graph, node) for node in others):
        return None
    functions = functions_of(others, graph.graph_def.library)
    if any(node.op not in _FUNCTIONS for function in functions for node in function.node_def):
        return None
    constants = {_constant(graph, node) for node in others if node.op in _COMPARING}
    whole = {int(value) for value in constants if value is not None}
    if not whole or whole != constants:  # None is among them, or a fraction
        return None
    return Schedule("PiecewiseConstantDecay", {}, variables.pop(), tuple(sorted(whole)))


def _takes_step(graph: Graph, node: Any) -> bool:
    """Whether an input of a node is a variable, as it is or cast."""
    tensors = [_uncast(graph, name, _PASSED) for name in graph.inputs(node)]
    return any(graph.variable(tensor) is not None for tensor in tensors)


def _constant(graph: Graph, node: Any) -> float | None:
    """The one constant among the operands of a comparison; None where it is not one."""
    tensors = [_uncast(graph, name, _PASSED) for name in graph.inputs(node)]
    values = [scalar(graph.constant(tensor)) for tensor in tensors]
    constants = [value for value in values if value is not None]
    return constants[0] if len(constants) == 1 else None
