"""The source of cells that Keras has no layer for, to be included in a written file."""

import ast
import inspect

from tf1port.cells import keras as cells


def definitions(names):
    """The lines that define some classes of tf1port.cells.keras, and their dependencies there."""
    source = inspect.getsource(cells)
    tree = ast.parse(source)
    nodes = {
        node.name: node for node in tree.body if isinstance(node, ast.ClassDef | ast.FunctionDef)
    }
    needed, queue = set(), list(names)
    while queue:
        name = queue.pop()
        if name in nodes and name not in needed:
            needed.add(name)
            names_used = (node for node in ast.walk(nodes[name]) if isinstance(node, ast.Name))
            queue += [node.id for node in names_used]
    lines = source.splitlines()
    result = []
    for name, node in nodes.items():
        if name in needed:
            first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
            result += ["", "", *lines[first - 1 : node.end_lineno]]
    return result
