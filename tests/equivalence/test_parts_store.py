"""Finished parts are found again, and only by what they were made from."""

import math
from pathlib import Path

import pytest

from equivalence import parts_store
from equivalence.parts_store import PartsStore

ROOT = Path(__file__).parent.parent.parent
FACTS = {"model": "dense", "seed": 0}


@pytest.fixture
def store(tmp_path):
    return PartsStore(str(tmp_path / "parts"), FACTS)


def test_a_part_is_made_once(store, tmp_path):
    made = []

    def make():
        made.append(1)
        return {"losses": [0.1, math.inf], "passed": True}

    first = store.part("ladder", make)
    again = PartsStore(store.folder, dict(FACTS)).part("ladder", make)
    assert first == again == {"losses": [0.1, math.inf], "passed": True}
    assert len(made) == 1


def test_zero_is_a_value(store):
    store.keep("accuracy", 0.0)
    assert store.part("accuracy", lambda: 1.0) == 0.0


def test_other_facts_find_nothing(store):
    store.keep("ladder", 1)
    assert PartsStore(store.folder, {**FACTS, "seed": 1}).take("ladder") is None


def test_other_code_finds_nothing(store, monkeypatch):
    store.keep("ladder", 1)
    monkeypatch.setattr(parts_store, "_code", lambda: "changed since")
    assert PartsStore(store.folder, FACTS).take("ladder") is None


def test_the_code_is_that_of_both_sides_and_of_the_proof():
    sources = {path.relative_to(ROOT).as_posix() for path in parts_store._sources()}
    assert {"shared/batches.py", "equivalence/parts_store.py"} <= sources
    assert {"legacy_tf1/training.py", "modern_tf2/training.py", "tf1port/errors.py"} <= sources


@pytest.mark.parametrize("content", ["", "{", "[]", '{"key": 1}', '{"value": 1}'])
def test_a_broken_part_counts_for_nothing(store, content):
    store.keep("ladder", 1)
    with open(store._path("ladder"), "w", encoding="utf-8") as file:
        file.write(content)
    assert store.take("ladder") is None


def test_cleared_parts_are_gone(store):
    store.keep("ladder", 1)
    store.clear()
    store.clear()
    assert store.take("ladder") is None
