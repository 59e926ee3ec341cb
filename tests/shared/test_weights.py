"""Weights files: exact round trips, and a one-line error for whatever does not fit."""

import os
import re

import numpy as np
import pytest

from shared import weights
from shared.config import WindowRNNConfig
from shared.errors import UserError

CONFIG = WindowRNNConfig(units=3, layers=1)


@pytest.fixture
def named():
    stream = np.random.RandomState(0)
    shapes = CONFIG.weight_shapes()
    return {name: stream.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}


def refusal(path, config=CONFIG):
    with pytest.raises(UserError) as error:
        weights.load(path, config)
    message = str(error.value)
    assert "\n" not in message
    return message.replace(str(path), "FILE")


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_round_trip_is_exact(tmp_path, named, dtype):
    given = {name: array.astype(dtype) for name, array in named.items()}
    weights.save(tmp_path / "file.npz", given)
    loaded = weights.load(tmp_path / "file.npz", CONFIG)
    assert sorted(loaded) == sorted(given)
    for name, array in loaded.items():
        assert (array.dtype, array.shape) == (given[name].dtype, given[name].shape)
        assert array.tobytes() == given[name].tobytes()


def test_any_file_name_will_do(tmp_path, named):
    weights.save(tmp_path / "weights", named)  # np.savez alone would add .npz
    assert os.listdir(str(tmp_path)) == ["weights"]
    weights.load(str(tmp_path / "weights"), CONFIG)


def test_a_missing_file(tmp_path):
    assert refusal(tmp_path / "file.npz") == "there is no weights file FILE"


@pytest.mark.parametrize("content", [b"", b"hello", None, np.zeros(3)], ids=str)
def test_what_is_no_npz(tmp_path, content):
    path = tmp_path / "file.npz"
    if content is None:
        path.mkdir()
    elif isinstance(content, bytes):
        path.write_bytes(content)
    else:
        with open(str(path), "wb") as file:
            np.save(file, content)
    assert refusal(path) == "FILE is no npz file of plain arrays: use np.savez"


def test_pickled_objects_are_refused(tmp_path, named):
    named["cell_0/bias"] = np.array([{}, 1, 2], dtype=object)
    weights.save(tmp_path / "file.npz", named)
    message = refusal(tmp_path / "file.npz")
    assert message == "FILE is no npz file of plain arrays: use np.savez"


def test_a_missing_array(tmp_path, named):
    del named["cell_0/bias"]
    weights.save(tmp_path / "file.npz", named)
    message = refusal(tmp_path / "file.npz")
    assert message == "FILE has no array cell_0/bias, which window-rnn needs"


def test_an_array_too_many(tmp_path, named):
    named["cell_1/bias"] = named["cell_0/bias"]
    weights.save(tmp_path / "file.npz", named)
    message = refusal(tmp_path / "file.npz")
    assert message == "FILE has an array cell_1/bias, unknown to window-rnn"


def test_another_shape(tmp_path, named):
    weights.save(tmp_path / "file.npz", named)
    message = refusal(tmp_path / "file.npz", WindowRNNConfig(units=4, layers=1))
    assert re.match(r"FILE: cell_0/kernel is \(28, 3\), not \(28, 4\)$", message)


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_a_weight_that_is_not_finite(tmp_path, named, wrong):
    named["logits/bias"][4] = wrong
    weights.save(tmp_path / "file.npz", named)
    message = refusal(tmp_path / "file.npz")
    assert message == "FILE: logits/bias must hold finite floating-point numbers"


@pytest.mark.parametrize("dtype", [np.int32, np.complex64, np.str_])
def test_numbers_of_another_kind(tmp_path, named, dtype):
    named["logits/bias"] = named["logits/bias"].astype(dtype)
    weights.save(tmp_path / "file.npz", named)
    message = refusal(tmp_path / "file.npz")
    assert message == "FILE: logits/bias must hold finite floating-point numbers"
