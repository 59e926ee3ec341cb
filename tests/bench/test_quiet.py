"""bench.quiet: what /proc/stat says, and when it is worth a warning."""

import pytest

from bench import quiet
from bench.quiet import Load, Ticks

STAT = "cpu  300 50 150 1000 200 10 40 250 7 0\ncpu0 1 2 3 4 5 6 7 8 9 10\n"
CALM = Load(others=0.01, steal=0.0)


def test_the_first_line_counts_all_cores():
    ticks = quiet.parse_stat(STAT, own=1.5, hertz=100)
    assert ticks == Ticks(total=20.0, busy=5.5, steal=2.5, own=1.5)


def test_own_time_is_not_that_of_others():
    first, last = Ticks(100, 40, 1, 10), Ticks(120, 52, 2, 18)
    load = quiet.between(first, last)
    assert load.others == pytest.approx((12 - 8) / 20)
    assert load.steal == pytest.approx(1 / 20)
    assert quiet.between(first, first) == Load(0, 0)


def test_a_quiet_machine_has_no_warning():
    assert list(quiet.warnings(0.2, CALM, CALM)) == []


@pytest.mark.parametrize(
    ("numbers", "words"),
    [
        ((2.5, CALM, CALM), "load average was 2.50"),
        ((0.2, Load(0.3, 0), CALM), "other processes took 30% of all cores before"),
        ((0.2, CALM, Load(0.3, 0)), "other processes took 30% of all cores during"),
        ((0.2, CALM, Load(0, 0.1)), "the host took 10% of all cores during"),
        ((None, None, None), "not known"),
        ((0.2, CALM, None), "not known"),
    ],
)
def test_what_disturbs_is_said(numbers, words):
    (warning,) = quiet.warnings(*numbers)
    assert words in warning


def test_without_proc_nothing_is_known(monkeypatch):
    monkeypatch.setattr(quiet, "STAT", "/nowhere")
    monkeypatch.setattr(quiet, "LOADAVG", "/nowhere")
    summary = quiet.Watch(0).summary()
    assert summary["during"] is None
    assert "not known" in summary["warnings"][0]
    assert "not known" in quiet.Watch(0).at_start()[0]


def test_what_disturbs_is_said_before_the_first_measurement(monkeypatch):
    readings = [Ticks(0, 0, 0, 0), Ticks(10, 4, 0, 0)]
    monkeypatch.setattr(quiet, "read", readings.pop)
    monkeypatch.setattr(quiet, "load_average", lambda: 0.1)
    readings.reverse()
    (warning,) = quiet.Watch(0).at_start()
    assert warning.startswith("other processes took 40% of all cores before")


def test_this_machine_can_be_read():
    summary = quiet.Watch(0.01).summary()
    assert 0 <= summary["before"]["others"] <= 1
    assert isinstance(summary["average_before"], float)
