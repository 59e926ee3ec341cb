"""The Python API as one uses it: what it returns, what importing it does, and what it leaves."""

import dataclasses
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import tf1port
from tests.tf1port.forms import fits
from tf1port.__main__ import main
from tf1port.comparison.report.form import Report

ROOT = Path(__file__).parents[2]
PREFIX = str(ROOT / "tests" / "goldens" / "window_rnn" / "model.ckpt-200")
LIGHT = """
import sys, time
began = time.perf_counter()
import tf1port
assert time.perf_counter() - began < 0.3
import tf1port.isolation, tf1port.__main__
assert not {"tensorflow", "keras", "numpy", "matplotlib"} & set(sys.modules)
assert set(tf1port.__all__) <= set(dir(tf1port))
assert tf1port.UserError and tf1port.Outcome.NOT_PROVED == "not proved"
assert "tensorflow" not in sys.modules
"""
# TF1's control flow stays as it is for a suite that has chosen it, as does what Keras computes in.
LEAVES = """
import os, sys
import tensorflow as tf, keras
keras.config.set_floatx("float64")
state = lambda: (
    tf.compat.v1.control_flow_v2_enabled(), tf.executing_eagerly(), tf.keras.__name__,
    tf.keras.__version__, keras.config.floatx(), keras.config.epsilon(), dict(os.environ),
)
held = state()
import tf1port
prefix, target = sys.argv[1:]
for name in sorted(tf1port.__all__):
    getattr(tf1port, name)
    assert state() == held, name
tf1port.inspect(prefix)
assert state() == held, "inspect"
tf1port.convert(prefix, target)
assert state() == held, "convert"
assert tf1port.verify(prefix, target).passed
assert state() == held, "verify"
"""


@pytest.fixture
def beside(tmp_path, monkeypatch):
    """A folder to work in, with the checkpoint of the page."""
    for path in Path(PREFIX).parent.glob("model.ckpt-200.*"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def converted(tmp_path_factory):
    return tf1port.convert(PREFIX, str(tmp_path_factory.mktemp("api") / "model.keras"))


def run(code, *words):
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "", "TF_CPP_MIN_LOG_LEVEL": "3"}
    environment.pop("TF_USE_LEGACY_KERAS", None)  # of the side that other tests have imported
    command = [sys.executable, "-c", code, *words]
    return subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )


def printed(capsys, *words):
    """What a command prints, as text and as JSON."""
    capsys.readouterr()
    assert main([*words]) == 0
    text = capsys.readouterr().out
    assert main([*words, "--json"]) == 0
    return text.rstrip("\n"), json.loads(capsys.readouterr().out)


def test_importing_it_is_light():
    done = run(LIGHT)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_each_public_name_leaves_the_process_as_it_was(tmp_path):
    done = run(LEAVES, PREFIX, str(tmp_path / "model.keras"))
    assert done.returncode == 0, done.stderr


def test_the_page_runs_as_it_stands(beside, capsys):
    page = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    exec(block, {})
    assert "PASS: the model matches the graph" in capsys.readouterr().out
    named = set(re.findall(r"^\| `(\w+)\(", page, re.MULTILINE))
    assert named == {name for name in tf1port.__all__ if name.islower()}


def test_what_is_not_there_is_no_attribute():
    with pytest.raises(AttributeError, match="has no attribute 'inspekt'"):
        tf1port.inspekt  # noqa: B018


def test_every_public_name_has_a_docstring_and_results_are_frozen():
    for name in tf1port.__all__:
        assert getattr(tf1port, name).__doc__, name
    for name in tf1port._RESULTS:
        assert getattr(tf1port, name).__dataclass_params__.frozen
        assert callable(getattr(tf1port, name).to_json)


def test_inspect_is_what_the_command_prints(capsys):
    found = tf1port.inspect(PREFIX)
    assert [cell["family"] for cell in found.cells] == ["rnn"] * 3
    assert (found.variables, found.graph) == (
        len(found.to_json()["cells"]) * 6 + 9,
        PREFIX + ".meta",
    )
    with pytest.raises(dataclasses.FrozenInstanceError):
        found.numbers = 1
    assert printed(capsys, "inspect", PREFIX) == (str(found), found.to_json())


def test_convert_writes_its_map(converted, capsys):
    with open(converted.keras_file.replace(".keras", ".json"), encoding="utf-8") as file:
        assert json.load(file) == converted.to_json()
    assert converted.complete == (converted.left_out == [])
    text, data = printed(capsys, "convert", PREFIX, "--to", converted.keras_file)
    assert (text, data) == (str(converted), converted.to_json())


def test_verify_proves_and_says_of_what(converted, capsys):
    found = tf1port.verify(PREFIX, converted.keras_file)
    assert (found.outcome, found.passed) == (tf1port.Outcome.EQUAL, True)
    assert all(check.passed for check in found.checks)
    assert found.verdict.startswith("PASS: the model matches the graph")
    assert f"(claim: {found.claim})" in found.verdict
    assert found.claim.startswith("outputs ")
    assert f"; seed {found.seed}\n" in str(found)
    text, data = printed(capsys, "verify", PREFIX, converted.keras_file)
    assert (text, data) == (str(found), found.to_json())
    assert list(data) == [
        "passed", "outcome", "verdict", "claim", "seed", "against", "notes", "not_compared",
        "checks",
    ]  # fmt: skip


def test_a_model_can_go_back(converted, tmp_path):
    found = tf1port.reverse(converted.keras_file, str(tmp_path / "back.ckpt"))
    back = tf1port.inspect(str(tmp_path / "back.ckpt"))
    assert back.variables == len(found.variables)
    assert found.to_json() == {"variables": list(found.variables)}


def test_what_is_refused_raises_one_line(tmp_path):
    with pytest.raises(tf1port.UserError) as caught:
        tf1port.convert(str(tmp_path / "model.ckpt"), str(tmp_path / "model.keras"))
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_sides_of_ones_own_are_proved(tmp_path):
    from tests.tf1port.test_outcome import Exported, port

    found = tf1port.prove(port(), name="mine", command="python mine.py")
    assert (found.outcome, found.passed) == ("equal", True)
    assert found.verdict in str(found)
    page = found.write(str(tmp_path / "report"))
    assert sorted(os.listdir(os.path.dirname(page))) == ["report.html", "report.json", "report.md"]
    assert fits(found.to_json(), Report)

    class Different(Exported):
        def forward(self, inputs):
            return {"logits": super().forward(inputs)["logits"] + 0.5}

    assert tf1port.prove(port(modern=Different)).outcome == tf1port.Outcome.DIFFERENT
