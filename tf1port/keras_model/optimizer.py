"""A Keras optimizer with its state, as it was read from a TF1 graph.

Slots are sums of gradients: they are converted by the linear part of a cell's map (no offsets).
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from tf1port.keras_model import layer_weights
from tf1port.keras_model.expressions import Call
from tf1port.keras_model.losses import LossSpec
from tf1port.progress import progress

UNREACHED = 1e9  # the norm of tf1port.keras_model.optimizer_search for embeddings (D20)


class OptimizerSpec(NamedTuple):
    """A Keras optimizer: class, options, where its slots come from, steps taken.

    sources: TF1's variables of the slots, {slot: {layer: {TF1's role: name}}}.
    mappings: by layer its cells, as for tf1port.keras_model.layer_weights.
    read: a function from a variable's name to its array: slots may be twice as large as the
        weights, so they are read when they are needed.
    notes: lines on what the graph does not tell.
    unknown: by option, or "class", "clipping" or "iterations", why the graph does not tell it: the
        value here is a stand-in, and is not compared.
    schedule: the call of a schedule of learning rates, whose rate after these iterations is the
        option "learning_rate"; None: the rate is constant.
    loss: what it minimizes; None: no loss of Keras is known to be the graph's.
    penalized: TF1's variables of whose squares the loss has a term that the layers have as well.
    """

    kind: str
    options: dict[str, object]
    sources: dict[str, dict[str, dict[str, str]]]
    mappings: dict[str, tuple[layer_weights.CellMapping, ...]]
    read: Callable[[str], np.ndarray]
    iterations: int
    notes: list[str]
    variables: list[str]  # TF1's, that are accounted for by this
    unknown: dict[str, str]
    schedule: Call | None = None
    loss: LossSpec | None = None
    penalized: frozenset[str] = frozenset()

    @property
    def arguments(self):
        """The arguments of Keras' class: the options, and a schedule in the place of its rate."""
        return self.options | ({"learning_rate": self.schedule} if self.schedule else {})

    @property
    def unproved(self):
        """Lines on the options that cannot be compared."""
        return [f"{name} {why}: not compared" for name, why in self.unknown.items()]

    def slot(self, slot, layer):
        """The arrays of a slot of a layer by Keras' role."""
        arrays = {role: self.read(name) for role, name in self.sources[slot][layer].items()}
        arrays = layer_weights.to_keras(self.mappings[layer], arrays, linear=True)
        return {role: self.as_keras(value) for role, value in arrays.items()}

    def as_keras(self, slot):
        """A slot of TF1's as Keras has it: SGD's momentum is the step, TF1's the gradients' sum."""
        if self.kind != "SGD":
            return slot
        return -slot * self._rate(slot.dtype)

    def as_tf1(self, slot):
        """The inverse of as_keras."""
        if self.kind != "SGD":
            return slot
        return -slot / self._rate(slot.dtype)

    def _rate(self, dtype):
        """The learning rate as TF1 holds it: float32 in a graph of float64 as well (D13)."""
        rate: Any = self.options["learning_rate"]
        return dtype.type(np.float32(rate))

    def make(self):
        """The optimizer without its state."""
        return Call(f"keras.optimizers.{self.kind}", self.arguments).make()

    def compile(self, model):
        """Compiles a model with the optimizer, without its state, and with the loss."""
        loss = None if self.loss is None else self.loss.call.make()
        if self.loss is not None and len(model.outputs) > 1:
            loss = {self.loss.output: loss}
        model.compile(self.make(), loss=loss)

    def source(self, *, outputs=1):
        """The Python lines of the arguments of `compile`, for a model of some outputs."""
        options: list[str] = []
        for name, value in self.arguments.items():
            options += (
                value.lines(indent=12, before=f"{name}=", after=",")
                if isinstance(value, Call)
                else _option(name, value)
            )
        lines = [f"        optimizer=keras.optimizers.{self.kind}(", *options, "        ),"]
        if self.loss is None:
            return lines
        before, after = "loss=", ","
        if outputs > 1:
            before, after = f'loss={{"{self.loss.output}": ', "},"
        return [*lines, *self.loss.call.lines(indent=8, before=before, after=after)]

    def restore(self, model):
        """Gives the optimizer of a compiled model its slots and its count of steps."""
        optimizer = model.optimizer
        optimizer.build(model.trainable_variables)
        pairs = [(slot, name) for slot, layers in self.sources.items() for name in layers]
        layers = layer_weights.layers_of(model, {name for _, name in pairs})
        by_slot = {slot: layer_weights.slots_by_variable(model, slot) for slot in self.sources}
        for slot, name in progress(pairs, "slots", unit=" layers", delay=0.5):
            slot_variables = layer_weights.slots(layers[name], by_slot[slot])
            arrays = self.slot(slot, name)
            for role, variable in slot_variables.items():
                variable.assign(arrays.pop(role))
        optimizer.iterations.assign(self.iterations)


def _option(name, value):
    """The lines of an option in the source; a norm that nothing reaches has its reason with it."""
    if name != "global_clipnorm" or value != UNREACHED:
        return [f"            {name}={value!r},"]
    return [
        "            # Never reached: a gradient that is clipped is dense, so that those of a row",
        "            # which a batch looks up twice are summed before they are squared, as in TF1.",
        "            global_clipnorm=1e9,",
    ]
