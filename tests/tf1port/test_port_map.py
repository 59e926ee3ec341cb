"""The map of a port: what it says, and one line for what it should not."""

import re
from types import SimpleNamespace

import numpy as np
import pytest

from tf1port.comparison.port import batches
from tf1port.comparison.port.port_map import load_map, parse_map
from tf1port.comparison.sides.protocol import NotOffered
from tf1port.comparison.sides.sources import Source, input_changes, with_lengths
from tf1port.comparison.sides.weight_map import Entry, WeightMap
from tf1port.errors import UserError
from tf1port.pitfalls import catalogue

LEAST = {"layers": {"lstm": "rnn/lstm_cell"}, "inputs": {"x": "inputs"}}


def test_all_that_a_map_may_say():
    held = {
        "layers": {"lstm": "rnn/lstm_cell", "out": {"kernel": "w", "bias": {"variable": "b"}}},
        "inputs": {"x": {"placeholder": "inputs", "transpose": [1, 0, 2]}, "m": {"lengths": "n"}},
        "graph": {"labels": "y", "loss": "loss:0"},
        "outputs": {"hidden": "hidden/Relu"},
        "feed": {"keep": 1.0},
        "feed_training": {"is_training": True},
        "data": {"batch_size": 3},
        "accuracies": {"legacy": [0.9, 1], "modern": [0.5, 0.6, 0.7]},
    }
    found = parse_map(held)
    assert found.layers["lstm"] == "rnn/lstm_cell"
    assert found.layers["out"] == {"kernel": Source("w"), "bias": Source("b")}
    assert found.inputs["x"] == Source("inputs", transpose=(1, 0, 2))
    assert found.inputs["m"] == Source("n", lengths=True)
    assert found.labels == Source("y")
    assert found.accuracies == {**held["accuracies"], "margin": 0.01}
    assert (found.feed, found.feed_training) == ({"keep": 1.0}, {"is_training": True})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"layer": {}}, "[layer] is no section: there are layers, inputs, outputs"),
        ({"layers": {}}, "it has no [layers]"),
        ({"inputs": {}}, "it has no [inputs]"),
        ({"layers": 3}, "layers is a value, not a section [layers]"),
        ({"layers": {"a": 3}}, "[layers] a is 3: give a scope or variables by role"),
        ({"inputs": {"x": 3}}, "[inputs] x is 3: give a name, or a table with it and transpose"),
        ({"inputs": {"x": {"transpose": [0]}}}, "[inputs] x is {'transpose': [0]}: give a name"),
        *(
            ({"inputs": {"x": {"placeholder": "a", option: value}}}, f"[inputs] x has {option} = ")
            for option, value in {
                "transpose": ["0"],
                "index": ["a"],
                "columns": [[], 2],
                "padding": "0",
            }.items()
        ),
        ({"inputs": {"x": {"placeholder": "a", "index": [-1]}}}, "[inputs] x has index = [-1]"),
        ({"layers": {"a": {"cell": []}}}, "[layers] a has cell = []: give a text"),
        ({"layers": {"a": {"cell": "lstm", "scope": 1}}}, "[layers] a has scope = 1: give a text"),
        (
            {"layers": {"a": {"cell": "lstm", "scope": "s", "forget_bias": "1"}}},
            "[layers] a has forget_bias = '1': give a number",
        ),
        ({"data": {"file": {}}}, "[data] file is {}: give a path"),
        ({"data": {"batch_size": True}}, "[data] batch_size is True: give a number above 0"),
        (
            {"inputs": {"x": {"placeholder": "a", "transpose": [1, 2]}}},
            "[inputs] x has transpose = [1, 2]: give each axis from 0 once",
        ),
        ({"graph": {"label": "y"}}, "[graph] has no label: there are labels, logits, loss, train"),
        (
            {"accuracies": {"legacy": [0.9, 0.91]}},
            "[accuracies] modern is None: give two and more of 0 to 1",
        ),
        (
            {"accuracies": {"legacy": [0.9, 91], "modern": [0.9, 0.9]}},
            "[accuracies] legacy is [0.9, 91]: give two and more",
        ),
        (
            {"accuracies": {"legacy": [0.9, 0.9], "modern": [0.9, 0.9], "margin": 0}},
            "[accuracies] margin is 0: give a number above 0",
        ),
        ({"data": {"batch_size": 0}}, "[data] batch_size is 0: give a number above 0"),
    ],
)
def test_a_fault_is_named(changes, message):
    with pytest.raises(ValueError, match="^" + re.escape(message)):
        parse_map({**LEAST, **changes})


