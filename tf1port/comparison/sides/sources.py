"""Split off from tf1port/comparison/port/port_map.py."""

from dataclasses import dataclass

import numpy as np

from tf1port.comparison.sides.protocol import NotApplicable
from tf1port.pitfalls import catalogue
from tf1port.pitfalls.weights import Change


@dataclass(frozen=True)
class Source:
    """A TF1 array and how its axes go over into Keras'.

    name: of the variable or the placeholder. transpose: TF1's axes in Keras' order; None: as they
    are. lengths: the Keras side has a mask [B, T] where TF1 has lengths [B].
    """

    name: str
    transpose: tuple[int, ...] | None = None
    lengths: bool = False

    def to_keras(self, array):
        """The array with Keras' axes."""
        return array if self.transpose is None else array.transpose(self.transpose)

    def to_tf1(self, array):
        """The way back."""
        if self.transpose is None:
            return array
        order = sorted(range(len(self.transpose)), key=self.transpose.__getitem__)
        return array.transpose(order)


def with_lengths(port_map, inputs, lengths):
    """The inputs of a model with a mask of the lengths [B], each of 0 to T.

    Raises:
        NotApplicable: the map names no placeholder of lengths.
    """
    masks = [name for name, source in port_map.inputs.items() if source.lengths]
    if not masks:
        raise NotApplicable("the map names no placeholder of lengths")
    mask = np.arange(inputs[masks[0]].shape[1]) < lengths[:, None]
    return {**inputs, **dict.fromkeys(masks, mask)}


def input_changes(port_map):
    """Known mistakes in feeding a model, as Changes of its inputs by name."""
    masks = [name for name, source in port_map.inputs.items() if source.lengths]
    found = [Change(catalogue.BACKWARDS, (), lambda inputs: _turned(inputs, masks))]
    if masks:
        found.append(Change(catalogue.MASK, (), lambda inputs: _unmasked(inputs, masks), False))
    return found


def _unmasked(inputs, masks):
    """Inputs by name of which every step counts."""
    return {**inputs, **{name: np.ones_like(inputs[name]) for name in masks}}


def _turned(inputs, masks):
    """Inputs [B, T, ...] in the other order, but for the masks."""
    return {n: v if n in masks or v.ndim < 2 else v[:, ::-1] for n, v in inputs.items()}
