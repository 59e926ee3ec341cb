"""Known mistakes with sequences of different lengths, as changes of lengths and outputs."""

import numpy as np


def whole(lengths, steps):
    """Lengths [B] that leave nothing out: the mask ignored."""
    return np.full_like(lengths, steps)


def last_repeated(outputs, lengths):
    """Outputs [B, T, H] with the last one of each length repeated beyond it; zeros for length 0."""
    steps = np.minimum(np.arange(outputs.shape[1]), lengths[:, None] - 1)  # [B, T]
    found = np.take_along_axis(outputs, np.maximum(steps, 0)[:, :, None], axis=1)
    return np.where(steps[:, :, None] < 0, 0, found).astype(outputs.dtype)


def states_exchanged(outputs):
    """Outputs by name with every layer's c in the place of its h, and the other way round."""
    ends = {"c": "h", "h": "c"}
    pairs = {name: name.rpartition("/") for name in outputs}
    others = {n: f"{layer}/{ends[end]}" for n, (layer, _, end) in pairs.items() if end in ends}
    return {name: outputs.get(others.get(name, name), value) for name, value in outputs.items()}


def of_layers(outputs):
    """The names of those outputs that are a layer's [B, T, H], no states."""
    return [name for name, value in outputs.items() if "/" not in name and value.ndim == 3]
