"""What of a GraphDef is needed: the nodes that lead to some tensors, the functions these call."""

from collections import deque
from typing import Any


def node_name(name):
    """The name of the node of an input, which may be a control input, "^node", or "node:1"."""
    return name.removeprefix("^").partition(":")[0]


def full_name(name):
    """The name of an input with its port, or of a control input."""
    return name if ":" in name or name.startswith("^") else f"{name}:0"


def behind(nodes, names, *, cut=(), controls=True):
    """The nodes that tensors or operations need, the nearest first: {name: NodeDef}.

    Args:
        nodes: {name: NodeDef}. names: full names of tensors, or names of operations.
        cut: a set of tensors ("node:0") and operations ("node") that are there already.
        controls: what is waited for by control inputs is needed as well.
    """
    found: dict[str, Any] = {}
    queue = deque(names)
    while queue:
        name = queue.popleft()
        node = nodes.get(node_name(name))
        if full_name(name) in cut or node is None or node.name in cut or node.name in found:
            continue
        found[node.name] = node
        queue.extend(one for one in node.input if controls or not one.startswith("^"))
    return found


def functions_of(nodes, library):
    """The FunctionDefs of a library that nodes call, by way of others or as gradients as well."""
    functions = {one.signature.name: one for one in library.function}
    gradients = {pair.function_name: pair.gradient_func for pair in library.gradient}
    found: dict[str, Any] = {}
    queue = [name for node in nodes for name in called(node)]
    while queue:
        name = queue.pop()
        if name in found or name not in functions:
            continue
        found[name] = functions[name]
        queue += [other for node in functions[name].node_def for other in called(node)]
        queue += [gradients[name]] if name in gradients else []
    return list(found.values())


def gradients_of(functions, library):
    """The pairs of a library that name gradients of some functions."""
    names = {one.signature.name for one in functions}
    return [pair for pair in library.gradient if pair.function_name in names]


def called(node):
    """The names of all functions that a node may call: its op may be one, its attributes too."""
    found, queue = [node.op], list(node.attr.values())
    while queue:
        value = queue.pop()
        functions = [value.func] if value.HasField("func") else []
        functions += value.list.func if value.HasField("list") else []
        for function in functions:
            found.append(function.name)
            queue += function.attr.values()
    return found
