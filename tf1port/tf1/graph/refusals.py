"""Recurrent graphs that are no stack of layers, refused by name.

A stack starts from zeros, and the input of each level is the outputs of the one below it, all steps
in order, and nothing else.
"""

import itertools
from collections import deque
from typing import Any

import numpy as np

from tf1port.tf1.graph.dependencies import data_of
from tf1port.tf1.graph.index import Graph, scalar
from tf1port.tf1.graph.inference import conditions
from tf1port.tf1.graph.runs import UnknownCell
from tf1port.tf1.graph.unrolls import MOVING, SELECTING

_SIZES = {"Shape", "ShapeN", "Size", "Rank"}  # whose outputs do not depend on values
_SUMMARIES = {"MergeSummary", "ScalarSummary", "HistogramSummary", "NoOp"}
_SELECTING = {"StridedSlice", "Slice", "Gather", "GatherV2", "GatherNd", "Split", "SplitV"}
_TILING = {"Tile", "BroadcastTo"}
_COMPARING = {"GreaterEqual", "LessEqual", "Less", "Greater"}
_OF_LENGTHS = {"Min", "Max", "Minimum", "Maximum", "Cast", "Identity", "Enter"}
# Their first input is data, the others are shapes, axes or indices.
_SHAPED = {"Reshape", "ExpandDims", "Squeeze", "Slice", "StridedSlice", "Transpose"}
_SHAPED |= _TILING | {"Identity", "Enter", "StopGradient", "PreventGradient", "Cast"}


def check_stack(graph: Graph, levels):
    """Refuses levels (tf1port.tf1.graph.levels.Level) that are no plain stack.

    Raises:
        UnknownCell: an initial state is not zero, a step is kept or dropped by something else than
            sequence lengths, the input of a level is not just the steps of the level below it, or
            that of the first one includes results of its own previous step.
    """
    layers = [layer for level in levels for layer in level.cells]
    for layer in layers:
        _check_initial(graph, layer, layers)
        check_selections(graph, layer)
    for layer in levels[0].firsts:
        _check_feedback(graph, layer)
    for level in levels:
        _check_directions(graph, level)
    for below, level in itertools.pairwise(levels):
        for layer in level.firsts:
            _check_between(graph, layer, below)


def check_single_use(graph: Graph, scope, runs):
    """Refuses a cell that is run several times for one result; the first run is the one converted.

    Raises:
        UnknownCell: a node depends on two of the runs, or one run on another.
    """
    first, *further = runs
    reached = _reached(graph, first.results)
    for run in further:
        also = _reached(graph, run.results)
        if reached & (also | _input_nodes(run)) or also & _input_nodes(first):
            raise UnknownCell(
                f"{scope} is run {len(runs)} times for one result, as a cell that several layers "
                "share, or one whose states change between its steps: convert makes a layer that "
                "runs once"
            )


def _input_nodes(run):
    """The names of the nodes that compute the inputs and initial states of a run."""
    return {_node(tensor) for tensor in (run.first_inputs, *run.initial)}


def is_zero(graph: Graph, tensor):
    """Whether a tensor is zeros for every feed, by the structure of the graph."""
    queue, seen = [tensor], set()
    while queue:
        node = graph.node(queue.pop())
        if node is None:
            return False
        if node.name in seen:
            continue
        seen.add(node.name)
        sources = _zero_if(graph, node)
        if sources is None:
            return False
        queue += sources
    return True


def _zero_if(graph, node):
    """The inputs that must be zeros for a node's output to be zeros; None: it is not zeros."""
    inputs = graph.inputs(node)
    if node.op == "ZerosLike":
        return []
    if node.op == "Const":
        value = graph.constant(f"{node.name}:0")
        return [] if value.dtype.kind in "fiu" and not np.any(value) else None
    if node.op == "Fill":
        return [] if scalar(graph.constant(inputs[1])) == 0 else None
    if node.op in _SHAPED:
        return inputs[:1]
    if node.op in {"Concat", "ConcatV2", "Split", "SplitV", "Pack", "Unpack"}:
        return graph.operands(node)
    if node.op in {"Select", "SelectV2"}:
        return inputs[1:]
    return None


def _check_initial(graph, layer, layers):
    run = layer.run
    for tensor in run.initial if run is not None else ():
        if is_zero(graph, tensor):
            continue
        makers = {_node(name): maker for maker in layers for name in _finals(maker.run)}
        behind = {_node(name) for name in graph.behind(tensor, through=MOVING)}
        sources = [makers[name].cell.scope for name in behind if name in makers]
        actual = f"the final state of {sources[0]}" if sources else tensor
        raise UnknownCell(
            f"the initial state of {layer.cell.scope} is not zero, it is {actual}: convert makes "
            "layers that start from zeros"
        )


