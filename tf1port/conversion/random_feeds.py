"""Random values for the placeholders of a graph that becomes a stack of layers."""

import numpy as np
import tensorflow.compat.v1 as tf1

from tf1port.conversion.given import NOTHING
from tf1port.errors import UserError


class RandomFeeds:
    """Values for the placeholders of a tf1port.conversion.stack.Conversion's graph.

    They are random, but for those of a Given.
    """

    def __init__(self, conversion, given=NOTHING):
        self._given = given
        self._blueprint, self._network = conversion.blueprint, conversion.network
        self._inputs, self._lengths = conversion.ends.inputs, conversion.ends.lengths

    def value(self, name, tensor, stream, sizes, *, batch, steps):
        """The value of one placeholder; None: it has a default value.

        Args:
            name: of the tensor in the checkpoint's graph.
            tensor: the tf1.Tensor in the session's graph.
            stream: np.random.Generator.
            sizes: of the first two axes: (batch, steps), or (steps, batch) if time comes first.

        Raises:
            UserError: the placeholder is text.
        """
        dtype = tensor.dtype.as_numpy_dtype
        shape = self._shape(name, tensor, sizes, batch=batch, steps=steps)
        given = self._given.value(name, shape, dtype)
        if given is not None:
            return given
        if tensor.op.type == "PlaceholderWithDefault" and name != self._inputs.tensor:
            return None
        if self._lengths is not None and name == self._lengths.tensor:
            shape = batch if tensor.shape.rank is None else shape
            return np.resize(self._row_lengths(steps), shape).astype(dtype)
        if tensor.dtype == tf1.string:
            raise UserError(f"its input {name} is text")
        if dtype == np.bool_:
            return np.zeros(shape, bool)
        if np.issubdtype(dtype, np.floating):
            return np.asarray(stream.normal(size=shape) if shape else stream.uniform(), dtype)
        if not shape:  # a batch size
            return np.asarray(batch, dtype)
        return self._ids(stream, shape).astype(dtype)

    def _shape(self, name, tensor, sizes, *, batch, steps):
        """The shape of a placeholder; of unknown rank it is a sequence [B, T, F], or ids [B, T]."""
        rank, features = tensor.shape.rank, self._blueprint.features
        if rank is None:
            is_sequence = name == self._inputs.tensor and features is not None
            return [*sizes, features] if is_sequence else [*sizes]
        defaults = [batch] if rank == 1 else [*sizes, *[steps] * rank]
        known = tensor.shape.as_list()
        return [size or default for size, default in zip(known, defaults, strict=False)]

    def _row_lengths(self, steps):
        """The lengths of a full row, a short one (empty if possible) and one of medium length."""
        network = self._network
        shortest = 1 if network.after and network.takes != "steps" else 0
        return [steps, max(shortest, network.shortest - 1), (steps + 1) // 2]

    def _ids(self, stream, shape):
        """Ids below the size of every embedding; padded with zeros where lengths are computed."""
        before = self._blueprint.before
        tables = [spec.options["input_dim"] for spec in before if spec.kind == "Embedding"]
        count = min(tables, default=2)
        if self._lengths is None or self._lengths.fed or len(shape) != 2:
            return stream.integers(count, size=shape)
        ids = stream.integers(min(1, count - 1), count, size=shape)
        lengths = np.resize([shape[1], 1, (shape[1] + 1) // 2], shape[0])
        return np.where(np.arange(shape[1]) < lengths[:, None], ids, 0)
