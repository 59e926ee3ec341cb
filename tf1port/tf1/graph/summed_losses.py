"""The loss that gradients start from, which may be a sum of several terms.

tf.gradients makes no op for the gradient of a sum of equal shapes: it hands the gradient of the
sum on to its terms as it stands. So the first gradient, of ones, has the terms as its users, and
the loss is what adds them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cached_property
from typing import Any

from tf1port.tf1.graph.index import VARIABLES

_START = re.compile(r"((?:.*/)?gradients(?:_\d+)?/)(?:Fill|grad_ys)(?:_\d+)?")
# Ops that hand a gradient on to their inputs as it is; a difference to its first one alone.
_SUMS = {"Add", "AddV2", "AddN", "AccumulateNV2", "Identity", "EnsureShape", "Snapshot"}
_FIRST = {"Sub", "Print"}


def differentiated(whole: Any) -> Iterator[str | None]:
    """Yields the tensor that each call of tf.gradients differentiates, in the order of the calls.

    None: a call for which it was not found, as no tensor is the sum of the terms.

    Args:
        whole: a graph with the nodes of backpropagation, as `nodes` by name and `consumers`.
    """
    for terms in _terms_by_call(whole).values():
        if terms:
            yield None if None in terms else _joined(whole, [f"{name}:0" for name in terms])


def _terms_by_call(whole: Any) -> dict[str, list[str | None]]:
    """The ops that the gradient of ones goes to, by the scope of the call; None for an unknown."""
    starts = {name: match[1] for name in whole.nodes if (match := _START.fullmatch(name))}
    found: dict[str, dict[str | None, None]] = {}
    for name, scope in starts.items():
        users = [node.name for node in whole.consumers(f"{name}:0") if node.name not in starts]
        terms = {_own_op(whole, user.removeprefix(scope)): None for user in users}
        found.setdefault(scope, {}).update(terms)
    return {scope: [*terms] for scope, terms in found.items()}


def _own_op(whole: Any, name: str) -> str | None:
    """The op whose gradient a node is part of, "loss" of "loss_grad/tuple/group"; or None."""
    ends = [match.start() for match in re.finditer("_grad/", name)]
    return next((name[:end] for end in reversed(ends) if name[:end] in whole.nodes), None)


def _joined(whole: Any, terms: list[str]) -> str | None:
    """The nearest tensor that is the sum of all terms, each once, and of nothing trained; or None.

    A term may be a difference, whose op is there for its second input alone.
    """
    if len(terms) == 1:
        return terms[0]
    sums = _Sums(whole, {*terms})
    queue = [*terms]
    seen = {*queue}
    for tensor in queue:  # it grows
        if sums.terms_of(tensor) == sums.terms:
            return tensor
        users = [user for user in whole.consumers(tensor) if tensor in _passed(user)]
        new = dict.fromkeys(f"{user.name}:0" for user in users if f"{user.name}:0" not in seen)
        seen.update(new)
        queue += new
    return None


class _Sums:
    """Which of some terms tensors are the sum of.

    Args:
        whole: as for `differentiated`. terms: the full names of tensors.
    """

    def __init__(self, whole: Any, terms: set[str]) -> None:
        self._nodes, self.terms = whole.nodes, terms
        self._found: dict[str, set[str] | None] = {}

    def terms_of(self, tensor: str) -> set[str] | None:
        """The terms that a tensor is the sum of, each once; None where it is no such sum."""
        stack = [tensor]  # no recursion: a loss of many steps is a long chain of sums
        while stack:
            name = stack[-1]
            new = [each for each in self._passed(name) if each not in self._found]
            if name in self._found or not new:
                self._found[stack.pop()] = self._summed(name)
            else:
                self._found[name] = None  # where the graph is a cycle
                stack += new
        return self._found[tensor]

    def _summed(self, tensor: str) -> set[str] | None:
        node, passed = self._nodes.get(_name(tensor)), self._passed(tensor)
        parts = [self._found[name] for name in passed]
        if tensor in self.terms:  # an input that is no term has its gradient by an op of its own
            parts = [{tensor}, *(part for part in parts if part is not None)]
        elif not passed or any(name in self._trained for name in _beside(node)):
            return None if _name(tensor) in self._trained else set()
        if any(part is None for part in parts):
            return None
        result = {name for part in parts if part for name in part}
        return result if len(result) == sum(len(part) for part in parts if part) else None

    def _passed(self, tensor: str) -> list[str]:
        return _passed(self._nodes.get(_name(tensor))) if tensor.endswith(":0") else []

    @cached_property
    def _trained(self) -> set[str]:
        """The names of the nodes that hand gradients on to variables."""
        users: dict[str, list[str]] = {}
        for node in self._nodes.values():
            for name in _inputs(node) if node.op != "StopGradient" else ():
                users.setdefault(_name(name), []).append(node.name)
        queue = [node.name for node in self._nodes.values() if node.op in VARIABLES]
        found = {*queue}
        for name in queue:  # it grows
            new = {*users.get(name, ())} - found
            found |= new
            queue += new
        return found


def _passed(node: Any) -> list[str]:
    """The inputs that a node hands its gradient on to as it is."""
    if node is None or node.op not in _SUMS | _FIRST:
        return []
    return _inputs(node)[:1] if node.op in _FIRST else _inputs(node)


def _beside(node: Any) -> list[str]:
    """The nodes of the second input of a difference."""
    return [_name(name) for name in _inputs(node)[1:]] if node.op == "Sub" else []


def _inputs(node: Any) -> list[str]:
    """The input tensors of a node by their full names."""
    names = [name for name in node.input if not name.startswith("^")]
    return [name if ":" in name else f"{name}:0" for name in names]


def _name(tensor: str) -> str:
    return tensor.rpartition(":")[0]
