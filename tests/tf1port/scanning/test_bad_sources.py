"""What is no program: one line a file, never a traceback, and the rest is scanned all the same."""

import json
import os

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import tf1port
from tf1port.__main__ import main
from tf1port.scanning import sources

IMPORT = "import tensorflow as tf\n"
DEEP = IMPORT + "x = " + "-" * 20_000 + "1\n"
LONG = IMPORT + "x = 1" + " + 1" * 50_000 + "\n"


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def reasons(capsys, *paths):
    """What the command says of files that it cannot read."""
    assert main(["scan", *paths]) == 2
    lines = capsys.readouterr().out.splitlines()
    begin = next(n for n, line in enumerate(lines) if line.startswith("not read: "))
    return lines[begin + 1 : -2]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (IMPORT + "x = (", "x.py:2: is not valid Python ('(' was never closed)"),
        (IMPORT + "  x = 1", "x.py:2: is not valid Python (unexpected indent)"),
        (IMPORT + "print 'a'", "x.py:2: is Python 2, run 2to3 on it first (Missing pare"),
        (IMPORT + "try:\n  1\nexcept A, e:\n  2", "x.py:4: is Python 2, run 2to3 on it first (mul"),
        (IMPORT + "x = 0777", "x.py:2: is Python 2, run 2to3 on it first (leading zeros in"),
        (IMPORT + "if x <> 1: pass", "x.py:2: is Python 2, run 2to3 on it first (invalid syntax)"),
        (IMPORT + "exec 'a' in b", "x.py:2: is Python 2, run 2to3 on it first (Missing parenthes"),
        (IMPORT + "x = 10L", "x.py:2: is Python 2, run 2to3 on it first (invalid decimal literal)"),
        (IMPORT + "'print a'\ntry: 1", "x.py:3: is not valid Python (expected 'except' or 'fi"),
        (IMPORT + "x = ur'a'", "x.py:2: is Python 2, run 2to3 on it first (invalid syntax)"),
        (IMPORT + "x = 1\0", "x.py: holds NUL bytes: it is no source text (UTF-8 is expected)"),
        (IMPORT.encode("utf-16"), "x.py: holds NUL bytes"),
        (IMPORT.encode() + b"x = '\xff'", "x.py: is not UTF-8: save it so, or name its encoding"),
        (b"# coding: klingon\n" + IMPORT.encode(), "x.py: is not UTF-8: save it so, or name its"),
        (DEEP, "x.py: cannot be parsed ("),
        ("# keras," * 250_001, "x.py: has 2.0 MB: more than 2 MB are not read, exclude it"),
    ],
)  # fmt: skip
def test_a_bad_file_is_one_line(here, capsys, content, reason):
    (here / "x.py").write_bytes(content.encode() if isinstance(content, str) else content)
    (here / "good.py").write_text(IMPORT + "tf.placeholder(1)")
    (line,) = reasons(capsys, ".")
    assert line.startswith(reason)
    assert [one["id"] for one in tf1port.scan(["."]).report["findings"]] == ["S301"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("tensorflow", "x.ipynb: is no notebook: JSON with cells is expected"),
        ('{"cells": 3, "tensorflow": 1}', "x.ipynb: is no notebook: JSON with cells is expected"),
        ('["tensorflow"]', "x.ipynb: is no notebook: JSON with cells is expected"),
        ("[" * 100_000 + "tensorflow", "x.ipynb: is no notebook: JSON with cells is expected"),
        (json.dumps({"cells": [{"cell_type": "code", "source": IMPORT + "x = ("}]}),
         "x.ipynb: cell 1 is not valid Python ('(' was never closed)"),
        (json.dumps({"cells": [{"cell_type": "code", "source": IMPORT + "#" * 2_000_001}]}),
         "x.ipynb: has more than 2 MB of code, exclude it"),
    ],
)  # fmt: skip
def test_a_bad_notebook_is_one_line(here, capsys, content, reason):
    (here / "x.ipynb").write_text(content)
    assert reasons(capsys, "x.ipynb") == [reason]


def test_what_mentions_nothing_is_not_parsed(here):
    (here / "x.py").write_text("x = (")
    (here / "data.py").write_text("#" * 2_000_001)
    assert str(tf1port.scan(["."])) == "nothing of TF1 or Keras 2 in 2 files"


def test_a_long_expression_is_read_or_one_line(here):
    (here / "x.py").write_text(LONG)
    found = tf1port.scan(["x.py"]).report
    assert [one["reason"] for one in found["not_read"]] == [
        "cannot be parsed (an expression is too deep)"
    ]


