"""`convert --check`: the conversion, then what verify says of it, and its exit code."""

import json

import numpy as np
import pytest

from tests.tf1port.programs.program import running
from tests.tf1port.programs.sequences import T, floats, lstm
from tf1port.__main__ import main
from tf1port.conversion import convert as conversion

# isort: split
import tensorflow.compat.v1 as tf1


def stack():
    x, array = floats("x", T, 3)
    outputs, _ = tf1.nn.dynamic_rnn(lstm(), x, dtype=tf1.float32)
    return {x: array}, tf1.reduce_mean(tf1.square(tf1.layers.dense(outputs[:, -1], 2) - 1))


@pytest.fixture(scope="module")
def prefix(tmp_path_factory):
    with running(stack, tmp_path_factory.mktemp("stack")) as run:
        return run.prefix


def test_the_verdict_comes_after_the_conversion(prefix, tmp_path, capsys):
    target = str(tmp_path / "model.keras")
    assert main(["convert", prefix, "--to", target, "--check"]) == 0
    printed = capsys.readouterr().out
    assert f"wrote {target}" in printed
    assert printed.rstrip().splitlines()[-1].startswith("PASS: the model matches the graph")
    assert main(["convert", prefix, "--to", target, "--check", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["complete"]
    assert report["verification"]["passed"]


def test_a_wrong_model_ends_as_verify_does(prefix, tmp_path, capsys, monkeypatch):
    save = conversion.saving.save

    def wrong(model, path):
        weight = model.layers[-1].weights[-1]
        weight.assign(weight + np.float32(0.5))
        save(model, path)

    monkeypatch.setattr(conversion.saving, "save", wrong)
    assert main(["convert", prefix, "--to", str(tmp_path / "model.keras"), "--check"]) == 1
    assert capsys.readouterr().out.rstrip().splitlines()[-1].startswith("FAIL")


def test_it_is_nothing_for_the_way_back(prefix, tmp_path, capsys):
    words = ["convert", "model.keras", "--reverse", "--to", str(tmp_path / "back"), "--check"]
    assert main(words) == 2
    assert "leave out --reverse" in capsys.readouterr().err
