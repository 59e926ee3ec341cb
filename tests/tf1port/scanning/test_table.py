"""The table of idioms: what each row says, and that each of its names leads to it."""

import ast
import dataclasses
import os
import re
import subprocess
import sys

import pytest

from tests.conftest import ROOT
from tests.tf1port.scanning import corpus
from tests.tf1port.scanning.test_corpus import expected
from tf1port.pitfalls.entry import entries
from tf1port.scanning import idioms, matching, page, when
from tf1port.scanning.idioms.idiom import expanded, matcher
from tf1port.scanning.names import Walk
from tf1port.scanning.tf2_names import TF2_TOO

MODULES = {"tf": "import tensorflow.compat.v1 as tf", "sonnet": "import sonnet"}


def test_ids_and_names_are_unique():
    assert len({one.id for one in idioms.ALL}) == len(idioms.ALL) == len(idioms.BY_ID) > 200
    assert len({one.name for one in idioms.ALL}) == len(idioms.ALL)


@pytest.mark.parametrize("section", idioms.SECTIONS)
def test_a_section_has_ids_of_one_hundred(section):
    assert len({one.id[:2] for one in idioms.SECTIONS[section]}) == 1


def test_an_idiom_says_all_that_it_must():
    for idiom in idioms.ALL:
        assert re.fullmatch(r"S[1-8]\d\d", idiom.id)
        assert re.fullmatch(r"[^|\n]{3,78}", idiom.replacement), idiom.id
        assert not re.search(r"[|\n.]$", idiom.name), idiom.id
        assert set(idiom.pitfalls) <= set(entries()), idiom.id
        assert idiom.patterns, idiom.id
        assert idiom.position == -1 or len(idiom.arguments) == 1, idiom.id


def use(pattern, idiom):
    """A program that uses a name of an idiom."""
    name = pattern.removesuffix(".**").replace("*", "Something")
    root = name.partition(".")[0] or "?"
    head = MODULES.get(root, f"import {root}") if root != "?" else MODULES["tf"]
    name = f"tf.x(session{name}" if root == "?" else name
    argument = f"{idiom.arguments[0]}=5" if idiom.arguments else "feed_dict={}"
    text = f"{head}\n{name.replace('tf.x(session', 'session')}({argument})\n"
    if idiom.module:  # the import is the place
        module, _, last = name.rpartition(".")
        module = re.sub(r"^tf\b", "tensorflow", module)
        return f"from {module} import {last}\n" if module else f"import {last}\n"
    return text


# By what is done with them, or by where they stand: see the corpus.
OTHERWISE = {"S113", "S151", "S160", "S353", "S354"}


@pytest.mark.parametrize("section", idioms.SECTIONS)
def test_each_name_leads_to_its_idiom(section):
    named = [one for one in idioms.SECTIONS[section] if one.id not in OTHERWISE]
    pairs = [(one, pattern) for one in named for pattern in one.patterns]
    lost = [(one.id, pattern) for one, pattern in pairs if one.id not in found(one, pattern)]
    assert pairs
    assert lost == []


def found(idiom, pattern):
    """The ids of the idioms in a program that uses a name of one."""
    walk = Walk(ast.parse(use(pattern, idiom)), matching.methods())
    return [match.idiom.id for place in walk.places for match in matching.matches(place)]


def test_what_no_name_leads_to_is_in_the_corpus():
    labelled = {id for text in corpus.ALL.values() for _, id in expected(text)}
    assert labelled >= OTHERWISE
    assert len(labelled) > 150


def test_braces_and_stars():
    assert expanded("a.{b,c}.d{e,f}") == ["a.b.de", "a.b.df", "a.c.de", "a.c.df"]
    assert matcher("tf.train.*Hook").fullmatch("tf.train.StopHook")
    assert not matcher("tf.train.*Hook").fullmatch("tf.train.a.StopHook")
    assert matcher("tf.flags.**").fullmatch("tf.flags")
    assert matcher("tf.flags.**").fullmatch("tf.flags.a.b")
    assert not matcher("tf.flags.**").fullmatch("tf.flagship")
    assert matcher(".minimize").fullmatch("tf.train.Adam().minimize")
    assert not matcher(".minimize").fullmatch("scipy.optimize.minimize")


def test_the_page_is_what_the_table_says():
    with open(f"{ROOT}/docs/idioms.md", encoding="utf-8") as file:
        assert file.read() == page.page(), "python -m tf1port.scanning.page > docs/idioms.md"


def test_a_changed_table_changes_the_page(monkeypatch):
    title, rows = next(iter(idioms.SECTIONS.items()))
    other = dataclasses.replace(rows[0], name="another name")
    monkeypatch.setitem(idioms.SECTIONS, title, [other, *rows[1:]])
    assert f"| {rows[0].id} | another name |" in page.page()


@pytest.mark.slow
def test_names_that_tf2_has_too_are_known():
    names = {name for one in idioms.ALL for name in one.patterns}
    exact = {name for name in names if name.startswith("tf.") and not re.search(r"[*()]", name)}
    # A process of its own: tf.losses and tf.metrics are Keras 2's where another test asked for it.
    plain = {name: value for name, value in os.environ.items() if name != "TF_USE_LEGACY_KERAS"}
    done = subprocess.run(
        [sys.executable, "-c", THOSE_THERE, *sorted(exact)],
        env=plain, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert set(done.stdout.split()) == set(TF2_TOO)


THOSE_THERE = """
import sys
import tensorflow as tf
for name in sys.argv[1:]:
    value = tf
    for word in name.split(".")[1:]:
        value = getattr(value, word, None)
    if value is not None:
        print(name)
"""


@pytest.mark.slow
def test_what_the_backend_of_keras_3_has_is_known():
    import keras

    public = {name for name in dir(keras.backend) if not name.startswith("_")}
    assert public <= when._BACKEND
