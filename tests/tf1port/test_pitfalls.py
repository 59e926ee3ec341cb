"""The catalogue: each known mistake once, its page, what is made on purpose and what applies."""

import dataclasses
import re
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tf1port.comparison.ladder import checks
from tf1port.pitfalls import catalogue, page
from tf1port.pitfalls.catalogue import ALL, BY_ID, TRAITS


def test_ids_and_names_are_unique_and_none_is_left_out():
    assert {pitfall.id for pitfall in ALL} == {f"P{n}" for n in range(1, len(ALL) + 1)}
    assert len({pitfall.name for pitfall in ALL}) == len(ALL) == len(BY_ID)


@pytest.mark.parametrize("pitfall", ALL, ids=lambda pitfall: pitfall.id)
def test_a_pitfall_says_all_that_it_must(pitfall):
    assert re.fullmatch(r"[^|\n]+\.", pitfall.cause)
    assert not re.search(r"[|\n.]", pitfall.name)
    assert pitfall.caught_by
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


def test_the_page_is_what_the_catalogue_says():
    path = f"{ROOT}/docs/pitfalls.md"
    with open(path, encoding="utf-8") as file:
        assert file.read() == page.page(), "python -m tf1port.pitfalls.page > docs/pitfalls.md"


def test_a_changed_catalogue_changes_the_page(monkeypatch):
    other = dataclasses.replace(catalogue.BIASES, name="another name")
    monkeypatch.setattr(page, "ALL", (other, *ALL[1:]))
    assert "| P1 | another name |" in page.page()
