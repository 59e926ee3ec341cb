"""A graph's logits in the form of the model's: [B, T, N] from rows, probabilities from scores."""

from collections.abc import Callable, Mapping

import numpy as np

from tf1port.comparison.sides.protocol import NotOffered


def in_steps(
    rows: np.ndarray,
    inputs: Mapping[str, np.ndarray],
    run: Callable[[dict[str, np.ndarray]], np.ndarray],
) -> np.ndarray:
    """Rows [B * T, N] as [B, T, N], in whichever order of the two axes they are.

    The order follows from the rows that change when the first example is replaced.

    Args:
        run: from inputs to rows.

    Raises:
        NotOffered: the rows are in neither order.
    """
    batch = len(next(iter(inputs.values())))
    steps = len(rows) // batch
    if batch * steps != len(rows):
        raise NotOffered(f"the graph has {len(rows)} rows of logits for {batch} examples")
    by_example = rows.reshape(batch, steps, -1)
    if 1 in (batch, steps):
        return by_example
    changed_inputs = {
        name: np.concatenate([value[1:2], value[1:]])  # the second example replaces the first
        for name, value in inputs.items()
    }
    changed = np.flatnonzero(np.any(run(changed_inputs) != rows, axis=-1))
    if changed.size and np.all(changed < steps):
        return by_example
    if changed.size and np.all(changed % batch == 0):
        return rows.reshape(steps, batch, -1).swapaxes(0, 1)
    raise NotOffered("the rows of the logits are in no order that is known: name others in [graph]")


def squashed(logits: np.ndarray, kind: str | None) -> np.ndarray:
    """Scores [..., N] as probabilities; kind: "softmax", "sigmoid" or None."""
    if kind == "softmax":
        powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
        return powers / powers.sum(axis=-1, keepdims=True)
    if kind == "sigmoid":
        return (1 / (1 + np.exp(-logits))).astype(logits.dtype)
    return logits
