"""A whole program, with the calls rewritten that have a rule, and marked where thought is needed.

libcst keeps every comment and blank of what is not touched.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import libcst as cst
from libcst import matchers as m
from libcst.codemod import CodemodContext
from libcst.codemod.visitors import AddImportsVisitor
from libcst.metadata import CodeRange, MetadataWrapper, PositionProvider

from tf1port.scanning.fixing.calls import NotRewritten, rewritten
from tf1port.scanning.fixing.rules import DYNAMIC_RNN, OBJECTS, RULES, WITHOUT_CELLS, Rule
from tf1port.scanning.report.form import Place

MARK = "# TODO tf1port"


def rewrite(text: str, findings: Iterable[Place], called: Mapping[tuple[int, int], str]) -> str:
    """The program after all that can be done.

    Args:
        text: the program. findings: its idioms.
        called: the full names of what is called, by line and column from 1.
    """
    wrapper = MetadataWrapper(cst.parse_module(text))
    rewriter = _Rewriter(findings, called, RULES)
    module = wrapper.visit(rewriter)
    if rewriter.keeps_recurrent:
        # A cell of Keras in a loop of TF1 would be neither.
        rewriter = _Rewriter(findings, called, WITHOUT_CELLS)
        module = wrapper.visit(rewriter)
    if rewriter.uses_keras:
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
        called: Mapping[tuple[int, int], str],
        rules: Mapping[str, Rule],
    ) -> None:
        super().__init__()
        self.uses_keras = False
        self.keeps_recurrent = False
        self._called = called
        self._rules = rules
        self._in_strings = 0
        self._open: dict[tuple[int, int], list[Place]] = {}
        for one in findings:
            self._open.setdefault((one["line"], one["column"]), []).append(one)
        self._found = set(self._open)
        self._notes: list[tuple[int, str]] = []
        self._pairs: set[cst.Call] = set()
        self._around: list[bool] = []  # of each call of TF1 around: whether it is rewritten

    def visit_Assign(self, node: cst.Assign) -> None:
        """`outputs, state = …` can take what a Keras layer returns as `outputs, *state = …`."""
        pair = m.Assign(
            targets=[m.AssignTarget(m.Tuple([m.Element(), m.Element()]))], value=m.Call()
        )
        if m.matches(node, pair):
            self._pairs.add(cst.ensure_type(node.value, cst.Call))

    def leave_Assign(self, original_node: cst.Assign, updated_node: cst.Assign) -> cst.Assign:
        call = original_node.value
        if call not in self._pairs or updated_node.value is call:
            return updated_node
        if self._name(call) != DYNAMIC_RNN or not m.matches(updated_node.value, _OF_LAYER):
            return updated_node
        target = cst.ensure_type(updated_node.targets[0].target, cst.Tuple)
        first, second = target.elements
        starred = target.with_changes(elements=[first, cst.StarredElement(second.value)])
        return updated_node.with_changes(
            targets=[updated_node.targets[0].with_changes(target=starred)]
        )

    def visit_FormattedString(self, node: cst.FormattedString) -> None:
        self._in_strings += 1

    def leave_FormattedString(
        self, original_node: cst.FormattedString, updated_node: cst.FormattedString
    ) -> cst.BaseExpression:
        self._in_strings -= 1
        return updated_node

    def visit_Call(self, node: cst.Call) -> None:
        around = _is_dotted(node) and (self._around[-1] if self._around else True)
        of_tf = self._name(node).startswith("tf.")
        self._around.append(not self._obstacle(node) if of_tf else around)

    def leave_Call(self, original_node: cst.Call, updated_node: cst.Call) -> cst.Call:
        self._around.pop()
        name, place = self._name(original_node), self._place(original_node)
        if name not in self._rules or place not in self._found:
            return updated_node
        line = place[0]
        if obstacle := self._obstacle(original_node) or self._receiver(name):
            self._notes.append((line, f"{name} stays: {obstacle}"))
            return updated_node
        keras_call, notes = rewritten(name, updated_node)
        self.uses_keras = True
        self._close(original_node)
        self._notes += [(line, note) for note in notes]
        return keras_call

    def _obstacle(self, node: cst.Call) -> str:
        """Why a call is not rewritten; "" where it is."""
        name = self._name(node)
        if name not in self._rules:
            return "it has no rule"
        if name == DYNAMIC_RNN and node not in self._pairs:
            return "its outputs and states are not taken as a pair"
        if self._in_strings:
            return "it stands in a string"
        if m.findall(node, m.Comment()):
            return "there are comments in the call"
        try:
            rewritten(name, node)
        except NotRewritten as reason:
            return str(reason)
        return ""

    def _receiver(self, name: str) -> str:
        """Why an object may not be of Keras."""
        handed_over = name.rpartition(".")[2] in OBJECTS and self._around
        return "it is given to a call that stays" if handed_over and not self._around[-1] else ""

    def leave_SimpleStatementLine(
        self, original_node: cst.SimpleStatementLine, updated_node: cst.SimpleStatementLine
    ) -> cst.SimpleStatementLine:
        return self._marked(original_node, updated_node, original_node)

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
        lines = [
            f"{one['id']}: {one['replacement']}"
            for place in sorted(self._open)
            if span.start.line <= place[0] <= last
            for one in self._open.pop(place)
        ]
        self.keeps_recurrent |= any(map(_is_recurrent, lines))
        lines += [note for line, note in self._notes if span.start.line <= line <= last]
        self._notes = [pair for pair in self._notes if not span.start.line <= pair[0] <= last]
        marks = [_line(f"{MARK}: {line}") for line in dict.fromkeys(lines)]
        return updated.with_changes(leading_lines=[*updated.leading_lines, *marks])

    def _close(self, call: cst.Call) -> None:
        """The idioms of a call and of its arguments are done."""
        span = self._span(call)
        first, last = (span.start.line, span.start.column), (span.end.line, span.end.column)
        name = self._name(call)
        for place, findings in list(self._open.items()):
            if first <= (place[0], place[1] - 1) <= last:
                others = [one for one in findings if one["name"] != name]
                self._open[place] = others
                if not others:
                    del self._open[place]

    def _name(self, node: cst.BaseExpression) -> str:
        """The full name of what a call calls; "" of `f(x).method(y)`, which begins as f(x) does."""
        return self._called.get(self._place(node), "") if _is_dotted(node) else ""

    def _place(self, node: cst.CSTNode) -> tuple[int, int]:
        start = self._span(node).start
        return start.line, start.column + 1

    def _span(self, node: cst.CSTNode) -> CodeRange:
        return self.get_metadata(PositionProvider, node)


def _is_recurrent(mark: str) -> bool:
    """Of a cell, of what is around it, or of what runs it over time."""
    return "S101" <= mark[:4] <= "S149" or mark.startswith("S159")


def _is_dotted(node: cst.BaseExpression) -> bool:
    """Whether it is a call of a name with dots, in which nothing is called or indexed."""
    return isinstance(node, cst.Call) and not m.findall(node.func, m.Call() | m.Subscript())


_OF_LAYER = m.Call(func=m.Call())


def _line(comment: str) -> cst.EmptyLine:
    return cst.EmptyLine(comment=cst.Comment(comment))
