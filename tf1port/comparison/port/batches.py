"""Batches for a port: from a user's file, or random numbers of the right shapes."""

from typing import Any

import numpy as np

from tf1port.comparison.sides import naming
from tf1port.conversion.given import load
from tf1port.errors import UserError

BATCH, TIME, STEPS = 8, 6, 200  # defaults


def batches(port_map, drawing, *, steps=STEPS):
    """A list of (inputs by name, labels), in Keras' layout, one pair per training step.

    Labels are drawn even if the map names no placeholder for them: Keras' losses need them.

    Args:
        port_map: tf1port.comparison.port.port_map.PortMap.
        drawing: Drawing.
        steps: how many; a file's examples are repeated.

    Raises:
        UserError: the file lacks arrays, or examples, that the model needs.
    """
    if "arrays" in port_map.data:
        arrays = _masked(port_map, port_map.data["arrays"])
        return _of_arrays(port_map, arrays, port_map.data["file"], drawing.batch, steps=steps)
    if "file" in port_map.data:
        return _of_file(port_map, drawing.batch, steps=steps)
    return [drawing.draw() for _ in range(steps)]


def _masked(port_map, arrays):
    """Arrays by input and labels, with masks [..., T] of lengths [...] where the model takes such.

    They are of as many steps as the other inputs.
    """
    masks = [n for n, source in port_map.inputs.items() if source.lengths and not source.unmasked]
    sequences = [arrays[name] for name in port_map.inputs if name not in masks]
    steps = max([array.shape[1] for array in sequences if array.ndim > 1], default=0)
    longest = np.arange(steps or max([int(arrays[n].max(initial=0)) for n in masks], default=0))
    return arrays | {name: longest < arrays[name][..., None] for name in masks}


def _of_file(port_map, size, *, steps):
    path = port_map.data["file"]
    return _of_arrays(port_map, load(path), path, size, steps=steps)


def _of_arrays(port_map, arrays, path, size, *, steps):
    names = [*port_map.inputs, "labels"]
    missing = [name for name in names if name not in arrays]
    if missing:
        raise UserError(f"{path} has no array {missing[0]}: it has {', '.join(sorted(arrays))}")
    for name in names:
        if arrays[name].ndim == 0 or arrays[name].dtype.kind not in "biuf":
            raise UserError(f"{path}: {name} is {_kind(arrays[name])}: give numbers by example")
    count = min(len(arrays[name]) for name in names)
    if count < size:
        raise UserError(f"{path} has {count} examples, fewer than one batch of {size}")
    pairs = []
    for step in range(steps):
        start = step * size % (count - count % size)
        inputs = {name: arrays[name][start : start + size] for name in port_map.inputs}
        pairs.append((inputs, arrays["labels"][start : start + size]))
    return pairs


def _kind(array):
    return f"{array.dtype} {list(array.shape)}".replace("'", "")


class Drawing:
    """Draws batches, with defaults for sizes that neither graph nor model determines.

    Args:
        port_map: tf1port.comparison.port.port_map.PortMap.
        model: the Keras model that is called on them.
        calling: tf1port.comparison.sides.calling.Calling of it.
        spec: a function from a Source to the shape, None where open, and the dtype in the graph.
        fixed: the batch size and the number of steps of its cells; None where they are not fixed.
        seed: of the random numbers.

    Raises:
        UserError: a shape is unknown.
    """

    def __init__(self, port_map, model, calling, spec, *, fixed=(None, None), seed=0):
        self._map, self._model, self._spec = port_map, model, spec
        self._stream = np.random.default_rng(seed)
        self._outputs: list[Any] = []  # the model's output for a batch, once it is known
        self._specs = {}
        for name in calling.names:
            self._specs[name] = _input_spec(name, port_map.inputs[name], calling, spec)
        self._tables = naming.embedded(model)
        data, (batch, time) = port_map.data, fixed
        sizes = [shape for shape, _ in self._specs.values()]
        self.batch = _first(shape[0] for shape in sizes if shape)
        self.batch = self.batch or batch or data.get("batch_size", BATCH)
        steps = _first(
            shape[1]
            for shape, dtype in self._specs.values()
            if len(shape) > 2 or (len(shape) == 2 and not dtype.startswith("float"))
        )
        self.time = steps or time or data.get("time", TIME)

    def inputs(self):
        """Inputs by name."""
        return {name: self._input(name) for name in self._specs}

    def set_output(self, output):
        """Sets the model's output for a batch: labels get its shape."""
        self._outputs = [np.asarray(output)]

    def draw(self):
        """Inputs by name and labels."""
        return self.inputs(), self._labels()

    def _input(self, name):
        source, (shape, dtype) = self._map.inputs[name], self._specs[name]
        shape = self._settled(shape)
        if source.lengths or (dtype == "bool" and len(shape) > 1):
            sizes = shape if source.unmasked else shape[:-1]
            longest = self.time if source.unmasked else shape[-1]
            lengths = self._stream.integers(1, longest + 1, sizes)
            lengths[0] = longest
            mask = np.arange(longest) < lengths[..., None]
            return lengths.astype(dtype) if source.unmasked else mask.astype(dtype)
        if dtype == "bool":
            return self._stream.integers(2, size=shape).astype(bool)
        if dtype.startswith(("float", "bfloat")):
            return self._stream.normal(size=shape).astype(dtype)
        return self._stream.integers(min(self._tables, default=2), size=shape).astype(dtype)

    def _labels(self):
        """Classes where loss or placeholder are for such, else numbers of the outputs' shape."""
        if self._outputs:
            shape = tuple(self._outputs[0].shape)
        else:
            shape = self._settled(tuple(self._model.output_shape))
        source = self._map.labels
        label_shape, dtype = (None, "") if source is None or source.sparse else self._spec(source)
        rank = None if label_shape is None else len(label_shape)
        if source is not None and (source.one_hot or source.sparse):
            return self._stream.integers(shape[-1], size=shape[:-1])
        if _is(self._model.loss, "sparse") or (dtype.startswith("int") and rank != len(shape)):
            return self._stream.integers(shape[-1], size=shape[:-1])
        if _is(self._model.loss, "binary") or dtype.startswith(("int", "bool")):
            return self._stream.integers(2, size=shape).astype("float32")
        if _is(self._model.loss, "categorical"):
            return np.eye(shape[-1], dtype="float32")[
                self._stream.integers(shape[-1], size=shape[:-1])
            ]
        return self._stream.normal(size=shape).astype("float32")

    def _settled(self, shape):
        """A shape [B, T, ...] with all sizes known."""
        return tuple(n or (self.batch, self.time)[min(axis, 1)] for axis, n in enumerate(shape))


def _input_spec(name, source, calling, spec):
    """The shape, with None for unknown sizes, and the dtype of an input of the model."""
    shape, dtype = spec(source)
    if source.lengths:
        shape = shape if source.unmasked or shape is None else (*shape, None)
        dtype = dtype if source.unmasked else "bool"
    else:
        shape = source.shape(shape)
    tensor = calling.tensors.get(name)
    if tensor is None:
        if shape is None:
            raise UserError(f"{source.name} has no shape in the graph, nor {name} in the model")
        return list(shape), dtype
    own = tuple(tensor.shape)
    both = own if shape is None or len(shape) != len(own) else shape
    return [a or b for a, b in zip(own, both, strict=True)], tensor.dtype


def _first(sizes):
    return next((size for size in sizes if size), None)


def _is(loss, word):
    """Whether the name of a loss contains a word."""
    name = loss if isinstance(loss, str) else getattr(loss, "name", getattr(loss, "__name__", ""))
    return word in str(name)
