"""A large checkpoint is converted without being in memory several times."""

import json
import subprocess
import sys

import pytest

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
