"""The loops of a graph in TF1's frames: their loop variables, by kind.

Each loop variable is an Enter, a Merge, a Switch, a NextIteration and an Exit. There are three
kinds: counters of the steps, TensorArrays that are written at each step, and states.
"""

from __future__ import annotations

from typing import NamedTuple

from tf1port.tf1.graph.index import ADD

_WRITE = "TensorArrayWriteV3"


class Variable(NamedTuple):
    """A loop variable: the tensors of its initial value, in the loop's condition, in its body,
    after a step, and at the end.
    """

    initial: str
    tested: str
    body: str
    new: str
    final: str


class Frame(NamedTuple):
    """A loop of a graph.

    enters: the attribute frame_name of its Enter nodes. condition: the tensor that ends it.
    counters: loop variables that count the steps. arrays: by the flow tensor in the body the loop
    variable of a TensorArray and the tensor that a step writes to it. states: all other variables.
    """

    name: str
    enters: bytes
    condition: str
    counters: list[Variable]
    arrays: dict[str, tuple[Variable, str]]
    states: list[Variable]


def find_frame(graph, exit_) -> Frame:
    """The loop that an Exit node belongs to."""
    switch = graph.node(graph.inputs(exit_)[0])
    condition = graph.node(graph.inputs(switch)[1])
    switches = [node for node in graph.consumers(f"{condition.name}:0") if node.op == "Switch"]
    name = switch.name.rpartition("/")[0]
    variables = [_variable(graph, node) for node in switches]
    counters = [variable for variable in variables if _is_counter(graph, variable)]
    arrays = {}
    for variable in variables:
        tensor = _written_tensor(graph, variable, counters)
        if tensor is not None:
            arrays[variable.body] = (variable, tensor)
    states = [
        variable
        for variable in variables
        if variable not in counters and variable.body not in arrays
    ]
    return Frame(
        name,
        _enter(graph, graph.node(variables[0].tested)).attr["frame_name"].s,
        graph.inputs(condition)[0],
        counters,
        arrays,
        states,
    )


def initial_of(graph, exit_) -> str:
    """The tensor of the initial value of the loop variable that an Exit node ends."""
    merge = graph.node(graph.inputs(graph.node(graph.inputs(exit_)[0]))[0])
    return graph.origin(graph.inputs(_enter(graph, merge))[0])


def _variable(graph, switch) -> Variable:
    merge = graph.node(graph.inputs(switch)[0])
    enter = _enter(graph, merge)
    (back,) = (name for name in graph.inputs(merge)[:2] if graph.node(name) is not enter)
    exits = [node for node in graph.consumers(f"{switch.name}:0") if node.op.endswith("Exit")]
    final = f"{exits[0].name}:0" if exits else ""
    initial = graph.inputs(enter)[0]
    body, tested = f"{switch.name}:1", f"{merge.name}:0"
    return Variable(graph.origin(initial), tested, body, graph.inputs(graph.node(back))[0], final)


def _enter(graph, merge):
    """The Enter node of a loop variable's Merge."""
    nodes = [graph.node(name) for name in graph.inputs(merge)[:2]]
    return next(node for node in nodes if node.op.endswith("Enter"))


def _is_counter(graph, variable: Variable) -> bool:
    """Whether a variable begins at zero and grows by one."""
    start, new = graph.constant(variable.initial), graph.node(graph.origin(variable.new))
    if start is None or start.ndim or start.any() or new is None or new.op not in ADD:
        return False
    first, second = (graph.origin(name) for name in graph.inputs(new))
    step = graph.constant(second if first == variable.body else first)
    return variable.body in (first, second) and step is not None and step == 1


def _written_tensor(graph, variable: Variable, counters: list[Variable]) -> str | None:
    """The tensor that a step writes to a TensorArray; None where the variable is not of one."""
    write = graph.node(graph.origin(variable.new))
    if write is None or write.op != _WRITE:
        return None
    _, index, tensor, flow = graph.inputs(write)
    steps = {counter.body for counter in counters}
    if graph.origin(flow) != variable.body or graph.origin(index) not in steps:
        return None
    return graph.origin(tensor)
