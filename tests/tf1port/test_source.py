"""What convert writes stands alone: the source and the model need nothing of this project."""

import os
import subprocess
import sys

import numpy as np
import pytest

from tests.tf1port import graphs
from tests.tf1port.graphs import Case
from tf1port.__main__ import main
from tf1port.keras_model.cell_source import definitions

ALONE = """
import runpy, sys
import numpy as np
import keras

runpy.run_path("model.py")
model = keras.models.load_model("model.keras")
np.save("made.npy", np.array(model(np.load("inputs.npy"))))
names = {name.partition(".")[0] for name in sys.modules}
ours = {"tf1port", "modern_tf2", "legacy_tf1", "shared"} & names
assert not ours, ours
"""
EXTENDED = Case("LSTMCell", {"use_peepholes": True, "num_proj": 3, "cell_clip": 1.0}, optimizer="")


@pytest.mark.slow
@pytest.mark.parametrize("case", [Case(optimizer=""), EXTENDED._replace(head="none")], ids=repr)
def test_a_model_is_loaded_without_this_project(tmp_path, case):
    saved = graphs.save(case, tmp_path)
    assert main(["convert", saved.prefix, "--to", str(tmp_path / "model.keras")]) == 0
    inputs, _ = graphs.batch(case, 0)
    np.save(tmp_path / "inputs.npy", inputs)
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [sys.executable, "-P", "-c", ALONE]
    subprocess.run(command, cwd=tmp_path, env=environment, check=True, capture_output=True)
    outputs = np.load(tmp_path / "made.npy")
    assert np.abs(outputs - saved.outputs).max() <= 1e-5 * max(1, np.abs(saved.outputs).max())


def test_only_the_cells_that_are_needed_are_written():
    one = "\n".join(definitions(["LayerNormLSTMCell"]))
    assert "class LayerNormLSTMCell" in one
    assert "def _forget_bias" in one
    assert "class ExtendedLSTMCell" not in one
    assert "def _add_bias" not in one
