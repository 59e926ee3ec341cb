"""What a graph's own Saver restores, in a session, against what was read in its place.

The sides of all other comparisons have the values that tf1port.tf1.graph.savers found by reading
the Saver's ops, so none of them would notice a wrong name.
"""

from typing import Any

import numpy as np
import tensorflow.compat.v1 as tf1

from tf1port.errors import UserError, printable
from tf1port.tf1.graph import savers, sessions
from tf1port.tf1.graph.defaults import fill_defaults
from tf1port.tf1.graph.files import load_meta_graph, open_program
from tf1port.tf1.graph.index import VARIABLES
from tf1port.tf1.graph.pruning import behind, node_name

# All that may run, trusted or not: with the path fed, it reads the checkpoint and sets variables.
_OPS = savers.ASSIGNMENTS | savers.READING | savers.RESTORING | VARIABLES
_OPS |= {"Const", "NoOp", "Placeholder", "PlaceholderWithDefault", "Reshape"}


def check_restored(path: Any) -> None:
    """Compares the variables that the graph's Saver stores under other names than their own.

    Nothing is compared where its ops do more than restore, or do not run here.

    Raises:
        UserError: it restores other values than are read.
    """
    checkpoint = open_program(path)
    if not checkpoint.renamed:
        return
    meta_graph = load_meta_graph(checkpoint.meta)
    nodes = {node.name: node for node in meta_graph.graph_def.node}
    parts = {w: v for w, v in savers.variables(nodes).items() if w in checkpoint.renamed}
    names = [variable for variables in parts.values() for variable in variables]
    try:
        values = _run(nodes, meta_graph, checkpoint.files, names)
    except UserError:
        return
    for name, variables in parts.items() if values else ():
        if not _is_whole(checkpoint.read(name), [values[variable] for variable in variables]):
            raise UserError(
                f"the graph's Saver restores other values of {printable(name)} than those of "
                f"{printable(checkpoint.renamed[name])}: save them under the variables' own names"
            )


def _run(nodes, meta_graph, files, variables):
    """The values of variables after the Saver has restored: {name: array}; {} if it may not run."""
    saver = meta_graph.saver_def
    needed = behind(nodes, [saver.restore_op_name, *variables])
    if not _OPS.issuperset(node.op for node in needed.values()):
        return {}
    restoring = [node for node in needed.values() if node.op in savers.RESTORING]
    path = node_name(saver.filename_tensor_name)
    if any(node_name(node.input[0]) != path for node in restoring):
        return {}  # of another file, which is not touched
    subgraph = tf1.GraphDef(node=needed.values(), versions=meta_graph.graph_def.versions)
    fill_defaults(subgraph)
    for node in subgraph.node:
        node.device = ""  # of a cluster
        node.attr.pop("_class", None)  # which names nodes that are not here
    with tf1.Graph().as_default() as graph, sessions.session(graph) as session:
        operations = sessions.import_subgraph(subgraph, {})
        feed = {operations[path].outputs[0]: files}
        sessions.run(session, operations[node_name(saver.restore_op_name)], feed)
        return sessions.run(session, {name: _value(operations[name]) for name in variables})


def _value(variable):
    """The tensor of a variable's value."""
    if variable.type != "VarHandleOp":
        return variable.outputs[0]
    dtype = variable.get_attr("dtype")
    return tf1.raw_ops.ReadVariableOp(resource=variable.outputs[0], dtype=dtype)


def _is_whole(value, parts):
    """Whether parts make up a value, along the axis in which they are smaller."""
    if len(parts) == 1:
        return _same(value, parts[0])
    sizes = zip(value.shape, parts[0].shape, strict=True)
    axis = next((axis for axis, (whole, part) in enumerate(sizes) if whole != part), 0)
    return _same(value, np.concatenate(parts, axis))


def _same(value, other):
    return np.array_equal(value, other, equal_nan=value.dtype.kind == "f")
