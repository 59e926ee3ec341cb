"""What TensorFlow 1.15.5 computed with each kind of recurrent cell, contrib's among them.

The registry of cases that record_cells.py records; to read them takes no TensorFlow.

    recurrent_cells/golden.npz     `inputs` [B, T, F] and per case the variables, outputs and states
    recurrent_cells/golden.json    versions, seed, command, SHA-256 of golden.npz
"""

import os
import re
from typing import NamedTuple

import numpy as np

from tests import goldens

BATCH, STEPS, FEATURES, UNITS = 3, 5, 3, 4
LENGTHS = (0, 3, 5)
SEED = 11

FAMILIES = {
    "BasicRNNCell": "rnn",
    "BasicLSTMCell": "lstm",
    "LSTMCell": "lstm",
    "LSTMBlockCell": "lstm",
    "LSTMBlockFusedCell": "lstm",
    "CudnnCompatibleLSTMCell": "lstm",
    "GRUCell": "gru",
    "GRUBlockCellV2": "gru",
    "CudnnCompatibleGRUCell": "cudnn_gru",
    "LayerNormBasicLSTMCell": "layer_norm_lstm",
}
WITHOUT_FORGET_BIAS = ("CudnnCompatibleLSTMCell",)  # the other LSTMs have 1 by default


class Case(NamedTuple):
    """One cell in one wiring.

    wiring: "rnn" (dynamic_rnn), "multi" (of a MultiRNNCell), "bidirectional"
    (bidirectional_dynamic_rnn, of MultiRNNCells where there are layers) or "stack"
    (stack_bidirectional_dynamic_rnn); options: of the cell's constructor.
    """

    cell: str
    wiring: str = "rnn"
    layers: int = 1
    dtype: str = "float32"
    options: tuple = ()

    @property
    def name(self):
        """Such as LSTMCell-multi-2-float64-num_proj=2."""
        words = [self.cell, self.wiring, str(self.layers), self.dtype]
        return "-".join(words + ["%s=%s" % option for option in self.options])

    @property
    def forget_bias(self):
        """The constant of the graph; 0 for what has no forget gate."""
        lstm = "lstm" in FAMILIES[self.cell] and self.cell not in WITHOUT_FORGET_BIAS
        return dict(self.options).get("forget_bias", 1.0) if lstm else 0.0


class Golden(NamedTuple):
    """variables: by TF1 name, in the case's dtype; outputs: [B, T, P], both directions'
    side by side; states: [B, …], all layers' side by side, c before h, and the backward direction's
    after the forward one's."""

    variables: dict
    outputs: np.ndarray
    states: np.ndarray


_PROJECTED = (("num_proj", 2),)
_PEEPHOLES = (("use_peepholes", True),)
_EVERYTHING = (*_PEEPHOLES, ("cell_clip", 0.4), *_PROJECTED, ("proj_clip", 0.15))

