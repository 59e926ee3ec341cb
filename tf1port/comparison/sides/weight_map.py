"""Which weight of a Keras model is which variable of a TF1 checkpoint, as a map says.

Weights go by the name of their Keras layer and their role in it, such as `lstm/recurrent_kernel` or
`encoder/forward/kernel`, and have Keras' layout.
"""

from typing import NamedTuple

from tf1port.comparison.sides.sources import Source
from tf1port.errors import UserError
from tf1port.keras_model import layer_weights
from tf1port.keras_model.layer_weights import Part
from tf1port.tf1.checkpoint.reader import inventory


class Entry(NamedTuple):
    """A layer or a cell: its name, the cell that it is, if any, and TF1's variables by role."""

    name: str
    parts: tuple[Part, ...]
    sources: dict[str, Source]


class WeightMap:
    """A map of weights for one checkpoint.

    Args:
        layers: of a tf1port.comparison.port.port_map.PortMap.
        conversion: tf1port.conversion.plan.Conversion.

    Raises:
        UserError: the checkpoint has no such scope or variable.
    """

    def __init__(self, layers, conversion):
        self.entries = [_entry(name, entry, conversion) for name, entry in layers.items()]

    @property
    def variables(self):
        """The names of all TF1 variables in it."""
        return [source.name for entry in self.entries for source in entry.sources.values()]

    @property
    def adds_forget_bias(self):
        """Whether a forget bias goes over into a bias: it is rounded once."""
        return any(part.forget_bias for entry in self.entries for part in entry.parts)

    def to_keras(self, arrays, *, linear=False):
        """Named weights of TF1's variables {name: array}; what is missing stays away.

        linear: for slots and gradients, as for tf1port.cells.families.
        """
        found = {}
        for entry in self.entries:
            own = {
                role: source.to_keras(arrays[source.name])
                for role, source in entry.sources.items()
                if source.name in arrays
            }
            # A cell is carried as a whole; of a normalization's weights not all are trained.
            if len(own) == len(entry.sources) or not entry.parts:
                own = layer_weights.to_keras(entry.parts, own, linear=linear)
                found.update({f"{entry.name}/{role}": value for role, value in own.items()})
        return found

    def to_tf1(self, weights, *, linear=False):
        """TF1's variables of named weights, the way back; what is missing stays away."""
        found = {}
        for entry in self.entries:
            own = {
                name.removeprefix(f"{entry.name}/"): value
                for name, value in weights.items()
                if self._of(name) is entry
            }
            if own:
                own = layer_weights.to_tf1(entry.parts, own, linear=linear)
                sources = {role: source for role, source in entry.sources.items() if role in own}
                found.update({s.name: s.to_tf1(own[role]) for role, s in sources.items()})
        return found

    def _of(self, name):
        """The entry of a weight; of `encoder` and `encoder/forward` the longer one."""
        owners = [entry for entry in self.entries if name.startswith(f"{entry.name}/")]
        return max(owners, key=lambda entry: len(entry.name), default=None)


def _entry(name, entry, conversion):
    shapes = conversion.checkpoint.shapes
    if not isinstance(entry, str):
        missing = [source.name for source in entry.values() if source.name not in shapes]
        if missing:
            raise _unknown(conversion, missing[0])
        return Entry(name, (), entry)
    for layer in conversion.network.recurrent:
        if layer.cell.scope == entry:
            part = Part("", layer.cell.family, layer.constants.forget_bias or 0.0)
            return Entry(name, (part,), _sources(layer.cell.variables))
    held = inventory(conversion.checkpoint)
    for layer in held.layers:
        if layer.scope == entry:
            return Entry(name, (), _sources(layer.variables))
    if entry in shapes:
        return Entry(name, (), {"embeddings": Source(entry)})
    raise _unknown(conversion, entry)


def _sources(variables):
    return {role: Source(name) for role, name in variables.items()}


def _unknown(conversion, name):
    prefix = conversion.checkpoint.prefix
    return UserError(f"{prefix} has no {name}: python -m tf1port inspect shows its scopes")
