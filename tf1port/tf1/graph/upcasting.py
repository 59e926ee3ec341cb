"""Subgraphs as a GraphDef of their own, float32 upcast to float64 on request."""

import tensorflow as tf2
import tensorflow.compat.v1 as tf1

from tf1port.tf1.graph.index import PASSING
from tf1port.tf1.graph.pruning import functions_of, gradients_of
from tf1port.tf1.graph.trust import check

_HANDING = {"Enter", "Merge", "Switch", "NextIteration", "Exit", "Identity"}
_HANDING |= {"Add", "AddV2", "AddN"}  # of gradients
_UPCAST = {tf1.float32.as_datatype_enum: tf1.float64.as_datatype_enum}


def subgraph_def(graph, needed, *, upcast, flows=None, present=(), running=True):
    """The GraphDef of some nodes, without devices, and with the functions that they call.

    Args:
        graph: tf1port.tf1.graph.index.Graph.
        needed: names of nodes.
        upcast: float32 is upcast to float64.
        flows: the result of flows_of, where that is known.
        present: names of imported nodes, which stay as control inputs.
        running: as for tf1port.tf1.graph.trust.check.

    Raises:
        UserError: it does more than compute, and the graph is not trusted.
    """
    flows = flows_of(graph) if upcast and flows is None else flows
    subgraph = tf1.GraphDef()
    subgraph.versions.CopyFrom(graph.graph_def.versions)
    for name, node in graph.nodes.items():
        if name in needed:
            copy = subgraph.node.add()
            copy.CopyFrom(node)
            copy.device = ""
            copy.attr.pop("_class", None)
            for key in [key for key, value in copy.attr.items() if not value.WhichOneof("value")]:
                del copy.attr[key]  # of no value: reading one that a node lacks has added it
            if running:  # other versions see other shapes
                copy.attr.pop("_output_shapes", None)
            controls = [i for i in node.input if i[:1] == "^" and _is_any(i[1:], needed, present)]
            copy.input[:] = [*(i for i in node.input if not i.startswith("^")), *controls]
            if upcast:
                _upcast_node(copy, flow=name in flows)
    library = graph.graph_def.library
    subgraph.library.function.extend(functions_of(subgraph.node, library))
    subgraph.library.gradient.extend(gradients_of(subgraph.library.function, library))
    if not graph.trust:
        check(subgraph.node, subgraph.library.function, running=running)
    return subgraph


def _is_any(name, needed, present):
    return name in needed or name in present


def upcast_type(dtype):
    """The enum of float64 for that of float32, any other unchanged."""
    return _UPCAST.get(dtype, dtype)


def flows_of(graph):
    """The names of the nodes that pass a TensorArray's flow on, a float32 without a meaning."""
    arrays = [node for node in graph.nodes.values() if node.op.startswith("TensorArray")]
    creating = ("TensorArrayV3", "TensorArrayGradV3")
    tensors = [f"{node.name}:1" for node in arrays if node.op in creating]
    writing = ("TensorArrayWrite", "TensorArrayScatter")
    tensors += [f"{node.name}:0" for node in arrays if node.op.startswith(writing)]
    flows: set[str] = set()
    while tensors:
        nodes = graph.ahead(tensors, through=_HANDING, ops=_HANDING | {"StackPushV2"})
        stacks = _stacks(graph, [node for node in nodes if node.op == "StackPushV2"])
        tensors = [f"{node.name}:0" for node in stacks if node.name not in flows]
        flows.update(node.name for node in [*nodes, *stacks])
    queue = [name for name in flows if graph.nodes[name].op in _HANDING]  # a loop starts from zero
    for name in queue:
        for tensor in graph.inputs(graph.nodes[name]):
            node = graph.node(tensor)
            if node is not None and node.op in {"Enter", "Const"} and node.name not in flows:
                flows.add(node.name)
                queue.append(node.name)
    return flows


def _stacks(graph, pushes):
    """The stacks that a loop pushes values on for its gradients, and the ops that pop them."""
    stacks = [graph.node(graph.origin(graph.inputs(push)[0])) for push in pushes]
    handles = [f"{stack.name}:0" for stack in stacks]
    return [*stacks, *graph.ahead(handles, through=PASSING, ops={"StackPopV2"})]


def _upcast_node(node, *, flow):
    """Upcasts the types and constants of a node to float64; those of a flow stay as they are."""
    for name, value in () if flow else node.attr.items():
        if value.HasField("type"):
            value.type = _UPCAST.get(value.type, value.type)
        for index, kind in enumerate(value.list.type if value.HasField("list") else ()):
            value.list.type[index] = _UPCAST.get(kind, kind)
        if name == "value" and value.tensor.dtype in _UPCAST:
            upcast = tf2.make_ndarray(value.tensor).astype("float64")
            value.tensor.CopyFrom(tf2.make_tensor_proto(upcast))
