"""The pages of docs/reference: current, and with every command, flag and public name."""

import re
import runpy
from pathlib import Path

import pytest

import tf1port
from tf1port.command_line import EXAMPLES, parser

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def reference():
    return runpy.run_path(str(ROOT / "docs" / "site" / "reference.py"))


def test_the_pages_are_current(reference):
    for name, content in reference["pages"]().items():
        path = ROOT / "docs" / name
        assert path.read_text(encoding="utf-8") == content, "python docs/site/reference.py"


def test_every_public_name_is_in_the_api(reference):
    page = reference["api"]()
    assert [name for name in tf1port.__all__ if f"\n### `{name}`\n" not in page] == []


def test_every_command_and_flag_is_in_the_commands(reference):
    page = reference["commands"]()
    programs = ("tf1port", "legacy_tf1", "modern_tf2", "equivalence", "bench")
    assert [name for name in programs if f"\n## `python -m {name}`\n" not in page] == []
    parsers = parser()._subparsers._group_actions[0].choices
    assert set(parsers) == set(EXAMPLES)
    for name, own in parsers.items():
        section = page.partition(f"### `tf1port {name}`\n")[2].partition("\n### ")[0]
        flags = set(re.findall(r"--[\w-]+", own.format_usage())) - {"--help"}
        assert [flag for flag in flags if f"`{flag}" not in section] == []


def test_what_is_suppressed_in_help_is_not_in_the_commands(reference):
    assert "--carry" not in reference["commands"]()


def test_several_names_before_one_text_are_each_marked(reference):
    text = reference["_items"]("    a, b: of both. c: of\n        one.\n    d: as `e`: none.\n")
    assert text == "- `a`, `b`: of both. `c`: of one.\n- `d`: as `e`: none."
