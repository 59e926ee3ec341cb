"""Any compiled Keras model behind the protocol of tf1port/comparison/sides/protocol.py."""

import keras
import numpy as np
import tensorflow as tf

from tf1port.comparison.sides.protocol import NotOffered, Side, State, accuracy, cast, of_slot
from tf1port.comparison.sides.sources import with_lengths
from tf1port.comparison.sides.tapping import directions, recurrent_outputs, tapped
from tf1port.errors import UserError
from tf1port.keras_model import layer_weights
from tf1port.keras_model.runner import in_dtype, replaced
from tf1port.numerics import optimizers
from tf1port.numerics.precision import floatx
from tf1port.tf1.graph.optimizers import KINDS

CLIPS = ("clipnorm", "global_clipnorm", "clipvalue")
_DROPPING = ("rate", "dropout", "recurrent_dropout")


class KerasSide(Side):
    """A copy of a model, in a dtype, with its weights and the state of its optimizer.

    Dropout is set aside in it, as two sides would draw other numbers.

    Args:
        model: keras.Model; what it was compiled with trains it.
        config: tf1port.comparison.sides.traits.Traits.
        port_map: tf1port.comparison.port.port_map.PortMap.
        dtype: "float32" or "float64".
        output_names: of what `forward` gives besides the logits; None: nothing else.
        powers: "tf1" for Adam with TF1's powers of beta (D8).
        changes: other options for the optimizer, by name.
        optimizer: keras.optimizers.Optimizer without state, for the model's own.
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
    ):
        self.config, self.map, self.dtype = config, port_map, dtype
        self.output_names, self._original = output_names, model
        self._changes = changes or {}
        self._made_with = {"port_map": port_map, "dtype": dtype, "output_names": output_names}
        self._made_with |= {"powers": powers}
        with floatx(dtype):
            self.model = _copied(model, dtype=dtype)
            self.compiled = model.compiled
            if self.compiled:
                own = optimizer or model.optimizer
                _compile(self.model, model, own, dtype=dtype, powers=powers, changes=self._changes)
        self._layers = {layer.name: layer for layer in self.model.layers if layer.weights}

    @property
    def options(self):
        """The options of the optimizer, as the model has them or as they were changed."""
        return {**self._original.optimizer.get_config(), **self._changes}

    @property
    def optimizer_kind(self):
        """The name of the class of Keras that the model's optimizer is of, or derives from."""
        classes = type(self._original.optimizer).__mro__
        return next(c.__name__ for c in classes if getattr(keras.optimizers, c.__name__, 0) is c)

    def again(self, changes=None, optimizer=None):
        """The side before its first step, with other options of its optimizer, or another one."""
        changed = {"changes": changes, "optimizer": optimizer}
        return KerasSide(self._original, self.config, **self._made_with, **changed)

    def weights(self):
        found = {}
        for name, layer in self._layers.items():
            arrays = layer_weights.weights(layer)
            found.update({f"{name}/{role}": value for role, value in arrays.items()})
        return found

    def forward(self, inputs):
        layers = [self.model.get_layer(name) for name in self._tapped()]
        with floatx(self.dtype), tapped(layers) as calls:
            logits = self.model(self._inputs(inputs), training=False)
            found = {}
            for layer in layers:
                found[layer.name] = calls[layer.name].made
                for name, one in directions(layer.name, layer).items():
                    found.update(recurrent_outputs(name, one, calls[layer.name]))
        found = {name: found[name] for name in self.output_names if name in found}
        return {name: np.array(value) for name, value in {**found, "logits": logits}.items()}

    def forward_lengths(self, inputs, lengths):
        found = self.forward(with_lengths(self.map, inputs, lengths))
        ways = (name for layer in self.model.layers for name in directions(layer.name, layer))
        within = tuple(f"{way}/" for way in ways)
        return {name: value for name, value in found.items() if f"{name}/".startswith(within)}

    def accuracy(self, inputs, labels):
        with floatx(self.dtype):
            logits = np.array(self.model(self._inputs(inputs), training=False))
        return accuracy(logits, labels)

    def gradients(self, inputs, labels):
        self._check_compiled()
        variables = self.model.trainable_variables
        before = [variable.numpy() for variable in self.model.non_trainable_variables]
        with floatx(self.dtype), tf.GradientTape() as tape:
            taken = self._inputs(inputs)
            made = self.model(taken, training=True)
            loss = self.model.compute_loss(taken, labels, made, training=True)
        gradients = tape.gradient(loss, [variable.value for variable in variables])
        for variable, value in zip(self.model.non_trainable_variables, before, strict=True):
            variable.assign(value)
        return np.array(loss), self._by_name(dict(zip(map(id, variables), gradients, strict=True)))

    def train_steps(self, batches):
        self._check_compiled()
        losses = []
        with floatx(self.dtype):
            for inputs, labels in batches:
                self.model.reset_metrics()  # what comes back is a mean since then
                losses.append(self.model.train_on_batch(self._inputs(inputs), labels))
        return np.array([np.ravel(loss)[0] for loss in losses]).astype(self.dtype)

    def slots(self):
        found = {}
        for slot in self._slot_names():
            for name, layer in self._layers.items():
                arrays = layer_weights.slots(self.model, layer, slot)
                found.update({f"{name}/{r}/{slot}": np.array(v) for r, v in arrays.items()})
        return found

    def state(self):
        self._check_compiled()
        return State(self.weights(), self.slots(), int(self.model.optimizer.iterations))

    def set_weights(self, weights):
        """Gives the model named weights. Raises UserError where one is missing."""
        for name, layer in self._layers.items():
            own = layer_weights.variables(layer)
            arrays = {role: weights.get(f"{name}/{role}") for role in own}
            missing = [role for role, value in arrays.items() if value is None]
            if missing:
                raise UserError(f"the map has nothing for {name}/{missing[0]}: add it to [layers]")
            layer_weights.set_weights(layer, cast(arrays, self.dtype))

    def restore(self, state):
        self.set_weights(state.weights)
        for name, layer in self._layers.items():
            for slot in self._slot_names() if self.compiled else ():
                values = cast(of_slot(state.slots, slot), self.dtype)
                for role, variable in layer_weights.slots(self.model, layer, slot).items():
                    if f"{name}/{role}" in values:  # not of another optimizer
                        variable.assign(values[f"{name}/{role}"])
        if self.compiled:
            self.model.optimizer.iterations.assign(state.count)

    def export(self, folder):
        names = [tensor.name for tensor in self.model.inputs]
        specs = [tf.TensorSpec(t.shape, t.dtype, name=t.name) for t in self.model.inputs]
        archive = keras.export.ExportArchive()
        archive.track(self.model)
        archive.add_endpoint(
            "serving_default",
            lambda inputs: {"logits": self.model(self._structured(inputs), training=False)},
            input_signature=[dict(zip(names, specs, strict=True))],
        )
        archive.write_out(folder, verbose=False)

    def _inputs(self, inputs):
        """What the model takes of arrays by the names of its inputs, in the side's dtype."""
        held = {n: a.astype(self.dtype) if a.dtype.kind == "f" else a for n, a in inputs.items()}
        return self._structured(held)

    def _structured(self, inputs):
        """Inputs by name in the model's own structure."""
        values = [inputs[tensor.name] for tensor in self.model.inputs]
        return keras.tree.pack_sequence_as(self.model.input, values)

    def _tapped(self):
        """The names of the layers whose outputs are asked for."""
        return list(dict.fromkeys(name.partition("/")[0] for name in self.output_names))

    def _by_name(self, values):
        """Values by the id of their variable as values by name."""
        found = {}
        for name, layer in self._layers.items():
            for role, variable in layer_weights.variables(layer).items():
                if id(variable) in values:
                    value = tf.convert_to_tensor(values[id(variable)])
                    found[f"{name}/{role}"] = np.array(value)
        return found

    def _slot_names(self):
        self._check_compiled()
        return slot_names(self.model.optimizer)

    def _check_compiled(self):
        if not self.compiled:
            raise NotOffered("the Keras model is not compiled: give it its optimizer and loss")


