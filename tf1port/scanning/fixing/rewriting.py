"""A whole program, with the calls rewritten that have a rule, and marked where thought is needed.

libcst keeps every comment and blank of what is not touched.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import libcst as cst
from libcst import matchers as m
from libcst.codemod import CodemodContext
from libcst.codemod.visitors import AddImportsVisitor
from libcst.metadata import CodeRange, MetadataWrapper, PositionProvider

from tf1port.scanning.fixing import lengths, sequences
from tf1port.scanning.fixing.calls import bound, rewritten
from tf1port.scanning.fixing.marks import Marks, Position
from tf1port.scanning.fixing.rules import (
    DYNAMIC_RNN,
    OBJECTS,
    PLACEHOLDER,
    RULES,
    WITH_CELLS,
    WITHOUT_CELLS,
    Rule,
)
from tf1port.scanning.fixing.source import NotRewritten, is_named, text_of
from tf1port.scanning.report.form import Place


def rewrite(text: str, findings: Iterable[Place], called: Mapping[Position, str]) -> str:
    """The program after all that can be done.

    Args:
        text: the program. findings: its idioms.
        called: the full names of what is called, by line and column from 1.
    """
    wrapper = MetadataWrapper(cst.parse_module(text))
    rewriter = _Rewriter(findings, called, RULES)
    module = wrapper.visit(rewriter)
    if rewriter.marks.keeps_recurrent or not rewriter.is_model:
        # A cell of Keras in a loop of TF1 would be neither, a tensor of Keras in no layer nothing.
        rules = WITHOUT_CELLS if rewriter.marks.keeps_recurrent else WITH_CELLS
        again = _Rewriter(findings, called, rules)
        for line, name, note in rewriter.stays:
            if name in RULES and name not in rules:
                again.marks.note(line, note)
        rewriter, module = again, wrapper.visit(again)
    if rewriter.written:
        context = CodemodContext()
        AddImportsVisitor.add_needed_import(context, "keras")
        module = AddImportsVisitor(context).transform_module(module)
    return module.code


class _Rewriter(cst.CSTTransformer):
    """Rewrites calls from the inside out; the marks of a statement come above it."""

    METADATA_DEPENDENCIES = (PositionProvider,)

    def __init__(
        self,
        findings: Iterable[Place],
        called: Mapping[Position, str],
        rules: Mapping[str, Rule],
    ) -> None:
        super().__init__()
        self.marks = Marks(findings)
        self.written: set[str] = set()  # what was called where Keras is now
        self.stays: list[tuple[int, str, str]] = []  # line, name and why
        self._called = called
        self._rules = rules
        self._in_strings = 0
        self._numbers: dict[cst.CSTNode, cst.BaseExpression] = {}
        self._pairs: dict[cst.BaseExpression, cst.BaseExpression] = {}
        self._around: list[bool] = []  # of each call of TF1 around: whether it is rewritten

    @property
    def is_model(self) -> bool:
        """Whether a placeholder has become an input, and there is a layer for it."""
        layers = any(self._rules[one].to.startswith("keras.layers.") for one in self.written)
        return PLACEHOLDER in self.written and layers

    def visit_Module(self, node: cst.Module) -> None:
        self._numbers = lengths.of_one_number(node, self._name)

    def visit_SimpleStatementLine(self, node: cst.SimpleStatementLine) -> None:
        """`outputs, state = …` can take what a Keras layer returns as `outputs, *state = …`."""
        if m.matches(node, _PAIR):
            assign = cst.ensure_type(node.body[0], cst.Assign)
            outputs, _ = cst.ensure_type(assign.targets[0].target, cst.Tuple).elements
            self._pairs[assign.value] = outputs.value

    def leave_SimpleStatementLine(
        self, original_node: cst.SimpleStatementLine, updated_node: cst.SimpleStatementLine
    ) -> Any:
        more = []
        if m.matches(original_node, _PAIR):
            assign = cst.ensure_type(updated_node.body[0], cst.Assign)
            call = cst.ensure_type(original_node.body[0], cst.Assign).value
            if self._name(call) == DYNAMIC_RNN and m.matches(assign.value, _OF_LAYER):
                updated_node = updated_node.with_changes(body=[_starred(assign)])
                more = self._exchanged(cst.ensure_type(call, cst.Call))
        marked = self._marked(original_node, updated_node, original_node)
        return cst.FlattenSentinel([marked, *more])

    def _exchanged(self, call: cst.Call) -> list[cst.SimpleStatementLine]:
        """The statement that gives time-major outputs again."""
        when = sequences.time_major(bound(self._rules[DYNAMIC_RNN], call))
        outputs = text_of(self._pairs[call])
        line = f"{outputs} = {sequences.exchanged(outputs, when)}"
        return [cst.ensure_type(cst.parse_statement(line), cst.SimpleStatementLine)] if when else []

    def visit_FormattedString(self, node: cst.FormattedString) -> None:
        self._in_strings += 1

    def leave_FormattedString(
        self, original_node: cst.FormattedString, updated_node: cst.FormattedString
    ) -> cst.BaseExpression:
        self._in_strings -= 1
        return updated_node

    def visit_Call(self, node: cst.Call) -> bool:
        around = _is_dotted(node) and (self._around[-1] if self._around else True)
        of_tf = self._name(node).startswith("tf.")
        self._around.append(not self._obstacle(node) if of_tf else around)
        return not self._is_number(node)

    def leave_Call(self, original_node: cst.Call, updated_node: cst.Call) -> cst.BaseExpression:
        self._around.pop()
        name, line = self._name(original_node), self._place(original_node)[0]
        if self._is_number(original_node):
            return self._numbers[original_node]
        if not self._is_of_interest(original_node):
            return updated_node
        if obstacle := self._obstacle(original_node) or self._receiver(name):
            self.stays.append((line, name, f"{name} stays: {obstacle}"))
            self.marks.note(line, self.stays[-1][-1])
            return updated_node
        keras_call, notes = rewritten(name, updated_node)
        self.written.add(name)
        span = self._span(original_node)
        end = span.end.line, span.end.column + 1
        self.marks.close(self._place(original_node), end, name)
        self.marks.note(line, *notes)
        return keras_call

    def _is_number(self, node: cst.Call) -> bool:
        """Whether one number takes the place of a call."""
        return node in self._numbers and DYNAMIC_RNN in self._rules

    def _is_of_interest(self, node: cst.Call) -> bool:
        """Whether a call is to be rewritten, or it is to be said why not."""
        name = self._name(node)
        is_found = self._place(node) in self.marks.found
        if PLACEHOLDER in self._rules and not is_found and _TENSOR_FUNCTION.fullmatch(name):
            return True
        return name in self._rules and is_found

    def _obstacle(self, node: cst.Call) -> str:
        """Why a call is not rewritten; "" where it is."""
        name = self._name(node)
        if name not in self._rules:
            return "P114: it takes no tensor of Keras; keras.ops, or a layer of one's own"
        if name == DYNAMIC_RNN and node not in self._pairs:
            return "its outputs and states are not taken as a pair"
        if self._in_strings:
            return "it stands in a string"
        if m.findall(node, m.Comment()):
            return "there are comments in the call"
        try:
            rewritten(name, node)
            if name == DYNAMIC_RNN:
                self._check_outputs(node)
        except NotRewritten as reason:
            return str(reason)
        return ""

    def _check_outputs(self, node: cst.Call) -> None:
        is_time_major = sequences.time_major(bound(self._rules[DYNAMIC_RNN], node))
        if is_time_major and not is_named(self._pairs[node]):
            raise NotRewritten("its outputs are time-major and have no name")

    def _receiver(self, name: str) -> str:
        """Why an object may not be of Keras."""
        handed_over = name.rpartition(".")[2] in OBJECTS and self._around
        return "it is given to a call that stays" if handed_over and not self._around[-1] else ""

    def on_leave(self, original_node: Any, updated_node: Any) -> Any:
        """Compound statements have their marks above their first line."""
        updated = super().on_leave(original_node, updated_node)
        if isinstance(original_node, cst.BaseCompoundStatement) and hasattr(
            updated, "leading_lines"
        ):
            return self._marked(original_node, updated, original_node.body)
        return updated

    def _marked(self, original: Any, updated: Any, until: cst.CSTNode) -> Any:
        """The statement with what is to be thought of in the lines before `until` ends."""
        span = self._span(original)
        last = span.end.line if until is original else self._span(until).start.line
        comments = [cst.Comment(line) for line in self.marks.pop(span.start.line, last)]
        lines = [cst.EmptyLine(comment=comment) for comment in comments]
        return updated.with_changes(leading_lines=[*updated.leading_lines, *lines])

    def _name(self, node: cst.BaseExpression) -> str:
        """The full name of what a call calls; "" of `f(x).method(y)`, which begins as f(x) does."""
        return self._called.get(self._place(node), "") if _is_dotted(node) else ""

    def _place(self, node: cst.CSTNode) -> Position:
        start = self._span(node).start
        return start.line, start.column + 1

    def _span(self, node: cst.CSTNode) -> CodeRange:
        return self.get_metadata(PositionProvider, node)


def _is_dotted(node: cst.BaseExpression) -> bool:
    """Whether it is a call of a name with dots, in which nothing is called or indexed."""
    return isinstance(node, cst.Call) and not m.findall(node.func, m.Call() | m.Subscript())


_PAIR = m.SimpleStatementLine(
    body=[m.Assign(targets=[m.AssignTarget(m.Tuple([m.Element(), m.Element()]))], value=m.Call())]
)
_OF_LAYER = m.Call(func=m.Call())
# Of TensorFlow, and takes tensors; what has an idiom is marked as such.
_TENSOR_FUNCTION = re.compile(
    r"tf\.((nn|math|linalg)\.)?(?!(constant|function|range|placeholder)$)[a-z]\w*", re.ASCII
)


def _starred(assign: cst.Assign) -> cst.Assign:
    """`outputs, *state = …`."""
    target = assign.targets[0]
    first, second = cst.ensure_type(target.target, cst.Tuple).elements
    pair = target.target.with_changes(elements=[first, cst.StarredElement(second.value)])
    return assign.with_changes(targets=[target.with_changes(target=pair)])
