"""Control flow v2 as TF1 had it: ops that call functions become frames, switches and their bodies.

Only for searching: the original graph is what runs. Lists of tensors become TensorArrays. Values
that only a gradient reads are left out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, NamedTuple

import tensorflow.compat.v1 as tf1

from tf1port.tf1.graph.functions import Lowered, full, inlined, tensors_of
from tf1port.tf1.graph.lowered_branches import lowered_branches
from tf1port.tf1.graph.lowered_loops import lowered_loop
from tf1port.tf1.graph.tensor_lists import as_arrays

_LOOPS, _BRANCHES = {"While", "StatelessWhile"}, {"If", "StatelessIf"}
_CALLS = {"PartitionedCall", "StatefulPartitionedCall"}
_ALL = _LOOPS | _BRANCHES | _CALLS
# The first names in the scope of what replaces an op: none of them may be there.
_PARTS = ("Enter_0", "LoopCond", "while", "cond", "cond_1", "pred_id", "Switch", "call")
_MOST = 1_000_000  # nodes of all bodies together: a function may be called many times
_DEEPEST = 64  # calls within each other: a function may call itself


class LoweredGraph(NamedTuple):
    """The nodes of a graph, with none of control flow v2.

    nodes: by name. aliases: the original names of the ops' outputs, by the tensors that replace
    them. replaced: the names of the ops, by those of the nodes that replace them.
    """

    nodes: dict[str, Any]
    aliases: dict[str, str]
    replaced: dict[str, str]


def lowered(nodes: Mapping[str, Any], library: Any) -> LoweredGraph:
    """A graph without control flow v2, functions within others too.

    An op whose functions are not known stays as it is.

    Args:
        nodes: by name.
    """
    functions = {function.signature.name: function for function in library.function}
    graph, results, replaced, size = dict(nodes), dict[str, str](), dict[str, str](), 0
    unknown: set[str] = set()
    for _ in range(_DEEPEST):
        calls = [n for n in graph.values() if n.op in _ALL and n.name not in unknown]
        if not calls:
            break
        known = _known(calls, graph, functions)
        unknown |= {node.name for node in calls} - known.keys()
        size += sum(len(lower.nodes) for lower in known.values())
        if size > _MOST:
            break
        for name, lower in known.items():
            results.update(lower.results)
            replaced.update((node.name, replaced.get(name, name)) for node in lower.nodes)
        graph = _with(graph, known)
    aliases = {_last(results, old): old for old in results if _is_in(nodes, old)}
    aliases = {new: old for new, old in aliases.items() if not _is_in(nodes, new)}
    return LoweredGraph(as_arrays(graph) if replaced else graph, aliases, replaced)


def _known(calls, graph: Mapping[str, Any], functions: Mapping[str, Any]) -> dict[str, Lowered]:
    """What replaces ops that call functions, by their names, of those whose functions are known."""
    uses, scopes = _uses(graph), _scopes(graph)
    known = {}
    for node in calls:
        scope = node.name
        while scopes & {f"{scope}/{part}" for part in _PARTS}:
            scope += "_"
        try:
            lower = _lowered(node, scope, functions, uses)
        except (KeyError, ValueError):  # of a damaged function: an op that is not known
            continue
        if lower is not None:
            known[node.name] = lower
    return known


def _lowered(
    node: Any, scope: str, functions: Mapping[str, Any], uses: Mapping[str, int]
) -> Lowered | None:
    """What replaces an op that calls functions; None: that is not known."""
    if node.op in _CALLS:
        return inlined(node, scope, functions)
    lower = lowered_loop if node.op in _LOOPS else lowered_branches
    return lower(node, scope, functions, uses)


def _scopes(graph: Mapping[str, Any]) -> set[str]:
    """The names of all nodes and scopes."""
    scopes: set[str] = set()
    for name in graph:
        while name and name not in scopes:
            scopes.add(name)
            name = name.rpartition("/")[0]
    return scopes


def _with(graph: Mapping[str, Any], known: Mapping[str, Lowered]) -> dict[str, Any]:
    """The nodes of a graph with others in place of some."""
    results = {old: new for lower in known.values() for old, new in lower.results.items()}
    gone = {tensor for lower in known.values() for tensor in lower.gone}
    result: dict[str, Any] = {}
    for name, node in graph.items():
        for one in known[name].nodes if name in known else [node]:
            result[one.name] = _with_inputs(one, results)
    return _without(result, gone)


def _with_inputs(node: Any, results: Mapping[str, str]) -> Any:
    """A node with its inputs renamed."""
    inputs = [name if name.startswith("^") else full(name) for name in node.input]
    if not any(name in results for name in inputs):
        return node
    copy = tf1.NodeDef()
    copy.CopyFrom(node)
    copy.input[:] = [_last(results, name) for name in inputs]
    return copy


def _last(results: Mapping[str, str], name: str) -> str:
    """The tensor that replaces another one in the end."""
    for _ in results:  # not forever, should they form a circle
        if name not in results:
            break
        name = results[name]
    return name


def _without(graph: dict[str, Any], gone: set[str]) -> dict[str, Any]:
    """The nodes of a graph without the copies of tensors that are gone."""
    while gone:
        names = {name for name, node in graph.items() if not gone.isdisjoint(tensors_of(node))}
        graph = {name: node for name, node in graph.items() if name not in names}
        gone = {f"{name}:0" for name in names}
    return graph


def _uses(graph: Mapping[str, Any]) -> Counter[str]:
    """How many nodes read a tensor or a copy of it, copies apart."""
    uses: Counter[str] = Counter()
    for node in graph.values():
        if node.op != "Identity":
            for tensor in tensors_of(node):
                uses[_original(graph, tensor)] += 1
    return uses


def _original(graph: Mapping[str, Any], tensor: str) -> str:
    """The tensor that another one is a copy of."""
    seen: set[str] = set()
    while tensor not in seen:
        seen.add(tensor)
        node = graph.get(tensor.rpartition(":")[0])
        if node is None or node.op != "Identity":
            break
        (tensor, *_) = tensors_of(node)
    return tensor


def _is_in(nodes: Mapping[str, Any], tensor: str) -> bool:
    return tensor.rpartition(":")[0] in nodes
