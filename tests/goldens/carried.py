"""Checkpoints that TensorFlow 1.15.5 wrote of small trainings, one for each way to build a network.

The registry of cases that record_carried.py records, as a zip file each:

    carried/<case>.zip      model.ckpt-20.index, .data-00000-of-00001 and .meta, and golden.npz:
                            `made` of the first batch, the 100 `losses` of the steps after it
    carried/Cudnn….zip      model.ckpt.meta alone
    carried/golden.json     versions, seed, command, SHA-256 of every zip
"""

import os
import zipfile
from typing import NamedTuple

import numpy as np

from tests import goldens
from tests.goldens.cells import Case

BATCH, STEPS, FEATURES, UNITS = 4, 5, 3, 4
LENGTHS = (5, 1, 3, 2)
OUTPUTS = 2
TRAINED, MORE = 20, 100  # steps before the checkpoint, and after it
SEED = 12
FOLDER = os.path.join(goldens.FOLDER, "carried")


class Carried(NamedTuple):
    """A case of tests/goldens/cells.py with what is built around its cells.

    lengths: whether sequences have lengths; then the head takes the final state, else the last
    output. wrapper: "dropout" or "residual" around every cell, or "". clip_norm: of
    clip_by_global_norm, 0 for none. head: "batch_norm" (by a placeholder that says whether the
    graph is training) or "layer_norm" before the last layer.
    """

    case: Case
    optimizer: str = "Adam"
    lengths: bool = False
    wrapper: str = ""
    clip_norm: float = 0.0
    head: str = ""

    @property
    def name(self):
        """Such as GRUCell-multi-3-float64-Adam."""
        more = ["lengths"] * self.lengths + [word for word in (self.wrapper, self.head) if word]
        more += ["clip_norm=%s" % self.clip_norm] * bool(self.clip_norm)
        return "-".join([self.case.name, self.optimizer, *more])


_PEEPHOLES = (("use_peepholes", True),)
_PROJECTED = (("num_proj", 2),)
_EVERYTHING = (*_PEEPHOLES, ("cell_clip", 0.4), *_PROJECTED, ("proj_clip", 0.15))
_BLOCK = (("use_peephole", True), ("cell_clip", 0.4))

CARRIED = (
    Carried(Case("BasicRNNCell")),
    Carried(Case("BasicRNNCell", "multi", 3, "float64"), "GradientDescent"),
    Carried(Case("BasicRNNCell", "bidirectional"), "Momentum"),
    Carried(Case("BasicLSTMCell", dtype="float64")),
    Carried(Case("BasicLSTMCell", "multi", 2), "RMSProp"),
    Carried(Case("BasicLSTMCell", "multi", 3), "Adagrad", lengths=True),
    Carried(Case("BasicLSTMCell", "bidirectional", 2, "float64")),
    Carried(Case("BasicLSTMCell", "stack", 2), lengths=True),
    Carried(Case("BasicLSTMCell", options=(("forget_bias", 0.0),)), "Ftrl"),
    Carried(Case("BasicLSTMCell", "multi", 2), wrapper="dropout"),
    Carried(Case("BasicLSTMCell", "multi", 2, "float64"), wrapper="residual"),
    Carried(Case("BasicLSTMCell", dtype="float64"), clip_norm=0.05),
    Carried(Case("LSTMCell", options=_EVERYTHING)),
    Carried(Case("LSTMCell", "multi", 2, "float64", _EVERYTHING), "Adadelta"),
    Carried(Case("LSTMCell", "bidirectional", 1, "float32", _PEEPHOLES), lengths=True),
    Carried(Case("LSTMCell", "stack", 2, "float64", _PROJECTED), "Nesterov"),
    Carried(Case("LSTMCell", dtype="float64", options=(("cell_clip", 0.4),)), "CenteredRMSProp"),
    Carried(Case("GRUCell")),
    Carried(Case("GRUCell", "multi", 3, "float64")),
    Carried(Case("GRUCell", "bidirectional", 1, "float64"), "Adagrad"),
    Carried(Case("GRUCell", "stack", 2), "RMSProp", lengths=True),
    Carried(Case("LSTMBlockCell", options=_BLOCK)),
    Carried(Case("LSTMBlockCell", "multi", 2), "GradientDescent", lengths=True),
    Carried(Case("LSTMBlockFusedCell"), lengths=True),
    Carried(Case("LSTMBlockFusedCell", options=_BLOCK), "Momentum"),
    Carried(Case("GRUBlockCellV2")),
    Carried(Case("GRUBlockCellV2", "multi", 2), "RMSProp"),
    Carried(Case("LayerNormBasicLSTMCell")),
    Carried(Case("LayerNormBasicLSTMCell", "multi", 2, "float64")),
    Carried(Case("LayerNormBasicLSTMCell", options=(("layer_norm", False),)), "Adagrad"),
    Carried(Case("LayerNormBasicLSTMCell", "bidirectional", 1, "float64")),
    Carried(Case("CudnnCompatibleLSTMCell")),
    Carried(Case("CudnnCompatibleLSTMCell", "stack", 2)),
    Carried(Case("CudnnCompatibleGRUCell", dtype="float64")),
    Carried(Case("CudnnCompatibleGRUCell", "multi", 2), "GradientDescent"),
    Carried(Case("BasicLSTMCell", dtype="float64"), head="batch_norm"),
    Carried(Case("GRUCell", dtype="float64"), "Momentum", head="layer_norm"),
)


class Cudnn(NamedTuple):
    """A layer of contrib.cudnn_rnn under a dense layer: its graph alone, which runs on a GPU."""

    layer: str
    layers: int
    direction: str

    @property
    def name(self):
        """Such as CudnnLSTM-2-bidirectional."""
        return "%s-%d-%s" % self


CUDNN = (
    Cudnn("CudnnLSTM", 2, "bidirectional"),
    Cudnn("CudnnGRU", 2, "unidirectional"),
    Cudnn("CudnnRNNTanh", 1, "unidirectional"),
)


def batch(number, dtype):
    """The inputs [B, T, F] of a training step."""
    stream = np.random.RandomState(SEED + number)
    return stream.normal(size=(BATCH, STEPS, FEATURES)).astype(dtype)


def unpack(carried, folder):
    """Puts the files of a case into a folder; returns the checkpoint's prefix and its golden."""
    with zipfile.ZipFile(os.path.join(FOLDER, carried.name + ".zip")) as archive:
        archive.extractall(folder)
    with np.load(os.path.join(folder, "golden.npz")) as archive:
        golden = {name: archive[name] for name in archive.files}
    return os.path.join(folder, "model.ckpt-%d" % TRAINED), golden
