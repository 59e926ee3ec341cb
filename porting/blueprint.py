"""A Keras model before it is built: layers with options, weights and where those came from."""

from dataclasses import dataclass, field

import numpy as np

from porting.cells import FAMILIES
from porting.network import Network
from porting.optimizer_specs import OptimizerSpec

LAYERS = {"rnn": "SimpleRNN", "lstm": "LSTM", "gru": "GRU", "cudnn_gru": "GRU"}
ROLES = {"lstm": {"kernel", "bias"}}  # what Keras' layer has, where the family has more


@dataclass(frozen=True)
class Spec:
    """One Keras layer.

    name: of the layer. kind: its class in keras.layers. options: of its constructor, all that
    matter written out. weights: by role, as the layer names them. sources: TF1's variables by role
    there. operation: what was done to them.
    """

    name: str
    kind: str
    options: dict[str, object]
    weights: dict[str, np.ndarray]
    sources: dict[str, str]
    operation: str = "copied"
    family: str | None = None  # of a recurrent layer's cell


@dataclass(frozen=True)
class Blueprint:
    """A stack of layers.

    features: F of the inputs [B, T, F]; None where the first layer takes ids [B, T].
    masked: the model has a second input, a mask [B, T], as its graph has sequence lengths.
    takes: what of the last recurrent layer goes on, as in porting.network.Network.
    """

    dtype: str
    features: int | None
    before: list[Spec]
    recurrent: list[Spec]
    after: list[Spec]
    takes: str
    masked: bool = False
    optimizer: OptimizerSpec | None = None
    unused: list[str] = field(default_factory=list)  # variables that no layer takes

    @property
    def specs(self):
        """All layers from the inputs up."""
        return [*self.before, *self.recurrent, *self.after]


def draw(network: Network, read, *, masked=False):
    """The Blueprint of a network.

    Args:
        network: porting.network.Network.
        read: a function from a variable's name to its array.
        masked: give the model a mask.
    """
    before = [_plain(layer, read, name) for layer, name in _named(network.before, "features")]
    recurrent = [_recurrent(layer, read) for layer in network.recurrent]
    recurrent = [_renamed(spec, i, recurrent) for i, spec in enumerate(recurrent)]
    recurrent = [_with_sequences(spec, i, network, recurrent) for i, spec in enumerate(recurrent)]
    after = [_plain(layer, read, name) for layer, name in _named(network.after, "logits")]
    first = [*before, *recurrent][0]
    (dtype,) = {str(value.dtype) for spec in recurrent for value in spec.weights.values()}
    return Blueprint(
        dtype=dtype,
        features=None if first.kind == "Embedding" else len(first.weights["kernel"]),
        before=before,
        recurrent=recurrent,
        after=after,
        takes=network.takes,
        masked=masked,
    )


def _named(layers, last):
    """Layers with names: the last one's is given, those before it are hidden layers."""
    names = [f"hidden_{index + 1}" for index in range(len(layers) - 1)] + [last]
    pairs = list(zip(layers, names, strict=False))
    return [(layer, layer.kind if layer.kind == "embedding" else name) for layer, name in pairs]


def _plain(layer, read, name):
    """The spec of an embedding or a dense layer: its arrays are Keras' as they are."""
    weights = {role: read(variable) for role, variable in layer.variables.items()}
    if layer.kind == "embedding":
        ids, width = weights["embeddings"].shape
        return Spec(
            name, "Embedding", {"input_dim": ids, "output_dim": width}, weights, layer.variables
        )
    options = {
        "units": weights["kernel"].shape[1],
        "activation": layer.activation,
        "use_bias": "bias" in weights,
    }
    return Spec(name, "Dense", options, weights, layer.variables)


def _recurrent(layer, read):
    """The spec of a recurrent layer."""
    cell, constants = layer.cell, layer.constants
    kind = LAYERS.get(cell.family)
    if kind is None or set(cell.variables) - ROLES.get(cell.family, set(cell.variables)):
        raise ValueError(
            f"Keras has no layer for {cell.scope} ({cell.family}), and convert no way yet"
        )
    if constants.cell_clip is not None or constants.projection_clip is not None:
        raise ValueError(f"{cell.scope} clips its state, and convert has no way for that yet")
    arrays = {role: read(variable) for role, variable in cell.variables.items()}
    family = FAMILIES[cell.family]
    forget_bias = constants.forget_bias or 0.0
    weights = family.to_keras(arrays, forget_bias=forget_bias)
    sizes = family.sizes(arrays)
    options = {"units": sizes.units, "activation": constants.activation}
    operation = "rows split into kernel and recurrent kernel"
    if cell.family == "lstm":
        options |= {"recurrent_activation": "sigmoid"}
        operation += f", gates i, j, f, o to i, f, c, o, {forget_bias:g} added to the forget bias"
    if "gru" in cell.family:
        reset_after = cell.family == "cudnn_gru"
        options |= {"recurrent_activation": "sigmoid", "reset_after": reset_after}
        operation += ", gates r, u and the candidate to z, r, h"
    return Spec(cell.family, kind, options, weights, cell.variables, operation, cell.family)


def _renamed(spec, index, specs):
    """Recurrent layers are numbered where there are several."""
    name = f"{spec.name}_{index + 1}" if len(specs) > 1 else spec.name
    return _changed(spec, name=name)


def _with_sequences(spec, index, network, specs):
    """All layers but the last give their outputs at every step, the last one as it is taken."""
    steps = index < len(specs) - 1 or network.takes == "steps" or not network.after
    return _changed(spec, options={**spec.options, "return_sequences": steps})


def _changed(spec, **changes):
    return Spec(**{**spec.__dict__, **changes})
