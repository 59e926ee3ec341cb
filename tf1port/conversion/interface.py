"""What a program names of its graph: what it feeds, and its outputs, losses and train operations.

All of it is read off the nodes; nothing is imported into TensorFlow, and nothing is run.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from types import SimpleNamespace
from typing import Any

import tensorflow.compat.v1 as tf1

from tf1port.tf1.graph.dependencies import PLACEHOLDERS, behind, is_fed
from tf1port.tf1.graph.files import load_graph
from tf1port.tf1.graph.index import PASSING, VARIABLES, Graph, is_backward
from tf1port.tf1.graph.losses import is_loss
from tf1port.tf1.graph.op_defs import output_type
from tf1port.tf1.graph.searching import searching
from tf1port.tf1.graph.training_ops import find_losses, find_train_op

_SAME = PASSING | {"Reshape", "Squeeze", "ExpandDims"}
_ASIDE = {"NoOp", "HistogramSummary", "ScalarSummary", "MergeSummary", "SaveV2", "Save", "Print"}
_ASIDE |= {"Shape", "ShapeN", "Size", "Rank", "ZerosLike", "IsVariableInitialized", "Assert"}
_ASIDE |= {"VarIsInitializedOp", "VariableShape"}
_UPDATE = re.compile("(Resource)?(Sparse)?Apply|Assign|(Resource)?Scatter")
_INNER = re.compile("TensorArray|Stack|Enter$")  # of loops
_APPLY = re.compile("(Resource)?(Sparse)?Apply")
_LOOP = {"Switch", "Merge", "NextIteration", "LoopCond"}
_NO_ENDS = _LOOP | VARIABLES | PASSING
_REAL = (1, 2, 101, 102)  # float32, float64 and references to them
_SAVER = re.compile(r"(.*/)?save(_\d+)?/(filename|Const)")
_OPEN_SCALARS = 24  # the version of graphs from which a placeholder of the shape [] is a scalar


@dataclass(frozen=True)
class Placeholder:
    """What a graph is fed.

    Attributes:
        name: of the tensor, without ":0".
        dtype: such as "float32". shape: None for an open size; None: of any rank.
        default: whether the graph has a value for it that need not be fed.
        leads_to: "outputs", else "loss", else "training", else "nothing".
    """

    name: str
    dtype: str
    shape: tuple[int | None, ...] | None
    default: bool
    leads_to: str

    @property
    def described(self) -> str:
        """Its name, shape and dtype, as one writes them."""
        return f"{self.name} {shape_text(self.shape)} {self.dtype}"


@dataclass(frozen=True)
class Interface:
    """The names that a graph is used by; of each kind the likeliest first.

    Attributes:
        placeholders: in the order of the graph.
        outputs: candidates for the logits: what a loss takes, else what nothing else takes.
        losses: what gradients start from. train_ops: what applies an optimizer.
    """

    placeholders: tuple[Placeholder, ...] = ()
    outputs: tuple[str, ...] = ()
    losses: tuple[str, ...] = ()
    train_ops: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Plain dicts and lists."""
        found = {name: list(value) for name, value in asdict(self).items()}
        for one in found["placeholders"]:
            one["shape"] = None if one["shape"] is None else list(one["shape"])
        return found


def shape_text(shape: Iterable[int | None] | None) -> str:
    """A shape as one writes it, "?" for what is open."""
    if shape is None:
        return "of any shape"
    return f"[{', '.join('?' if size is None else str(size) for size in shape)}]"


def read_interface(meta: str, *, trust: bool = False) -> Interface:
    """The Interface of the graph in a file.

    Raises:
        UserError: the file is damaged, or its nodes do not fit each other.
    """
    with searching(meta):
        graph_def = load_graph(meta)
        forward = Graph(graph_def, trust=trust)
        return find_interface(forward, forward.whole)


def find_interface(forward: Graph, whole: Graph) -> Interface:
    """The Interface of a graph without and with the nodes of backpropagation."""
    outputs = _outputs(forward)
    losses = find_losses(whole) or _ends_of_losses(forward)
    train_ops = _train_ops(whole)
    outputs = [name for name in outputs if name not in losses] or outputs
    return Interface(
        tuple(_placeholders(whole, forward, outputs, losses, train_ops)),
        *(tuple(map(_plain, names)) for names in (outputs, losses, train_ops)),
    )


def _plain(name: str) -> str:
    return name.removesuffix(":0")


def _outputs(graph: Graph) -> list[str]:
    """What losses take of what variables make, as it was before it was reshaped; or the ends."""
    made = _made_of_variables(graph)
    found = []
    for node in graph.nodes.values():
        own = [name for name in graph.inputs(node) if _node(name) in made]
        if own and is_loss(graph, node, made):
            found += [_unshaped(graph, name, made) for name in own]
    within = _ahead(graph, found)
    first = [name for name in dict.fromkeys(found) if _node(name) not in within]
    return [name for name in first if graph.variable(name) is None] or _ends(graph, made)


def _unshaped(graph: Graph, tensor: str, made: set[str]) -> str:
    while (node := graph.node(tensor)) is not None and node.op in _SAME:
        before = graph.inputs(node)[0]
        if _node(before) not in made:
            break
        tensor = before
    return tensor


def _ends(graph: Graph, made: set[str]) -> list[str]:
    """What variables make and nothing computes with."""
    found = []
    hidden = _of_gradients(graph) | (graph.inference.scaling if graph.inference else set())
    for name in graph.nodes:
        node = graph.nodes[name]
        if name not in made or name in hidden or node.op in _NO_ENDS or _INNER.match(node.op):
            continue
        users = [user for tensor in graph.outputs(node) for user in graph.consumers(tensor)]
        if all(user.op in _ASIDE for user in users):
            found.append(f"{name}:0")
    states = [name for name in found if graph.nodes[_node(name)].op == "Exit"]
    return [name for name in found if name not in states] or found


