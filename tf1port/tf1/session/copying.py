"""A copy of the part of an imported graph that depends on some tensors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow.compat.v1 as tf1

_FLOW = {"Enter", "RefEnter", "Exit", "RefExit", "Switch", "Merge", "NextIteration"}


def copied(tensor: Any, replaced: Mapping[Any, Any]) -> Any:
    """A tensor computed again, from other tensors in the place of some.

    Only what depends on the replaced tensors is copied, everything else is used as it stands: so
    the gradients of the copy by its new inputs lead through no other part of the graph.

    Args:
        tensor: a tf.Tensor.
        replaced: by tf.Tensor.ref(), the tensor in its place.

    Returns: the tf.Tensor; None where nothing depends on them, or a loop or a branch does, which
        cannot be copied in parts.
    """
    order = _dependent(tensor, replaced)
    if tensor.ref() in replaced or not order or any(op.type in _FLOW for op in order):
        return None
    graph, nodes = tensor.graph, tf1.GraphDef()
    nodes.library.CopyFrom(graph.as_graph_def().library)
    # Without them what is imported into the graph later is read as of TensorFlow's first version,
    # where a placeholder of the shape [] has any.
    nodes.versions.CopyFrom(graph.graph_def_versions)
    own = {op.name for op in order}
    outside = {}
    for op in order:
        node = nodes.node.add()
        node.CopyFrom(op.node_def)
        node.attr.pop("_class", None)  # places that are not copied
        del node.input[:]
        for value in op.inputs:
            if value.ref() in replaced or value.op.name not in own:
                outside[value.name] = replaced.get(value.ref(), value)
            node.input.append(value.name)
    with graph.as_default():
        (result,) = tf1.import_graph_def(
            nodes, input_map=outside, return_elements=[tensor.name], name="copied"
        )
    return result


def _dependent(tensor, replaced) -> list[Any]:
    """The operations upstream of a tensor that depend on the replaced ones, in order."""
    order: list[Any] = []
    depends: dict[Any, bool] = {}
    stack = [(tensor.op, False)]
    while stack:
        op, is_ready = stack.pop()
        if is_ready:
            depends[op] = any(v.ref() in replaced or depends.get(v.op, False) for v in op.inputs)
            if depends[op]:
                order.append(op)
        elif op not in depends:
            depends[op] = False
            stack.append((op, True))
            stack += [(v.op, False) for v in op.inputs if v.ref() not in replaced]
    return order
