"""A graph of any shape as a Program: its inputs, layers, ops and outputs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from tf1port.conversion.translation import bidirectional
from tf1port.conversion.translation.outputs import find_outputs
from tf1port.conversion.translation.reader import CircularError, Reader
from tf1port.conversion.translation.recurrences import find_recurrences
from tf1port.errors import UserError
from tf1port.keras_model import cell_specs, naming
from tf1port.keras_model.blueprint import Spec, recurrent_spec
from tf1port.keras_model.expressions import Call
from tf1port.keras_model.optimizer_search import with_trained
from tf1port.keras_model.program import Layer, Loop, Op, Program, Use, Value, Weight, in_order
from tf1port.keras_model.value_names import of_state
from tf1port.tf1.checkpoint.cell_names import Cell
from tf1port.tf1.graph.index import Graph
from tf1port.tf1.graph.levels import Level, RecurrentLayer
from tf1port.tf1.graph.pruning import full_name

Read = Callable[[str], np.ndarray]
_TRIES = 8  # of finding out which variables are shared between layers


def translate(
    graph: Graph,
    cells: Iterable[Cell],
    shapes: Mapping[str, tuple[int, ...]],
    read: Read,
    *,
    outputs: Sequence[str] = (),
    stateful: bool = False,
    fed_shapes: Mapping[str, tuple[int | None, ...]] | None = None,
) -> tuple[Program, dict[str, str], dict[str, str]]:
    """The Program of what a graph computes.

    Args:
        graph: as it is outside of training.
        cells: of the checkpoint's inventory. shapes, read: of its variables.
        outputs: the tensors that are the model's outputs; none: those that a loss is computed from.
        stateful: the states are inputs and outputs.
        fed_shapes: as the graph itself takes what `graph` leaves open.

    Returns: the Program; the graph's tensor by the name of the input, and of the output.

    Raises:
        UserError: an op has no counterpart, or there is nothing to give.
    """
    cells = list(cells)
    given = [_existing(graph, name) for name in outputs]
    options: dict[str, Any] = {"stateful": stateful, "fed_shapes": fed_shapes}
    tensors, reader, values = _read(graph, cells, shapes, given, **options)
    bidirectional.merge(values)
    states = reader.states.used(values) if stateful else []
    starts = [state.start for state in states]
    inputs = [value for value in reader.inputs.values() if value not in starts]
    finals = {(id(value.producer), value.port) for value in values}
    further = [s for s in states if (id(s.final.producer), s.final.port) not in finals]
    tensors, values = tensors + [s.tensor for s in further], values + [s.final for s in further]
    used = {id(producer) for producer in in_order(values)}
    inputs = [value for value in inputs if id(value.producer) in used]
    if not inputs:
        raise UserError("its outputs depend on nothing that is fed")
    dtype = _dtype(values)
    names = naming.layer_names()
    input_tensors = {names.new(naming.of_node(v.producer.scope)): v.producer.tensor for v in inputs}
    specs = _specs(values, graph, read, dtype, names)
    state_names = [names.new(_state_name(state.final)) for state in states]
    for name, start in zip(state_names, starts, strict=True):
        input_tensors[name] = start.producer.tensor
        start.producer.scope = name
    outputs_by_name = _named_outputs(
        tensors, values, dict(zip(state_names, [state.final for state in states], strict=True))
    )
    program = Program(
        dtype,
        inputs + starts,
        outputs_by_name,
        specs,
        input_names=list(input_tensors),
        rounded=reader.rounded,
        states=state_names,
    )
    named = zip(outputs_by_name, tensors, strict=True)
    return program, input_tensors, {name: tensor for name, tensor in named if tensor}


def _read(graph, cells, shapes, given, **options):
    """The outputs' tensors, the Reader and their values.

    What a further loop computes, as a decoder for inference, is left out where it has no
    counterpart.
    """
    run_outputs = find_recurrences(graph, cells)
    tensors = given or find_outputs(graph, run_outputs)
    if not tensors:
        raise UserError("no output is found: nothing that its variables make leads to a loss")
    try:
        return tensors, *_read_runs(graph, cells, shapes, run_outputs, tensors, **options)
    except UserError:
        fewer = given or find_outputs(graph, run_outputs, through_loops=False)
        if fewer == tensors:
            raise
    return fewer, *_read_runs(graph, cells, shapes, run_outputs, fewer, **options)


def _read_runs(graph, cells, shapes, run_outputs, tensors, **options):
    try:
        return _read_outputs(graph, shapes, run_outputs, tensors, **options)
    except CircularError:  # unrolled runs that take each other's outputs
        run_outputs = find_recurrences(graph, cells, step_by_step=True)
        return _read_outputs(graph, shapes, run_outputs, tensors, **options)


def _existing(graph: Graph, name: str) -> str:
    """The full name of a tensor. Raises UserError where the graph has none of it."""
    tensor = graph.named(full_name(name))
    if tensor is None:
        raise UserError(f"the graph has no tensor {name} that is computed forwards")
    return tensor


def _state_name(final: Value) -> str:
    """What a state is called, after its layer."""
    producer = final.producer
    if isinstance(producer, Use):
        return of_state(producer, final.port)
    assert isinstance(producer, Loop)
    assert producer.spec is not None
    return f"{producer.spec.name}_state"


def _read_outputs(graph, shapes, run_outputs, tensors, **options):
    """The values of the outputs, in which each variable belongs to at most one layer."""
    raw: set[str] = set()
    for _ in range(_TRIES):
        reader = Reader(graph, shapes, run_outputs, raw=raw, **options)
        values = reader.read(tensors)
        several = _shared_variables(values)
        if not several:
            return reader, values
        if several <= raw:
            break
        raw |= several
    raise UserError(f"several layers hold {sorted(several)[0]}")


def _shared_variables(values: Sequence[Value]) -> set[str]:
    """The variables that are shared between layers, or between a layer and an op."""
    holders: dict[str, set[int]] = {}
    for producer in in_order(values):
        if isinstance(producer, Use):
            for name in producer.layer.variables.values():
                holders.setdefault(name, set()).add(id(producer.layer))
        elif isinstance(producer, Weight):
            holders.setdefault(producer.variable, set()).add(-1)
        elif isinstance(producer, Loop):
            for name in producer.variables.values():
                holders.setdefault(name, set()).add(id(producer))
    return {name for name, users in holders.items() if len(users) > 1}


def _named_outputs(
    tensors: Sequence[str], values: Sequence[Value], states: Mapping[str, Value]
) -> dict[str, Value]:
    """The outputs by name; `states` have theirs already."""
    names, result = naming.Names(states), {}
    known = {(id(state.producer), state.port): name for name, state in states.items()}
    for tensor, value in zip(tensors, values, strict=True):
        if (id(value.producer), value.port) in known:
            result[known[id(value.producer), value.port]] = value
            continue
        scope = tensor.rpartition(":")[0]
        plain = naming.of_layer([scope], naming.of_node(scope))
        producer = (value.rows_of or value).producer
        if isinstance(producer, Use) and producer.layer.spec is not None:
            plain = of_state(producer, value.port) if value.port else producer.layer.spec.name
        elif isinstance(producer, Loop) and producer.spec is not None:
            plain = producer.spec.name
        result[names.new(plain)] = value
    return result


def _dtype(values: Sequence[Value]) -> str:
    dtypes = {value.dtype for value in values if value.dtype.startswith("float")}
    if len(dtypes) != 1:
        raise UserError(f"its outputs are of several dtypes: {', '.join(sorted(dtypes)) or 'none'}")
    return dtypes.pop()


# layers


def _specs(
    values: Sequence[Value], graph: Graph, read: Read, dtype: str, names: naming.Names
) -> list[Spec]:
    """The specs of all layers, each with a name of its own; the layers have them as well."""
    order, specs = in_order(values), []
    ports = _ports(order, values)
    visited: set[int] = set()
    variables: dict[str, Spec] = {}
    for producer in order:
        if isinstance(producer, Use) and id(producer.layer) not in visited:
            layer = producer.layer
            visited.add(id(layer))
            otherwise = layer.cells[0].family if layer.cells else _plain_name(layer.kind)
            base = naming.of_layer(_named_by(layer), otherwise)
            if len(layer.cells) > 1:
                base = naming.of_directions(
                    [*layer.variables.values()], f"bidirectional_{otherwise}"
                )
            is_softmax = layer.kind == "Dense" and base == "softmax"  # its input, as TF1 programs
            name = names.new("logits" if is_softmax else base)
            if layer.cells:
                spec = _recurrent(layer, ports[id(layer)], read, dtype, name)
            else:
                spec = _plain(layer, read, dtype, name)
            layer.spec = with_trained(graph, spec)
            specs.append(layer.spec)
        elif isinstance(producer, Loop):
            name = names.new(naming.of_loop(producer.scope, [*producer.variables.values()]))
            producer.spec = with_trained(graph, _loop(producer, read, dtype, name))
            specs.append(producer.spec)
        elif isinstance(producer, Weight) and producer.variable not in variables:
            name = names.new(naming.of_layer([producer.variable], "variable"))
            value = read(producer.variable)
            call = Call("program.Variable", {"shape": value.shape, "dtype": dtype, "name": name})
            spec = Spec(call, {"value": value}, {"value": producer.variable})
            spec = with_trained(graph, spec)
            variables[producer.variable] = spec
            specs.append(spec)
    return specs


def _plain_name(kind: str) -> str:
    """A name for a layer without variables to name it after."""
    return "pooling" if "Pooling" in kind else kind.lower()


def _named_by(layer: Layer) -> list[str]:
    """What a layer is named after: its variables, of a normalization their scope."""
    names = [*layer.variables.values()]
    if len(layer.cells) == 1:
        return [f"{layer.cells[0].scope}/kernel"]  # not after a normalization within the cell
    if layer.kind.endswith("Normalization"):
        return [name.rpartition("/")[0] for name in names if "/" in name]
    return names


def _ports(order, outputs: Sequence[Value]) -> dict[int, set[str]]:
    """The outputs of each recurrent layer that are used: "last", "sequence", "h", "c"."""
    ports: dict[int, set[str]] = {}
    for producer in [*order, None]:
        for value in producer.operands if producer is not None else outputs:
            use = value.producer
            if not isinstance(use, Use):
                continue
            last = isinstance(producer, Op) and producer.attrs.get("step") is not None
            last = last and producer.attrs["step"] + 1 == producer.inputs[0].size(1)
            states = (
                "hc" if len(use.layer.cells) == 1 else ("state 1", "state 2", "state 3", "state 4")
            )
            port = ("last" if last else "sequence", *states)[value.port]
            ports.setdefault(id(use.layer), set()).add(port)
    return ports


def _recurrent(layer: Layer, ports: set[str], read: Read, dtype: str, name: str) -> Spec:
    constants = layer.options["constants"]
    directions = [(RecurrentLayer(cell, constants, None),) for cell in layer.cells]
    specs = cell_specs.of_level(Level(*directions), read)
    last_only = layer.options.get("last_only", False)
    options: dict[str, Any] = {"return_sequences": "sequence" in ports and not last_only}
    masked = layer.options["masked"]
    if layer.options["go_backwards"]:
        options["go_backwards"] = True
    if ports - {"last", "sequence"} and ports != {"h"}:
        options["return_state"] = True
    if "last" in ports and (masked or len(ports) > 1):
        options["return_sequences"] = True
    if masked:
        # dynamic_rnn has zeros after a row's end; Keras repeats the last output, the state.
        options["zero_output_for_mask"] = options["return_sequences"]
    return recurrent_spec(specs, {**options, "dtype": dtype, "name": name})


def _loop(loop: Loop, read: Read, dtype: str, name: str) -> Spec:
    weights = {role: read(variable) for role, variable in loop.variables.items()}
    call = Call(f"program.{naming.class_name(name)}", {"dtype": dtype, "name": name})
    return Spec(call, weights, loop.variables)


def _plain(layer: Layer, read: Read, dtype: str, name: str) -> Spec:
    weights = {role: read(variable) for role, variable in layer.variables.items()}
    options = {key: value for key, value in layer.options.items() if value is not None}
    call = Call(f"keras.layers.{layer.kind}", {**options, "dtype": dtype, "name": name})
    return Spec(call, weights, layer.variables)