def check_selections(graph: Graph, layer):
    """Refuses steps that are selected by the data of a batch, rather than by sequence lengths.

    Args:
        layer: with a `run` and a `cell`.

    Raises:
        UnknownCell: there are some.
    """
    steps = [(step.new_h, step.new_c, step.output) for step in layer.run.steps]
    outputs = [name for names in steps for name in names if name is not None]
    selections = graph.ahead(outputs, through=SELECTING, ops={"Select", "SelectV2", "Merge"})
    merged = {merge.name: predicate for merge, predicate, _ in conditions(graph)}
    for select in selections:
        predicate = merged.get(select.name) or graph.origin(graph.inputs(select)[0])
        if select.op == "Merge" and select.name not in merged:
            continue  # of the loop itself
        if not _is_past_the_end(graph, graph.node(predicate), layer.run.lengths):
            raise UnknownCell(
                f"{predicate} decides whether a step of {layer.cell.scope} counts, which is no "
                "comparison with sequence lengths: convert knows lengths alone"
            )


def _is_past_the_end(graph, node, lengths):
    """Whether a node compares the number of a step with the lengths, or their extremes."""
    if node is None or node.op not in _COMPARING or lengths is None:
        return False
    sides = [set(graph.behind(name, through=_OF_LENGTHS)) for name in graph.inputs(node)]
    ends = [lengths in {graph.origin(name) for name in side} for side in sides]
    counters = [name for name, end in zip(graph.inputs(node), ends, strict=True) if not end]
    return len(counters) == 1 and _is_counter(graph, counters[0])


def _is_counter(graph, tensor):
    """Whether a tensor is the number of a step: a constant, or a loop's own counter."""
    for _ in range(4):  # Switch, Merge, Enter, Const
        if graph.constant(tensor) is not None:
            return graph.constant(tensor).ndim == 0
        node = graph.node(graph.origin(tensor))
        if node is None or node.op not in {"Switch", "Merge", "Enter"}:
            return False
        tensor = graph.inputs(node)[0]
    return False


def _check_feedback(graph, layer):
    """Refuses a loop whose cell has inputs beside its sequence: attention, its last output."""
    queue, seen = [layer.run.first_inputs] if layer.run.looped else [], set()
    while queue:
        node = graph.node(queue.pop())
        if node is None or node.name in seen or node.op.startswith("TensorArrayRead"):
            continue
        seen.add(node.name)
        inputs = graph.inputs(node)
        makers = [graph.node(name) for name in inputs] if node.op == "Merge" else []
        if any(maker is not None and maker.op == "NextIteration" for maker in makers):
            raise UnknownCell(
                f"{layer.cell.scope} takes at each step what its own loop made in the one before "
                f"({node.name}), as attention or a decoder does: convert makes layers that take "
                "their sequence alone"
            )
        queue += inputs


def _check_directions(graph, level):
    """Refuses two directions of one level that read different sequences."""
    sources = [set(graph.behind(layer.run.first_inputs, through=MOVING)) for layer in level.firsts]
    if len(sources) == 2 and not sources[0] & sources[1]:
        scopes = " and ".join(layer.cell.scope for layer in level.firsts)
        raise UnknownCell(
            f"{scopes} take different sequences, one of them reversed: they are not the two "
            "directions of one layer"
        )


def _finals(run):
    last = run.steps[-1:] if not run.looped else ()
    names = [
        run.final_h,
        run.final_c,
        *(name for step in last for name in (step.new_h, step.new_c)),
    ]
    return [name for name in names if name is not None]


def _check_between(graph, layer, below):
    """Refuses ops between a level and the one below it, but for reordering all steps."""
    run = layer.run
    steps: dict[str, object] = {}
    states: dict[str, Any] = {}
    for top in below.tops:
        outputs = [top.run.outputs, *(step.output for step in top.run.steps)]
        steps.update((name, top) for name in outputs if name is not None)
        if top.run.looped:
            states.update((name, top) for name in _finals(top.run))
    tensors = [step.x for step in run.steps] if run.inputs is None else [run.inputs]
    selecting = _TILING | (_SELECTING if run.inputs is not None else set())
    for tensor in tensors:
        _check_way(graph, tensor, steps, states, scope=layer.cell.scope, refused=selecting)


def _check_way(graph, tensor, steps, states, *, scope, refused):
    queue, seen = deque([tensor]), {tensor}
    while queue:
        name = queue.popleft()
        if name in steps:
            continue
        if name in states:
            raise UnknownCell(
                f"{scope} takes the final state of {states[name].cell.scope} as its sequence: "
                "convert makes layers that take the outputs of all steps"
            )
        node = graph.node(name)
        if node is None or node.op not in MOVING or node.op in refused:
            op = "" if node is None else f" ({node.op})"
            raise UnknownCell(
                f"{scope} takes {name}{op}, which is not the steps of the layer below alone: "
                "convert knows nothing between two recurrent layers"
            )
        for other in data_of(graph, node):
            if other not in seen:
                seen.add(other)
                queue.append(other)


def _reached(graph, tensors):
    """The names of the nodes that depend on tensors, but for those of summaries."""
    reached, queue = set(), list(tensors)
    while queue:
        for node in graph.consumers(queue.pop()):
            if node.name not in reached and node.op not in _SUMMARIES | _SIZES:
                reached.add(node.name)
                queue += graph.outputs(node)
    return reached


def _node(tensor):
    return tensor.rpartition(":")[0]
