"""A large checkpoint is converted without being in memory several times."""

import json
import subprocess
import sys

import pytest

from tests import large_graphs

LIMIT = 2.5  # times the checkpoint's size


def peaks(megabytes):
    """By command the most bytes that its process held."""
    # From a small process: one counts what its parent held, and this one holds TensorFlow.
    words = [sys.executable, "-m", "tests.large", "--rounds", "1", "--json"]
    words += ["--megabytes", str(megabytes)]
    made = subprocess.run(words, capture_output=True, text=True, check=True)
    told = json.loads(made.stdout)
    return {name: found[0][1] for name, found in told["costs"].items()}, told["size"]


@pytest.mark.slow
def test_memory_is_in_proportion_to_the_checkpoint():
    small, none = peaks(1)
    large, size = peaks(160)
    for command in ("convert", "convert, no .meta"):
        assert (large[command] - small[command]) / (size - none) <= LIMIT, command


@pytest.mark.slow
def test_the_cost_of_large_graphs_is_measured(monkeypatch, capsys):
    monkeypatch.setattr(large_graphs, "SIZES", {"steps": (4, 8), "variables": (10, 20)})
    assert large_graphs.main(["--rounds", "1", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    sizes = {(kind, size): megabytes for kind, size, megabytes, _ in found}
    assert sizes["none", 0] == 0
    assert sizes["steps", 4] < sizes["steps", 8] < 2 * sizes["steps", 4]
    assert sizes["variables", 10] < sizes["variables", 20]
    assert all(seconds > 0 and peak > 0 for *_, costs in found for seconds, peak in costs)
