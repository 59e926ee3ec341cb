"""`.keras` files, the map beside them, and what reads them: the tool and the demonstration."""

import io
from functools import partial

import numpy as np

from shared.reporting import reporting as shared_reporting
from tests.fuzz import damage
from tests.fuzz.readers.demonstration import one_file
from tests.fuzz.readers.ports import only
from tests.fuzz.worker import Reader
from tf1port.command_line import reporting


def write_model(folder):
    """A recurrent model with an optimizer."""
    import keras

    inputs = keras.Input((4, 3), name="x")
    x = keras.layers.LSTM(3, name="lstm")(inputs)
    model = keras.Model(inputs, keras.layers.Dense(2, activation="relu", name="logits")(x))
    model.compile(keras.optimizers.Adam(0.1), "mse")
    model.fit(np.ones((2, 4, 3)), np.ones((2, 2)), verbose=0)
    model.save(folder / "model.keras")


def weights_file(random, content):
    """An HDF5 file: its bytes damaged, or another dataset in it."""
    import h5py

    if random.random() < 0.4:
        return damage.damaged(random, content)
    buffer, names = io.BytesIO(content), []
    with h5py.File(buffer, "r+") as file:
        file.visit(names.append)
        name = random.choice(names)
        match random.randrange(4):
            case 0:
                del file[name]
            case 1 if isinstance(file[name], h5py.Dataset):
                del file[name]
                shape = random.choice(((), (0,), (2,), (10**6, 10**6), (2**40,), (3, 12), (4,) * 9))
                dtype = random.choice(("f4", "f8", "i4", "S3", "c8", "f2"))
                file.create_dataset(name, shape, dtype, chunks=(1,) * len(shape) or None)
            case 2:
                file.move(name, name + "x")
            case 3:
                file[name].attrs["a"] = damage.NUMBERS[3]
    return buffer.getvalue()


keras_file = partial(damage.archive, members={".json": damage.json_file, ".h5": weights_file})


def open_it(folder):
    from tf1port.keras_model import loading

    path = str(folder / "model.keras")
    loading.is_translated(path), loading.registered_names(path)
    loading.open_model(path)


def kernel(folder):
    from modern_tf2 import kernels

    kernels._load(str(folder / "model.keras"))


def write_converted(folder):
    """A checkpoint, its converted model and the files beside that."""
    from tests.tf1port import graphs
    from tf1port import api

    prefix = graphs.save(graphs.Case(), folder).prefix
    api.convert(prefix, str(folder / "model.keras"))


def way_back(folder):
    """What convert --reverse and verify read of the files beside a model."""
    from tf1port.conversion import reverse
    from tf1port.keras_model import loading

    path = str(folder / "model.keras")
    loading.check_map(path, mapped=False)
    reverse.open_model = _model  # in a process of the fuzzer's own
    reverse.read(path)


def _model(path, trust=False, kept={}):  # noqa: B006  (opened once per process)
    from tf1port.keras_model import loading

    if path not in kept:
        kept[path] = loading.open_model(path)
    return kept[path]


READERS = (
    Reader(".keras", write_model, one_file(keras_file), open_it, reporting, isolated=True,
           inputs=200),
    Reader(".keras (kernel)", write_model, one_file(keras_file), kernel, shared_reporting,
           inputs=100),
    Reader("FILE.json", write_converted, only("model.json", damage.json_file), way_back,
           reporting, isolated=True, inputs=200),
)  # fmt: skip
