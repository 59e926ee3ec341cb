"""A Keras model before it is built: layers as constructor calls, weights and their origins."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np

from tf1port.keras_model import cell_specs, layer_weights, plain_layers
from tf1port.keras_model.cell_specs import CellSpec
from tf1port.keras_model.expressions import Call
from tf1port.keras_model.layer_weights import CellMapping, Permutation
from tf1port.keras_model.optimizer import OptimizerSpec
from tf1port.tf1.graph.layer import Layer
from tf1port.tf1.graph.levels import Level
from tf1port.tf1.graph.network import Network

Read = Callable[[str], np.ndarray]  # from the name of a variable to its array
Groups = Sequence[list[CellSpec]]  # the cells of each level, from the bottom up


@dataclass(frozen=True)
class Spec:
    """One Keras layer.

    call: of its constructor, all that matters written out. weights: by role, as in
    tf1port.keras_model.layer_weights. sources: TF1's variables by role there. cells: of a recurrent
    layer.
    residual: the input of the layer is added to its output. permuted: the weights whose axes TF1
    has in another order. last_only: only the last step of its output is passed on.
    """

    call: Call
    weights: dict[str, np.ndarray]
    sources: dict[str, str]
    operation: str = "copied"
    cells: tuple[CellSpec, ...] = ()
    residual: bool = False
    permuted: tuple[Permutation, ...] = ()
    last_only: bool = False

    @property
    def name(self) -> str:
        return str(self.call.arguments["name"])

    @property
    def is_trained(self) -> bool:
        """Whether training changes its weights."""
        return bool(self.call.arguments.get("trainable", True))

    @property
    def kind(self) -> str:
        """The class of the layer, without its module."""
        return self.call.function.rpartition(".")[2]

    @property
    def options(self) -> dict[str, Any]:
        """The arguments of the constructor but for name and dtype."""
        arguments = self.call.arguments.items()
        return {key: value for key, value in arguments if key not in ("name", "dtype")}

    @property
    def recurrent_options(self) -> dict[str, Any]:
        """The options of a recurrent layer; of one direction where it has two."""
        inner = self.options.get("layer")
        return dict(inner.arguments) if isinstance(inner, Call) else self.options

    @property
    def mappings(self) -> tuple[CellMapping | Permutation, ...]:
        """The layer's cells or permuted weights, for tf1port.keras_model.layer_weights."""
        return self.permuted or tuple(
            CellMapping(cell.prefix, cell.family, cell.forget_bias) for cell in self.cells
        )

    def release(self) -> None:
        """Forgets the arrays."""
        for weights in (self.weights, *(cell.weights for cell in self.cells)):
            weights.clear()


@dataclass(frozen=True)
class Blueprint:
    """A stack of layers.

    features: F of the inputs [B, T, F]; None where the first layer takes ids [B, T].
    masked: the model has a second input, a mask [B, T], as its graph has sequence lengths.
    takes: the output of the last recurrent layer that is used, as in
    tf1port.tf1.graph.network.Network.
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
    def specs(self) -> list[Spec]:
        """All layers from the inputs up."""
        return [*self.before, *self.recurrent, *self.after]

    @property
    def cells(self) -> list[CellSpec]:
        """All cells, in the order of tf1port.tf1.graph.network.Network.recurrent."""
        return [cell for spec in self.recurrent for cell in spec.cells]

    @property
    def cell_names(self) -> list[str]:
        """A name for each of the cells: of its layer, and its place in that."""
        return [
            f"{spec.name}/{cell.prefix}".rstrip("/")
            for spec in self.recurrent
            for cell in spec.cells
        ]

    @property
    def width(self) -> int:
        """The number of outputs of the last recurrent layer."""
        spec = self.recurrent[-1]
        ways = 2 if spec.kind == "Bidirectional" else 1
        options: Mapping[str, Any] = spec.cells[-1].options
        return ways * (options.get("projection") or options["units"])

    def last_step_only(self, spec: Spec) -> bool:
        """Whether the last step is sliced from the outputs of a layer.

        A recurrent layer of one direction returns it by itself; two would return their final
        states.
        """
        last = self.recurrent[-1]
        if spec is not last:
            return spec.last_only
        several = last.kind == "Bidirectional" or last.residual
        return bool(self.after) and self.takes == "last" and several


def draw(network: Network, read: Read, *, masked: bool = False) -> Blueprint:
    """The Blueprint of a network.

    Args:
        network: tf1port.tf1.graph.network.Network.
        read: a function from a variable's name to its array.
        masked: give the model a mask.

    Raises:
        ValueError: a cell's arrays do not fit each other, or Keras has no layer for them.
    """
    groups = [cell_specs.of_level(level, read) for level in network.levels]
    dtype = _dtype(groups)
    recurrent = [
        _recurrent(network, groups, index, dtype=dtype, masked=masked)
        for index in range(len(groups))
    ]
    before, after = plain_layers.with_names(network.before, network.after)
    before, after = (
        [_plain(layer, read, name, dtype) for layer, name in layers] for layers in (before, after)
    )
    names = [spec.name for spec in [*before, *recurrent, *after]]
    if len(set(names)) < len(names):
        raise ValueError(f"two layers would have one name: {', '.join(names)}")
    return Blueprint(
        dtype=dtype,
        features=_features(before, groups[0][0]),
        before=before,
        recurrent=recurrent,
        after=after,
        takes=network.takes,
        masked=masked,
    )


def _dtype(groups: Groups) -> str:
    """The one dtype of all arrays of the cells."""
    arrays = [value for cells in groups for cell in cells for value in cell.weights.values()]
    dtypes = sorted({str(value.dtype) for value in arrays})
    if len(dtypes) > 1:
        raise ValueError(f"the cells are of several dtypes: {', '.join(dtypes)}")
    return dtypes[0]


def _recurrent(network: Network, groups: Groups, index: int, *, dtype: str, masked: bool) -> Spec:
    """The layer of one level of a network, counted from the bottom."""
    cells, level, top = groups[index], network.levels[index], index == len(groups) - 1
    if index:
        _check_width(network.levels[index - 1], groups[index - 1], cells)
    returns_state = top and network.takes == "state"
    residual = _is_residual(level) and not returns_state
    options = _sequence_options(network, top=top, last_only=residual or len(level.tops) == 2)
    if masked:
        # dynamic_rnn has zeros after a row's end; Keras repeats the last output, the state.
        options["zero_output_for_mask"] = not returns_state
    name = cells[0].family + (f"_{index + 1}" if len(groups) > 1 else "")
    spec = recurrent_spec(cells, {**options, "dtype": dtype, "name": name})
    return replace(spec, residual=residual)


class HasSpecs(Protocol):
    """A plan of a model: a Blueprint or a Program."""

    @property
    def specs(self) -> list[Spec]:
        """All layers."""


def to_variables(
    weights: Mapping[str, Mapping[str, np.ndarray]], blueprint: HasSpecs
) -> dict[str, np.ndarray]:
    """A model's weights as TF1's variables, in the dtype of the weights."""
    variables = {}
    for spec in blueprint.specs:
        arrays = layer_weights.to_tf1(spec.mappings, weights[spec.name])
        variables.update({name: arrays[role] for role, name in spec.sources.items()})
    return variables


def _features(before: Sequence[Spec], cell: CellSpec) -> int | None:
    """F of the model's inputs; None where the first layer is an embedding."""
    for spec in before:
        if spec.kind == "Embedding":
            return None
        for value in spec.weights.values():  # a kernel's rows, or one number per feature
            return value.shape[-2] if value.ndim > 1 else len(value)
    return len(cell.weights["kernel"])


