"""What of a graph a model leaves out."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from tf1port.conversion.translation.results import (
    ASIDE,
    FLOW,
    MOVING,
    SAME,
    before_moving,
    depending_on_variables,
    downstream_of,
    is_inner,
    is_looped,
    is_pattern,
    is_result,
    nodes_behind,
    penalty_nodes,
)
from tf1port.tf1.graph.index import Graph
from tf1port.tf1.graph.losses import is_loss
from tf1port.tf1.graph.pruning import node_name


def left_out(
    graph: Graph, computed: set[str], run_outputs: Callable[[], Iterable[str]]
) -> list[str]:
    """The nodes that use what a model computes for something else than a loss.

    Of a loop, its results are named, but the outputs of a cell that nothing computes with.

    Args:
        computed: the names of the nodes upstream of the model's outputs.
        run_outputs: gives the outputs of known cells.
    """
    dependent = depending_on_variables(graph)
    live = nodes_behind(graph, [name for name in dependent if is_result(graph, name)])
    known = computed | (graph.inference.scaling if graph.inference else set())
    known |= penalty_nodes(graph)
    sources = [graph.nodes[name] for name in computed & dependent]
    queue, visited, consumers = deque(t for node in sources for t in graph.outputs(node)), set(), []
    while queue:
        for node in graph.consumers(queue.popleft()):
            if node.name in known or node.name in visited or node.name not in live:
                continue
            visited.add(node.name)
            if node.op in SAME | MOVING | FLOW:
                queue.extend(graph.outputs(node))
            elif is_pattern(graph, node):
                continue
            elif node.op not in ASIDE and not is_loss(graph, node, dependent):
                consumers.append(node.name)
    looped = [graph.nodes[name] for name in consumers if is_looped(name)]
    results = _results_of(graph, looped) & live - known
    if results:
        of_cells = {node_name(name) for name in run_outputs()}
        results = {n for n in results if node_name(before_moving(graph, f"{n}:0")) not in of_cells}
    return sorted({name for name in consumers if not is_looped(name)} | results)


def _results_of(graph: Graph, nodes: Iterable[Any]) -> set[str]:
    """The names of the last nodes, none of a loop, that depend on some of a loop."""
    after = downstream_of(graph, [tensor for node in nodes for tensor in graph.outputs(node)])
    return {name for name in after if not is_inner(graph, name) and is_result(graph, name)}