CASES = (
    Case("BasicRNNCell"),
    Case("BasicRNNCell", dtype="float64"),
    Case("BasicRNNCell", options=(("activation", "relu"),)),
    Case("BasicRNNCell", "multi", 2, "float64", (("activation", "relu"),)),
    Case("BasicRNNCell", "multi", 3),
    Case("BasicRNNCell", "bidirectional", 1, "float64"),
    Case("BasicRNNCell", "stack", 2),
    Case("BasicLSTMCell"),
    Case("BasicLSTMCell", options=(("forget_bias", 0.0),)),
    Case("BasicLSTMCell", "multi", 1, "float64"),
    Case("BasicLSTMCell", "multi", 2),
    Case("BasicLSTMCell", "multi", 3, "float64"),
    Case("BasicLSTMCell", "bidirectional", 2, "float64"),
    Case("BasicLSTMCell", "stack", 2),
    Case("LSTMCell", dtype="float64"),
    Case("LSTMCell", dtype="float64", options=(("forget_bias", 0.0),)),
    Case("LSTMCell", options=_PEEPHOLES),
    Case("LSTMCell", dtype="float64", options=_PEEPHOLES),
    Case("LSTMCell", dtype="float64", options=_PROJECTED),
    Case("LSTMCell", dtype="float64", options=(("cell_clip", 0.4),)),
    Case("LSTMCell", options=_EVERYTHING),
    Case("LSTMCell", dtype="float64", options=_EVERYTHING),
    Case("LSTMCell", "multi", 2, "float64", _EVERYTHING),
    Case("LSTMCell", "bidirectional", 1, "float32", _PEEPHOLES),
    Case("LSTMCell", "stack", 2, "float64", _PROJECTED),
    Case("GRUCell"),
    Case("GRUCell", dtype="float64"),
    Case("GRUCell", "multi", 3),
    Case("GRUCell", "bidirectional", 1, "float64"),
    Case("GRUCell", "stack", 2, "float64"),
    Case("LSTMBlockCell"),
    Case("LSTMBlockCell", options=(("use_peephole", True), ("cell_clip", 0.4))),
    Case("LSTMBlockCell", "multi", 2),
    Case("LSTMBlockFusedCell"),
    Case("LSTMBlockFusedCell", options=(("use_peephole", True), ("cell_clip", 0.4))),
    Case("GRUBlockCellV2"),
    Case("GRUBlockCellV2", "multi", 2),
    Case("LayerNormBasicLSTMCell"),
    Case("LayerNormBasicLSTMCell", dtype="float64"),
    Case("LayerNormBasicLSTMCell", options=(("layer_norm", False),)),
    Case("LayerNormBasicLSTMCell", "multi", 2, "float64"),
    Case("LayerNormBasicLSTMCell", "bidirectional"),
    Case("CudnnCompatibleLSTMCell"),
    Case("CudnnCompatibleLSTMCell", "stack", 2),
    Case("CudnnCompatibleGRUCell"),
    Case("CudnnCompatibleGRUCell", dtype="float64"),
    Case("CudnnCompatibleGRUCell", "multi", 2, "float64"),
    Case("CudnnCompatibleGRUCell", "stack", 2),
)


class Opaque(NamedTuple):
    """A buffer of cuDNN's parameters, and the name of the class that saves it in TF1."""

    family: str
    saveable: str
    layers: int
    bidirectional: bool

    @property
    def name(self):
        """Such as opaque-lstm-2-bidirectional."""
        direction = "bidirectional" if self.bidirectional else "unidirectional"
        return "opaque-%s-%d-%s" % (self.family, self.layers, direction)


OPAQUE = (
    Opaque("rnn", "CudnnRNNTanhSaveable", 2, False),
    Opaque("lstm", "CudnnLSTMSaveable", 2, False),
    Opaque("lstm", "CudnnLSTMSaveable", 2, True),
    Opaque("cudnn_gru", "CudnnGRUSaveable", 2, False),
    Opaque("cudnn_gru", "CudnnGRUSaveable", 2, True),
)

FOLDER = os.path.join(goldens.FOLDER, "recurrent_cells")


def load():
    """Every recorded array by its name."""
    with np.load(os.path.join(FOLDER, "golden.npz")) as archive:
        return {name: archive[name] for name in archive.files}


def golden(arrays, case):
    """The Golden of a case among what `load` returned."""
    of_case = goldens.under(arrays, case.name)
    variables = {
        name: value.astype(case.dtype)  # recorded in float32, which lost nothing
        for name, value in goldens.under(of_case, "variables").items()
    }
    return Golden(variables, of_case["outputs"], of_case["states"])


def by_cell(variables, roles):
    """Variables by TF1 name as arrays by role by pair of layer and direction ("fw", "bw", None).

    roles: all that a cell of this kind can have; the longest one that a name ends with counts.
    """
    found = {}
    for name, value in variables.items():
        role = max((r for r in roles if ("/" + name).endswith("/" + r)), key=len)
        layer = re.search(r"/cell_(\d+)/", name)
        direction = re.search(r"/(fw|bw)/", name)
        place = int(layer.group(1)) if layer else 0, direction.group(1) if direction else None
        found.setdefault(place, {})[role] = value
    return found
