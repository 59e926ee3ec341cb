"""How a command ends: exit codes, and one line on standard error for whatever it raises."""

import errno
import json
import sys
import threading

import pytest

from shared.errors import UserError
from shared.reporting import reporting


def raising(error):
    def command():
        raise error

    return command


def test_exit_codes():
    assert reporting(lambda: None) == 0
    assert reporting(lambda: 3) == 3
    assert reporting(raising(UserError("no such file"))) == 2
    assert reporting(raising(KeyboardInterrupt())) == 130


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (KeyError("x"), "KeyError: 'x' ("),
        (ValueError("first\nsecond"), "ValueError: first ("),
        (RuntimeError(), "RuntimeError ("),
    ],
)
def test_an_internal_error_is_one_line_and_exit_code_4(capsys, error, said):
    assert reporting(raising(error)) == 4
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("internal error: " + said)
    assert line.endswith("): please report it; TF1PORT_TRACEBACK=1 shows all of it")


def test_an_internal_error_names_the_projects_own_last_line(capsys):
    """What it was raised in may be a library's."""
    assert reporting(lambda: json.loads("{")) == 4
    assert " (tests/shared/test_reporting.py:" in capsys.readouterr().err


def test_the_traceback_is_shown_on_demand(capsys, monkeypatch):
    monkeypatch.setenv("TF1PORT_TRACEBACK", "1")
    assert reporting(raising(KeyError("x"))) == 4
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert lines[-1].startswith("internal error: KeyError: 'x' (tests/shared/")


def in_a_thread(error):
    def command():
        thread = threading.Thread(target=raising(error))
        thread.start()
        thread.join()

    return command


@pytest.mark.skipif(sys.version_info < (3, 8), reason="threads report by themselves there")
@pytest.mark.parametrize(
    ("error", "starts"),
    [
        (KeyError("x"), ["internal error: KeyError: 'x' ("]),
        (OSError(errno.ENOSPC, "No space left on device"), []),
        (IndexError("events.out; No space left on device"), []),
    ],
)
def test_a_thread_leaves_no_traceback(capsys, error, starts):
    former = threading.excepthook
    assert reporting(in_a_thread(error)) == 0
    lines = capsys.readouterr().err.splitlines()
    assert [line[: len(start)] for line, start in zip(lines, starts)] == starts
    assert len(lines) == len(starts)
    assert threading.excepthook is former
