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
_FARTHEST = 40  # operations after a product; the output of a normalized LSTM is 27 away
_SLOPE = 0.2  # of a leaky ReLU, by default and in Keras


class Match(NamedTuple):
    """The match of a pattern in a graph.

    names: tensors, values of constants and the "activation", by their names in the pattern.
    nodes: the names of the nodes of the pattern's operations.
    """

    names: Mapping[str, Any] = MappingProxyType({})
    nodes: frozenset[str] = frozenset()


class Matcher:
    """Compares patterns with a graph.

    Args:
        variables: names by role, for the Variables of a pattern.

    Attributes:
        mismatch: in words, where the longest comparison ended.
    """

    def __init__(self, graph: Graph, variables: Mapping[str, str]):
        self.graph, self.variables = graph, variables
        self.mismatch, self._longest = "no operation follows that could be its result", -1
        self._fixed: dict[str, str] = {}

    def match(self, pattern: Pattern, tensor: str) -> Match | None:
        """The match of a pattern with a tensor, which is named "result" in it; None: no match."""
        match = next(self.ways(pattern, tensor, Match()), None)
        return match and match._replace(names={**match.names, "result": tensor})

    def around(self, pattern: Pattern, product: str) -> Match | None:
        """The match of a pattern in which the tensor called "product" is the given one.

        Where several tensors match, one is computed from another, as a clip from its input: the
        last one counts.
        """
        self._fixed = {"product": product}
        matches = [self.match(pattern, f"{node.name}:0") for node in self._ahead(pattern, product)]
        return next((match for match in reversed(matches) if match is not None), None)

    def _ahead(self, pattern: Pattern, tensor: str) -> list[Any]:
        """The nodes after a tensor that may be a pattern's result, the nearest first."""
        through = PASSING | pattern.ops
        nodes, queue, seen = [], deque([(tensor, 0)]), set()
        while queue:
            tensor, distance = queue.popleft()
            for node in self.graph.consumers(tensor, through):
                if node.name in seen or distance == _FARTHEST:
                    continue
                seen.add(node.name)
                nodes += [node] if node.op in pattern.roots else []
                queue.extend((output, distance + 1) for output in self.graph.outputs(node))
        return nodes

    @singledispatchmethod
    def ways(self, pattern: Pattern, tensor: str, matched: Match) -> Iterator[Match]:
        """Yields the matches of a pattern with a tensor that extend `matched`."""
        raise TypeError(f"{pattern!r} is no pattern that can be compared")

    @ways.register
    def _(self, pattern: patterns.AnyTensor, tensor, matched):
        yield matched

    @ways.register
    def _(self, pattern: patterns.Called, tensor, matched):
        before = matched.names.get(pattern.name)
        expected = before or self._fixed.get(pattern.name, tensor)
        if self.graph.origin(expected) != self.graph.origin(tensor):
            self._differs(matched, f"{pattern.name}, which is {expected}", tensor)
        elif before:
            yield matched
        else:  # the first way is enough: named patterns are unambiguous
            for way in islice(self.ways(pattern.operand, tensor, matched), 1):
                yield way._replace(names={**way.names, pattern.name: tensor})

    @ways.register
    def _(self, pattern: patterns.Variable, tensor, matched):
        if self.graph.variable(tensor) == self.variables[pattern.role]:
            yield matched
        else:
            self._differs(matched, self.variables[pattern.role], tensor)

    @ways.register
    def _(self, pattern: patterns.Number, tensor, matched):
        value = self.graph.constant(tensor)
        if np.size(value) == 1 and value == np.asarray(value).dtype.type(pattern.value):
            yield matched
        else:
            self._differs(matched, f"{pattern.value}", tensor)

    @ways.register
    def _(self, pattern: patterns.Constant, tensor, matched):
        value = scalar(self.graph.constant(tensor))
        if value is None or (pattern.positive and value * pattern.sign <= 0):
            self._differs(matched, f"the constant {pattern.name}", tensor)
        else:
            yield from self._same(pattern.name, value * pattern.sign, tensor, matched)

    @ways.register
    def _(self, pattern: patterns.LastAxis, tensor, matched):
        if is_last_axis(self.graph, tensor):
            yield matched
        else:
            self._differs(matched, "the last axis", tensor)

    @ways.register
    def _(self, pattern: patterns.Op, tensor, matched):
        node = self._node(tensor, {pattern.kind}, matched)
        if node is None:
            return
        inputs = self.graph.inputs(node)
        if any(_attribute(node, name) != value for name, value in pattern.attrs.items()):
            self._differs(matched, f"{pattern.kind} with {dict(pattern.attrs)}", tensor)
        elif len(inputs) == len(pattern.inputs):
            for order in permutations(inputs) if pattern.commutes else [inputs]:
                yield from self._match_all(pattern.inputs, order, _with_node(matched, node))

    @ways.register
    def _(self, pattern: patterns.Either, tensor, matched):
        for way in pattern.ways:
            yield from self.ways(way, tensor, matched)

    @ways.register
    def _(self, pattern: patterns.Activated, tensor, matched):
        node = self.graph.node(self.graph.origin(tensor))
        if node is not None and node.op in ACTIVATIONS and _is_common(node):
            activated = _with_node(matched, node)
            for way in self._same("activation", ACTIVATIONS[node.op], tensor, activated):
                yield from self.ways(pattern.operand, self.graph.inputs(node)[0], way)
        for way in self._same("activation", "linear", tensor, matched):
            yield from self.ways(pattern.operand, tensor, way)

    @ways.register
    def _(self, pattern: patterns.Piece, tensor, matched):
        node = self._node(tensor, patterns.SPLITS, matched)
        if node is None:
            return
        cut = piece(self.graph, self.graph.origin(tensor), pattern.index, pattern.count)
        if cut is None:
            self._differs(matched, f"piece {pattern.index + 1} of {pattern.count}", tensor)
            return
        matched = _with_node(matched, node)
        widths = self._same("width", cut.width, tensor, matched)
        for way in [matched] if cut.width is None else widths:
            yield from self.ways(pattern.operand, cut.source, way)

    @ways.register
    def _(self, pattern: patterns.Sum, tensor, matched):
        terms, nodes = self._terms(tensor)
        with_sums = matched._replace(nodes=matched.nodes | nodes)
        yield from self._assigned(pattern.terms, terms, with_sums)

    def _terms(self, tensor):
        """The terms of a sum, at most _MOST_TERMS, and the names of the nodes that add them."""
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

    def _assigned(self, expected, terms, matched):
        """Yields the matches of the patterns of a Sum with terms, one for each, in any order."""
        expected = sorted(expected, key=lambda pattern: isinstance(pattern, patterns.Constant))
        if not expected:
            if terms:
                self._differs(matched, "nothing more to be added", terms[0])
            else:
                yield matched
        elif isinstance(expected[0], patterns.Constant):
            numbers = [scalar(self.graph.constant(term)) for term in terms]
            if None in numbers:
                term = terms[numbers.index(None)]
                self._differs(matched, f"the constant {expected[0].name}", term)
            else:
                yield from self._same(expected[0].name, sum(numbers, 0.0), "the sum", matched)
        else:
            for i, term in enumerate(terms):
                for way in self.ways(expected[0], term, matched):
                    yield from self._assigned(expected[1:], terms[:i] + terms[i + 1 :], way)

    def _match_all(self, expected, tensors, matched):
        """Yields the matches of patterns with tensors, pair by pair."""
        if not expected:
            yield matched
            return
        for way in self.ways(expected[0], tensors[0], matched):
            yield from self._match_all(expected[1:], tensors[1:], way)

    def _node(self, tensor, ops, matched):
        """The node of some ops that computes a tensor; else None."""
        node = self.graph.node(self.graph.origin(tensor))
        if node is not None and node.op in ops:
            return node
        self._differs(matched, " or ".join(sorted(ops)), tensor)
        return None

    def _same(self, name, value, tensor, matched):
        """Yields the match extended by a named value, unless the name has another value already."""
        earlier = matched.names.get(name, value)
        if earlier == value:
            yield matched._replace(names={**matched.names, name: value})
        else:
            self._differs(matched, f"{name} {earlier}, as before, not {value}", tensor)

    def _differs(self, matched, expected, tensor):
        if len(matched.nodes) > self._longest:
            node = self.graph.node(self.graph.origin(tensor))
            op = "" if node is None else f", which is {node.op}"
            self.mismatch = f"expected {expected} at {tensor}{op}"
            self._longest = len(matched.nodes)


def _with_node(match, node):
    return match._replace(nodes=match.nodes | {node.name})


def _attribute(node, name):
    """A Boolean attribute, False where a file leaves it out."""
    return name in node.attr and node.attr[name].b


def _is_common(node):
    """Whether an activation has the attributes that its name implies here."""
    slope = node.attr["alpha"].f if "alpha" in node.attr else _SLOPE
    return node.op != "LeakyRelu" or np.float32(slope) == np.float32(_SLOPE)
