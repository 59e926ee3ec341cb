"""The attributes that a graph leaves out: those of the default values of their ops.

An older program did not know them, and an exporter may have stripped them, as those of Estimators
and SavedModels do. Missing, they would read as zeros.
"""

import functools
from itertools import chain

from tf1port.tf1.graph.op_defs import op_def


def fill_defaults(graph_def):
    """Gives the nodes of a GraphDef, and of its functions, the attributes that they leave out."""
    functions = (function.node_def for function in graph_def.library.function)
    for node in chain(graph_def.node, *functions):
        attributes = node.attr
        for name, value in _defaults(node.op):
            if name not in attributes:
                attributes[name].CopyFrom(value)


@functools.cache
def _defaults(op):
    """The default values of an op's attributes: pairs of name and AttrValue."""
    definition = op_def(op)
    return [
        (attribute.name, attribute.default_value)
        for attribute in (definition.attr if definition is not None else ())
        if attribute.HasField("default_value")
    ]
