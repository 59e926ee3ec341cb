"""FILE.py and FILE.keras run with Keras alone on JAX and on PyTorch, and compute the same there.

The backends are those of the interpreter BACKENDS_PYTHON, by default of this one: pip install keras
jax, or torch, for a processor alone. One that it has not is skipped.
"""

import os
import subprocess
import sys

import numpy as np
import pytest

from tests.tf1port.programs import loops, sequences, stacks
from tests.tf1port.programs.program import converted, loaded, running
from tf1port.numerics.tolerances import tolerance

PYTHON = os.environ.get("BACKENDS_PYTHON", sys.executable)
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
    words = [PYTHON, "-c", PROGRAM, stem]
    done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    with np.load(folder / f"{backend}.npz") as arrays:
        return dict(arrays)


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["jax", "torch"])
@pytest.mark.parametrize("name", BUILDS)
def test_a_program_computes_the_same_on_another_backend(name, backend, tmp_path):
    if subprocess.run([PYTHON, "-c", f"import {backend}, h5py"], capture_output=True).returncode:
        pytest.skip(f"{PYTHON} has no {backend}, which the project does not install")
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
