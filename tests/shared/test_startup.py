"""TensorFlow's start-up lines: those that tell of nothing are held back, all others are shown."""

import os
import subprocess
import sys

import pytest

from shared import startup
from tests.support.starting import start_of

NOISE = [
    "WARNING: All log messages before absl::InitializeLog() is called are written to STDERR",
    "I0000 00:00:1.5 77 port.cc:153] oneDNN custom operations are on.",
    "2026-01-01 10:00:00.5: I tensorflow/core/platform/cpu_feature_guard.cc:142] built to use AVX2",
    "E0000 00:00:1.5 77 cuda_platform.cc:52] failed call to cuInit: UNKNOWN ERROR (303)",
    "",
]
ERRORS = [
    "E0000 00:00:1.5 77 library.cc:1] cannot allocate memory",
    "F0000 00:00:1.5 77 library.cc:1] Check failed",
    "something else",
]


def write(lines):
    """To the file descriptor, as a library does."""
    os.write(2, "".join(line + "\n" for line in lines).encode())


def test_lines_that_tell_of_nothing_are_left_out(capfd):
    with startup.quiet():
        write(NOISE[:2] + ERRORS[:1] + NOISE[2:] + ERRORS[1:])
    assert capfd.readouterr().err.splitlines() == ERRORS
    write(["after"])
    assert capfd.readouterr().err == "after\n"


def test_all_lines_are_shown_where_it_fails(capfd):
    with pytest.raises(ImportError), startup.quiet():
        fail()
    assert capfd.readouterr().err.splitlines() == NOISE


def fail():
    write(NOISE)
    raise ImportError("x")


def test_a_closed_standard_error_is_left_alone():
    source = "import os; os.close(2); from shared import startup\nwith startup.quiet(): print(1)"
    done = subprocess.run([sys.executable, "-c", source], stdout=subprocess.PIPE, check=True)
    assert done.stdout.split() == [b"1"]


@pytest.mark.slow
def test_the_start_of_the_legacy_side_leaves_no_line():
    assert start_of("legacy_tf1") == (0, b"", b"")


def test_an_optional_module_is_hidden_only_while_it_should_be():
    sys.modules.pop("sched", None)
    with startup.without("json", "sched"):
        import json  # loaded before: stays

        assert json is sys.modules["json"]
        with pytest.raises(ImportError):
            import sched
    import sched

    assert sched.scheduler
