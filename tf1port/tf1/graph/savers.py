"""The names under which the Saver of a graph stores its variables, where these are not their own.

`tf.train.Saver({"name": variable})` stores a variable under any name, and
`Saver(average.variables_to_restore())` reads moving averages into the variables themselves.
What a Saver restores is read off its graph, and refused where it is not understood: a variable's
own name may be that of other values, and nothing would tell.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from tf1port.errors import UserError, printable
from tf1port.tf1.checkpoint.partitions import joined_shape, part_number, whole_name
from tf1port.tf1.graph.index import VARIABLES
from tf1port.tf1.graph.pruning import behind, node_name

Shape = tuple[int, ...]

ASSIGNMENTS = {"Assign", "AssignVariableOp"}
READING = {"Identity", "ReadVariableOp", "Shape", "VariableShape"}  # what writes no variable
RESTORING = {"RestoreV2", "RestoreSlice", "Restore"}  # the latter two of V1
# A buffer of cuDNN is filled again from cells that are stored beside it, under their own names.
_OF_CELLS = {"CudnnRNNCanonicalToParams", "CudnnRNNCanonicalToParamsV2"}


class _Restored(NamedTuple):
    """What is restored into a variable.

    name: of the stored value. slice: which part of it, as in "6 4 0,3:-": the shape of the whole,
    then start and size along each axis; "" for all of it. reshaped: to the variable's shape.
    """

    name: str
    slice: str
    reshaped: bool


class _NotRead(Exception):
    """Why it is not known what is restored into a variable."""


def saved_as(meta_graph: Any, shapes: Mapping[str, Shape]) -> dict[str, str]:
    """The stored names of the variables that have another one: {variable: stored name}.

    Read off the ops by which the Saver that wrote the graph restores. The parts of a variable count
    as the whole, as in tf1port.tf1.checkpoint.reader.Checkpoint.

    Args:
        meta_graph: a MetaGraphDef.
        shapes: those of everything in the checkpoint, by name.

    Raises:
        UserError: the Saver restores a variable in a way that is not read, and the checkpoint has
            a value under the variable's own name, which would be taken instead.
    """
    nodes = {node.name: node for node in meta_graph.graph_def.node}
    restored = _restored(nodes, meta_graph.saver_def)
    names = {}
    for whole, own in variables(nodes).items():
        if restored.keys().isdisjoint(own):
            continue
        try:
            stored = _stored_name(whole, [(nodes[v], restored.get(v)) for v in own], shapes)
        except _NotRead as error:
            if not shapes.keys().isdisjoint({whole, *own}):
                raise _refusal(whole, error) from None
            continue  # nothing can be mistaken for it
        if stored != whole:
            names[whole] = stored
    return names


def variables(nodes):
    """The variables of a graph, as lists of parts in order: {whole: its parts, or itself alone}."""
    names = {name for name, node in nodes.items() if node.op in VARIABLES}
    parts: dict[str, list[str]] = {}
    for name in sorted(names, key=lambda name: part_number(name) or 0):
        whole = whole_name(name)
        parts.setdefault(name if whole in names else whole, []).append(name)
    return parts


def _restored(nodes, saver_def):
    """What is restored by variable: _Restored, or a _NotRead."""
    restored: dict[str, _Restored | _NotRead] = {}
    file, _ = _origin(nodes, saver_def.filename_tensor_name)
    buffers = set()
    for node in behind(nodes, [saver_def.restore_op_name]).values():
        inputs = [tensor for tensor in node.input if not tensor.startswith("^")]
        if node.op in ASSIGNMENTS and _is_of_cells(nodes, inputs):
            buffers.add(node_name(inputs[0]))
        elif node.op in ASSIGNMENTS:
            name, value = _assigned(nodes, node, inputs, file)
            if restored.setdefault(name, value) != value:
                restored[name] = _NotRead("more than once")
        elif node.op not in READING:
            written = [_origin(nodes, tensor)[0] for tensor in inputs]
            written = [each for each in written if each is not None and each.op in VARIABLES]
            restored |= {each.name: _NotRead(f"by {node.op}") for each in written}
    return {name: value for name, value in restored.items() if name not in buffers}


def _is_of_cells(nodes, inputs):
    """Whether an assignment fills a buffer of cuDNN from its cells."""
    source, _ = _origin(nodes, inputs[1]) if inputs[1:] else (None, 0)
    return source is not None and source.op in _OF_CELLS


def _assigned(nodes, node, inputs, file):
    """The variable of an assignment, and what is assigned to it."""
    target, _ = _origin(nodes, inputs[0]) if inputs else (None, 0)
    if target is None or target.op not in VARIABLES:
        raise _refusal(node_name(inputs[0]) if inputs else node.name, "it is no variable")
    try:
        return target.name, _value(nodes, inputs[1] if inputs[1:] else "", file)
    except _NotRead as error:
        return target.name, error


def _value(nodes, tensor, file):
    """What a restored tensor is.

    Args:
        file: the node with the path that the Saver restores from; None if unknown.
    """
    node, number = _origin(nodes, tensor)
    reshaped = node is not None and node.op == "Reshape" and bool(node.input)
    if reshaped:  # of Saver(reshape=True)
        node, number = _origin(nodes, node.input[0])
    if node is None or node.op not in RESTORING or len(node.input) < 2:
        raise _NotRead(f"by {node.op}" if node else "by an op that is missing")
    path, _ = _origin(nodes, node.input[0])
    if file is not None and path is not file:
        raise _NotRead("from another file")
    sliced = node.op != "Restore"
    part = _string(nodes, node.input[2] if node.input[2:] else "", number) if sliced else ""
    return _Restored(_string(nodes, node.input[1], number), part, reshaped)


def _origin(nodes, tensor):
    """The node that computes a tensor, not an Identity, and the number of its output there."""
    seen = set()
    while (node := nodes.get(node_name(tensor))) is not None and node.op == "Identity":
        if node.name in seen or not node.input:
            return None, 0
        seen.add(node.name)
        tensor = node.input[0]
    number = tensor.partition(":")[2] or "0"
    return (node, int(number)) if re.fullmatch("[0-9]{1,9}", number) else (None, 0)


def _string(nodes, tensor, number):
    """A string of a constant."""
    node, _ = _origin(nodes, tensor)
    if node is None or node.op != "Const":
        raise _NotRead(f"by a name of {node.op}" if node else "by a name that is missing")
    value = node.attr["value"].tensor
    count = math.prod(size.size for size in value.tensor_shape.dim)
    if number >= count or not value.string_val:
        raise _NotRead("by a name that is missing")
    strings = value.string_val  # the last one stands for all that follow
    return strings[min(number, len(strings) - 1)].decode(errors="replace")


def _stored_name(whole, parts, shapes):
    """The name that stores a variable, given its parts, or itself: pairs of node and restored."""
    for _, value in parts:
        if not isinstance(value, _Restored):
            raise value or _NotRead("without some of its parts")
    sliced, reshaped = (any(value[field] for _, value in parts) for field in (1, 2))
    if sliced and not all(value.slice for _, value in parts):
        raise _NotRead("partly as slices")
    stored, shape = (_of_slices if sliced else _of_wholes)(whole, parts)
    own = all(value.name == node.name for node, value in parts)
    if own and stored not in shapes and not reshaped:
        return whole  # what the checkpoint lacks, or parts of a scope that is called part_0
    if stored not in shapes:
        raise _NotRead(f"from {stored}, which the checkpoint lacks")
    names = {name for node, value in parts for name in (node.name, value.name)}
    if not shapes.keys().isdisjoint(names - {whole, stored}):
        raise _NotRead(f"from {stored}, which is stored beside parts")
    plain = parts[0][0].name == whole and not sliced and not reshaped  # TF1 compares the shapes
    if not plain and shape != shapes[stored]:
        raise _NotRead(f"from {stored}, which is of shape {shapes[stored]}")
    return stored


def _of_wholes(whole, parts):
    """The name and the shape of a variable of which each part is stored as a value of its own."""
    shape = _joined([_shape(node) for node, _ in parts])
    if parts[0][0].name == whole:
        return parts[0][1].name, shape
    stored = {whole_name(value.name) for _, value in parts}
    if len(stored) > 1 or any(part_number(v.name) != part_number(node.name) for node, v in parts):
        raise _NotRead("from values that are not the same parts of one variable")
    return min(stored), shape


def _of_slices(whole, parts):
    """The name and the shape of a value of which each part of a variable is a slice.

    As in tf.concat, the slices follow each other along one axis.
    """
    slices = [_slice(value.slice) for _, value in parts]
    stored = {(value.name, shape) for (_, value), (shape, _) in zip(parts, slices, strict=True)}
    name, shape = min(stored)
    if len(stored) > 1:
        raise _NotRead(f"from slices of {name} and of others")
    extents = [extent for _, extent in slices]
    taken = [tuple(size for _, size in extent) for extent in extents]
    axes = {i for extent in extents for i, each in enumerate(extent) if each != (0, shape[i])}
    axis = min(axes, default=0)
    starts = [sum(sizes[axis] for sizes in taken[:count]) for count in range(len(taken) + 1)]
    if len(axes) > 1 or [e[axis][0] for e in extents] + [shape[axis]] != starts:
        raise _NotRead(f"from slices of {name} that are not its parts in order")
    if taken != [_shape(node) for node, _ in parts]:
        raise _NotRead(f"from slices of {name} that have other shapes")
    return name, shape


def _slice(spec):
    """The shape of the whole, and (start, size) along each axis."""
    *words, extents = spec.split(" ")
    try:
        shape = tuple(int(word) for word in words)
        pairs = zip(shape, extents.split(":"), strict=True)
        extent = [
            (0, size) if text == "-" else tuple(map(int, text.split(","))) for size, text in pairs
        ]
    except ValueError:
        raise _NotRead("by a slice that is damaged") from None
    if not shape or any(len(pair) != 2 for pair in extent):
        raise _NotRead("by a slice that is damaged")
    return shape, extent


def _shape(node):
    """The shape of a variable; None where the graph has it not in full."""
    shape = node.attr["shape"].shape if "shape" in node.attr else None
    if shape is None or shape.unknown_rank or any(size.size < 0 for size in shape.dim):
        return None
    return tuple(size.size for size in shape.dim)


def _joined(shapes):
    """The shape of parts in one; None where that is unknown."""
    if None in shapes or len({len(shape) for shape in shapes}) > 1:
        return None
    return joined_shape(shapes)


def _refusal(variable, why):
    return UserError(
        f"the graph's Saver restores {printable(variable)} in a way that is not read "
        f"({printable(str(why))}): save the values under the variables' own names, or give a graph "
        "with such a Saver"
    )
