"""Any compiled Keras model behind the protocol of tf1port/comparison/sides/protocol.py."""

from contextlib import contextmanager
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tf1port.comparison.sides import calling, constants, copying, dropout, naming
from tf1port.comparison.sides.calling import Calling
from tf1port.comparison.sides.copying import CLIPS, slot_names
from tf1port.comparison.sides.protocol import NotOffered, Side, State, accuracy, cast, of_slot
from tf1port.comparison.sides.sources import with_lengths
from tf1port.comparison.sides.tapping import directions, recurrent_outputs, tapped
from tf1port.errors import UserError
from tf1port.keras_model import layer_weights
from tf1port.numerics.precision import floatx

__all__ = ["CLIPS", "KerasSide", "slot_names"]


class KerasSide(Side):
    """A copy of a model, in a dtype, with its weights and the state of its optimizer.

    Its dropout drops nothing, as two sides would draw different masks.

    Args:
        model: keras.Model; it is trained with the optimizer and loss of its own compilation.
        config: tf1port.comparison.sides.traits.Traits.
        port_map: tf1port.comparison.port.port_map.PortMap.
        dtype: "float32" or "float64".
        output_names: of the outputs that `forward` returns besides the logits.
        powers: "tf1" for Adam with TF1's powers of beta (D8).
        changes: other options of the optimizer, by name.
        optimizer: keras.optimizers.Optimizer without state, instead of the model's own.
        example: inputs by name, to build a model that is not functional.
        scaled: whether dropout scales units in training, as on a legacy side with active dropout.
        shares: keep probabilities that the legacy side's dropout may have.
    """

    def __init__(
        self,
        model,
        config,
        *,
        port_map,
        dtype,
        output_names=(),
        powers="keras",
        changes=None,
        optimizer=None,
        example=None,
        scaled=False,
        shares=(),
    ):
        self.config, self.map, self.dtype = config, port_map, dtype
        self.output_names, self._original = output_names, model
        self._changes, self._scaled, self._shares = changes or {}, scaled, shares
        self._arguments = {"port_map": port_map, "dtype": dtype, "output_names": output_names}
        self._arguments |= {"powers": powers, "example": example}
        self._arguments |= {"scaled": scaled, "shares": shares}
        with floatx(dtype):
            self.model = copying.copied(model, dtype=dtype)
            self._calling = Calling(self.model, list(port_map.inputs))
            if example is not None and not self._calling.tensors:
                self.model(self._inputs(example), training=False)
            copying.take_weights(self.model, model, dtype=dtype)
            self.compiled = model.compiled
            if self.compiled:
                own = optimizer or model.optimizer
                copying.compile_copy(
                    self.model, model, own, dtype=dtype, powers=powers, changes=self._changes
                )
        named = {*port_map.layers, *(name.rpartition("/")[0] for name in port_map.layers)}
        self._layers = naming.layers(self.model, named - {""})

    @property
    def options(self):
        """The options of the model's optimizer, with `changes`."""
        return {**self._original.optimizer.get_config(), **self._changes}

    @property
    def optimizer_kind(self):
        """The name of the Keras class of the model's optimizer, or of its base class in Keras."""
        classes = type(self._original.optimizer).__mro__
        return next(c.__name__ for c in classes if getattr(keras.optimizers, c.__name__, 0) is c)

    def again(self, changes=None, optimizer=None):
        """The side before its first step, with other options of its optimizer, or another one."""
        changed = {"changes": changes, "optimizer": optimizer}
        return KerasSide(self._original, self.config, **self._arguments, **changed)

    def weights(self):
        return {name: np.array(variable) for name, variable in self._variables().items()}

    def forward(self, inputs):
        layers = self._tapped()
        with self._running(training=False), tapped(layers) as calls:
            result = self.model(self._inputs(inputs), training=False)
        outputs = {"logits": calling.outputs(result)[0]}
        with floatx(self.dtype):
            for path, call in calls.items():  # in the order of the calls
                if path in self.map.outputs:  # else its output may differ from its cell's
                    outputs[path] = call.output
                for name, inner in directions(path, layers[path]).items():
                    outputs.update(recurrent_outputs(name, inner, call))
        named = zip(getattr(self.model, "output_names", ()), calling.outputs(result), strict=False)
        outputs = {**outputs, **{name: value for name, value in named if name not in outputs}}
        names = [name for name in outputs if name in self.output_names and name != "logits"]
        return {name: np.array(outputs[name]) for name in [*names, "logits"]}

    def forward_lengths(self, inputs, lengths):
        return self.forward(with_lengths(self.map, inputs, lengths))

    def accuracy(self, inputs, labels):
        with self._running(training=False):
            result = calling.outputs(self.model(self._inputs(inputs), training=False))[0]
        return accuracy(np.array(result), labels)

    def gradients(self, inputs, labels):
        self._check_compiled()
        variables = self.model.trainable_variables
        before = [variable.numpy() for variable in self.model.non_trainable_variables]
        with self._running(training=True), tf.GradientTape() as tape:
            arguments = self._inputs(inputs)
            outputs = self.model(arguments, training=True)
            loss = self.model.compute_loss(arguments, labels, outputs, training=True)
        gradients = tape.gradient(loss, [variable.value for variable in variables])
        for variable, value in zip(self.model.non_trainable_variables, before, strict=True):
            variable.assign(value)
        return np.array(loss), self._by_name(dict(zip(map(id, variables), gradients, strict=True)))

    def train_steps(self, batches):
        self._check_compiled()
        losses = []
        with self._running(training=True):
            for inputs, labels in batches:
                self.model.reset_metrics()  # the loss returned is a mean since the last reset
                losses.append(self.model.train_on_batch(self._inputs(inputs), labels))
        return np.array([np.ravel(loss)[0] for loss in losses]).astype(self.dtype)

    def cell_constants(self, names) -> dict[str, Any]:
        """The clips of those of its cells that the graph has as well."""
        return constants.clips_of_model(self._layers, names)

    def optimizer_constants(self, batch: Any, counts: Any = ()) -> dict[str, Any]:
        """The options of its optimizer, and the learning rate after some numbers of steps."""
        self._check_compiled()
        own = {**self._original.optimizer.get_config(), **self._changes}
        optimizer = type(self._original.optimizer).from_config(own)
        with floatx(self.dtype):
            rates = constants.rates_of_model(self.model.optimizer, counts)
        return {**constants.of_model(optimizer, self.optimizer_kind), **rates}

    def turning_points(self) -> list[float]:
        """The numbers in the configuration of its learning rate."""
        self._check_compiled()
        return constants.numbers_in(self.options.get("learning_rate"))

    @property
    def drops(self) -> bool:
        """Whether its dropout is compared with the legacy side's in training."""
        return self._scaled

    @property
    def dropout_rates(self) -> list[float]:
        """The rates of its dropout that are above 0."""
        return dropout.rates(self._original.get_config())

    def slots(self):
        self._check_compiled()
        by_name = {}
        for slot in slot_names(self.model.optimizer):
            values = layer_weights.slots_by_variable(self.model, slot)
            for name, variable in self._variables().items():
                if id(variable) in values:
                    by_name[f"{name}/{slot}"] = np.array(values[id(variable)])
        return by_name

    def state(self):
        self._check_compiled()
        return State(self.weights(), self.slots(), int(self.model.optimizer.iterations))

    def set_weights(self, weights):
        """Sets the model's weights by name. Raises UserError where one is missing."""
        own = self._variables()
        missing = [name for name in own if name not in weights]
        if missing:
            raise UserError(f"the map has nothing for {missing[0]}: add it to [layers]")
        for name, variable in own.items():
            value = np.asarray(weights[name])
            if value.shape != tuple(variable.shape):
                raise UserError(
                    f"{name} is {list(variable.shape)} in the model, {list(value.shape)} of what "
                    "[layers] names for it"
                )
            variable.assign(value.astype(self.dtype))

    @contextmanager
    def with_weights(self, weights):
        """Other weights, by name as for `set_weights`, until the context ends."""
        before = self.weights()
        self.set_weights(weights)
        try:
            yield
        finally:
            self.set_weights(before)

    def restore(self, state):
        self.set_weights(state.weights)
        if not self.compiled:
            return
        for slot in slot_names(self.model.optimizer):
            values = cast(of_slot(state.slots, slot), self.dtype)
            own = layer_weights.slots_by_variable(self.model, slot)
            for name, variable in self._variables().items():
                if name in values and id(variable) in own:  # not of another optimizer
                    own[id(variable)].assign(values[name])
        self.model.optimizer.iterations.assign(state.count)

    def export(self, folder):
        specs = {name: self._spec(name) for name in self._calling.names}
        archive = keras.export.ExportArchive()
        archive.track(self.model)
        archive.add_endpoint(
            "serving_default",
            lambda inputs: {
                "logits": calling.outputs(self.model(self._calling(inputs), training=False))[0]
            },
            input_signature=[specs],
        )
        archive.write_out(folder, verbose=False)

    def _spec(self, name):
        tensor = self._calling.tensors.get(name)
        if tensor is None:
            value = self._arguments["example"][name]
            shape, dtype = (None, *value.shape[1:]), value.dtype.name
        else:
            shape, dtype = tensor.shape, tensor.dtype
        return tf.TensorSpec(shape, dtype, name=name)

    @contextmanager
    def _running(self, *, training):
        """The side's dtype for all that is created within, and no dropping."""
        scaled = self._scaled or not training  # dropout in inference must show as a difference
        with floatx(self.dtype), dropout.nothing_dropped(scaled=scaled, shares=self._shares):
            yield

    def _inputs(self, inputs):
        """The model's call argument from arrays by input name, in the side's dtype."""
        arrays = {n: a.astype(self.dtype) if a.dtype.kind == "f" else a for n, a in inputs.items()}
        return self._calling(arrays)

    def _tapped(self):
        """The layers whose outputs are compared, by path."""
        everything = {**{layer.name: layer for layer in self.model.layers}, **self._layers}
        layers = {}
        for name in self.output_names:
            paths = [path for path in everything if f"{name}/".startswith(f"{path}/")]
            if paths:
                path = max(paths, key=len)
                layers[path] = everything[path]
        kind = keras.layers.Layer
        return {path: layer for path, layer in layers.items() if isinstance(layer, kind)}

    def _variables(self):
        """The variables of the model by name."""
        variables: dict[str, Any] = {}
        for name, layer in self._layers.items():
            variables.update(naming.weights(name, layer))
        return variables

    def _by_name(self, values):
        """Values by variable id as values by name."""
        return {
            name: np.array(tf.convert_to_tensor(values[id(variable)]))
            for name, variable in self._variables().items()
            if values.get(id(variable)) is not None
        }

    def _check_compiled(self):
        if not self.compiled:
            raise NotOffered("the Keras model is not compiled: give it its optimizer and loss")
