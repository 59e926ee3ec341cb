"""TensorFlow's own definitions of its ops."""

import functools

import tensorflow.compat.v1 as tf1


@functools.cache
def op_def(op):
    """The OpDef of an op by its name; None if it is not registered here."""
    graph_def = tf1.GraphDef()
    graph_def.node.add(name="op", op=op)
    try:
        with tf1.Graph().as_default():
            meta = tf1.train.export_meta_graph(graph_def=graph_def)
    except (ValueError, KeyError, TypeError):  # of no such op
        return None
    definitions = meta.meta_info_def.stripped_op_list.op
    return next((definition for definition in definitions if definition.name == op), None)


def is_stateful(op):
    """Whether an op does more than compute its outputs; False if it is not registered."""
    definition = op_def(op)
    return definition is not None and definition.is_stateful


def output_type(node, port):
    """The dtype (an enum of DataType) of one of a node's outputs; None: it is not known."""
    types: list[int] = []
    definition = op_def(node.op)
    for argument in definition.output_arg if definition else ():
        if argument.type_list_attr:
            types += _attr(node, definition, argument.type_list_attr).list.type
            continue
        kind, number = argument.type_attr, argument.number_attr
        dtype = _attr(node, definition, kind).type if kind else argument.type
        count = _attr(node, definition, number).i if number else 1
        types += [dtype] * count
    return types[port] if port < len(types) else None


def _attr(node, definition, name):
    """An attribute of a node, or its default: an older graph lacks what an op was given since.

    Reading a missing attribute of a node would add it.
    """
    if name in node.attr:
        return node.attr[name]
    defaults = {attribute.name: attribute.default_value for attribute in definition.attr}
    return defaults.get(name, tf1.AttrValue())
