"""A While op as TF1's frame: an Enter, a Merge, a Switch, a NextIteration and an Exit for each
variable of the loop.

A variable that the body returns unchanged is a constant. Those that collect values for a gradient
are left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tf1port.tf1.graph.functions import (
    Function,
    Lowered,
    is_of_gradient,
    make_node,
    shapes_of,
    tensors_of,
)

_PUSH = "TensorListPushBack"


def lowered_loop(
    node: Any, scope: str, functions: Mapping[str, Any], uses: Mapping[str, int]
) -> Lowered | None:
    """What replaces a While; None: its functions are not known, or have other variables.

    Args:
        scope: of the new nodes. functions: the FunctionDefs by name.
        uses: how many nodes read a tensor, copies apart.
    """
    definitions = [functions.get(node.attr[key].func.name) for key in ("body", "cond")]
    if None in definitions:
        return None
    body, condition = map(Function, definitions)
    count = len(tensors_of(node))
    if not len(body.inputs) == len(condition.inputs) == len(body.outputs) == count:
        return None
    loop = _Loop(node, scope, body, condition, uses)
    return Lowered(loop.nodes(), loop.results(), loop.gone)


class _Loop:
    """A While node with its functions."""

    def __init__(self, node: Any, scope: str, body: Function, condition: Function, uses) -> None:
        self.name, self.scope, self.body, self.condition = node.name, scope, body, condition
        self.inputs = tensors_of(node)
        self._shapes = shapes_of(node, len(self.inputs))
        self._constant = {
            index
            for index, tensor in enumerate(body.outputs)
            if body.before_copies(tensor) == body.inputs[index]
        }
        self._dropped = {
            index
            for index, tensor in enumerate(body.outputs)
            if getattr(body.maker(tensor), "op", None) == _PUSH
            and is_of_gradient(f"{self.name}:{index}", body.types[index], uses)
        }
        self.gone = {f"{self.name}:{index}" for index in self._dropped}

    def nodes(self) -> list[Any]:
        """The nodes of the frame."""
        kept = [index for index in range(len(self.inputs)) if index not in self._dropped]
        in_body = {self.body.inputs[index]: self._in_body(index) for index in kept}
        outputs = [self.body.outputs[index] for index in kept]
        scope = f"{self.scope}/while"
        new = [self.body.tensor(name, in_body, scope) for name in outputs]
        variables = [
            node
            for index, tensor in zip(kept, new, strict=True)
            for node in self._variable(index, tensor)
        ]
        return [*variables, *self.body.copies(in_body, scope, outputs), *self._ending(kept)]

    def _ending(self, kept: list[int]) -> list[Any]:
        """The nodes of the condition."""
        tested = {self.condition.inputs[index]: self._in_condition(index) for index in kept}
        scope, (output,) = f"{self.scope}/cond", self.condition.outputs
        ends = self.condition.tensor(output, tested, scope)
        end = make_node("LoopCond", f"{self.scope}/LoopCond", [ends])
        return [*self.condition.copies(tested, scope, [output]), end]

    def results(self) -> dict[str, str]:
        """The tensors that replace the outputs of the While node, by the names of these."""
        outputs = {}
        for index, tensor in enumerate(self.inputs):
            constant = index in self._constant
            outputs[f"{self.name}:{index}"] = tensor if constant else f"{self.scope}/Exit_{index}:0"
        return {name: tensor for name, tensor in outputs.items() if name not in self.gone}

    def _in_body(self, index: int) -> str:
        """The tensor of a variable within the body."""
        constant = index in self._constant
        return f"{self.scope}/{'Enter' if constant else 'Switch'}_{index}:{0 if constant else 1}"

    def _in_condition(self, index: int) -> str:
        """The tensor of a variable within the condition."""
        return f"{self.scope}/{'Enter' if index in self._constant else 'Merge'}_{index}:0"

    def _variable(self, index: int, new: str) -> list[Any]:
        """The nodes of a variable, `new` after each step."""
        scope, kind, shape = self.scope, self.body.types[index], self._shapes[index]
        enter = make_node("Enter", f"{scope}/Enter_{index}", [self.inputs[index]], T=kind)
        enter.attr["frame_name"].s = scope.encode()
        enter.attr["is_constant"].b = index in self._constant
        if index in self._constant:
            return [enter]
        ways = {
            "Merge": [f"{scope}/Enter_{index}", f"{scope}/NextIteration_{index}"],
            "Switch": [f"{scope}/Merge_{index}", f"{scope}/LoopCond"],
            "NextIteration": [new],
            "Exit": [f"{scope}/Switch_{index}"],
        }
        nodes = [enter]
        for op, inputs in ways.items():
            shapes = [shape] * (2 if op == "Switch" else 1)
            nodes.append(make_node(op, f"{scope}/{op}_{index}", inputs, T=kind, shapes=shapes))
        return nodes
