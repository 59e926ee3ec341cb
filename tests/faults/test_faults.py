"""`make test-faults` with one trial of each fault: nothing is lost, and a loss is seen."""

import subprocess
import sys

import pytest

from tests.faults.__main__ import Row

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("side", ["legacy", "modern"])
def test_no_fault_loses_anything(side):
    command = [sys.executable, "-m", "tests.faults", "--side", side, "--trials", "1"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=550, check=False)
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
    rows = [line for line in done.stdout.splitlines() if line.startswith(side)]
    assert len(rows) >= 12


@pytest.mark.parametrize(
    ("changes", "passed"), [({}, True), ({"equal": 1}, False), ({"unclean": ["x"]}, False)]
)
def test_a_row_passes_where_every_trial_did(changes, passed):
    assert Row(**{"fault": "f", "side": "s", "trials": 2, "equal": 2, **changes}).passed == passed