def test_an_encoding_that_is_named_is_read(here):
    text = "# -*- coding: latin-1 -*-\n" + IMPORT + 'x = "ä"; tf.placeholder(1)'
    (here / "x.py").write_bytes(text.encode("latin-1"))
    (one,) = tf1port.scan(["x.py"]).report["findings"]
    assert (one["line"], one["column"]) == (3, 10)


@pytest.mark.parametrize("newline", ["\r\n", "\r", "\f\n"])
def test_other_ends_of_lines(here, newline):
    (here / "x.py").write_bytes(
        (IMPORT * 2 + "x = 1; tf.placeholder(1)").replace("\n", newline).encode()
    )
    (one,) = tf1port.scan(["x.py"]).report["findings"]
    assert (one["line"], one["column"]) == (3, 8)


def test_links_that_lead_nowhere_or_in_circles(here, capsys):
    (here / "a").mkdir()
    (here / "a" / "x.py").write_text(IMPORT)
    (here / "a" / "up").symlink_to("..")
    (here / "a" / "self.py").symlink_to("self.py")
    (here / "a" / "gone.py").symlink_to("nowhere.py")
    os.mkfifo(here / "a" / "pipe.py")
    (here / "a" / "folder.py").mkdir()
    assert reasons(capsys, "a") == [
        "a/gone.py: cannot be opened (No such file or directory)",
        "a/pipe.py: is no regular file",
        "a/self.py: cannot be opened (Too many levels of symbolic links)",
    ]
    assert tf1port.scan(["a"]).report["files"] == 4


def test_a_name_that_is_no_text_is_escaped(here, capsys):
    (here / "a\n\x1b[31m.py").write_text(IMPORT + "x = (")
    assert reasons(capsys, ".") == [r"a\n\x1b[31m.py:2: is not valid Python ('(' was never closed)"]


def test_a_file_that_may_not_be_read(here, capsys, monkeypatch):
    (here / "x.py").write_text(IMPORT)

    def refused(*words):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(sources.os, "stat", refused)
    assert reasons(capsys, "x.py") == ["x.py: cannot be opened (Permission denied)"]


WORDS = st.sampled_from(
    ["tf", ".", "(", ")", "[", "]", "import ", "from ", " as ", "\n", " ", ":", ",", "=", "for ",
     " in ", "lambda ", "def f", "class C", "*", "-1", "'", '"', "tensorflow", "keras", "nn",
     "dynamic_rnn", "LSTMCell", "placeholder", "# tf1port: ignore[", "with ", "async ", "\t", "\\",
     "\r", "\f", "é", "\ufeff", "\u2028", "print ", "%", "!", "?", "{", "}", "f'", "match x:\n"]
)  # fmt: skip
PROGRAMS = st.one_of(st.lists(WORDS, max_size=30).map("".join), st.text(max_size=60)).map(
    lambda text: (IMPORT + text).encode(errors="surrogatepass")
)


@given(PROGRAMS | st.binary(max_size=60).map(lambda data: IMPORT.encode() + data))
@example(b"\xef\xbb\xbfimport tensorflow")
@example(IMPORT.encode() + b"(tf:=1).x; tf[-1][:, -1].y()\ndel tf.z; tf.a += 1; (tf.b, *tf.c) = 1")
@example(IMPORT.encode() + b"type X = tf.Session\nmatch tf:\n  case tf.Session(): pass")
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
def test_no_file_ends_in_a_traceback(here, content):
    path = here / "x.py"
    path.write_bytes(content)
    found = tf1port.scan([str(path)])
    assert len(found.report["not_read"]) <= 1
    assert str(found).isprintable() or "\n" in str(found)
    found.to_sarif(), found.to_markdown()


JSON = st.recursive(
    st.none() | st.integers() | st.sampled_from(["code", "tensorflow", "%%time\n!x", "x = ("]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["cells", "worksheets", "cell_type", "source", "input"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(JSON)
@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
def test_no_notebook_ends_in_a_traceback(here, content):
    path = here / "x.ipynb"
    path.write_text(json.dumps([content, "tensorflow"]) if isinstance(content, list)
                    else json.dumps({"about": "tensorflow", **content})
                    if isinstance(content, dict) else json.dumps(content))  # fmt: skip
    assert len(tf1port.scan([str(path)]).report["not_read"]) <= 3
