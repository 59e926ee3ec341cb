"""The feed of a TF1 graph for a batch, by a map: to placeholders, or to any other tensor."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import tensorflow.compat.v1 as tf1

from tf1port.comparison.sides.sources import as_lengths
from tf1port.errors import UserError
from tf1port.tf1.graph.pruning import full_name

_SPARSE = ("indices", "values", "shape")  # the tensors in a tf.sparse_placeholder


def names(port_map: Any) -> list[str]:
    """The full names of all tensors that a map feeds."""
    sources = [*port_map.inputs.values(), *([port_map.labels] if port_map.labels else [])]
    plain = [source.name for source in sources if not source.sparse]
    sparse = [f"{source.name}/{name}" for source in sources if source.sparse for name in _SPARSE]
    constants = [*port_map.feed, *port_map.feed_training]
    return list(dict.fromkeys(full_name(name) for name in (*plain, *sparse, *constants)))


Feed = dict[Any, Any]


class Feeding:
    """Builds feeds for a session.

    Args:
        port_map: tf1port.comparison.port.port_map.PortMap.
        tensor: a function from a name to the tensor; raises KeyError if there is none.
        dtype: of the saved graph's numbers, "float32" or "float64".
    """

    def __init__(self, port_map: Any, tensor: Callable[[str], Any], dtype: str):
        self._map, self._find, self._dtype = port_map, tensor, dtype
        self._others: dict[str, Any] = {}

    @contextmanager
    def with_others(self, values: dict[str, Any]) -> Iterator[None]:
        """Feeds further tensors by name, within this."""
        self._others = values
        try:
            yield
        finally:
            self._others = {}

    def __call__(
        self, inputs: Any, *, labels: Any = None, training: bool = False
    ) -> dict[Any, Any]:
        """The feed of a batch: inputs by Keras' name, labels or None.

        Raises:
            UserError: the graph has no such tensor, or the map does not fit its shape.
        """
        batch = len(next(iter(inputs.values())))
        constants = {**self._map.feed, **(self._map.feed_training if training else {})}
        feed = {}
        for name, value in constants.items():
            tensor = self.tensor(name)
            feed[tensor] = self._constant(tensor, value, batch)
        feed.update(self._inputs(inputs, batch))
        if labels is not None and self._map.labels is not None:
            feed.update(self._labels(labels))
        feed.update({self.tensor(name): value for name, value in self._others.items()})
        return feed

    def tensor(self, name: str) -> Any:
        """The tensor of a name. Raises UserError where the graph has none."""
        try:
            return self._find(name)
        except (KeyError, ValueError):
            raise UserError(
                f"the graph has no {name}: name one of its placeholders or tensors"
            ) from None

    def _constant(self, tensor, value, batch):
        """A value of [feed], rounded to the graph's dtype (D13), in the tensor's shape."""
        value = np.asarray(value)
        if value.dtype.kind == "f":
            value = value.astype(self._dtype)
        rank = tensor.shape.rank
        if value.ndim == 0 and rank:
            value = np.full(_settled(tensor, batch), value)
        return value

    def _inputs(self, inputs, batch):
        feed: dict[Any, Any] = {}
        wholes: dict[str, np.ndarray] = {}
        for name, source in self._map.inputs.items():
            tensor, value = self.tensor(source.name), inputs[name]
            if source.partial:
                whole = wholes.setdefault(source.name, np.zeros(_settled(tensor, batch)))
                source.put(value, whole)
                value = whole
            elif source.lengths:
                value = as_lengths(value)
            else:
                value = source.to_tf1(value)
            feed[tensor] = _fitting(value, tensor)
        return feed

    def _labels(self, labels):
        source = self._map.labels
        if source.sparse:
            rows = np.argwhere(labels != source.padding)
            values = rows, labels[tuple(rows.T)], np.array(labels.shape)
            tensors = [self.tensor(f"{source.name}/{name}") for name in _SPARSE]
            return dict(zip(tensors, values, strict=True))
        tensor = self.tensor(source.name)
        if source.one_hot:
            size = tensor.shape.as_list()[-1] if tensor.shape.rank else None
            if size is None:
                raise UserError(f"{source.name} has no size of its last axis: one_hot needs it")
            labels = np.eye(size)[labels]
        return {tensor: _fitting(source.to_tf1(labels), tensor)}


def _settled(tensor, batch):
    """The shape of a tensor, with the batch size for unknown sizes."""
    if tensor.shape.rank is None:
        raise UserError(f"{tensor.name} has no shape: give it all of its values")
    return [batch if size is None else size for size in tensor.shape.as_list()]


def _fitting(value, tensor):
    """An array reshaped to a tensor's rank: the tensor may be [B * T] for [B, T], or [..., 1]."""
    shape = tensor.shape
    if shape.rank is None or shape.rank == np.ndim(value):
        return value
    sizes = [-1 if size is None else size for size in shape.as_list()]
    try:
        return np.reshape(value, sizes if sizes.count(-1) < 2 else [len(value), *sizes[1:]])
    except ValueError:
        raise UserError(
            f"{tensor.name} is {shape}, what it is to be fed {list(np.shape(value))}: "
            "the map names another tensor, or needs transpose"
        ) from None


def fed_dtype(tensor: Any) -> str:
    """The dtype of a tensor, by its name."""
    return tf1.as_dtype(tensor.dtype).base_dtype.name
