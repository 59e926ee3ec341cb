"""The runs of known cells over time in a graph, each with its inputs and outputs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import NamedTuple

from tf1port.errors import UserError
from tf1port.tf1.checkpoint.cell_names import Cell
from tf1port.tf1.graph.equations import Constants
from tf1port.tf1.graph.index import Graph
from tf1port.tf1.graph.refusals import check_selections
from tf1port.tf1.graph.runs import Run, Step, UnknownCell
from tf1port.tf1.graph.unrolls import SELECTING, following
from tf1port.tf1.graph.wiring import find_wiring

# Errors of the search where the ops are those of no known cell.
_UNKNOWN = (UnknownCell, AttributeError, LookupError, StopIteration, TypeError, ValueError)
_READS = {"TensorArrayReadV3", "TensorArrayReadV2", "TensorArrayRead"}


class Recurrence(NamedTuple):
    """One run of a cell; `below` is the one whose outputs are its inputs in the same loop."""

    cell: Cell
    constants: Constants
    run: Run
    below: Recurrence | None = None

    @property
    def inputs(self) -> list[str]:
        """The tensors of the graph that it is computed from."""
        run = self.run
        sequence_inputs = [run.inputs] if run.inputs else [step.x for step in run.steps]
        sequence_inputs = self.below.inputs if self.below else sequence_inputs
        return [*sequence_inputs, *run.initial, *([run.lengths] if run.lengths else [])]


class RunOutput(NamedTuple):
    """A tensor as an output of a Recurrence.

    kind: "sequence" [T, B, U], "step" with its index in `step`, or the final "h" or "c".
    """

    recurrence: Recurrence
    kind: str
    step: int = 0


def find_recurrences(
    graph: Graph, cells: Iterable[Cell], *, step_by_step: bool = False
) -> dict[str, RunOutput]:
    """The outputs of the runs of a graph's cells, by the tensor's name.

    A cell that is not used in a known way is left out: its ops are translated one by one.

    Args:
        step_by_step: each step of an unrolled run is a run of its own.
    """
    recurrences: list[Recurrence] = []
    for cell in cells:
        try:
            wiring = find_wiring(graph, [cell])
            constants = wiring.constants.get(cell.scope)
            runs = wiring.runs.get(cell.scope, []) if constants is not None else []
            cell_runs = [
                Recurrence(cell, constants, part)
                for run in runs
                for part in _parts(graph, run, step_by_step=step_by_step)
            ]
            for recurrence in cell_runs:
                _check_states(graph, recurrence)
        except _UNKNOWN:
            continue
        recurrences += cell_runs
    run_outputs: dict[str, RunOutput] = {}
    for recurrence in _stacked(graph, recurrences):
        run_outputs.update(_run_outputs(graph, recurrence))
    return run_outputs


def _parts(graph: Graph, run: Run, *, step_by_step: bool) -> list[Run]:
    """The parts of an unrolled run none of whose inputs are computed from its own outputs.

    A decoder's input may be what the step before gave; such steps are runs of one step each.

    Raises:
        UnknownCell: it has to be parted, and stops at the lengths of its rows.
    """
    if run.looped or len(run.steps) < 2:
        return [run]
    latest = _latest_steps(graph, run)
    starts = [0]
    for index, step in enumerate(run.steps[1:], 1):
        before = run.steps[index - 1]
        apart = step_by_step or (step.c is not None and step.c != before.new_c)
        if apart or latest[index] >= starts[-1]:
            starts.append(index)
    if len(starts) > 1 and run.lengths is not None:
        raise UnknownCell(f"{run.cell} takes its own outputs as inputs")
    parts = zip(starts, [*starts[1:], len(run.steps)], strict=True)
    return [_part(run, run.steps[start:end]) for start, end in parts]


def _part(run: Run, steps: tuple[Step, ...]) -> Run:
    return replace(run, steps=steps, initial_h=steps[0].h, initial_c=steps[0].c)


def _latest_steps(graph: Graph, run: Run) -> list[int]:
    """For each step the last step of the run whose outputs its input is computed from; or -1."""
    latest: dict[str, int] = {}
    for index, step in enumerate(run.steps):
        own = (step.new_h, step.new_c, step.residual, step.written)
        latest.update((graph.node(name).name, index) for name in own if name is not None)
    return [_latest(graph, step.x, latest) for step in run.steps]


def _latest(graph: Graph, tensor: str, latest: dict[str, int]) -> int:
    """The largest number upstream of a tensor; `latest` has them by node, and gets new ones."""
    top = graph.node(tensor)
    stack = [(top, False)] if top is not None else []
    begun: set[str] = set()
    while stack:
        node, is_ready = stack.pop()
        inputs = [n for n in map(graph.node, graph.inputs(node)) if n is not None]
        if is_ready:
            latest[node.name] = max((latest.get(n.name, -1) for n in inputs), default=-1)
        elif node.name not in latest and node.name not in begun:
            begun.add(node.name)
            stack.append((node, True))
            stack += [(n, False) for n in inputs if n.name not in latest]
    return latest.get(top.name, -1) if top is not None else -1


def _check_states(graph: Graph, recurrence: Recurrence) -> None:
    """Refuses states that are changed between two steps of a row.

    A comparison on random inputs may miss it: the change may depend on values in a batch.

    Raises:
        UnknownCell: they are scaled, or selected by something else than sequence lengths.
    """
    check_selections(graph, recurrence)
    if not recurrence.run.looped:
        return
    (step,) = recurrence.run.steps
    for state, new in ((step.h, step.new_h), (step.c, step.new_c)):
        if state is None or new is None:
            continue
        behind = graph.behind(following(graph, state), through=SELECTING)
        if graph.origin(new) not in map(graph.origin, behind):
            raise UnknownCell(f"{recurrence.cell.scope} changes {new} before its next step")


def _stacked(graph: Graph, recurrences: list[Recurrence]) -> list[Recurrence]:
    """The recurrences whose input is a sequence, or the output of another one in the same loop."""
    by_output = {
        graph.origin(recurrence.run.steps[0].output): index
        for index, recurrence in enumerate(recurrences)
        if recurrence.run.looped
    }
    resolved: dict[int, Recurrence | None] = {}

    def resolve(index: int, above: frozenset[int]) -> Recurrence | None:
        if index not in resolved:
            recurrence = recurrences[index]
            if recurrence.run.inputs is not None or not recurrence.run.looped:
                resolved[index] = recurrence if _is_plain(graph, recurrence) else None
            else:
                below = by_output.get(graph.origin(recurrence.run.steps[0].x))
                inner = None
                if below is not None and below not in above:
                    inner = resolve(below, above | {index})
                resolved[index] = recurrence._replace(below=inner) if inner else None
        return resolved[index]

    results = [resolve(index, frozenset({index})) for index in range(len(recurrences))]
    return [recurrence for recurrence in results if recurrence is not None]


def _is_plain(graph: Graph, recurrence: Recurrence) -> bool:
    """Whether the input of a loop's cell is one step of a TensorArray, unchanged."""
    run = recurrence.run
    if not run.looped:
        return True
    node = graph.node(graph.origin(run.steps[0].x))
    return node is not None and node.op in _READS


