"""Compares a pattern (tf1port.tf1.graph.patterns) with a graph: one matcher for all patterns."""

from collections import deque
from collections.abc import Iterator, Mapping
from functools import singledispatchmethod
from itertools import islice, permutations
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from tf1port.tf1.graph import patterns
from tf1port.tf1.graph.cuts import is_last_axis, piece
from tf1port.tf1.graph.index import PASSING, Graph, scalar
from tf1port.tf1.graph.patterns import ACTIVATIONS, SUMS, Pattern

_MOST_TERMS = 8  # of a sum; those of cells have three at most
_FARTHEST = 40  # operations from a product on; the output of a normalized LSTM is 27 away
_SLOPE = 0.2  # of a leaky ReLU, by default and in Keras


class Match(NamedTuple):
    """What of a graph a pattern is.

    names: by the names in the pattern the tensors, the constants' numbers and the "activation".
    nodes: the names of the nodes that the pattern's operations are.
    """

    names: Mapping[str, Any] = MappingProxyType({})
    nodes: frozenset[str] = frozenset()


class Matcher:
    """Compares patterns with a graph.

    Args:
        variables: names by role, for what a pattern draws as a Variable.

    Attributes:
        mismatch: in words, where the comparison ended that came farthest.
    """

    def __init__(self, graph: Graph, variables: Mapping[str, str]):
        self.graph, self.variables = graph, variables
        self.mismatch, self._came = "no operation follows that could be its result", -1
        self._fixed: dict[str, str] = {}

    def match(self, pattern: Pattern, tensor: str) -> Match | None:
        """How a tensor is what a pattern draws; a match calls the tensor "result"."""
        found = next(self.ways(pattern, tensor, Match()), None)
        return found and found._replace(names={**found.names, "result": tensor})

    def around(self, pattern: Pattern, product: str) -> Match | None:
        """The match of a pattern in which the tensor called "product" is the given one.

        Where several tensors match, one is made of the other, as a clip is of what it clips: the
        last one counts.
        """
        self._fixed = {"product": product}
        found = [self.match(pattern, f"{node.name}:0") for node in self._ahead(pattern, product)]
        return next((match for match in reversed(found) if match is not None), None)

    def _ahead(self, pattern: Pattern, tensor: str) -> list[Any]:
        """The nodes not far from a tensor that may be a pattern's result, the nearest first."""
        through = PASSING | pattern.ops
        found, queue, seen = [], deque([(tensor, 0)]), set()
        while queue:
            tensor, distance = queue.popleft()
            for node in self.graph.consumers(tensor, through):
                if node.name in seen or distance == _FARTHEST:
                    continue
                seen.add(node.name)
                found += [node] if node.op in pattern.roots else []
                queue.extend((output, distance + 1) for output in self.graph.outputs(node))
        return found

    @singledispatchmethod
    def ways(self, pattern: Pattern, tensor: str, found: Match) -> Iterator[Match]:
        """The ways in which a tensor is what a pattern draws, beside what was found before."""
        raise TypeError(f"{pattern!r} is no pattern that can be compared")

    @ways.register
    def _(self, pattern: patterns.AnyTensor, tensor, found):
        yield found

    @ways.register
    def _(self, pattern: patterns.Called, tensor, found):
        before = found.names.get(pattern.name)
        other = before or self._fixed.get(pattern.name, tensor)
        if self.graph.origin(other) != self.graph.origin(tensor):
            self._differs(found, f"{pattern.name}, which is {other}", tensor)
        elif before:
            yield found
        else:  # the first way is enough, as what has a name can be read in one way alone
            for way in islice(self.ways(pattern.of, tensor, found), 1):
                yield way._replace(names={**way.names, pattern.name: tensor})

    @ways.register
    def _(self, pattern: patterns.Variable, tensor, found):
        if self.graph.variable(tensor) == self.variables[pattern.role]:
            yield found
        else:
            self._differs(found, self.variables[pattern.role], tensor)

    @ways.register
    def _(self, pattern: patterns.Number, tensor, found):
        value = self.graph.constant(tensor)
        if np.size(value) == 1 and value == np.asarray(value).dtype.type(pattern.value):
            yield found
        else:
            self._differs(found, f"{pattern.value}", tensor)

    @ways.register
    def _(self, pattern: patterns.Constant, tensor, found):
        value = scalar(self.graph.constant(tensor))
        if value is None or (pattern.positive and value * pattern.sign <= 0):
            self._differs(found, f"the constant {pattern.name}", tensor)
        else:
            yield from self._same(pattern.name, value * pattern.sign, tensor, found)

    @ways.register
    def _(self, pattern: patterns.LastAxis, tensor, found):
        if is_last_axis(self.graph, tensor):
            yield found
        else:
            self._differs(found, "the last axis", tensor)

    @ways.register
    def _(self, pattern: patterns.Op, tensor, found):
        node = self._node(tensor, {pattern.kind}, found)
        if node is None:
            return
        inputs = self.graph.inputs(node)
        if any(_attribute(node, name) != value for name, value in pattern.attrs.items()):
            self._differs(found, f"{pattern.kind} with {dict(pattern.attrs)}", tensor)
        elif len(inputs) == len(pattern.takes):
            for order in permutations(inputs) if pattern.commutes else [inputs]:
                yield from self._all(pattern.takes, order, _with_node(found, node))

    @ways.register
    def _(self, pattern: patterns.Either, tensor, found):
        for way in pattern.ways:
            yield from self.ways(way, tensor, found)

    @ways.register
    def _(self, pattern: patterns.Activated, tensor, found):
        node = self.graph.node(self.graph.origin(tensor))
        if node is not None and node.op in ACTIVATIONS and _is_common(node):
            activated = _with_node(found, node)
            for way in self._same("activation", ACTIVATIONS[node.op], tensor, activated):
                yield from self.ways(pattern.of, self.graph.inputs(node)[0], way)
        for way in self._same("activation", "linear", tensor, found):
            yield from self.ways(pattern.of, tensor, way)

    @ways.register
    def _(self, pattern: patterns.Piece, tensor, found):
        node = self._node(tensor, patterns.SPLITS, found)
        if node is None:
            return
        cut = piece(self.graph, self.graph.origin(tensor), pattern.index, pattern.count)
        if cut is None:
            self._differs(found, f"piece {pattern.index + 1} of {pattern.count}", tensor)
            return
        one = _with_node(found, node)
        for way in [one] if cut.width is None else self._same("width", cut.width, tensor, one):
            yield from self.ways(pattern.of, cut.of, way)

    @ways.register
    def _(self, pattern: patterns.Sum, tensor, found):
        terms, nodes = self._terms(tensor)
        yield from self._assigned(pattern.terms, terms, found._replace(nodes=found.nodes | nodes))

    def _terms(self, tensor):
        """The terms that a tensor is the sum of, at most _MOST_TERMS, and the nodes that add."""
        terms: list[str] = []
        nodes, queue = set(), deque([tensor])
        while queue:
            tensor = queue.popleft()
            node = self.graph.node(self.graph.origin(tensor))
            if node is None or node.op not in SUMS or len(terms) + len(queue) + 2 > _MOST_TERMS:
                terms.append(tensor)
            else:
                nodes.add(node.name)
                queue += self.graph.inputs(node)
        return terms, nodes

    def _assigned(self, wanted, terms, found):
        """The ways in which terms are those of a Sum, one for each, in any order."""
        wanted = sorted(wanted, key=lambda pattern: isinstance(pattern, patterns.Constant))
        if not wanted:
            if terms:
                self._differs(found, "nothing more to be added", terms[0])
            else:
                yield found
        elif isinstance(wanted[0], patterns.Constant):
            numbers = [scalar(self.graph.constant(term)) for term in terms]
            if None in numbers:
                self._differs(found, f"the constant {wanted[0].name}", terms[numbers.index(None)])
            else:
                yield from self._same(wanted[0].name, sum(numbers, 0.0), "the sum", found)
        else:
            for i, term in enumerate(terms):
                for way in self.ways(wanted[0], term, found):
                    yield from self._assigned(wanted[1:], terms[:i] + terms[i + 1 :], way)

    def _all(self, wanted, tensors, found):
        """The ways in which all of some tensors are what is drawn of them."""
        if not wanted:
            yield found
            return
        for way in self.ways(wanted[0], tensors[0], found):
            yield from self._all(wanted[1:], tensors[1:], way)

    def _node(self, tensor, ops, found):
        """The node of some ops that computes a tensor; else None."""
        node = self.graph.node(self.graph.origin(tensor))
        if node is not None and node.op in ops:
            return node
        self._differs(found, " or ".join(sorted(ops)), tensor)
        return None

    def _same(self, name, value, tensor, found):
        """What was found with a number or word of a name, unless it was another one before."""
        before = found.names.get(name, value)
        if before == value:
            yield found._replace(names={**found.names, name: value})
        else:
            self._differs(found, f"{name} {before}, as before, not {value}", tensor)

    def _differs(self, found, expected, tensor):
        if len(found.nodes) > self._came:
            node = self.graph.node(self.graph.origin(tensor))
            what = "" if node is None else f", which is {node.op}"
            self.mismatch = f"expected {expected} at {tensor}{what}"
            self._came = len(found.nodes)


def _with_node(found, node):
    return found._replace(nodes=found.nodes | {node.name})


def _attribute(node, name):
    """A Boolean attribute, False where a file leaves it out."""
    return name in node.attr and node.attr[name].b


def _is_common(node):
    """Whether an activation is the one that its name means here, whatever its attributes."""
    slope = node.attr["alpha"].f if "alpha" in node.attr else _SLOPE
    return node.op != "LeakyRelu" or np.float32(slope) == np.float32(_SLOPE)
