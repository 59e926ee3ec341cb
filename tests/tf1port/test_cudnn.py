"""Checkpoints of contrib.cudnn_rnn's layers, whose graph runs on a GPU alone."""

import json
import os
import zipfile

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.goldens import carried
from tf1port.__main__ import main
from tf1port.cells import reference as numpy_cells
from tf1port.numerics.tolerances import tolerance
from tf1port.tf1.graph.files import load_graph

F, U, OUTPUTS = carried.FEATURES, carried.UNITS, carried.OUTPUTS
STEM = "stack_bidirectional_rnn/cell_{}/bidirectional_rnn/{}/cudnn_compatible_lstm_cell"


@pytest.fixture(params=carried.CUDNN, ids=lambda case: case.name)
def checkpoint(request, tmp_path):
    """A case, the prefix of a checkpoint that its Saver could have written, its variables."""
    path = os.path.join(carried.FOLDER, request.param.name + ".zip")
    with zipfile.ZipFile(path) as archive:
        archive.extractall(tmp_path)
    stream = np.random.RandomState(3)
    ways = 2 if request.param.direction == "bidirectional" else 1
    shapes = {name: _shape(name, ways) for name in _saved(tmp_path / "model.ckpt.meta")}
    values = {
        name: stream.normal(0, 0.5, shape).astype("float32") for name, shape in shapes.items()
    }
    prefix = str(tmp_path / "model.ckpt")
    tf.raw_ops.SaveV2(
        prefix=prefix,
        tensor_names=list(values),
        shape_and_slices=[""] * len(values),
        tensors=list(values.values()),
    )
    return request.param, prefix, values


def _saved(meta):
    """The names that the graph's Saver writes."""
    nodes = {node.name: node for node in load_graph(meta).node}
    names = tf.make_ndarray(nodes["save/SaveV2/tensor_names"].attr["value"].tensor)
    return [name.decode() for name in names]


def _shape(name, ways):
    if name.endswith("opaque_kernel"):
        return (7,)  # not looked at
    if name.startswith("logits"):
        return (OUTPUTS,) if name.endswith("bias") else (ways * U, OUTPUTS)
    gates = 4 if "lstm" in name else 2 if "gates" in name else 1
    if name.endswith("bias"):
        return (gates * U,)
    inputs = F if "cell_0" in name else ways * U
    rows = {"input_projection": inputs, "hidden_projection": U}
    matching = [rows[scope] for scope in rows if scope in name]
    return (matching[0] if matching else inputs + U, gates * U)


def test_the_saved_cells_become_a_model(checkpoint, tmp_path, capsys):
    case, prefix, values = checkpoint
    target = str(tmp_path / "model.keras")
    assert main(["convert", prefix, "--to", target]) == 0
    capsys.readouterr()
    assert main(["verify", prefix, target, "--json"]) == 3
    report = json.loads(capsys.readouterr().out)
    assert report["against"].startswith("cells in NumPy, as cuDNN")
    assert all(check["passed"] for check in report["checks"])
    assert "cuDNN's op runs on a GPU alone" in report["verdict"]
    inputs = np.random.RandomState(4).normal(size=(3, 5, F)).astype("float32")
    expected = _by_hand(case, values, inputs)
    outputs = np.array(keras.models.load_model(target)(inputs))
    assert np.abs(outputs - expected).max() <= 10 * tolerance("cell outputs", "float32").bound


def _by_hand(case, values, inputs):
    """What cuDNN computes: without a forget bias of its own."""
    if case.layer == "CudnnLSTM":
        for layer in range(case.layers):
            ways = []
            for way in ("fw", "bw"):
                stem = "cudnn_lstm/" + STEM.format(layer, way)
                variables = {role: values[f"{stem}/{role}"] for role in ("kernel", "bias")}
                sequence = inputs if way == "fw" else inputs[:, ::-1]
                outputs, _ = numpy_cells.unroll("lstm", variables, sequence)
                ways.append(outputs if way == "fw" else outputs[:, ::-1])
            inputs = np.concatenate(ways, axis=-1)
    else:
        family = {"CudnnGRU": "cudnn_gru", "CudnnRNNTanh": "rnn"}[case.layer]
        cell = {"CudnnGRU": "cudnn_compatible_gru_cell", "CudnnRNNTanh": "basic_rnn_cell"}
        for layer in range(case.layers):
            start = f"/rnn/multi_rnn_cell/cell_{layer}/{cell[case.layer]}/"
            variables = {n.partition(start)[2]: v for n, v in values.items() if start in n}
            inputs, _ = numpy_cells.unroll(family, variables, inputs)
    return inputs[:, -1] @ values["logits/kernel"] + values["logits/bias"]
