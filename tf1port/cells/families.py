"""The variables of TF1's recurrent cells as the weights of Keras' layers, and back: NumPy only.

Families are named by their mathematics, for many TF1 classes share one:

    rnn              BasicRNNCell, CudnnRNNTanh: keras.layers.SimpleRNN
    lstm             BasicLSTMCell, LSTMCell, LSTMBlockCell, LSTMBlockFusedCell,
                     CudnnCompatibleLSTMCell, CudnnLSTM: LSTM; with peepholes, a projection or
                     clipping RNN(tf1port.cells.keras.ExtendedLSTMCell)
    gru              GRUCell, GRUBlockCellV2: GRU(reset_after=False)
    cudnn_gru        CudnnCompatibleGRUCell, CudnnGRU: GRU(reset_after=True)
    layer_norm_lstm  LayerNormBasicLSTMCell: RNN(tf1port.cells.keras.LayerNormLSTMCell)

TF1 multiplies [x; h] by one kernel (D2); an LSTM's gates are i, j, f, o there and i, f, c, o in
Keras (D10), a GRU's r, u and z, r, h, where z is u. Shapes: F features, U units, P outputs, which
is U where nothing is projected. Nothing is mutated, and no array shares memory with another one's.
"""

import itertools
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from tf1port.cells import maps as cell_maps
from tf1port.cells.cudnn_buffer import canonical_from_opaque, opaque_from_canonical

__all__ = ["FAMILIES", "Family", "Sizes", "canonical_from_opaque", "opaque_from_canonical", "sizes"]

Arrays = Mapping[str, np.ndarray]


class Sizes(NamedTuple):
    """features: F; units: U; outputs: P where the outputs are projected, else U."""

    features: int
    units: int
    outputs: int


class Roles(NamedTuple):
    """The roles of a family's variables: those of every variant, and those of some only."""

    required: frozenset[str]
    optional: frozenset[str]


class Layout(NamedTuple):
    """The arrays of a family on one side.

    shapes: by role, such as "F+P,4U"; the sizes are read from the first one, a matrix.
    variants: the allowed sets of roles.
    """

    shapes: Mapping[str, str]
    variants: tuple[frozenset[str], ...]


class Family(NamedTuple):
    """One kind of cell on both sides; `to_keras` and `to_tf1` map between them."""

    name: str
    tf1: Layout
    keras: Layout
    forwards: Callable[..., dict[str, np.ndarray]]
    backwards: Callable[..., dict[str, np.ndarray]]

    @property
    def roles(self):
        """The roles of the TF1 variables."""
        required = frozenset.intersection(*self.tf1.variants)
        return Roles(required, frozenset.union(*self.tf1.variants) - required)

    def to_keras(self, arrays: Arrays, *, forget_bias: float = 0.0, linear: bool = False):
        """TF1's variables by role as Keras' weights by role.

        Args:
            arrays: of one cell.
            forget_bias: the graph's constant (D11), which becomes part of the bias.
            linear: for slots and gradients: rows and columns are moved and nothing is added.

        Raises:
            ValueError: a role is unknown or missing, or a shape is wrong; a forget bias where there
                is no forget gate.
        """
        checked = self._checked(arrays, self.tf1)
        weights = self.forwards(checked, features=_sizes(checked, self.tf1).features, linear=linear)
        return weights if linear else self._shifted(weights, forget_bias)

    def to_tf1(self, arrays: Arrays, *, forget_bias: float = 0.0, linear: bool = False):
        """The inverse of `to_keras`, with the same arguments and errors."""
        checked = self._checked(arrays, self.keras)
        weights = checked if linear else self._shifted(checked, -forget_bias)
        return self.backwards(weights, features=_sizes(checked, self.keras).features, linear=linear)

    def sizes(self, arrays: Arrays) -> Sizes:
        """The sizes of a cell, from the shapes of TF1's arrays or of Keras'.

        Raises:
            ValueError: as to_keras.
        """
        layout = self.keras if "recurrent_kernel" in arrays else self.tf1
        return _sizes(self._checked(arrays, layout), layout)

    def _checked(self, arrays, layout):
        values = {role: np.asarray(value) for role, value in arrays.items()}
        variant = min(layout.variants, key=lambda roles: len(roles ^ values.keys()))
        for role in sorted(variant ^ values.keys()):
            fault = "misses" if role in variant else "has no role"
            raise ValueError(f"a cell of family {self.name} {fault} {role!r}")
        sizes = _sizes(values, layout)
        for role, value in values.items():
            shape = _shape(layout.shapes[role], sizes)
            if value.shape != shape:
                raise ValueError(f"{role!r} of family {self.name} is {value.shape}, not {shape}")
        return values

    def _shifted(self, arrays, forget_bias):
        """The arrays with the forget bias added to the forget gate's columns, the second of 4."""
        if not forget_bias:
            return arrays
        if "lstm" not in self.name:
            raise ValueError(f"a cell of family {self.name} has no forget bias")
        role = "bias" if "bias" in arrays else "gate_beta"
        bias = arrays[role].copy()
        units = len(bias) // 4
        bias[units : 2 * units] += bias.dtype.type(forget_bias)
        return {**arrays, role: bias}