def _check_width(level: Level, below: list[CellSpec], cells: list[CellSpec]) -> None:
    """Raises ValueError where the input width of cells is not the width of the level below."""
    tops = [below[len(level.forward) - 1], *below[len(level.forward) :][-1:]]
    width_below = sum(top.options.get("projection") or top.options["units"] for top in tops)
    features = len(cells[0].weights["kernel"])
    if features != width_below:
        raise ValueError(
            f"{cells[0].sources['kernel']} takes {features} features, the layer below gives "
            f"{width_below}: convert knows nothing between two recurrent layers"
        )


def _is_residual(level: Level) -> bool:
    flags = {layer.residual for layer in level.cells}
    if flags == {False}:
        return False
    if flags == {True} and len(level.cells) == 1:
        return True
    raise ValueError("residual connections within one of two directions have no layer in Keras")


def _sequence_options(network: Network, *, top: bool, last_only: bool) -> dict[str, Any]:
    """All layers but the last return sequences, the last one where the layers above need them.

    last_only: the last step is sliced from the sequence above the layer.
    """
    at_every_step = not top or network.takes == "steps" or not network.after
    return {"return_sequences": at_every_step or (last_only and network.takes == "last")}


def recurrent_spec(cells: list[CellSpec], options: Mapping[str, Any]) -> Spec:
    """The spec of a recurrent layer of some cells, one after the other forwards, then backwards."""
    forward = [cell for cell in cells if not cell.prefix.startswith("backward")]
    call = cell_specs.layer_call(forward, options)
    if len(forward) < len(cells):
        dtype, name = options["dtype"], options["name"]
        inner = cell_specs.layer_call(forward, {**options, "name": cells[0].family})
        arguments = {"layer": inner, "merge_mode": "concat", "dtype": dtype, "name": name}
        call = Call("keras.layers.Bidirectional", arguments)
    weights = {c.prefix + role: value for c in cells for role, value in c.weights.items()}
    sources = {c.prefix + role: name for c in cells for role, name in c.sources.items()}
    return Spec(call, weights, sources, cells[0].operation, tuple(cells))


def _plain(layer: Layer, read: Read, name: str, dtype: str) -> Spec:
    """The spec of a layer of no cells: but for a map's its arrays are Keras' as they are."""
    permuted = tuple(Permutation(role, axes) for role, axes in layer.permuted.items())
    arrays = {role: read(variable) for role, variable in layer.variables.items()}
    weights = layer_weights.to_keras(permuted, arrays)
    call = plain_layers.layer_call(layer, weights, dtype=dtype, name=name)
    return Spec(call, weights, layer.variables, permuted=permuted, last_only=layer.last_only)
