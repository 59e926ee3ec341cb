"""bench.communication: the model of the network, and what the guide shows of it."""

import pathlib

import pytest

from bench import communication
from shared.config import CONFIGS, RowLSTMConfig

GUIDE = pathlib.Path(__file__).parent.parent / "docs" / "guide" / "distributed.md"
NETWORK = {"latency": 1e-3, "rate": 1e6}


def test_the_bytes_are_those_of_what_is_trained():
    shapes = RowLSTMConfig().weight_shapes()
    statistics = 2 * RowLSTMConfig().units  # moving mean and variance
    assert "normalization/moving_mean" in shapes
    sizes = [communication.math.prod(shape) for shape in shapes.values()]
    assert communication.bytes_per_step(RowLSTMConfig()) == 4 * (sum(sizes) - statistics)


def test_the_seconds_follow_from_turns_and_bytes():
    ring = communication.all_reduce_seconds(1000, workers=4, **NETWORK)
    assert ring == pytest.approx(6 * 1e-3 + 6 * 250 / 1e6)
    server = communication.server_seconds(1000, workers=4, **NETWORK)
    assert server == pytest.approx(2 * 1e-3 + 2 * 4000 / 1e6)
    assert communication.all_reduce_seconds(1000, workers=1, **NETWORK) == 0


def test_the_guide_shows_what_it_prints():
    table = "\n".join(communication.lines(CONFIGS["conv"](), latency=25e-6, rate=1.25e9))
    assert table in GUIDE.read_text(encoding="utf-8")


def test_latency_and_rate_are_measured():
    latency, rate = communication.measure()
    assert 0 < latency < 1
    assert rate > 1e6


@pytest.mark.parametrize("flag", ["--latency", "--rate"])
@pytest.mark.parametrize("value", ["0", "-1", "nan", "inf"])
def test_a_wrong_value_is_refused(capsys, flag, value):
    assert communication.main(["conv", f"{flag}={value}"]) == 2
    assert capsys.readouterr().err.startswith(f"error: {flag} is ")
