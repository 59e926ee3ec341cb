"""HDF5 files of Keras 2: what inspect, convert and verify read of them."""

import functools

from tests.fuzz import hdf5
from tests.fuzz.worker import Reader, printed
from tf1port.command_line import reporting

JSON = ("model_config", "training_config")


def write_files(folder, *, only=None):
    """Models of several kinds, as tf_keras writes them."""
    from tests.tf1port import keras2_files as files

    for name in ("stacked", "tagger", "stateful"):
        if only in (None, name):
            files.save(getattr(files, name)(), folder / f"{name}.h5")
    if only in (None, "cudnn"):
        files.with_cudnn(folder / "cudnn.h5")


def one_damaged(random, files):
    """One of the files, damaged, and what is no HDF5 file."""
    name = random.choice(sorted(name for name in files if name.endswith(".h5")))
    others = {key: content for key, content in files.items() if not key.endswith(".h5")}
    return {**others, name: hdf5.changed_file(random, files[name], attributes=JSON)}


def inspect(folder):
    """What is read before anything is built."""
    from tf1port import api

    for path in sorted(folder.glob("*.h5")):
        result = api.inspect(str(path))
        printed(str(result))
        result.to_json()


def _with_one_size():
    """Lets a process of the fuzzer's own compare batches of one size, as others are no input."""
    from tf1port.conversion.keras2 import checks

    checks._SIZES = checks._SIZES[:1]


def convert(folder):
    """With what Keras 2 computes of it."""
    from tf1port import api

    _with_one_size()
    for path in sorted(folder.glob("*.h5")):
        printed(str(api.convert(str(path), str(folder.parent / "out.keras"))))


def write_converted(folder):
    """A file and its model."""
    from tf1port import api

    write_files(folder, only="tagger")
    api.convert(str(folder / "tagger.h5"), str(folder / "tagger.keras"))


def verify(folder):
    """With a step of training."""
    from tf1port import api

    _with_one_size()
    paths = str(folder / "tagger.h5"), str(folder / "tagger.keras")
    printed(str(api.verify(*paths, steps=1)))


reader = functools.partial(
    Reader, change=one_damaged, reporting=reporting, isolated=True, imports=("tf_keras",)
)

READERS = (
    reader("Keras 2 .h5", write_files, read=inspect, inputs=300),
    reader("convert Keras 2 .h5", functools.partial(write_files, only="tagger"), read=convert,
           inputs=10, seconds=60.0),
    reader("verify Keras 2 .h5", write_converted, read=verify, inputs=5, seconds=60.0),
)  # fmt: skip
