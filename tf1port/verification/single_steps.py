"""Single steps in float32, which stay together whatever a trained cell does to rounding."""

import functools

import numpy as np

from tf1port.cells.sequences import reversed_sequence
from tf1port.tf1.session.recurrent_subgraph import static_sizes
from tf1port.verification.pairs import check_at


def single_steps(pair, case):
    """Compares single steps, each from the states that the reference was in before it.

    What is compared is divided by the largest sum of a gate's terms, times the largest state: its
    rounding is in proportion to them. A normalization's is not, where its variance is small.
    """
    if any(layer.run is not None and layer.run.looped for layer in pair.network.recurrent):
        if pair.graph is not None and static_sizes(pair.graph, pair.network.recurrent[0].run)[1]:
            return  # what happens within a loop does not come out of it, and this has one length
        case = case.first_step()
    else:
        case = case.full()
    found = pair.run(case.inputs, case.states, lengths=case.lengths, head=False)
    check = functools.partial(
        check_at, dtype="float32", where=f"single steps, {len(case.inputs)} rows"
    )
    for index, taken in enumerate(_taken(pair, case, found)):
        cell, steps = pair.blueprint.cells[index], found.steps[index]
        if "gate_gamma" in cell.weights:
            continue
        initial, expected = case.states[index], found.states[index]
        if steps:
            before = [initial, *steps[:-1]]
            initial = tuple(np.concatenate(parts) for parts in zip(*before, strict=True))
            expected = tuple(np.concatenate(parts) for parts in zip(*steps, strict=True))
            taken = np.concatenate(taken.swapaxes(0, 1))[:, None]
        lengths = None if steps else case.lengths
        _, states = pair.keras.single(index, taken, initial, lengths=lengths)
        scale = _terms(cell, taken, initial) * max(1, np.abs(expected[-1]).max())
        name = pair.blueprint.cell_names[index]
        for part, one, other in zip("hc", expected, states, strict=False):
            yield check("cell states of a step", f"{name}/{part}", one / scale, other / scale)


def _taken(pair, case, found):
    """What every cell took [B, T, F], in the order in which it took it."""
    inputs, index = case.inputs, 0
    for level in pair.network.levels:
        ends = []
        for direction in level:
            taken = (
                reversed_sequence(inputs, case.lengths) if direction is level.backward else inputs
            )
            for layer in direction:
                yield taken
                steps, final = found.steps[index], found.states[index]
                made = np.stack([h for h, *_ in steps], axis=1) if steps else final[0][:, None]
                taken = taken + made if layer.residual else made
                index += 1
            if direction:
                back = direction is level.backward
                ends.append(reversed_sequence(taken, case.lengths) if back else taken)
        inputs = np.concatenate(ends, axis=-1)


def _terms(cell, inputs, states):
    """The largest sum of the sizes of the terms that a gate or an output is of, at least one."""
    sums = np.abs(inputs[:, 0]) @ np.abs(cell.weights["kernel"])
    sums += np.abs(states[0]) @ np.abs(cell.weights["recurrent_kernel"])
    projected = np.abs(cell.weights.get("projection", np.zeros((1, 1)))).sum(axis=0)
    return max(np.float32(1), sums.max()) * max(np.float32(1), projected.max())
