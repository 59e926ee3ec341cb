"""Damaged and malicious graphs: each is converted or refused in one line, and in time.

make test-fuzz has more of them.
"""

import json
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.tf1port import graphs
from tests.tf1port.graphs import Case

ROOT = Path(__file__).parents[2]
CASES = [
    Case(),
    Case(run="static_rnn", lengths=True),
    Case(run="dynamic_rnn", lengths=True, hidden=True, resource=True),
    Case(cell="GRUCell", head="steps", embedding=True),
]
EACH = 80  # mutants of a case
LIMIT = 90  # s until one has to have ended
TARGETS = {"new.json", "new.keras", "new.py"}


def outcomes(prefix, first, last):
    """What came of each mutant; a process that hangs or crashes ends the list."""
    words = [sys.executable, "-m", "tests.tf1port.mutants", prefix, str(first), str(last)]
    with subprocess.Popen(
        words, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        for line in iter(lambda: said(process), ""):
            yield json.loads(line)


def said(process):
    """The next line of a process, which is ended where it says nothing for so long."""
    watch = threading.Timer(LIMIT, process.kill)
    watch.start()
    try:
        return process.stdout.readline()
    finally:
        watch.cancel()


@pytest.mark.slow
@pytest.mark.sampled(2)
@pytest.mark.parametrize("number", range(len(CASES)))
def test_a_damaged_graph_is_converted_or_refused(tmp_path, number):
    prefix = graphs.save(CASES[number], tmp_path).prefix
    first = number * EACH
    found = list(outcomes(prefix, first, first + EACH))
    ends = [one for one in found if "code" in one]
    assert [one["number"] for one in ends] == list(range(first, first + EACH)), found[-1]
    assert {one["code"] for one in ends} <= {0, 2}, [o for o in ends if o["code"] not in (0, 2)]
    assert max(one["seconds"] for one in ends) < LIMIT
    for one in ends:
        new = {name for name in one["files"] if not name.startswith("model.")}
        assert new == (TARGETS if one["code"] == 0 else set()), one
        assert one["errors"].count("\n") == (one["code"] != 0), one
    assert {one["code"] for one in ends} == {0, 2}
