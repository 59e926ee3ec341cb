"""bench.floor: the arithmetic of FLOPs, bytes and the floor."""

import pytest

from bench import floor
from shared.config import DenseConfig, RowLSTMConfig, WindowRNNConfig

TINY = dict(batch_size=4, window=3, units=5, layers=2, features=6, classes=7)


def test_the_products_of_a_step_are_those_of_its_equations():
    """By hand: forwards, gradients of inputs and states, gradients of weights."""
    first = 2 * 4 * 3 * (6 + 5) * 5 * 2 + 2 * 4 * 3 * 5 * 5  # the images need no gradient
    second = 2 * 4 * 3 * (5 + 5) * 5 * 3
    logits = 2 * 4 * 5 * 7 * 3
    assert floor.flops(WindowRNNConfig(**TINY)) == first + second + logits


def test_an_lstm_has_four_gates():
    config = RowLSTMConfig(batch_size=4, units=5, features=6, classes=7, rows=3)
    recurrent = 2 * 4 * 3 * (6 + 5) * 20 * 2 + 2 * 4 * 3 * 5 * 20
    assert floor.flops(config) == recurrent + 2 * 4 * 5 * 7 * 3


def test_the_bytes_are_those_of_weights_and_of_what_is_kept():
    weights = (6 * 5 + 5 * 5 + 5) + (5 * 5 + 5 * 5 + 5) + 5 * 7 + 7
    kept = 4 * 3 * (6 + 5 + 5)
    assert floor.step_bytes(WindowRNNConfig(**TINY)) == 4 * (10 * weights + 2 * kept)


def test_the_floor_is_the_longer_of_the_two_times():
    rates = {"flop_rate": 10.0, "byte_rate": 100.0}
    assert floor.of_rates(flops=50, size=100, **rates)["seconds"] == 5
    assert floor.of_rates(flops=50, size=1000, **rates)["seconds"] == 10


def test_a_model_without_recurrent_layers_has_none():
    assert floor.flops(DenseConfig()) == 0
    assert floor.layers(DenseConfig()) == []


def test_it_is_measured(monkeypatch):
    monkeypatch.setattr(floor, "TURNS", 2)
    monkeypatch.setattr(floor, "TURN_FLOPS", 1e5)
    measured = floor.measure(WindowRNNConfig(**TINY))
    assert measured["seconds"] == pytest.approx(
        max(
            measured["flops"] / measured["flops_per_second"],
            measured["bytes"] / measured["bytes_per_second"],
        )
    )
    assert 1e6 < measured["flops_per_second"] < 1e14
