"""`python -m tf1port inspect`: its table, its JSON and its errors."""

import json
import os
import re

import numpy as np
import pytest

from tests.tf1port import checkpoint_cases as cases
from tf1port.__main__ import main
from tf1port.command_line import EXAMPLES, parser

STACK = cases.shapes(cases.CASES["lstm, 1.1"])
CELL = "rnn/multi_rnn_cell/cell_1/basic_lstm_cell"
BI = cases.shapes(cases.CASES["bidirectional"])


@pytest.fixture
def values():
    """Something of every group."""
    shapes = {**STACK, "dense/kernel": (4, 2), "dense/bias": (2,), "softmax_w": (4, 9)}
    shapes |= {f"{name}/{slot}": STACK[name] for name in STACK for slot in ("Adam", "Adam_1")}
    shapes |= {"dense/bias/ExponentialMovingAverage": (2,), "nas_cell/kernel": (5, 8)}
    result = cases.arrays(shapes)
    return {**result, "global_step": np.int64(600), "beta1_power": np.float32(0.25)}


@pytest.fixture
def prefix(tmp_path, values):
    return cases.save(tmp_path / "model.ckpt-600", values)


def inspect(capsys, *words):
    """The exit code, what was printed, and on standard error."""
    code = main(["inspect", *map(str, words)])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def section(text, title):
    """The rows of a section by their columns, which stand two blanks apart or more."""
    rows = text.split(f"\n{title}\n")[1].split("\n\n")[0].splitlines()
    return [[word.strip() for word in row.split("  ") if word.strip()] for row in rows]


def test_each_group_has_its_table(prefix, capsys):
    code, text, errors = inspect(capsys, prefix)
    assert (code, errors) == (0, "")
    assert text.startswith(f"{prefix} (V2)\ngraph: none beside it")
    assert "\n19 variables, " in text
    assert section(text, "cells") == [
        ["family", "layer", "direction", "F", "U", "becomes in Keras", "TF1 scope"],
        ["lstm", "0", "-", "5", "4", "LSTM(4)", CELL.replace("1", "0")],
        ["lstm", "1", "-", "4", "4", "LSTM(4)", CELL],
    ]
    assert section(text, "layers")[1:] == [["dense", "dense"]]
    assert [f"{CELL}/weights", "kernel", "[8, 16]", "float32"] in section(
        text, "variables of cells and layers"
    )
    assert section(text, "optimizer, by its slots") == [
        ["kind", "Adam"],
        ["slots", "Adam, Adam_1 of 4 variables"],
        ["beta1_power", "0.25"],
        ["global_step", "600"],
    ]
    assert section(text, "moving averages")[1:] == [
        ["dense/bias/ExponentialMovingAverage", "dense/bias"]
    ]
    assert section(text, "others, by what they could be")[1:] == [
        ["softmax_w", "[4, 9]", "float32", f"a dense kernel over {CELL} (its 4 outputs)"]
    ]
    assert section(text, "unexplained")[1][0] == "nas_cell/kernel"


def test_columns_are_aligned(prefix, capsys):
    _, text, _ = inspect(capsys, prefix)
    rows = text.split("\ncells\n")[1].split("\n\n")[0].splitlines()
    starts = [row.index(word) for row, word in zip(rows, ("TF1", "rnn/", "rnn/"), strict=True)]
    assert len(set(starts)) == 1
    assert not any(line.endswith(" ") for line in text.splitlines())


def test_json_holds_the_same(prefix, values, capsys):
    code, text, errors = inspect(capsys, prefix, "--json")
    assert (code, errors) == (0, "")
    report = json.loads(text)
    cell = report["cells"][1]
    assert {name: cell[name] for name in ("family", "scope", "layer", "direction", "keras")} == {
        "family": "lstm",
        "scope": CELL,
        "layer": 1,
        "direction": None,
        "keras": "LSTM(4)",
    }
    assert (cell["features"], cell["units"], cell["outputs"]) == (4, 4, 4)
    weights = {"name": f"{CELL}/weights", "shape": [8, 16], "dtype": "float32"}
    assert cell["variables"]["kernel"] == weights
    assert report["optimizer"]["guess"] == "Adam"
    assert report["optimizer"]["counters"]["global_step"] == {"name": "global_step", "value": 600}
    assert report["variables"] == len(values)
    assert report["numbers"] == sum(np.size(value) for value in values.values())
    names = {
        variable["name"] for entry in report["cells"] for variable in entry["variables"].values()
    }
    assert names == set(STACK)
    assert [variable["name"] for variable in report["unexplained"]] == ["nas_cell/kernel"]


