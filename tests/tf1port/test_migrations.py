"""The two migrations of the guide: the TF1 programs train, their ports are proved and used."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import tf1port

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", params=["char_model", "tagger"])
def example(request, tmp_path_factory):
    """The name of an example, and a folder with its files, its checkpoint and its own model."""
    folder = tmp_path_factory.mktemp(request.param)
    shutil.copytree(EXAMPLES / request.param, folder, dirs_exist_ok=True)
    if request.param == "char_model":
        run(folder, "legacy_train.py", "trained", "2")
        run(folder, "modern_model.py", "own.keras")
    else:
        run(folder, "legacy_tagger.py", "trained", "1")
        run(folder, "prepare.py", ".")
    return request.param, folder


def run(folder, *words):
    """What a program of the example prints."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(
        [sys.executable, *words], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def options(name):
    """The options of compare."""
    return {"data": "examples.npz", "imports": ["modern_tagger.py"]} if name == "tagger" else {}


@pytest.mark.sampled(2)
def test_convert_and_verify(example, monkeypatch):
    name, folder = example
    monkeypatch.chdir(folder)
    tf1port.convert("trained", "converted.keras")
    steps = 10 if name == "char_model" else 0  # the tagger's rate is fed
    proof = tf1port.verify("trained", "converted.keras", steps=steps)
    assert proof.outcome == tf1port.Outcome.EQUAL, proof.verdict


@pytest.mark.sampled(2)
def test_the_port_is_proved(example, monkeypatch):
    name, folder = example
    monkeypatch.chdir(folder)
    found = tf1port.compare("trained", "own.keras", "map.toml", load_weights=True, **options(name))
    assert found.outcome == tf1port.Outcome.EQUAL, found.verdict


# Mistakes of the tagger's guide: what is changed in the port, and what the comparison is given.
COMPUTES_MASK = '''
    def compute_mask(self, inputs, mask=None):
        """A word is one that has characters: without this, Concatenate loses the words' mask."""
        return ops.any(mask, axis=-1)
'''
MISTAKES = {
    "P86": ("", "", None),
    "P89": ('name="scores")(x)', 'name="scores")(ops.copy(x))', "examples.npz"),
    "P126": (COMPUTES_MASK, "", "examples.npz"),
}


@pytest.mark.sampled(3)
@pytest.mark.parametrize("example", ["tagger"], indirect=True)
@pytest.mark.parametrize("id_", MISTAKES)
def test_a_mistake_with_masks_is_diagnosed(id_, example, tmp_path, monkeypatch):
    _, folder = example
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    right, wrong, data = MISTAKES[id_]
    source = (tmp_path / "modern_tagger.py").read_text(encoding="utf-8")
    assert right in source
    (tmp_path / "modern_tagger.py").write_text(source.replace(right, wrong, 1), encoding="utf-8")
    run(tmp_path, "prepare.py", ".")
    # Each in a process of its own: a class of Keras is registered under its name.
    found = json.loads(run(tmp_path, "-c", COMPARED, str(data or "")))
    assert [one["pitfalls"] for one in found] == [[id_]]


COMPARED = """
import json, sys, tf1port
found = tf1port.compare(
    "trained", "own.keras", "map.toml", load_weights=True, imports=["modern_tagger.py"],
    data=sys.argv[1] or None, only=("float64", "variables", "outputs", "loss"),
)
print(json.dumps(found.report["breaks"]["diagnosis"]))
"""


@pytest.mark.sampled(2)
def test_the_loaded_port_is_used(example, monkeypatch):
    name, folder = example
    monkeypatch.chdir(folder)
    imports = options(name).get("imports", ())
    tf1port.load_weights("trained", "own.keras", "map.toml", "loaded.keras", imports=imports)
    if name == "char_model":
        written = run(folder, "modern_sample.py", "loaded.keras", "the ", "60")
        assert written == run(folder, "legacy_sample.py", "trained", "the ", "60")
        train, *_ = run(folder, "modern_train.py", "loaded.keras", "more.keras").splitlines()
        assert "rate 0.00640" in train  # of the third epoch
    else:
        train, *_ = run(folder, "modern_tagger.py", "loaded.keras", "more.keras").splitlines()
        assert train.startswith("epoch 2")
        assert float(train.rpartition(" ")[2]) > 0.97
