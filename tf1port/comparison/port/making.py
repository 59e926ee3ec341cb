"""Builds the sides of a port from a TF1 program, a Keras model and the map between them."""

import dataclasses
from typing import Any

import keras
import numpy as np

from tf1port.comparison.port.batches import Drawing, batches
from tf1port.comparison.port.port_map import PortMap
from tf1port.comparison.sides import calling as calling_
from tf1port.comparison.sides import cells as cells_
from tf1port.comparison.sides import dropout, naming
from tf1port.comparison.sides.calling import Calling
from tf1port.comparison.sides.cells import Cells, find_cells
from tf1port.comparison.sides.checkpoint import CheckpointSide
from tf1port.comparison.sides.heads import Head
from tf1port.comparison.sides.keras import KerasSide
from tf1port.comparison.sides.program import Program
from tf1port.comparison.sides.protocol import NotOffered
from tf1port.comparison.sides.tapping import directions
from tf1port.comparison.sides.weight_map import WeightMap
from tf1port.errors import UserError

_SQUASHED = {"categorical_crossentropy": "softmax", "binary_crossentropy": "sigmoid"}


class Making:
    """Builds both sides of a port.

    Args:
        program: the TF1 program.
        model: its port, a Keras model of any kind.
        port_map: which of their layers and tensors correspond.
        seed: of random batches. steps: of training.

    Attributes:
        map: the port_map, completed by the model's inputs.
        first: the legacy side in the checkpoint's own dtype.
        batches: as for tf1port.comparison.port.port.Port.

    Raises:
        UserError: the map does not fit the graph or the model.
    """

    def __init__(
        self, program: Program, model: keras.Model, port_map: PortMap, *, seed: int, steps: int
    ):
        self.program, self.model = program, model
        calling = Calling(model, list(port_map.inputs))
        check_layers(port_map, model)
        self.map = _settled(port_map, calling, program)
        own = program.dtype(WeightMap(port_map.layers, program).variables)
        cells = find_cells(program, self.map, _backward(model, self.map))
        self._cells = Cells(cells)
        fixed = cells_.sizes(program.graph, cells)
        drawing = Drawing(self.map, model, calling, program.spec, fixed=fixed, seed=seed)
        self.example = drawing.inputs()
        output = _called(model, calling, self.example)
        if output is not None:
            drawing.set_output(output)
        self._head = head_of(model, self.map, output)
        self.batches = batches(self.map, drawing, steps=steps)
        self.example = self.batches[0][0]
        self.first = self.legacy(own)
        self._options: dict[str, Any] = {}

    def load_weights(self) -> None:
        """Loads the legacy side's weights and optimizer state into the model."""
        self.model = loaded_copy(self.model, self.first, example=self.example)

    def settle(self) -> None:
        """Determines the outputs of both sides, and whether dropout is active in training."""
        self._options = self._dropout()
        side = self.modern(self.first.dtype)
        try:
            outputs = side.forward(self.example)
        except Exception:  # the check of outputs will report it
            return
        missing = [name for name in self.map.outputs if name not in outputs]
        if missing:
            known = ", ".join(sorted(outputs))
            raise UserError(f"[outputs] names {missing[0]}: the model gives {known}")
        self._cells = self._cells.keep(outputs)
        self.first.cells = self._cells

    def legacy(self, dtype: str) -> CheckpointSide:
        """The legacy side in a dtype, before its first step."""
        return CheckpointSide(
            self.program,
            self.map,
            dtype=dtype,
            head=self._head,
            cells=self._cells,
            batch=self.batches[0],
        )

    def modern(self, dtype: str, **options: Any) -> KerasSide:
        """The modern side in a dtype, before its first step; options as for KerasSide."""
        return KerasSide(
            self.model,
            self.first.config,
            port_map=self.map,
            dtype=dtype,
            output_names=self.first.output_names,
            example=self.example,
            **self._options,
            **options,
        )

    def _dropout(self):
        """The options of a KerasSide by which its dropout is comparable with the graph's."""
        if not self.first.may_drop:
            return {"scaled": True}
        try:
            scaled = self.first.drops(self.batches[0])
        except (NotOffered, UserError):
            scaled = False
        return {"scaled": scaled, "shares": self.first.shares()}


def loaded_copy(model: keras.Model, legacy: CheckpointSide, *, example: Any = None) -> keras.Model:
    """A copy of the model with the legacy side's weights and optimizer state."""
    side = KerasSide(model, legacy.config, port_map=legacy.map, dtype=legacy.dtype, example=example)
    side.restore(legacy.state())
    return side.model


def check_layers(port_map: PortMap, model: keras.Model) -> None:
    """Raises UserError where the map names other layers than the model has."""
    layers = {layer.name for layer in model.layers}
    named = set(getattr(model, "output_names", ()))
    for section, names in (("layers", layers), ("outputs", layers | named)):
        for name in getattr(port_map, section):
            if name.partition("/")[0] not in names:
                own = ", ".join(sorted(names))
                raise UserError(f"[{section}] names {name}: the model has {own}")


def _settled(port_map, calling, program):
    """The map, with `unmasked` set for inputs that are lengths on both sides, not a mask on one."""
    inputs = {}
    for name, source in port_map.inputs.items():
        shape, _ = program.spec(source)
        tensor = calling.tensors.get(name)
        same = tensor is not None and shape is not None and len(tensor.shape) == len(shape)
        inputs[name] = dataclasses.replace(source, unmasked=bool(source.lengths and same))
    return dataclasses.replace(port_map, inputs=inputs)


def _called(model, calling, inputs):
    """The model's first output for inputs; None where it does not run."""
    try:
        with dropout.nothing_dropped(scaled=True):
            return np.asarray(calling_.outputs(model(calling(inputs), training=False))[0])
    except UserError:
        raise
    except Exception:  # the check of outputs will report it
        return None


def head_of(model, port_map, output):
    """The Head of a model with such an output, or with an unknown one (None)."""
    layers = naming.layers(model, port_map.layers)
    outputs = [name for name in getattr(model, "output_names", ())[:1] if name in layers]
    names = outputs or [name for name in layers if name in port_map.layers]
    last = layers[names[-1]] if names else None
    activation = getattr(last, "activation", None)
    return Head(
        names[-1] if names else None,
        keras.activations.serialize(activation) if callable(activation) else "linear",
        None if output is None else output.ndim,
        None if output is None else _squashed(model.loss, output),
    )


def _squashed(loss, outputs):
    """The kind of probabilities, if the loss takes such: "softmax", "sigmoid" or None."""
    if isinstance(loss, list | tuple | dict):
        losses = [part for part in keras.tree.flatten(loss) if part is not None]
        loss = losses[0] if losses else None
    name = loss if isinstance(loss, str) else getattr(loss, "name", getattr(loss, "__name__", ""))
    config = loss.get_config() if isinstance(loss, keras.losses.Loss) else {}
    if config.get("from_logits", False):
        return None
    kind = next((kind for end, kind in _SQUASHED.items() if str(name).endswith(end)), None)
    sums = outputs.sum(axis=-1) if outputs.ndim else outputs
    if kind == "softmax" and not np.allclose(sums, 1, atol=1e-4):
        return None
    return kind if np.all((outputs >= 0) & (outputs <= 1)) else None


def _backward(model, port_map):
    """The names of the recurrent layers that read a sequence from its end."""
    layers = naming.layers(model, port_map.layers)
    recurrent = [directions(path, layer) for path, layer in layers.items()]
    return {name for way in recurrent for name, layer in way.items() if layer.go_backwards}
