"""Finished results are loaded again, and only for the same facts and code."""

import math
from pathlib import Path

import pytest

from equivalence import result_store
from equivalence.result_store import ResultStore

ROOT = Path(__file__).parent.parent.parent
FACTS = {"model": "dense", "seed": 0}


@pytest.fixture
def store(tmp_path):
    return ResultStore(str(tmp_path / "results"), FACTS)


def test_a_result_is_computed_once(store, tmp_path):
    calls = []

    def compute():
        calls.append(1)
        return {"losses": [0.1, math.inf], "passed": True}

    first = store.get("ladder", compute)
    again = ResultStore(store.folder, dict(FACTS)).get("ladder", compute)
    assert first == again == {"losses": [0.1, math.inf], "passed": True}
    assert len(calls) == 1


def test_zero_is_a_value(store):
    store.save("accuracy", 0.0)
    assert store.get("accuracy", lambda: 1.0) == 0.0


def test_other_facts_load_nothing(store):
    store.save("ladder", 1)
    assert ResultStore(store.folder, {**FACTS, "seed": 1}).load("ladder") is None


def test_other_code_loads_nothing(store, monkeypatch):
    store.save("ladder", 1)
    monkeypatch.setattr(result_store, "_code", lambda: "changed since")
    assert ResultStore(store.folder, FACTS).load("ladder") is None


def test_the_code_is_that_of_both_sides_and_of_the_proof():
    sources = {path.relative_to(ROOT).as_posix() for path in result_store._sources()}
    assert {"shared/batches.py", "equivalence/result_store.py"} <= sources
    assert {"legacy_tf1/training.py", "modern_tf2/training.py", "tf1port/errors.py"} <= sources


@pytest.mark.parametrize("content", ["", "{", "[]", '{"key": 1}', '{"value": 1}'])
def test_a_broken_file_is_ignored(store, content):
    store.save("ladder", 1)
    with open(store._path("ladder"), "w", encoding="utf-8") as file:
        file.write(content)
    assert store.load("ladder") is None


def test_a_cleared_store_is_empty(store):
    store.save("ladder", 1)
    store.clear()
    store.clear()
    assert store.load("ladder") is None
