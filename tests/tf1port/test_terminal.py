"""What a terminal gets: colour where it is wanted, rows that fit, a bar that knows its end."""

import io
import os
import pty
import sys

import pytest

from tf1port import progress, terminal
from tf1port.comparison.report.terminal import check_lines
from tf1port.results import Verification
from tf1port.verification.groups import Groups

FAILED = {
    "quantity": "losses of 200 steps, TF1's powers",
    "dtype": "float64",
    "max_abs": 1.5e-07,
    "bound": 2.5e-12,
    "place": "rnn/multi_rnn_cell/cell_0/basic_lstm_cell/bias[36], 8 rows, 12 steps",
    "passed": False,
}
PASSED = {**FAILED, "max_abs": 1.25e-15, "passed": True}


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    for name in ("NO_COLOR", "FORCE_COLOR", "TERM", terminal.COLUMNS):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("stream", "variables", "expected"),
    [
        (Terminal, {}, True),
        (io.StringIO, {}, False),
        (Terminal, {"NO_COLOR": "1"}, False),
        (Terminal, {"NO_COLOR": ""}, True),
        (Terminal, {"TERM": "dumb"}, False),
        (io.StringIO, {"FORCE_COLOR": "1"}, True),
        (io.StringIO, {"FORCE_COLOR": "0"}, False),
        (io.StringIO, {"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
    ],
)
def test_colour_is_for_terminals_unless_asked_otherwise(stream, variables, expected, monkeypatch):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert terminal.coloured(stream()) is expected


def test_verdicts_are_painted_and_nothing_else_is():
    text = "a FAIL: b\nPASS: equal\nFAIL: x differs\nx  float32  1  1  FAILS  y\nNOT PROVED: z"
    shown = terminal.painted(text, Terminal())
    assert terminal.painted(text, io.StringIO()) == text
    assert shown.splitlines() == [
        "a FAIL: b",
        "\033[32mPASS\033[0m: equal",
        "\033[31mFAIL\033[0m: x differs",
        "x  float32  1  1  \033[31mFAILS\033[0m  y",
        "\033[33mNOT PROVED\033[0m: z",
    ]
    assert terminal.painted(shown, Terminal()) == shown


def test_rows_fit_80_columns_without_cutting_a_number():
    header, row = check_lines([PASSED], 80)
    assert max(len(header), len(row)) <= 80
    for part in ("losses of 200 steps, TF1's powers", "float64", "1.2e-15", "2.5e-12", "[36]"):
        assert part in row
    assert "…" in row


def test_the_place_of_a_failure_is_whole_on_a_line_of_its_own():
    _, _, below = check_lines([FAILED], 80)
    assert below == "  " + FAILED["place"]


def test_without_a_terminal_rows_are_whole():
    assert check_lines([FAILED])[1].endswith(FAILED["place"])
    result = Verification("equal", "PASS", [], [], [], "")
    assert str(result) == result.to_text()


@pytest.mark.parametrize(
    ("text", "width", "expected"),
    [
        ("short[1]", 8, "short[1]"),
        ("encoder/c[3, 4], 8 rows", 13, "enc…r/c[3, 4]"),
        ("step[1234]", 6, "s…p[1234]"),
        ("abcdefghij", 5, "ab…ij"),
    ],
)
def test_names_are_cut_in_the_middle_and_indices_are_not(text, width, expected):
    assert terminal.shortened(text, width) == expected


def test_the_width_is_that_of_the_terminal_or_of_the_parent(monkeypatch):
    assert terminal.columns(io.StringIO()) is None
    assert terminal.columns(Terminal()) is None  # it has no file
    monkeypatch.setenv(terminal.COLUMNS, "70")
    assert terminal.columns(io.StringIO()) == 70


@pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo-terminals")
def test_the_width_of_a_real_terminal_is_read():
    parent, child = pty.openpty()
    with os.fdopen(child, "w") as stream, os.fdopen(parent):
        import fcntl
        import struct
        import termios

        fcntl.ioctl(stream, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 77, 0, 0))
        assert terminal.columns(stream) == 77


def test_a_bar_knows_its_end(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    items = progress.reached([1, 1, 3], "ladder", unit=" checks", total=4, place=lambda n: n - 1)
    assert list(items) == [1, 1, 3]
    assert "4/4" in sys.stderr.getvalue()


def test_the_groups_of_checks_that_are_done_are_counted():
    def failing():
        yield 2
        raise ValueError("no\nmore")

    unproved = []
    groups = Groups({"a": iter([1]), "b": failing(), "c": iter([])}, unproved)
    assert [(check, groups.done) for check in groups] == [(1, 0), (2, 1)]
    assert (groups.total, groups.done) == (3, 3)
    assert unproved == ["b: raised ValueError: no"]