def _copied(model, *, dtype):
    """The same model with its weights, in a dtype, without dropout."""
    config = replaced(in_dtype(model.get_config(), dtype), _DROPPING, lambda value: 0.0)
    made = type(model).from_config(config)
    made.set_weights([weight.astype(dtype) for weight in model.get_weights()])
    return made


def _take_over(model, original):
    """Gives a copy's optimizer the original one's state, weight by weight."""
    for slot in slot_names(model.optimizer):
        for layer in model.layers:
            own = layer_weights.slots(model, layer, slot)
            held = layer_weights.slots(original, original.get_layer(layer.name), slot)
            for role in own.keys() & held.keys():
                own[role].assign(held[role])
    model.optimizer.iterations.assign(original.optimizer.iterations)


def slot_names(optimizer):
    """Keras' names of an optimizer's slots; none of one that TF1 had not."""
    slots = {kind.keras: kind.slots.values() for kind in KINDS.values()}
    own = [one.__name__ for one in type(optimizer).__mro__ if one.__name__ in slots]
    return tuple(slots[own[0]]) if own else ()


def _loss_in(loss, dtype):
    """A loss that computes in a dtype: an object keeps the one that it was made in."""
    if not isinstance(loss, keras.losses.Loss):
        return loss
    return keras.losses.deserialize(in_dtype(keras.losses.serialize(loss), dtype))


def _as_tf1(options, *, dtype):
    """An optimizer's options as a TF1 graph of that dtype has them (D13).

    It holds hyper-parameters in float32 whatever its dtype, and a norm to clip to in its own.
    """
    own = () if dtype == "float32" else CLIPS
    return {
        name: float(np.float32(value)) if type(value) is float and name not in own else value
        for name, value in options.items()
    }


def _compile(model, original, optimizer, *, dtype, powers, changes):
    """Compiles a copy as the original is, but for the optimizer, with the original's state."""
    config = {**optimizer.get_config(), **changes}
    if dtype == "float64":
        config = _as_tf1(config, dtype=original.weights[0].dtype)
    adam = isinstance(optimizer, keras.optimizers.Adam)
    kind = optimizers.TF1PowersAdam if powers == "tf1" and adam else type(optimizer)
    loss = _loss_in(original.loss, dtype)
    model.compile(optimizer=kind.from_config(config), loss=loss, metrics=[])
    model.optimizer.build(model.trainable_variables)
    original.optimizer.build(original.trainable_variables)
    _take_over(model, original)