def _of_gradients(graph: Graph) -> set[str]:
    """The names of the nodes that gradients lead to: those of optimizers."""
    own = [n for n in graph.nodes.values() if any(graph.node(t) is None for t in graph.inputs(n))]
    return {n.name for n in own} | _ahead(graph, [t for n in own for t in graph.outputs(n)])


def _is_aside(node: Any) -> bool:
    return node.op in _ASIDE or bool(_UPDATE.match(node.op))


def _ends_of_losses(graph: Graph) -> list[str]:
    """What is made of the ops that losses begin with, where no gradients say what the loss is."""
    made = _made_of_variables(graph)
    begins = [node for node in graph.nodes.values() if node.name in made]
    begins = [node for node in begins if is_loss(graph, node, made)]
    after = {node.name for node in begins}
    after |= _ahead(graph, [name for node in begins for name in graph.outputs(node)])
    return [name for name in _ends(graph, made) if _node(name) in after]


def _train_ops(whole: Graph) -> list[str]:
    """What applies an optimizer's updates, of each optimizer once."""
    found: list[str] = []
    known: set[str] = set()
    for node in whole.nodes.values():
        if _APPLY.match(node.op) and node.name not in known:
            found.append(find_train_op(whole, {"": SimpleNamespace(node=node.name)}))
            known |= _waited_for(whole, found[-1])
    return list(dict.fromkeys(found))


def _waited_for(whole: Graph, name: str) -> set[str]:
    """The names of the nodes that one waits for, by its control inputs alone or what it adds."""
    queue, found = [name], {name}
    for one in queue:  # it grows
        node = whole.nodes.get(one)
        counts = node is not None and node.op.startswith("Assign")
        names = [] if node is None else [n for n in node.input if counts or n.startswith("^")]
        new = {n.removeprefix("^").partition(":")[0] for n in names} - found
        found |= new
        queue += sorted(new)
    return found


def _placeholders(
    whole: Graph, forward: Graph, outputs: list[str], losses: list[str], train_ops: list[str]
) -> Iterator[Placeholder]:
    tensors = [f"{name}:{port}" for name, port in _fed(whole)]
    # Without the nodes of backpropagation nothing is dropped, and flags are decided.
    groups = {
        "outputs": _sources(forward, outputs) | _sources(whole, outputs),
        "loss": _sources(forward, losses) | _sources(whole, losses),
        "training": _sources(whole, _updates(whole)) if train_ops else set(),
    }
    for tensor in tensors:
        leads_to = next((kind for kind, of in groups.items() if tensor in of), "nothing")
        yield _placeholder(whole, tensor, leads_to)


def _fed(whole: Graph) -> Iterator[tuple[str, int]]:
    for node in whole.nodes.values():
        if is_fed(node.op) and not is_backward(node.name) and not _SAVER.fullmatch(node.name):
            count = 1
            while node.op not in PLACEHOLDERS and output_type(node, count) is not None:
                count += 1
            yield from ((node.name, port) for port in range(count))


def _sources(graph: Graph, tensors: Iterable[str]) -> set[str]:
    return behind(graph, [graph.full(name) for name in tensors], cut=())[1]


def _updates(whole: Graph) -> list[str]:
    """What the ops of optimizers take."""
    nodes = [node for node in whole.nodes.values() if _APPLY.match(node.op)]
    return [name for node in nodes for name in whole.inputs(node)]


def _placeholder(whole: Graph, tensor: str, leads_to: str) -> Placeholder:
    node, port = whole.node(tensor), int(tensor.rpartition(":")[2])
    assert node is not None
    kind = output_type(node, port)
    dtype = tf1.as_dtype(kind).base_dtype.name if kind else "unknown"
    default = node.op == "PlaceholderWithDefault"
    open_scalar = whole.graph_def.versions.producer < _OPEN_SCALARS and node.op == "Placeholder"
    shape = _shape(node, port) or (None if open_scalar else _shape(node, port))
    return Placeholder(_plain(tensor), dtype, shape, default, leads_to)


def _shape(node: Any, port: int) -> tuple[int | None, ...] | None:
    """The shape that a node says one of its outputs has."""
    if "shape" in node.attr:
        shape = node.attr["shape"].shape
    elif "output_shapes" in node.attr and port < len(node.attr["output_shapes"].list.shape):
        shape = node.attr["output_shapes"].list.shape[port]
    else:
        return None
    if shape.unknown_rank:
        return None
    return tuple(None if size.size < 0 else int(size.size) for size in shape.dim)


def _made_of_variables(graph: Graph) -> set[str]:
    """The names of the nodes whose outputs depend on variables of real numbers."""
    variables = [node for node in graph.nodes.values() if node.op in VARIABLES]
    starts = [f"{node.name}:0" for node in variables if node.attr["dtype"].type in _REAL]
    return _ahead(graph, starts, past=_is_aside)


def _ahead(graph: Graph, tensors: Iterable[str], *, past: Any = lambda node: False) -> set[str]:
    """The names of the nodes that some tensors lead to, without those that are passed by."""
    queue, found = list(tensors), set()
    for tensor in queue:  # it grows
        for node in graph.consumers(tensor):
            if node.name not in found and not past(node):
                found.add(node.name)
                queue += graph.outputs(node)
    return found


def _node(tensor: str) -> str:
    return tensor.rpartition(":")[0]
