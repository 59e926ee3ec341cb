"""The checks of a port as parametrized tests in a user's own test suite.

Where tf1port is installed, pytest loads it automatically. In conftest.py:

    @pytest.fixture(scope="session")
    def port():
        return tf1port.load_port("model.ckpt-100", "model.keras", "map.toml")

and a test, which runs once for every check in float32 and float64:

    def test_port(port_check):
        port_check.assert_equal()

The ladder is run once, for the first test.
"""

from typing import Any, NamedTuple

import pytest

from tf1port.comparison.ladder import checks, outcome
from tf1port.comparison.ladder.entries import Break, Entry
from tf1port.comparison.report.form import Report

# Check 9 is one of many trainings, and exports are compared in float32 alone.
_CHECKS = {"float32": checks.NAMES[:8], "float64": checks.NAMES[:7]}


class PortCheck(NamedTuple):
    """The result of one check in one dtype: entries of the report."""

    name: str
    dtype: str
    entries: list[Entry]
    breaks: Break | None

    def assert_equal(self) -> None:
        """Fails the test where a quantity differs or one that the claim needs was not compared.

        Skips it where the claim needs nothing and nothing was compared.
        """
        if not self.entries:
            pytest.fail(f"the ladder has no {self.name} in {self.dtype}", pytrace=False)
        compared = [entry for entry in self.entries if entry["applies"]]
        failed = [outcome.difference(entry, compared) for entry in compared if not entry["passed"]]
        failed += self._diagnosis() if failed else []
        failed += [f"not compared: {line}" for line in outcome.not_compared(self.entries)]
        if failed:
            pytest.fail("\n".join(failed), pytrace=False)
        if not compared:
            pytest.skip("; ".join(entry["why"] for entry in self.entries if not entry["applies"]))

    def _diagnosis(self) -> list[str]:
        first_break = self.breaks
        if first_break is None or first_break["check"] != self.name:
            return []
        causes = [cause["cause"] for cause in first_break["diagnosis"]]
        return [f"probable cause: {'; '.join(causes) or outcome.cause(first_break)}"]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One test for each check in each dtype."""
    if "port_check" in metafunc.fixturenames:
        pairs = [(dtype, name) for dtype, names in _CHECKS.items() for name in names]
        names = ["-".join(pair).replace(" ", "-") for pair in pairs]
        metafunc.parametrize("port_check", pairs, ids=names, indirect=True)


@pytest.fixture(scope="session")
def ladder_of_port(port: Any) -> Report:
    """The report of the fixture `port`, a tf1port.comparison.port.port.Port."""
    from tf1port.comparison.port.port import prove

    return prove(port)


@pytest.fixture
def port_check(request: pytest.FixtureRequest, ladder_of_port: Report) -> PortCheck:
    """A PortCheck of the fixture `port`."""
    dtype, name = request.param
    entries = [
        entry
        for entry in ladder_of_port["checks"]
        if entry["check"] == name and entry.get("dtype", dtype) == dtype
    ]
    return PortCheck(name, dtype, entries, ladder_of_port["breaks"])
