"""Finished parts are found again, and only by what they were made from."""

import math

import pytest

from equivalence import parts_store
from equivalence.parts_store import PartsStore

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
