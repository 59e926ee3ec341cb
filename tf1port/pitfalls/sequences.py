"""Known mistakes with sequences of different lengths, as changes of lengths and outputs."""

import numpy as np


def whole(lengths, steps):
    """Lengths [B] of all steps: the mask ignored."""
    return np.full_like(lengths, steps)


def last_repeated(outputs, lengths):
    """Outputs [B, T, H] with the last one of each length repeated beyond it; zeros for length 0."""
    steps = np.minimum(np.arange(outputs.shape[1]), lengths[:, None] - 1)  # [B, T]
    repeated = np.take_along_axis(outputs, np.maximum(steps, 0)[:, :, None], axis=1)
    return np.where(steps[:, :, None] < 0, 0, repeated).astype(outputs.dtype)


def states_exchanged(outputs):
    """Outputs by name with every layer's c and h exchanged."""
    other = {"c": "h", "h": "c"}
    pairs = {name: name.rpartition("/") for name in outputs}
    sources = {n: f"{layer}/{other[key]}" for n, (layer, _, key) in pairs.items() if key in other}
    return {name: outputs.get(sources.get(name, name), value) for name, value in outputs.items()}


def of_layers(outputs):
    """The names of the outputs that are a layer's sequence [B, T, H], not a state."""
    return [name for name, value in outputs.items() if "/" not in name and value.ndim == 3]
