"""Which array of a TF1 graph corresponds to an array of the Keras side, and how they convert."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from tf1port.comparison.sides.protocol import NotApplicable
from tf1port.errors import UserError
from tf1port.pitfalls import catalogue
from tf1port.pitfalls.weights import Change


@dataclass(frozen=True)
class Source:
    """A TF1 array and how it converts to the Keras side's.

    Attributes:
        name: of the variable, the placeholder or the tensor.
        transpose: TF1's axes in Keras' order; None: unchanged.
        index: into its first axes: one state [B, U] of a tensor [layers, 2, B, U].
        columns: start and end of a slice of its last axis; None: all of it.
        lengths: TF1 has lengths [...] where the Keras side has a mask [..., T].
        unmasked: the Keras side has these lengths as well, and no mask.
        one_hot: TF1 has one-hot vectors where the Keras side has classes.
        sparse: TF1 has a SparseTensor where the Keras side has a dense one filled with `padding`.
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
        """Whether it is a slice of an array."""
        return bool(self.index) or self.columns is not None

    def to_keras(self, array: np.ndarray) -> np.ndarray:
        """The array, or its slice, with Keras' axes. Raises UserError where it has no such axes."""
        try:
            part = array[self._place(array)] if self.partial else array
            return part if self.transpose is None else part.transpose(self.transpose)
        except (IndexError, ValueError):
            raise self._misfit(np.shape(array)) from None

    def to_tf1(self, array: np.ndarray) -> np.ndarray:
        """The inverse of `to_keras`; of a slice the slice alone."""
        if self.transpose is None:
            return array
        order = sorted(range(len(self.transpose)), key=self.transpose.__getitem__)
        return array.transpose(order)

    def put(self, array: np.ndarray, whole: np.ndarray) -> None:
        """Writes an array of the Keras side into its slice of TF1's whole array."""
        whole[self._place(whole)] = self.to_tf1(array)

    def shape(self, shape: Any) -> tuple[int | None, ...] | None:
        """The Keras side's shape for a TF1 shape; None for unknown sizes, or if all is unknown.

        Raises:
            UserError: it has no such axes.
        """
        if shape is None or self.lengths or self.one_hot or self.sparse:
            return None
        own = tuple(shape)[len(self.index) :]
        if len(self.index) > len(shape) or len(self.transpose or own) != len(own):
            raise self._misfit(shape)
        if self.columns is not None:
            own = (*own[:-1], self.columns[1] - self.columns[0])
        return own if self.transpose is None else tuple(own[axis] for axis in self.transpose)

    def _misfit(self, shape):
        sizes = ["?" if size is None else int(size) for size in shape]
        return UserError(
            f"{self.name} is {sizes}".replace("'", "") + ", which the map's index, columns or "
            "transpose of it do not fit"
        )

    def _place(self, array):
        columns = slice(*self.columns) if self.columns is not None else slice(None)
        middle = array.ndim - len(self.index) - 1
        return (*self.index, *[slice(None)] * middle, columns)


def as_lengths(value: np.ndarray) -> np.ndarray:
    """The lengths [...] of a mask [..., T]; lengths are returned unchanged."""
    return value.sum(axis=-1) if value.ndim > 1 or value.dtype == bool else value


def with_lengths(port_map, inputs, lengths):
    """The inputs of a model with lengths [B] of 0 to T, as a mask or as lengths.

    Raises:
        NotApplicable: the map names no placeholder of lengths [B].
    """
    names = [name for name, source in port_map.inputs.items() if source.lengths]
    arrays = {name: inputs[name] for name in names if inputs[name].ndim < 3}
    if not arrays:
        raise NotApplicable("the map names no placeholder of lengths")
    replaced = {}
    for name, value in arrays.items():
        mask = value.ndim == 2
        replaced[name] = np.arange(value.shape[1]) < lengths[:, None] if mask else lengths
        replaced[name] = replaced[name].astype(value.dtype)
    return {**inputs, **replaced}


def input_changes(port_map):
    """Known mistakes in feeding a model, as Changes of its inputs by name."""
    masks = [name for name, source in port_map.inputs.items() if source.lengths]
    changes = [Change(catalogue.BACKWARDS, (), lambda inputs: _reversed(inputs, masks))]
    if masks:
        changes.append(Change(catalogue.MASK, (), lambda inputs: _unmasked(inputs, masks), False))
    return changes


def _unmasked(inputs, masks):
    """Inputs by name with all steps valid."""
    return {**inputs, **{name: _all_steps(inputs[name]) for name in masks}}


def _all_steps(value):
    """A mask, or lengths, with all steps valid."""
    return np.ones_like(value) if value.ndim > 1 else np.full_like(value, value.max(initial=0))


def _reversed(inputs, masks):
    """Inputs [B, T, ...] with reversed steps, except the masks."""
    return {n: v if n in masks or v.ndim < 2 else v[:, ::-1] for n, v in inputs.items()}
