"""`--map`: heads that are not recognised, described by a file."""

import json
import os
import re

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.tf1port import test_surroundings as nets
from tf1port.__main__ import main
from tf1port.conversion import cases as verify_cases
from tf1port.numerics.tolerances import tolerance

tf1 = nets.tf1
DOCS = os.path.join(os.path.dirname(__file__), "..", "..", "docs", "converting.md")
LAST = """
takes = "last"
[[after]]
layer = "Dense"
name = "scores"
options = {units = 2, activation = "relu"}
output = "Relu:0"
weights = {kernel = {variable = "W", transpose = [1, 0]}, bias = "b"}
"""


@pytest.fixture(autouse=True)
def one_size(monkeypatch):
    monkeypatch.setattr(verify_cases, "BATCHES", verify_cases.BATCHES[:1])
    monkeypatch.setattr(verify_cases, "STEPS", verify_cases.STEPS[:1])


def transposed_weights(x):
    """A dense layer whose matrix lies the other way round."""
    weights = tf1.get_variable("W", [nets.N, nets.U]), tf1.get_variable("b", [nets.N])
    return tf1.nn.relu(tf1.add(tf1.matmul(x, weights[0], transpose_b=True), weights[1]))


def last(x, ends):
    return transposed_weights(nets.cells(x)[:, -1])


def mean(x, ends):
    return transposed_weights(tf1.reduce_mean(nets.cells(x), axis=1))


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    return nets.save(last, tmp_path_factory.mktemp("last"))


@pytest.fixture(scope="module")
def averaged(tmp_path_factory):
    return nets.save(mean, tmp_path_factory.mktemp("mean"))


def documented():
    """The example of the docs."""
    with open(DOCS, encoding="utf-8") as file:
        return re.search(r"```toml\n(.*?)```", file.read(), re.DOTALL)[1]


def converted(saved, text, folder):
    """The exit code of a conversion with a map, the model's file and the map's."""
    path, target = str(folder / "head.toml"), str(folder / "model.keras")
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return main(["convert", saved.prefix, "--to", target, "--map", path]), target, path


def same(saved, target):
    computed = np.array(keras.models.load_model(target)(saved.inputs))
    bound = tolerance("outputs", "float32").bound
    return np.abs(computed - saved.outputs).max() <= bound * np.abs(saved.outputs).max()


def verified(capsys, prefix, target, path, *flags):
    """What verify prints, as JSON."""
    capsys.readouterr()
    main(["verify", prefix, target, "--map", path, "--json", *flags])
    return json.loads(capsys.readouterr().out)


def test_a_matrix_that_lies_the_other_way_round(saved, tmp_path, capsys):
    code, target, path = converted(saved, LAST, tmp_path)
    assert code == 0
    text = capsys.readouterr().out
    assert "kernel             W, transposed [1, 0]" in text
    assert "not converted: nothing" in text
    assert same(saved, target)
    report = verified(capsys, saved.prefix, target, path, "--steps", "5")
    assert (report["passed"], report["notes"]) == (True, [])
    quantities = {check["quantity"] for check in report["checks"]}
    assert {"logits of a sequence", "gradients of a batch", "losses of resumed steps"} < quantities
    back = str(tmp_path / "back.ckpt")
    assert main(["convert", target, "--reverse", "--to", back]) == 0
    actual, expected = (tf.train.load_checkpoint(prefix) for prefix in (back, saved.prefix))
    assert actual.get_variable_to_shape_map() == expected.get_variable_to_shape_map()
    for name in ("W", "b"):
        assert actual.get_tensor(name).tobytes() == expected.get_tensor(name).tobytes()


def test_the_example_of_the_docs(averaged, tmp_path, capsys):
    code, target, path = converted(averaged, documented(), tmp_path)
    assert code == 0
    assert same(averaged, target)
    report = verified(capsys, averaged.prefix, target, path)
    assert report["passed"]
    assert "logits of a sequence" in {check["quantity"] for check in report["checks"]}


