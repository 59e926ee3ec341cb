"""Batches for a port: from a file of the user's, or random numbers of the shapes that it takes."""

import keras
import numpy as np

from tf1port.errors import UserError

BATCH, TIME, STEPS = 8, 6, 200  # where nothing else is said


def batches(port_map, model, shapes, *, fixed=(None, None), seed=0, steps=STEPS):
    """A list of (inputs by name, labels), in Keras' layout, one pair per training step.

    Labels are drawn as well where the map names no placeholder for them: Keras' losses take some.

    Args:
        port_map: tf1port.comparison.port.port_map.PortMap.
        model: the Keras model that takes them.
        shapes: {TF1 placeholder: tuple with None for what is open}, what the graph says of them.
        fixed: the batch size and the number of steps that its cells take, where they take no other.
        seed: of the random numbers.
        steps: how many; a file's examples are gone through again and again.

    Raises:
        UserError: the file has not what the model takes, or there is no telling the shapes.
    """
    if "file" in port_map.data:
        return _of_file(port_map, _Sizes(port_map, model, shapes, fixed), steps=steps)
    sizes = _Sizes(port_map, model, shapes, fixed)
    stream = np.random.default_rng(seed)
    return [sizes.draw(stream) for _ in range(steps)]


def _of_file(port_map, sizes, *, steps):
    path = port_map.data["file"]
    try:
        with np.load(path, allow_pickle=False) as file:
            held = dict(file)
    except (OSError, ValueError) as error:
        raise UserError(f"cannot read {path}: {error}; write it with np.savez") from None
    wanted = [*port_map.inputs, "labels"]
    missing = [name for name in wanted if name not in held]
    if missing:
        raise UserError(f"{path} has no array {missing[0]}: it has {', '.join(sorted(held))}")
    count = min(len(held[name]) for name in wanted)
    size = sizes.batch
    if count < size:
        raise UserError(f"{path} has {count} examples, fewer than one batch of {size}")
    found = []
    for step in range(steps):
        start = step * size % (count - count % size)
        inputs = {name: held[name][start : start + size] for name in port_map.inputs}
        found.append((inputs, held["labels"][start : start + size]))
    return found


class _Sizes:
    """What the graph's placeholders and the model leave open, settled."""

    def __init__(self, port_map, model, shapes, fixed):
        self.map, self.model = port_map, model
        self.specs = {}
        for tensor in model.inputs:
            source = port_map.inputs[tensor.name]
            shape = shapes[source.name]
            if source.transpose is not None and shape is not None:
                shape = tuple(shape[axis] for axis in source.transpose)
            if source.lengths and shape is not None:
                shape = (shape[0], None)
            own = tuple(tensor.shape)
            both = own if shape is None or len(shape) != len(own) else shape
            self.specs[tensor.name] = [a or b for a, b in zip(own, both, strict=True)]
        data, (batch, time) = port_map.data, fixed
        self.batch = self._first(0) or batch or data.get("batch_size", BATCH)
        self.time = self._first(1) or time or data.get("time", TIME)

    def _first(self, axis):
        sizes = [spec[axis] for spec in self.specs.values() if len(spec) > axis and spec[axis]]
        return sizes[0] if sizes else None

    def draw(self, stream):
        inputs = {tensor.name: self._input(tensor, stream) for tensor in self.model.inputs}
        return inputs, self._labels(stream)

    def _input(self, tensor, stream):
        shape = self._settled(self.specs[tensor.name])
        if self.map.inputs[tensor.name].lengths:
            lengths = stream.integers(1, self.time + 1, self.batch)
            lengths[0] = self.time
            return np.arange(self.time) < lengths[:, None]
        if np.issubdtype(np.dtype(tensor.dtype), np.floating):
            return stream.normal(size=shape).astype(tensor.dtype)
        tables = [layer.input_dim for layer in _within(self.model, keras.layers.Embedding)]
        return stream.integers(min(tables, default=2), size=shape).astype(tensor.dtype)

    def _labels(self, stream):
        """Classes where the loss takes such, else numbers of the shape of the outputs."""
        shape = self._settled(self.model.output_shape)
        if _is_sparse(self.model.loss):
            return stream.integers(shape[-1], size=shape[:-1])
        return stream.normal(size=shape).astype("float32")

    def _settled(self, shape):
        """A shape [B, T, ...] without open sizes."""
        return tuple(n or (self.batch, self.time)[min(axis, 1)] for axis, n in enumerate(shape))


def _within(model, kind):
    """The layers of a kind, also in models within the model."""
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from _within(layer, kind)
        elif isinstance(layer, kind):
            yield layer


def _is_sparse(loss):
    name = loss if isinstance(loss, str) else getattr(loss, "name", getattr(loss, "__name__", ""))
    return "sparse" in str(name)
