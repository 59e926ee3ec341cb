"""Keras 2 HDF5 files of a third party: what reaches beyond one, or takes memory, is refused."""

import shutil

import h5py
import keras
import numpy as np
import pytest

from tests.tf1port import keras2_files as files
from tf1port.conversion.keras2 import hdf5
from tf1port.conversion.keras2.convert import read_conversion
from tf1port.errors import UserError
from tf1port.keras_model import sizes

BIAS = "model_weights/tags/tags/bias:0"


@pytest.fixture(scope="module")
def copied(tmp_path_factory):
    """A function to a folder with a copy of one file."""
    path = files.save(files.tagger(), tmp_path_factory.mktemp("tagger") / "model.h5")
    return lambda folder: shutil.copy(path, str(folder / "model.h5"))


def external(file):
    """A dataset whose bytes lie in another file."""
    del file[BIAS]
    options = {"external": [("/etc/hostname", 0, 12)]}
    file.create_dataset(BIAS, (3,), "f4", **options)


def virtual(file):
    """A dataset that is a view of another file's."""
    layout = h5py.VirtualLayout((3,), "f4")
    layout[:] = h5py.VirtualSource("other.h5", "bias", (3,))
    del file[BIAS]
    file.create_virtual_dataset(BIAS, layout)


def unpacking(file):
    """A dataset of a terabyte in no space at all."""
    del file[BIAS]
    file.create_dataset(BIAS, (2**38,), "f4", chunks=(2**28,))


def in_pieces(file):
    """A dataset of as many chunks as numbers, for each of which HDF5 takes memory."""
    del file[BIAS]
    file.create_dataset(BIAS, (2**27,), "f4", chunks=(1,))


def listed(file):
    """A dataset that is listed so often that its copies would take gigabytes."""
    group = file["model_weights/tags"]
    file.create_dataset("large", (10**6,), "f8", chunks=(10**4,), compression="gzip")
    group.attrs["weight_names"] = np.array([b"/large"] * 2000)


def doubled(file):
    """Groups each of which leads to the next one twice: more ways than can be gone."""
    group = file.create_group("doubled")
    for _ in range(60):
        inner = group.create_group("a")
        group["b"] = inner
        group = inner


def within_itself(file):
    file["model_weights/again"] = file["model_weights"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (external, f"{BIAS} in another place"),
        (virtual, f"{BIAS} in another place"),
        (unpacking, "unpacks to 1.1e+03 GB"),
        (in_pieces, "bias:0 in 1.3e+08 pieces"),
        (listed, "unpacks to 16 GB"),
        (lambda file: file.attrs.update(layer_names=[b"tags"]), "has layers beside its model"),
        (lambda file: file.create_group("x" + "/a" * 2000), "more groups than a model has"),
    ],
)
def test_a_file_that_reaches_for_more_than_itself_is_refused(copied, tmp_path, change, message):
    path = copied(tmp_path)
    with h5py.File(path, "r+") as file:
        change(file)
    with pytest.raises(UserError) as error:
        hdf5.read(path)
    assert message in str(error.value)


@pytest.mark.parametrize("change", [doubled, within_itself])
def test_a_group_of_several_names_is_looked_into_once(copied, tmp_path, change):
    path = copied(tmp_path)
    with h5py.File(path, "r+") as file:
        change(file)
    assert hdf5.read(path).weights.keys() == hdf5.read(copied(tmp_path)).weights.keys()


def test_layers_that_are_larger_than_their_arrays_take_no_memory(copied, tmp_path):
    path = copied(tmp_path)

    def change(config):
        config["config"]["layers"][-1]["config"]["units"] = 10**12

    files.rewrite(path, change)
    with pytest.raises(UserError, match="have weights of 7e"):
        read_conversion(path).model()


def test_what_was_built_without_values_gets_none_later():
    with keras.StatelessScope():  # on leaving it Keras makes its list of what waits
        keras.layers.Dense(1).build((None, 1))
    with sizes.without_values():
        keras.layers.Dense(10**12).build((None, 6))
    with keras.StatelessScope():
        keras.layers.Dense(1).build((None, 1))