def sizes(family: str, arrays: Arrays) -> Sizes:
    """Family.sizes of the family of that name."""
    return FAMILIES[family].sizes(arrays)


def _sizes(arrays, layout):
    role, dimensions = next(iter(layout.shapes.items()))
    rows, columns = dimensions.split(",")
    if arrays[role].ndim != 2:
        raise ValueError(f"{role!r} is {arrays[role].shape}, not a matrix")
    units = outputs = arrays[role].shape[1] // int(columns[:-1] or 1)
    for projection in arrays.keys() & {"projection/kernel", "projection"}:
        outputs = arrays[projection].shape[-1] if arrays[projection].ndim else 0
    features = arrays[role].shape[0] - (outputs if "+" in rows else 0)
    if min(features, units, outputs) < 1:
        raise ValueError(f"{role!r} is {arrays[role].shape}: too small for {dimensions}")
    return Sizes(features, units, outputs)


def _shape(dimensions, sizes):
    """The shape that "F+P,4U" stands for."""
    return tuple(
        sum(_length(term, sizes) for term in dimension.split("+"))
        for dimension in dimensions.split(",")
    )


def _length(term, sizes):
    values = {"F": sizes.features, "P": sizes.outputs, "U": sizes.units, "": 1}
    return int(term.rstrip("FPU") or 1) * values[term.lstrip("0123456789")]


# the families


def _layout(shapes, *groups):
    """A layout where each group of roles is optional, as a whole."""
    required = frozenset(shapes).difference(*groups)
    chosen = itertools.product(*[((), group) for group in groups])
    return Layout(shapes, tuple(required.union(*choice) for choice in chosen))


def _either(common, *groups):
    """A layout with one of several groups of shapes."""
    shapes = {role: shape for group in (common, *groups) for role, shape in group.items()}
    return Layout(shapes, tuple(frozenset({*common, *group}) for group in groups))


def _keras_shapes(gates):
    return {"kernel": f"F,{gates}U", "recurrent_kernel": f"P,{gates}U", "bias": f"{gates}U"}


_PEEPHOLES = {role: "U" for role in cell_maps.RENAMED if role.endswith("_diag")}
_KERAS_PEEPHOLES = {cell_maps.RENAMED[role]: "U" for role in _PEEPHOLES}
_KERAS_NORMS = {"gate_gamma": "4U", "gate_beta": "4U", "state_gamma": "U", "state_beta": "U"}

_RNN = Family(
    "rnn",
    _layout({"kernel": "F+U,U", "bias": "U"}),
    _layout(_keras_shapes("")),
    cell_maps.rnn_to_keras,
    cell_maps.rnn_to_tf1,
)
_LSTM = Family(
    "lstm",
    _layout(
        {"kernel": "F+P,4U", "bias": "4U", **_PEEPHOLES, "projection/kernel": "U,P"},
        _PEEPHOLES,
        {"projection/kernel"},
    ),
    _layout(
        {**_keras_shapes(4), **_KERAS_PEEPHOLES, "projection": "U,P"},
        _KERAS_PEEPHOLES,
        {"projection"},
    ),
    cell_maps.lstm_to_keras,
    cell_maps.lstm_to_tf1,
)
_GRU_GATES = {"gates/kernel": "F+U,2U", "gates/bias": "2U"}
_GRU = Family(
    "gru",
    _layout({**_GRU_GATES, "candidate/kernel": "F+U,U", "candidate/bias": "U"}),
    _layout(_keras_shapes(3)),
    cell_maps.gru_to_keras,
    cell_maps.gru_to_tf1,
)
_CUDNN_GRU = Family(
    "cudnn_gru",
    _layout(
        {
            **_GRU_GATES,
            **{cell_maps.INPUT + "kernel": "F,U", cell_maps.INPUT + "bias": "U"},
            **{cell_maps.HIDDEN + "kernel": "U,U", cell_maps.HIDDEN + "bias": "U"},
        }
    ),
    _layout({**_keras_shapes(3), "bias": "2,3U"}),
    cell_maps.cudnn_gru_to_keras,
    cell_maps.cudnn_gru_to_tf1,
)
_PLAIN, _KERAS_PLAIN = {"kernel": "F+U,4U"}, {"kernel": "F,4U", "recurrent_kernel": "P,4U"}
_NORMS = dict.fromkeys(cell_maps.NORMS, "U")
_LAYER_NORM_LSTM = Family(
    "layer_norm_lstm",
    _either(_PLAIN, _NORMS, {"bias": "4U"}),  # a bias where layer_norm=False
    _either(_KERAS_PLAIN, _KERAS_NORMS, {"bias": "4U"}),
    cell_maps.layer_norm_to_keras,
    cell_maps.layer_norm_to_tf1,
)
FAMILIES = {family.name: family for family in (_RNN, _LSTM, _GRU, _CUDNN_GRU, _LAYER_NORM_LSTM)}
