"""The catalogue: each known mistake once, its page, what is made on purpose and what applies."""

import dataclasses
import re
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tf1port.comparison.ladder import checks
from tf1port.pitfalls import catalogue, page
from tf1port.pitfalls.catalogue import ALL, BY_ID, TRAITS
from tf1port.pitfalls.entry import entries, subjects


def test_ids_and_names_are_unique():
    assert len({pitfall.id for pitfall in ALL}) == len(ALL) == len(BY_ID)
    assert len({pitfall.name for pitfall in ALL}) == len(ALL)


def test_the_ids_of_the_entries_have_no_gap():
    assert list(entries()) == [f"P{n}" for n in range(1, len(entries()) + 1)]
    assert set(BY_ID) <= set(entries())
    assert sum(map(len, subjects().values())) == len(entries())
    assert len({entry.pitfall.name for entry in entries().values()}) == len(entries())


PITFALLS = [entry.pitfall for entry in entries().values()]


def test_a_pitfall_says_all_that_it_must():
    for pitfall in PITFALLS:
        check(pitfall)


def check(pitfall):
    assert re.fullmatch(r"[^|\n]+\.", pitfall.cause)
    assert not re.search(r"[|\n.]", pitfall.name)
    assert pitfall.caught_by or entries()[pitfall.id].effect.error
    assert set(pitfall.caught_by) <= set(checks.NAMES)
    assert pitfall.needs <= set(TRAITS)
    assert pitfall.mistake is None or callable(pitfall.mistake)


CODE = [
    path.read_text(encoding="utf-8")
    for folder in ("tf1port/pitfalls", "tf1port/comparison", "equivalence")
    for path in sorted(Path(ROOT, folder).rglob("*.py"))
]


@pytest.mark.parametrize("name", [n for n, one in vars(catalogue).items() if one in ALL])
def test_a_pitfall_is_made_or_looked_for(name):
    assert any(re.search(rf"\bcatalogue\.{name}\b", text) for text in CODE)


def test_a_pitfall_applies_to_what_has_all_that_it_needs():
    assert catalogue.LAYERS.applies({"recurrent", "layers", "bias"})
    assert not catalogue.LAYERS.applies({"recurrent"})
    assert catalogue.DTYPE.applies(set())


def test_the_pages_are_what_the_entries_say():
    for name, text in page.pages().items():
        written = Path(ROOT, "docs", name).read_text(encoding="utf-8")
        assert written == text, "python -m tf1port.pitfalls.page writes docs/pitfalls again"


def test_no_page_is_left_of_a_subject_that_is_gone():
    written = {f"pitfalls/{path.name}" for path in Path(ROOT, "docs/pitfalls").iterdir()}
    assert {"pitfalls.md", *written} == set(page.pages())


def test_a_changed_entry_changes_its_page(monkeypatch):
    other = dataclasses.replace(entries()["P1"], symptom="another symptom")
    monkeypatch.setattr(page, "subjects", lambda: {"recurrent": [other]})
    assert "**Symptom.** another symptom" in page.pages()["pitfalls/recurrent.md"]
