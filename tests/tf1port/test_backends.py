"""FILE.py and FILE.keras run with Keras alone on JAX and on PyTorch, and compute the same there.

JAX is in an environment without TensorFlow, which make test-slow makes. PyTorch is skipped unless
BACKENDS_PYTHON is an interpreter that has Keras and torch.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.tf1port.programs import loops, sequences, stacks
from tests.tf1port.programs.program import converted, loaded, running
from tf1port.numerics.tolerances import tolerance

ROOT = Path(__file__).parents[2]
PYTHONS = {
    "jax": os.environ.get("BACKENDS_PYTHON", str(ROOT / ".venv-jax" / "bin" / "python")),
    "torch": os.environ.get("BACKENDS_PYTHON", sys.executable),
}
BOUND = tolerance("exported logits", "float32").bound
BUILDS = {
    "char_rnn": sequences.char_rnn,
    "tagger": stacks.tagger,
    "own_cell": loops.own_cell,
    "translator": sequences.translator,
    "episodes": stacks.episodes,
    "sampled": sequences.char_rnn,
}
FLAGS = {"sampled": ["--stateful"]}
PROGRAM = """
import runpy, sys
import keras
import numpy as np
runpy.run_path(sys.argv[1] + ".py")
model = keras.models.load_model(sys.argv[1] + ".keras")
arrays = np.load("inputs.npz")
inputs = [arrays[name] for name in arrays.files]
outputs = model(inputs if len(inputs) > 1 else inputs[0], training=False)
if not isinstance(outputs, dict):
    outputs = {"output": outputs}
found = {name: keras.ops.convert_to_numpy(value) for name, value in outputs.items()}
np.savez(keras.backend.backend() + ".npz", **found)
"""


def run(backend, stem, folder):
    """The outputs of a program on a backend."""
    environment = {**os.environ, "KERAS_BACKEND": backend, "PYTHONPATH": ""}
    words = [PYTHONS[backend], "-c", PROGRAM, stem]
    done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    with np.load(folder / f"{backend}.npz") as arrays:
        return dict(arrays)


def has(backend):
    """Whether there is an interpreter with a backend."""
    python = shutil.which(PYTHONS[backend])
    words = [python, "-c", f"import {backend}, h5py"]
    return python is not None and subprocess.run(words, capture_output=True).returncode == 0


@pytest.mark.slow
@pytest.mark.sampled(3)
@pytest.mark.parametrize("backend", PYTHONS)
@pytest.mark.parametrize("name", BUILDS)
def test_a_program_computes_the_same_on_another_backend(name, backend, tmp_path):
    if not has(backend):
        pytest.skip(f"{PYTHONS[backend]} has no {backend}")
    with running(BUILDS[name], tmp_path) as program:
        target = converted(program.prefix, *FLAGS.get(name, []))
        inputs = program.fed(target)
    model = loaded(target)
    expected = model(inputs if len(inputs) > 1 else inputs[0], training=False)
    expected = expected if isinstance(expected, dict) else {"output": expected}
    np.savez(tmp_path / "inputs.npz", *inputs)
    actual = run(backend, str(target).removesuffix(".keras"), tmp_path)
    assert actual.keys() == expected.keys()
    for key, value in expected.items():
        assert np.abs(actual[key] - np.array(value)).max() <= BOUND
