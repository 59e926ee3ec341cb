"""What the scanner finds in programs of our own, line by line."""

import ast
import re
from collections import Counter

import pytest

from tests.tf1port.scanning import corpus
from tf1port.scanning import matching
from tf1port.scanning.names import Walk
from tf1port.scanning.scanner import find
from tf1port.scanning.settings import Settings
from tf1port.scanning.sources import Source


def found(text):
    """Counts of pairs of line and id."""
    source = Source("x.py", ast.parse(text), text.split("\n"))
    places = Walk(source.tree, matching.methods()).places
    return Counter((one.line, one.idiom.id) for one in find(source, places, Settings()))


def expected(text):
    lines = enumerate(text.split("\n"), 1)
    marks = ((number, re.search(r"#: (.*)$", line)) for number, line in lines)
    return Counter((number, id) for number, mark in marks if mark for id in mark[1].split())


def test_there_are_many():
    assert len(corpus.ALL) >= 80
    groups = (corpus.RECURRENT, corpus.AROUND, corpus.PROGRAMS, corpus.KERAS_2, corpus.LIBRARIES)
    assert len(corpus.ALL) == sum(map(len, groups))


@pytest.mark.parametrize("name", corpus.ALL)
def test_each_idiom_is_found_at_its_line_and_nothing_else(name):
    text = corpus.ALL[name]
    assert found(text) == expected(text)
