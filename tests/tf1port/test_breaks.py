"""Where a comparison breaks: layer and time step, parameter, training step."""

import numpy as np
import pytest

from tf1port.comparison.ladder import breaks
from tf1port.comparison.ladder.findings import Findings, first_gap


def entry(**changes):
    found = {"number": 2, "check": "outputs", "quantity": "outputs", "dtype": "float64"}
    return {**found, "place": "rnn[0, 4, 29]", "bound": 1e-12, **changes}


def sequences(*, parted_from):
    """Two sides' outputs [B=2, T=5, H=3] that are equal before a time step."""
    legacy = np.random.RandomState(0).normal(size=(2, 5, 3))
    modern = legacy.copy()
    modern[1, parted_from:] += 0.1
    return {"rnn": legacy}, {"rnn": modern}


def test_heat_map_has_the_gap_of_every_time_step():
    seen = Findings()
    seen.see_layers(*sequences(parted_from=3))
    assert seen.heat["layers"] == ["rnn"]
    assert seen.heat["max_abs"][0] == pytest.approx([0, 0, 0, 0.1, 0.1])
    found = breaks.described(entry(), seen)
    assert (found["layer"], found["step"]) == ("rnn", 3)
    assert found["diagnosis"] == []


def test_without_a_time_axis_it_is_the_first_layer():
    arrays = {name: np.zeros((2, 3)) for name in ("conv_0", "conv_1", "logits")}
    seen = Findings()
    seen.see_layers(arrays, {**arrays, "conv_1": np.ones((2, 3)), "logits": np.ones((2, 3))})
    found = breaks.described(entry(place="logits[0, 0]"), seen)
    assert (found["layer"], found["step"]) == ("conv_1", None)


def test_a_lower_layer_whose_states_alone_are_known_goes_before_a_sequence():
    """Of a stack's inner cells only the last states are outputs; the logits come from above."""
    legacy = {"logits": np.zeros((2, 3)), "upper": np.zeros((2, 5, 3)), "upper/h": np.zeros((2, 3))}
    legacy |= {"lower/c": np.zeros((2, 3)), "lower/h": np.zeros((2, 3))}
    order = ("lower/h", "lower/c", "upper", "upper/h", "logits")
    right = {name: legacy[name] for name in order}
    for wrong, expected in (
        (order, ("lower", None)),
        (order[1:], ("lower", None)),
        (order[2:], ("upper", 0)),
    ):
        seen = Findings()
        seen.see_layers(legacy, {n: v + 1 if n in wrong else v for n, v in right.items()})
        found = breaks.described(entry(place="logits[0, 0]"), seen)
        assert (found["layer"], found["step"]) == expected


def test_without_a_time_axis_the_logits_come_last():
    legacy = {"logits": np.zeros((2, 3)), "lower": np.zeros((2, 3))}
    seen = Findings()
    seen.see_layers(legacy, {"lower": np.ones((2, 3)), "logits": np.ones((2, 3))})
    found = breaks.described(entry(place="logits[0, 0]"), seen)
    assert (found["layer"], found["step"]) == ("lower", None)


def test_states_of_every_length_are_time_steps():
    lengths = np.repeat(np.arange(4), 2)
    legacy = {"cell_0/state": np.zeros((8, 3)), "cell_1/state": np.zeros((8, 3))}
    modern = {**legacy, "cell_1/state": np.where(lengths >= 2, 1.0, 0.0)[:, None] * np.ones(3)}
    seen = Findings()
    seen.see_states(legacy, modern, lengths=lengths)
    assert seen.heat == {"layers": ["cell_0", "cell_1"], "max_abs": [[0, 0, 0], [0, 1, 1]]}
    assert first_gap(seen.heat, 0.5) == ("cell_1", 1)
    assert first_gap(seen.heat, 2) is None


def test_what_is_not_a_number_is_a_gap():
    assert first_gap({"layers": ["a"], "max_abs": [[0.0, float("inf")]]}, 1) == ("a", 1)
    assert first_gap({"layers": ["a"], "max_abs": [[0.0, float("nan")]]}, 1) == ("a", 1)


def test_where_the_heat_map_shows_nothing_it_is_the_place():
    found = breaks.described(entry(), Findings())
    assert (found["layer"], found["step"]) == ("rnn", 4)
    found = breaks.described(entry(place="rnn/memory[1, 2, 3]"), Findings())
    assert (found["layer"], found["step"]) == ("rnn/memory", None)


def test_the_worst_gradient_is_named():
    found = breaks.described(
        entry(number=4, check="gradients", quantity="gradients", place="cell_2/bias[23]")
    )
    assert found["gradient"] == "cell_2/bias"


@pytest.mark.parametrize(("quantity", "step"), [("losses of 200 steps", 3), ("losses, TF1's", 5)])
def test_the_training_step_at_which_the_losses_part_counts_from_one(quantity, step):
    seen = Findings()
    seen.losses = {"legacy": np.zeros(6), "modern": np.array([0.0, 0, 1, 0, 0, 2])}
    seen.losses["exact"] = np.array([0, 0, 0, 0, np.nan, 0])
    found = breaks.described(entry(number=6, check="losses of N steps", quantity=quantity), seen)
    assert found["step"] == step


def test_gradients_of_every_parameter():
    seen = Findings()
    legacy = {"a": np.zeros(2), "b": np.zeros(3)}
    seen.see_gradients(legacy, {"a": np.array([0.0, -2.0])}, dtype="float64")
    assert [row["name"] for row in seen.gradients] == ["a", "b"]
    assert [row["max_abs"] for row in seen.gradients] == [2.0, np.inf]