@pytest.mark.parametrize(
    ("case", "becomes"),
    [
        ("rnn, from 1.2", "SimpleRNN(4)"),
        ("lstm, up to 1.0", "LSTM(4)"),
        ("LSTMCell", "RNN(ExtendedLSTMCell(4))"),
        ("gru, up to 1.0", "GRU(4, reset_after=False)"),
        ("CudnnGRU", "GRU(4, reset_after=True)"),
        ("layer norm", "RNN(LayerNormLSTMCell(4))"),
        ("opaque", "as many as its graph says"),
    ],
)
def test_each_family_becomes_a_keras_layer(tmp_path, capsys, case, becomes):
    path = cases.save(tmp_path / "m", cases.arrays(cases.shapes(cases.CASES[case])), version="V1")
    code, text, _ = inspect(capsys, path)
    assert code == 0
    assert section(text, "cells")[1][-2] == becomes
    assert text.endswith("unexplained: none\n")


def test_directions_are_told(tmp_path, capsys):
    _, text, _ = inspect(capsys, cases.save(tmp_path / "m", cases.arrays(BI)))
    assert [row[2] for row in section(text, "cells")] == ["direction", "fw", "bw"]


@pytest.mark.parametrize(
    ("more", "kind"),
    [
        ({}, None),
        ({"global_step": np.int64(3)}, "none, or one without slots, such as gradient descent"),
        ({f"{CELL}/biases/Mine": np.ones(16, "float32")}, "not known"),
    ],
)
def test_an_optimizer_that_is_not_known_is_said_to_be(tmp_path, capsys, more, kind):
    path = cases.save(tmp_path / "m", {**cases.arrays(STACK), **more})
    _, text, _ = inspect(capsys, path)
    if kind is None:
        assert "\noptimizer, by its slots: none\n" in text
    else:
        assert section(text, "optimizer, by its slots")[0] == ["kind", kind]


def _refuse_constant(word):
    raise AssertionError(f"{word} is not JSON")


@pytest.mark.parametrize("number", ["nan", "inf"])
def test_numbers_that_json_lacks_are_strings(tmp_path, capsys, number):
    values = {**cases.arrays(STACK), "beta1_power": np.float32(number)}
    _, text, _ = inspect(capsys, cases.save(tmp_path / "m", values), "--json")
    report = json.loads(text, parse_constant=_refuse_constant)
    assert report["optimizer"]["counters"]["beta1_power"]["value"] == number


@pytest.mark.parametrize("flag", [[], ["--json"]])
def test_bad_input_is_one_line_and_exit_code_2(tmp_path, capsys, flag):
    prefix = cases.save(tmp_path / "model", cases.arrays(STACK))
    os.truncate(prefix + ".data-00000-of-00001", 50)
    for path in (prefix, prefix + "0", f"{prefix}.keras"):
        code, text, errors = inspect(capsys, path, *flag)
        assert (code, text) == (2, "")
        assert errors.startswith("error: ")
        assert errors.count("\n") == 1


def test_a_checkpoint_must_be_given(capsys):
    code, text, errors = inspect(capsys)
    assert (code, text) == (2, "")
    assert "CKPT" in errors
    assert errors.count("\n") == 1


@pytest.mark.parametrize("command", EXAMPLES)
def test_help_has_examples_that_can_be_given(command, capsys):
    with pytest.raises(SystemExit) as caught:
        main([command, "--help"])
    assert caught.value.code == 0
    _, _, text = capsys.readouterr().out.partition("examples:\n")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    assert len(lines) >= 3
    for line in lines:
        words = re.split(r" [(|>]", line)[0].split()
        assert words[:4] == ["python", "-m", "tf1port", command]
        parser().parse_args(words[3:])  # a flag that is not there is a UserError