WRONG = {
    "another activation": lambda text: text.replace("relu", "linear"),
    "another step": lambda text: text.replace('"last"', '"steps"'),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_map_is_refused(saved, tmp_path, capsys, name):
    code, target, _ = converted(saved, WRONG[name](LAST), tmp_path)
    assert code == 2
    assert not os.path.exists(target)
    assert "the layers of the map compute something else" in capsys.readouterr().err


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_map_is_seen(saved, tmp_path, capsys, unchecked, name):
    code, target, path = converted(saved, WRONG[name](LAST), tmp_path)
    assert code == 0
    report = verified(capsys, saved.prefix, target, path)
    failed = {check["quantity"] for check in report["checks"] if not check["passed"]}
    assert "logits of a sequence" in failed


def test_a_head_that_is_not_compared_is_said_to_be(saved, tmp_path, capsys):
    code, target, path = converted(saved, LAST.replace('output = "Relu:0"\n', ""), tmp_path)
    assert code == 0
    report = verified(capsys, saved.prefix, target, path)
    assert report["outcome"] == "not proved"
    assert "the map names no output of its last layer" in report["verdict"]


REFUSED = {
    "no TOML": ("takes = ", "is not valid TOML"),
    "an unknown key": (LAST + "pool = 1\n", "unknown key pool"),
    "another unknown key": ("heads = 1\n" + LAST, "unknown key heads"),
    "no layers": ('takes = "last"\n', "no [[after]]"),
    "nothing taken": (LAST.replace('"last"', '"first"'), "says takes = 'first'"),
    "an unknown layer": (LAST.replace("Dense", "Dens"), "keras.layers has no 'Dens'"),
    "a function": (LAST.replace("Dense", "add"), "keras.layers has no 'add'"),
    "an unknown option": (LAST.replace("units = 2", "units = 2, color = 1"), "color"),
    "an option of ours": (LAST.replace("units = 2", "units = 2, dtype = 1"), "but for name and"),
    "an unknown variable": (LAST.replace('"W"', '"V"'), "the checkpoint has no variable V"),
    "a shape": (LAST.replace(", transpose = [1, 0]", ""), "W gives [2, 4]"),
    "units": (LAST.replace("units = 2", "units = 3"), "is [4, 3], W gives [4, 2]"),
    "axes": (LAST.replace("[1, 0]", "[1, 1]"), "is not a permutation of axes"),
    "more axes": (LAST.replace("[1, 0]", "[1, 0, 2]"), "transpose [1, 0, 2]"),
    "a weight too few": (LAST.replace(', bias = "b"', ""), "has the weights bias, kernel"),
    "a weight of the cells": (
        LAST.replace('"b"', '"basic_rnn_cell/bias"'),
        "is used already",
    ),
    "a tensor": (LAST.replace("Relu:0", "Elu:0"), "the graph has no tensor Elu:0"),
    "a name twice": (LAST + LAST.replace('takes = "last"', ""), "layers of one name"),
    "a name of the cells": (LAST.replace('"scores"', '"rnn"'), "two layers would have one name"),
}


def refused(capsys, folder, code):
    text = capsys.readouterr()
    assert (code, text.out, text.err.count("\n")) == (2, "", 1)
    assert sorted(os.listdir(folder)) == ["head.toml"]
    return text.err


@pytest.mark.parametrize("name", REFUSED)
def test_a_map_that_cannot_be_is_one_line(saved, tmp_path, capsys, name):
    text, words = REFUSED[name]
    code, _, _ = converted(saved, text, tmp_path)
    assert words in refused(capsys, tmp_path, code)


def test_a_map_that_is_not_needed(tmp_path_factory, tmp_path, capsys):
    another = nets.save(nets.CASES["a flag"][0], tmp_path_factory.mktemp("other"))
    weights = 'kernel = "logits/kernel", bias = "logits/bias"'
    text = re.sub("weights = .*", f"weights = {{{weights}}}", LAST).replace('output = "Relu:0"', "")
    code, _, _ = converted(another, text, tmp_path)
    assert "is not needed" in refused(capsys, tmp_path, code)


def test_a_map_that_is_not_there(saved, tmp_path, capsys):
    words = ["convert", saved.prefix, "--to", str(tmp_path / "m.keras"), "--map", "nowhere.toml"]
    assert main(words) == 2
    assert "cannot read nowhere.toml" in capsys.readouterr().err


def test_verify_asks_for_the_map_again(saved, tmp_path, capsys):
    _, target, path = converted(saved, LAST, tmp_path)
    assert main(["verify", saved.prefix, target]) == 2
    assert "give --map to verify as well" in capsys.readouterr().err
    assert main(["convert", target, "--reverse", "--to", str(tmp_path / "b"), "--map", path]) == 2
    assert "leave --map out" in capsys.readouterr().err


PLANES = f"""
takes = "steps"
[[after]]
layer = "Reshape"
name = "planes"
options = {{target_shape = [{nets.T}, {nets.U}, 1]}}
[[after]]
layer = "Conv2D"
name = "conv"
options = {{filters = 2, kernel_size = [3, 2], padding = "same", activation = "relu"}}
weights = {{kernel = "conv/kernel", bias = "conv/bias"}}
[[after]]
layer = "Flatten"
name = "flat"
[[after]]
layer = "Dense"
name = "out"
options = {{units = 2}}
output = "out/BiasAdd:0"
weights = {{kernel = "out/kernel", bias = "out/bias"}}
"""


def planes(x, ends):
    features = nets.cells(x)[..., None]  # [B, T, U, 1]
    features = tf1.layers.conv2d(
        features, 2, (3, 2), padding="same", activation=tf1.nn.relu, name="conv"
    )
    return tf1.layers.dense(tf1.reshape(features, [-1, nets.T * nets.U * 2]), 2, name="out")


@pytest.mark.slow
def test_convolutions_in_two_dimensions_are_described(tmp_path, capsys):
    saved = nets.save(planes, tmp_path)
    code, target, path = converted(saved, PLANES, tmp_path)
    assert code == 0
    assert "not converted: nothing" in capsys.readouterr().out
    assert same(saved, target)
    assert main(["verify", saved.prefix, target, "--map", path]) == 0
    wrong = PLANES.replace('"relu"', '"linear"')
    assert converted(saved, wrong, tmp_path)[0] == 2