def test_a_file_that_is_missing_or_no_toml_is_one_line(tmp_path):
    path = tmp_path / "map.toml"
    with pytest.raises(UserError, match=r"^cannot read .*map.toml: No such file"):
        load_map(str(path))
    path.write_text("[layers")
    with pytest.raises(UserError, match=r"map.toml is not valid TOML: "):
        load_map(str(path))
    path.write_text("[layers]\nlstm = 3\n[inputs]\nx = 'a'")
    with pytest.raises(UserError, match=r"map.toml: \[layers\] lstm is 3"):
        load_map(str(path))


def test_the_file_of_batches_lies_beside_the_map(tmp_path):
    path = tmp_path / "map.toml"
    path.write_text('[layers]\na = "b"\n[inputs]\nx = "y"\n[data]\nfile = "some.npz"')
    assert load_map(str(path)).data["file"] == str(tmp_path / "some.npz")


def test_axes_go_over_and_back():
    array = np.arange(24).reshape(2, 3, 4)
    source = Source("a", transpose=(2, 0, 1))
    assert source.to_keras(array).shape == (4, 2, 3)
    assert np.array_equal(source.to_tf1(source.to_keras(array)), array)
    assert Source("a").to_tf1(array) is array


@pytest.mark.parametrize(
    ("options", "shape"),
    [
        ({"transpose": (1, 0)}, (2, 3, 4)),
        ({"index": (2,)}, (2, 3)),
        ({"index": (0, 0, 0)}, (2, 3)),
        ({"columns": (0, 2)}, ()),
    ],
)
def test_an_array_that_has_no_such_axes_is_one_line(options, shape):
    source = Source("a", **options)
    with pytest.raises(
        UserError, match=r"^a is \[.*\], which the map's index, columns or transpose"
    ):
        source.to_keras(np.zeros(shape))


@pytest.mark.parametrize("array", [np.float32(1), np.zeros(9, "U3"), np.zeros(9, "f4,f4")])
def test_data_that_is_no_numbers_by_example_is_one_line(tmp_path, array):
    path = str(tmp_path / "data.npz")
    np.savez(path, x=array, labels=np.zeros(9))
    port_map = parse_map({"layers": {"a": "b"}, "inputs": {"x": "y"}, "data": {"file": path}})
    with pytest.raises(UserError, match="give numbers by example"):
        batches.batches(port_map, SimpleNamespace(batch=2), steps=1)


def test_weights_go_back_to_the_entry_that_they_came_from():
    """The directions of a layer under a table of its own, and one layer beside them by name."""
    found = WeightMap({}, None)
    both = {"forward/kernel": Source("fw"), "backward/kernel": Source("bw")}
    single = {"kernel": Source("k")}
    found.entries = [Entry("both", both), Entry("both/inner", single)]
    arrays = {name: np.full((2, 3), n) for n, name in enumerate(("fw", "bw", "k"))}
    named = found.to_keras(arrays)
    assert set(named) == {"both/forward/kernel", "both/backward/kernel", "both/inner/kernel"}
    back = found.to_tf1(named)
    assert back.keys() == arrays.keys()
    assert all(np.array_equal(back[name], arrays[name]) for name in arrays)


def test_a_mask_of_lengths():
    found = parse_map({**LEAST, "inputs": {"x": "a", "m": {"lengths": "n"}}})
    inputs = {"x": np.ones((2, 3, 1)), "m": np.ones((2, 3), bool)}
    mask = with_lengths(found, inputs, np.array([0, 2]))["m"]
    assert mask.tolist() == [[False] * 3, [True, True, False]]
    (unmasked,) = (one for one in input_changes(found) if one.pitfall is catalogue.MASK)
    assert unmasked.apply({**inputs, "m": mask})["m"].all()
    with pytest.raises(NotOffered, match="no placeholder of lengths"):
        with_lengths(parse_map(LEAST), inputs, np.array([0, 2]))
