"""Single steps in float32, over which even a chaotic cell does not amplify rounding."""

import functools

import numpy as np

from tf1port.cells.sequences import reversed_sequence
from tf1port.tf1.session.recurrent_subgraph import static_sizes
from tf1port.verification.pairs import check_at


def single_steps(pair, case):
    """Compares single steps, each from the reference's states before it.

    The states are divided by the largest sum of a gate's terms, times the largest state: rounding
    is in proportion to them. That of a normalization is not, where its variance is small.
    """
    if any(layer.run is not None and layer.run.looped for layer in pair.network.recurrent):
        if pair.graph is not None and static_sizes(pair.graph, pair.network.recurrent[0].run)[1]:
            return  # a loop's inner states cannot be fetched, and this one has a fixed length
        case = case.first_step()
    else:
        case = case.full()
    run = pair.run(case.inputs, case.states, lengths=case.lengths, head=False)
    check = functools.partial(
        check_at, dtype="float32", label=f"single steps, {len(case.inputs)} rows"
    )
    for index, cell_inputs in enumerate(_cell_inputs(pair, case, run)):
        cell, steps = pair.blueprint.cells[index], run.steps[index]
        if "gate_gamma" in cell.weights:
            continue
        initial, expected = case.states[index], run.states[index]
        if steps:
            before = [initial, *steps[:-1]]
            initial = tuple(np.concatenate(arrays) for arrays in zip(*before, strict=True))
            expected = tuple(np.concatenate(arrays) for arrays in zip(*steps, strict=True))
            cell_inputs = np.concatenate(cell_inputs.swapaxes(0, 1))[:, None]
        lengths = None if steps else case.lengths
        _, states = pair.keras.single(index, cell_inputs, initial, lengths=lengths)
        scale = _terms(cell, cell_inputs, initial) * max(1, np.abs(expected[-1]).max())
        name = pair.blueprint.cell_names[index]
        for state, expected_state, actual_state in zip("hc", expected, states, strict=False):
            yield check(
                "cell states of a step",
                f"{name}/{state}",
                expected_state / scale,
                actual_state / scale,
            )


def _cell_inputs(pair, case, run):
    """The inputs [B, T, F] of every cell, in the order of its steps."""
    inputs, index = case.inputs, 0
    for level in pair.network.levels:
        tops = []
        for direction in level:
            sequence = (
                reversed_sequence(inputs, case.lengths) if direction is level.backward else inputs
            )
            for layer in direction:
                yield sequence
                steps, final = run.steps[index], run.states[index]
                outputs = np.stack([h for h, *_ in steps], axis=1) if steps else final[0][:, None]
                sequence = sequence + outputs if layer.residual else outputs
                index += 1
            if direction:
                back = direction is level.backward
                tops.append(reversed_sequence(sequence, case.lengths) if back else sequence)
        inputs = np.concatenate(tops, axis=-1)


def _terms(cell, inputs, states):
    """The largest sum of the absolute terms of a gate or a projection, at least one."""
    sums = np.abs(inputs[:, 0]) @ np.abs(cell.weights["kernel"])
    sums += np.abs(states[0]) @ np.abs(cell.weights["recurrent_kernel"])
    projected = np.abs(cell.weights.get("projection", np.zeros((1, 1)))).sum(axis=0)
    return max(np.float32(1), sums.max()) * max(np.float32(1), projected.max())