def _run_outputs(graph: Graph, recurrence: Recurrence) -> dict[str, RunOutput]:
    run, outputs = recurrence.run, {}
    if run.cell_states is not None:
        if run.lengths is None and run.outputs is not None:
            outputs[run.outputs] = RunOutput(recurrence, "sequence")
        return outputs
    if run.looped:
        pairs = (("sequence", run.outputs), ("h", run.final_h), ("c", run.final_c))
        return {name: RunOutput(recurrence, kind) for kind, name in pairs if name is not None}
    if len(run.steps) == 1 and not run.residual and run.lengths is None:
        outputs[run.steps[0].new_h] = RunOutput(recurrence, "h")
    for index, step in enumerate(run.steps):
        outputs.setdefault(step.output, RunOutput(recurrence, "step", index))
        if not run.residual and run.lengths is None:
            outputs.setdefault(step.new_h, RunOutput(recurrence, "step", index))
    last = run.steps[-1]
    if run.residual or run.lengths is not None:
        outputs[last.new_h] = RunOutput(recurrence, "h")
    if last.new_c is not None:
        outputs[last.new_c] = RunOutput(recurrence, "c")
    return outputs


def check_lengths(recurrence: Recurrence) -> None:
    """Refuses uses of sequence lengths that no layer of Keras has.

    Raises:
        UserError: sums of inputs and outputs, or outputs that go on, past the end of a row.
    """
    run = recurrence.run
    if run.lengths is not None and (run.residual or not run.padded):
        raise UserError(f"{recurrence.cell.scope} goes on past the lengths of its rows")
