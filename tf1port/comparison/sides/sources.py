"""Which array of a TF1 graph an array of the Keras side is, and how the one becomes the other."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from tf1port.comparison.sides.protocol import NotApplicable
from tf1port.pitfalls import catalogue
from tf1port.pitfalls.weights import Change


@dataclass(frozen=True)
class Source:
    """A TF1 array and how its axes go over into Keras'.

    Attributes:
        name: of the variable, the placeholder or the tensor.
        transpose: TF1's axes in Keras' order; None: as they are.
        index: of its first axes: of a tensor [layers, 2, B, U] one state [B, U].
        columns: the first of its last axis and the one after the last; None: all of them.
        lengths: TF1 has the lengths [...] of what the Keras side has a mask [..., T] of.
        unmasked: the Keras side has these lengths as well, no mask.
        one_hot: TF1 has rows of zeros and a one for the classes of the Keras side.
        sparse: TF1 has a SparseTensor; the Keras side fills it up with `padding`.
    """

    name: str
    transpose: tuple[int, ...] | None = None
    index: tuple[int, ...] = ()
    columns: tuple[int, int] | None = None
    lengths: bool = False
    unmasked: bool = False
    one_hot: bool = False
    sparse: bool = False
    padding: int = -1

    @property
    def partial(self) -> bool:
        """Whether it is a part of an array alone."""
        return bool(self.index) or self.columns is not None

    def to_keras(self, array: np.ndarray) -> np.ndarray:
        """The array, or its part, with Keras' axes."""
        array = array[self._place(array)] if self.partial else array
        return array if self.transpose is None else array.transpose(self.transpose)

    def to_tf1(self, array: np.ndarray) -> np.ndarray:
        """The way back, of the part alone where it is one."""
        if self.transpose is None:
            return array
        order = sorted(range(len(self.transpose)), key=self.transpose.__getitem__)
        return array.transpose(order)

    def put(self, array: np.ndarray, whole: np.ndarray) -> None:
        """Writes an array of the Keras side into its part of a whole one."""
        whole[self._place(whole)] = self.to_tf1(array)

    def shape(self, shape: Any) -> tuple[int | None, ...] | None:
        """The shape on the Keras side of an array that TF1 has in a shape; None for open sizes."""
        if shape is None or self.lengths or self.one_hot or self.sparse:
            return None
        shape = tuple(shape)[len(self.index) :]
        if self.columns is not None:
            shape = (*shape[:-1], self.columns[1] - self.columns[0])
        return shape if self.transpose is None else tuple(shape[axis] for axis in self.transpose)

    def _place(self, array):
        columns = slice(*self.columns) if self.columns is not None else slice(None)
        middle = array.ndim - len(self.index) - 1
        return (*self.index, *[slice(None)] * middle, columns)


def as_lengths(value: np.ndarray) -> np.ndarray:
    """The lengths [...] of a mask [..., T]; lengths themselves stay."""
    return value.sum(axis=-1) if value.ndim > 1 or value.dtype == bool else value


def with_lengths(port_map, inputs, lengths):
    """The inputs of a model with a mask of the lengths [B], each of 0 to T, or with themselves.

    Raises:
        NotApplicable: the map names no placeholder of lengths [B].
    """
    names = [name for name, source in port_map.inputs.items() if source.lengths]
    held = {name: inputs[name] for name in names if inputs[name].ndim < 3}
    if not held:
        raise NotApplicable("the map names no placeholder of lengths")
    made = {}
    for name, value in held.items():
        mask = value.ndim == 2
        made[name] = np.arange(value.shape[1]) < lengths[:, None] if mask else lengths
        made[name] = made[name].astype(value.dtype)
    return {**inputs, **made}


def input_changes(port_map):
    """Known mistakes in feeding a model, as Changes of its inputs by name."""
    masks = [name for name, source in port_map.inputs.items() if source.lengths]
    found = [Change(catalogue.BACKWARDS, (), lambda inputs: _reversed(inputs, masks))]
    if masks:
        found.append(Change(catalogue.MASK, (), lambda inputs: _unmasked(inputs, masks), False))
    return found


def _unmasked(inputs, masks):
    """Inputs by name of which every step counts."""
    return {**inputs, **{name: _all_steps(inputs[name]) for name in masks}}


def _all_steps(value):
    """A mask, or lengths, by which every step counts."""
    return np.ones_like(value) if value.ndim > 1 else np.full_like(value, value.max(initial=0))


def _reversed(inputs, masks):
    """Inputs [B, T, ...] in the other order, but for the masks."""
    return {n: v if n in masks or v.ndim < 2 else v[:, ::-1] for n, v in inputs.items()}
