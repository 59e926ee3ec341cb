"""Lists of tensors, which control flow v2 has in place of TensorArrays, as TF1's TensorArrays.

The nodes have the inputs of TF1's ops in their order, but not their dtypes: handles and indices of
all rows are none of lists. They are searched, never run.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf2
import tensorflow.compat.v1 as tf1

from tf1port.tf1.graph.functions import full, make_node, shapes_of, tensors_of
from tf1port.tf1.graph.trust import check_size

_WAYS = {"Identity", "Switch", "Merge", "Enter", "Exit"}
_RESIZED = "resize_if_index_out_of_bounds"


def as_arrays(nodes: Mapping[str, Any]) -> dict[str, Any]:
    """The nodes of a graph by name, with TensorArrays in place of lists."""
    growing = {
        _reserved(tensors_of(node)[0], nodes)
        for node in nodes.values()
        if node.op == "TensorListSetItem" and _RESIZED in node.attr and node.attr[_RESIZED].b
    }
    arrays = {name: _as_array(node, nodes) for name, node in nodes.items()}
    for tensor in growing:
        node = arrays.get(tensor.rpartition(":")[0])
        if node is not None and node.op == "TensorArrayV3":
            node.attr["dynamic_size"].b = True
    return arrays


def _as_array(node: Any, nodes: Mapping[str, Any]) -> Any:
    """A node of a list as TF1's node of a TensorArray; any other as it is."""
    make = _OPS.get(node.op)
    return node if make is None else make(node, tensors_of(node), nodes)


def _reserve(node, tensors, _):
    return make_node("TensorArrayV3", node.name, tensors[1:], dtype=_dtype(node))


def _from_tensor(node, tensors, _):
    return make_node("TensorArrayScatterV3", node.name, [tensors[0]] * 4, T=_dtype(node))


def _get_item(node, tensors, nodes):
    inputs = [tensors[0], tensors[1], tensors[0]]
    shape = _written_shape(node) or _element_shape(tensors[2], nodes)
    return make_node("TensorArrayReadV3", node.name, inputs, dtype=_dtype(node), shapes=[shape])


def _set_item(node, tensors, nodes):
    inputs = [_reserved(tensors[0], nodes), tensors[1], tensors[2], tensors[0]]
    return make_node("TensorArrayWriteV3", node.name, inputs, T=_dtype(node))


def _stack(node, tensors, nodes):
    inputs = [_reserved(tensors[0], nodes), tensors[1], tensors[0]]
    shape = _written_shape(node) or _stacked_shape(node, tensors[1], nodes)
    return make_node("TensorArrayGatherV3", node.name, inputs, dtype=_dtype(node), shapes=[shape])


def _length(node, tensors, nodes):
    inputs = [_reserved(tensors[0], nodes), tensors[0]]
    shape = tf1.TensorShape([]).as_proto()
    return make_node("TensorArraySizeV3", node.name, inputs, shapes=[shape])


_OPS = {
    "TensorListReserve": _reserve,
    "TensorListFromTensor": _from_tensor,
    "TensorListGetItem": _get_item,
    "TensorListSetItem": _set_item,
    "TensorListStack": _stack,
    "TensorListLength": _length,
}


def _dtype(node) -> int:
    return node.attr["element_dtype"].type


def _reserved(tensor: str, nodes: Mapping[str, Any]) -> str:
    """The initial list of a loop's variable, from a tensor within the loop or after it."""
    seen: set[str] = set()
    while True:
        node = nodes.get(tensor.rpartition(":")[0])
        if node is None or node.op not in _WAYS or tensor in seen:
            return tensor
        seen.add(tensor)
        tensor = full(node.input[0])


def _written_shape(node: Any) -> Any:
    """The shape that the file has of a node's output; None: of no known rank."""
    (shape,) = shapes_of(node, 1)
    return None if shape.unknown_rank else shape


def _element_shape(tensor: str, nodes: Mapping[str, Any]) -> Any:
    """The shape of a list's elements, by the tensor that has it."""
    node = nodes.get(tensor.rpartition(":")[0])
    if node is None or node.op != "Const":
        return tf1.TensorShape(None).as_proto()
    check_size(node)
    sizes = tf2.make_ndarray(node.attr["value"].tensor)
    if not np.ndim(sizes):
        return tf1.TensorShape(None).as_proto()
    return tf1.TensorShape([None if size < 0 else size for size in sizes.tolist()]).as_proto()


def _stacked_shape(node: Any, tensor: str, nodes: Mapping[str, Any]) -> Any:
    """The shape of all elements of a list."""
    element = tf1.TensorShape(_element_shape(tensor, nodes))
    count = node.attr["num_elements"].i if "num_elements" in node.attr else -1
    return tf1.TensorShape([None if count < 0 else count]).concatenate(element).as_proto()
