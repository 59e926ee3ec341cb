"""SECURITY.md: its limits are those of the code."""

import re
from pathlib import Path

import pytest

from shared import datasets, errors, files, pictures
from tests.fuzz import worker
from tf1port import errors as tool_errors
from tf1port import limits, memory
from tf1port.scanning import sources

TEXT = " ".join((Path(__file__).parents[2] / "SECURITY.md").read_text(encoding="utf-8").split())


def megabytes(size):
    return f"{size / 1e6:.0f} MB"


@pytest.mark.parametrize(
    "words",
    [
        f"the constants of a graph | {limits.UNPACKED / 1e9:g} GB, or {limits.UNPACKED_TIMES} "
        "times the file |",
        f"weights or records of the demonstration, unpacked | {megabytes(files.UNPACKED)} |",
        f"a TOML file, such as a map | {limits.TOML / 1e3:g} kB |",
        f"the map that convert writes | {megabytes(limits.JSON)} |",
        f"| {megabytes(sources.MOST)}; {megabytes(sources.MOST_OF_ALL)} |",
        f"a picture | {pictures.MOST / 1e6:g} million pixels |",
        f"a download of MNIST | {megabytes(datasets.LIMIT)} |",
        f"a line on standard error | {tool_errors._LONGEST:,} characters |",
        f"| `--time-limit SECONDS` | {limits.SECONDS:g} s |",
        f"| {memory._BASE / 1e9:g} GB and {memory._TIMES} times the checkpoint, at most "
        f"{memory._SHARE:.0%} of".replace("%", " %"),
        f"more than {worker.MEMORY / 1e9:g} GB or more than {worker.SECONDS:g} s is a fault",
    ],
)
def test_a_limit_is_that_of_the_code(words):
    assert words in TEXT


def test_both_sides_shorten_a_line_alike():
    assert errors._LONGEST == tool_errors._LONGEST


def test_every_limit_of_the_code_is_there():
    """A constant that is added to the limits of files gets a row."""
    names = {name for name in vars(limits) if re.fullmatch("[A-Z][A-Z_]*", name)}
    assert names == {"SECONDS", "SEARCH", "TOML", "JSON", "UNPACKED", "UNPACKED_TIMES"}
