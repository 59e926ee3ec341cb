"""Of a sampled test a run has the first case and every n-th after it, make test-all each."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = """
import pytest

CASES = [pytest.param(n, marks=[pytest.mark.slow] * (n > 3)) for n in range(9)]

@pytest.mark.sampled(3)
@pytest.mark.parametrize("n", CASES)
def test_many(n):
    pass

@pytest.mark.parametrize("n", range(2))
def test_two(n):
    pass
"""


@pytest.fixture
def collected(tmp_path):
    (tmp_path / "test_it.py").write_text(TESTS)

    def collected(*words):
        command = [sys.executable, "-m", "pytest", "-p", "tests.support.sampling", "-q"]
        command += ["--collect-only", "-W", "ignore", *words]
        environment = {n: v for n, v in os.environ.items() if not n.startswith("PYTEST_")}
        environment["PYTHONPATH"] = str(Path(__file__).parents[2])
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
        )
        found = (line.partition("::test_")[2] for line in done.stdout.splitlines())
        return [name for name in found if name]

    return collected


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], "many[0] many[3] many[6] two[0] two[1]"),
        (["-m", "slow"], "many[4] many[7]"),
        (["-m", "not slow"], "many[0] many[3] two[0] two[1]"),
        (["--all-cases", "-m", "slow"], "many[4] many[5] many[6] many[7] many[8]"),
        (["-k", "test_many and 5"], "many[5]"),
        (["test_it.py::test_many[4]", "test_it.py::test_many[5]"], "many[4] many[5]"),
    ],
    ids=["all", "slow", "fast", "every case", "by word", "by name"],
)
def test_a_run_has_a_sample(collected, words, expected):
    assert collected(*words) == expected.split()
