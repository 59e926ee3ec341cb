"""What compare reads for a port: the map against graph and model, its data."""

import functools

import numpy as np

from tests.fuzz.readers.demonstration import npz, one_file
from tests.fuzz.readers.texts import toml_file
from tests.fuzz.worker import Reader
from tf1port.command_line import reporting
from tf1port.conversion import given

TEXT = """[layers]
lstm = "rnn/basic_lstm_cell"
scores = { kernel = "scores/kernel", bias = { variable = "scores/bias", transpose = [0] } }
[inputs]
x = "x"
[graph]
labels = "y"
logits = "scores/BiasAdd"
[outputs]
scores = "scores/BiasAdd"
[feed]
training = false
[feed_training]
training = true
[data]
file = "data.npz"
batch_size = 2
[accuracies]
legacy = [0.941, 0.937, 0.943]
modern = [0.939, 0.944, 0.940]
margin = 0.01
"""


def write_port(folder):
    """A checkpoint with its graph, a model, a map and data."""
    from tests.tf1port import ported

    program = ported.Program(keep=0.9)
    ported.save(folder, program)
    ported.model(program, rate=0.1).save(folder / "model.keras")
    (folder / "map.toml").write_text(TEXT)
    draw = np.random.default_rng(0)
    x = draw.normal(size=(6, ported.T, ported.F)).astype("float32")
    np.savez(folder / "data.npz", x=x, labels=draw.integers(ported.C, size=6))


def only(name, change):
    """Damage to one file by its name."""
    return lambda random, files: files | {name: change(random, files[name])}


@functools.cache
def _opened(prefix, keras_file):
    """The model; once per process, for it is not what is damaged."""
    from tf1port.keras_model.loading import open_model

    return open_model(keras_file)


def load_port(folder):
    from tf1port.comparison.port import port

    prefix, keras_file = str(folder / "model.ckpt-3"), str(folder / "model.keras")
    model = _opened(prefix, keras_file)
    port.load(prefix, model, str(folder / "map.toml"), steps=3)


def write_data(folder):
    np.savez(folder / "data.npz", x=np.ones((3, 4), "float32"), y=np.arange(3), n=np.float64(1))


READERS = (
    Reader("data of a port", write_data, one_file(npz),
           lambda folder: given.load(str(folder / "data.npz")), reporting),
    Reader("port by its map", write_port, only("map.toml", toml_file), load_port, reporting,
           isolated=True, inputs=40),
    Reader("port by its data", write_port, only("data.npz", npz), load_port, reporting,
           isolated=True, inputs=40),
)  # fmt: skip
