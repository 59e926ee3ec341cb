"""tf.cond on values: a Switch for each tensor that a branch uses, and a Merge for each result.

A Choice computes one branch alone, as the graph does: the other one may divide by zero, whose
gradient would not be finite, or read past the end of a sequence.
"""

from __future__ import annotations

from tf1port.conversion.translation.sizes import sizes_of
from tf1port.errors import UserError
from tf1port.keras_model.program import Size, Value, dims_in
from tf1port.keras_model.program_conditions import Branch, Choice, Switched

SWITCHES, MERGES = {"Switch", "RefSwitch"}, {"Merge", "RefMerge"}
_BACK = {"NextIteration", "RefNextIteration"}
Branches = frozenset[Branch]


class Branching:
    """Which branches the tensors of a graph are computed in."""

    def __init__(self, graph) -> None:
        self.graph = graph
        self._known: dict[str, Branches] = {}

    def predicate(self, merge) -> str:
        """The tensor that chooses between the inputs of a Merge.

        Raises:
            UserError: they are not the results of the two branches of one tf.cond.
        """
        first, second = (self.of(name) for name in self.graph.inputs(merge)[:2])
        opposite = {predicate for predicate, side in first if (predicate, not side) in second}
        if len(opposite) != 1 or len(self.graph.inputs(merge)) != 2:
            raise UserError(f"{merge.name} joins what no tf.cond has parted")
        return opposite.pop()

    def sides(self, merge) -> dict[bool, str]:
        """The inputs of a Merge, by whether its predicate is true."""
        predicate, (first, second) = self.predicate(merge), self.graph.inputs(merge)
        is_first = (predicate, True) in self.of(first)
        return {True: first, False: second} if is_first else {True: second, False: first}

    def of(self, tensor: str) -> Branches:
        """The branches that a tensor is computed in, each as its predicate and its side."""
        stack = [tensor]
        while stack:
            name = stack[-1]
            missing = [t for t in self._before(name) if t not in self._known]
            if name not in self._known and missing:
                stack += missing
                continue
            stack.pop()
            self._known.setdefault(name, self._computed(name))
        return self._known[tensor]

    def _before(self, tensor: str) -> list[str]:
        """The tensors that a tensor waits for; of a loop only those from before its first step."""
        node = self.graph.node(tensor)
        if node is None:
            return []
        inputs = self.graph.inputs(node)
        if node.op in MERGES and self.is_looped(node):
            makers = [self.graph.node(name) for name in inputs]
            return [n for n, m in zip(inputs, makers, strict=True) if m and m.op not in _BACK]
        if node.op in SWITCHES and self.is_looped(node):
            return inputs[:1]
        return inputs + [f"{name[1:]}:0" for name in node.input if name.startswith("^")]

    def _computed(self, tensor: str) -> Branches:
        node, before = self.graph.node(tensor), self._before(tensor)
        branches: Branches = frozenset().union(*(self._known[name] for name in before))
        if node is None or node.op not in SWITCHES | MERGES or self.is_looped(node):
            return branches
        if node.op in SWITCHES:
            predicate = self.graph.origin(self.graph.inputs(node)[1])
            return branches | {(predicate, tensor.endswith(":1"))}
        return frozenset(pair for pair in branches if (pair[0], not pair[1]) not in branches)

    def is_looped(self, node) -> bool:
        """Whether a Switch or a Merge belongs to a variable of a loop."""
        makers = [self.graph.node(name) for name in self.graph.inputs(node)]
        ops = {maker.op for maker in makers if maker is not None}
        return not ops.isdisjoint(_BACK if node.op in MERGES else {"LoopCond"})


def inputs(reader, node) -> list[str]:
    """The tensors that a Switch or a Merge is read from."""
    if node.op in SWITCHES:
        return reader.graph.inputs(node)[:1]
    sides = reader.branching.sides(node)
    return [reader.branching.predicate(node), sides[True], sides[False]]


def value(reader, node, tensor: str) -> Value:
    """The value of a tensor within a branch, or of the result of a tf.cond."""
    branching, port = reader.branching, tensor.rpartition(":")[2]
    if branching.is_looped(node):
        raise UserError(f"{tensor} is within a loop of which no result is used")
    if node.op in SWITCHES:
        data, predicate = reader.graph.inputs(node)
        source, side = reader.value(data), (reader.graph.origin(predicate), port == "1")
        leaf = Switched(node.name, source, side)
        return Value(leaf, source.dtype, source.shape, dims=sizes_of(source))
    if port != "0":
        raise UserError(f"{node.name} tells which branch was taken")
    sides = branching.sides(node)
    results = {side: reader.value(name) for side, name in sides.items()}
    predicate = branching.predicate(node)
    choice = Choice(predicate, reader.value(predicate), results, node.name)
    shape = reader.shape(tensor)
    return Value(choice, results[True].dtype, shape, dims=_sizes(choice, shape))


def _sizes(choice: Choice, shape) -> tuple[Size, ...] | None:
    """The sizes of a result, where both branches have the same ones."""
    first, second = (sizes_of(result) for result in choice.results.values())
    if shape is None or first is None or second is None:
        return None
    if not len(shape) == len(first) == len(second):
        return None
    sizes: list[Size] = []
    for known, *pair in zip(shape, first, second, strict=True):
        if known is None and pair[0] != pair[1]:
            return None
        sizes.append(pair[0] if known is None else known)
    inner = {id(producer) for branch in choice.results for producer in choice.inner(branch)}
    is_outside = all(id(dim.value.producer) not in inner for s in sizes for dim in dims_in(s))
    return tuple(sizes) if is_outside else None
