"""Pruning of a GraphDef: the nodes that some tensors depend on, the functions these call."""

from collections import deque
from typing import Any


def node_name(name):
    """The name of the node of an input, which may be a control input, "^node", or "node:1"."""
    return name.removeprefix("^").partition(":")[0]


def full_name(name):
    """The name of an input with its port, or of a control input."""
    return name if ":" in name or name.startswith("^") else f"{name}:0"


def is_tensor(name):
    """Whether a full name is one of a tensor, `node:number`: users and files write other words."""
    node, _, port = name.rpartition(":")
    return bool(node) and port.isascii() and port.isdigit()


def behind(nodes, names, *, cut=(), controls=True):
    """The nodes that tensors or operations depend on, the nearest first: {name: NodeDef}.

    Args:
        nodes: {name: NodeDef}. names: full names of tensors, or names of operations.
        cut: a set of tensors ("node:0") and operations ("node") where the search stops.
        controls: control inputs count as well.
    """
    needed: dict[str, Any] = {}
    queue = deque(names)
    while queue:
        name = queue.popleft()
        node = nodes.get(node_name(name))
        if full_name(name) in cut or node is None or node.name in cut or node.name in needed:
            continue
        needed[node.name] = node
        queue.extend(i for i in node.input if controls or not i.startswith("^"))
    return needed


def functions_of(nodes, library):
    """The FunctionDefs of a library that nodes call, directly, indirectly or as gradients."""
    functions = {function.signature.name: function for function in library.function}
    gradients = {pair.function_name: pair.gradient_func for pair in library.gradient}
    called_functions: dict[str, Any] = {}
    queue = [name for node in nodes for name in called(node)]
    while queue:
        name = queue.pop()
        if name in called_functions or name not in functions:
            continue
        called_functions[name] = functions[name]
        queue += [called_node for node in functions[name].node_def for called_node in called(node)]
        queue += [gradients[name]] if name in gradients else []
    return list(called_functions.values())


def gradients_of(functions, library):
    """The pairs of a library that name gradients of some functions."""
    names = {function.signature.name for function in functions}
    return [pair for pair in library.gradient if pair.function_name in names]


def called(node):
    """The names of all functions that a node may call: its op may be one, its attributes too."""
    names, queue = [node.op], list(node.attr.values())
    while queue:
        value = queue.pop()
        functions = [value.func] if value.HasField("func") else []
        functions += value.list.func if value.HasField("list") else []
        for function in functions:
            names.append(function.name)
            queue += function.attr.values()
    return names
