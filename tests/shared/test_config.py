"""Hyper-parameters: their defaults, their ranges, the lengths that follow from them."""

import dataclasses
import math
from types import SimpleNamespace

import pytest

from shared.config import CONFIGS, MAX_STEPS, WindowRNNConfig, for_dataset
from shared.errors import UserError


def test_every_model_is_found_by_its_name():
    assert {name: config.model for name, config in CONFIGS.items()} == {n: n for n in CONFIGS}
    assert CONFIGS["window-rnn"] is WindowRNNConfig


def test_a_config_is_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        WindowRNNConfig().window = 3


@pytest.mark.parametrize(
    ("window", "batch_size", "steps_per_epoch", "test_steps"),
    [(19, 128, 4296, 781), (28, 128, 429, 78), (1, 128, 12031, 2187), (19, 10_000, 55, 10)],
)
def test_lengths(window, batch_size, steps_per_epoch, test_steps):
    config = WindowRNNConfig(window=window, batch_size=batch_size)
    assert (config.steps_per_epoch, config.test_steps) == (steps_per_epoch, test_steps)
    assert config.total_steps == 2 * steps_per_epoch


@pytest.mark.parametrize(("steps", "total"), [(None, 8592), (1, 1), (8591, 8591), (9000, 8592)])
def test_steps_shorten_a_run_but_never_lengthen_it(steps, total):
    assert WindowRNNConfig(steps=steps).total_steps == total


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"window": 0}, "--window is 0: give a value from 1 to 28"),
        ({"window": 29}, "--window is 29: give a value from 1 to 28"),
        ({"epochs": 0}, "--epochs is 0: give a finite value above 0"),
        ({"epochs": -1}, "--epochs is -1: give a finite value above 0"),
        ({"steps": 0}, "--steps is 0: give a finite value above 0"),
        ({"steps": -1}, "--steps is -1: give a finite value above 0"),
        ({"batch_size": 0}, "--batch-size is 0: give a finite value above 0"),
        ({"batch_size": 10_001}, "--batch-size is 10001: give a value from 1 to 10000"),
        ({"learning_rate": 0.0}, "--learning-rate is 0.0: give a finite value above 0"),
        ({"learning_rate": -1e-3}, "--learning-rate is -0.001: give a finite value above 0"),
        ({"learning_rate": math.nan}, "--learning-rate is nan: give a finite value above 0"),
        ({"learning_rate": math.inf}, "--learning-rate is inf: give a finite value above 0"),
        ({"seed": -1}, "--seed is -1: give a value from 0 to 4294967295"),
        ({"seed": 2**32}, "--seed is 4294967296: give a value from 0 to 4294967295"),
        ({"units": 0}, "--units is 0: give a value from 1 to 4096"),
        ({"units": 4097}, "--units is 4097: give a value from 1 to 4096"),
        ({"layers": 0}, "--layers is 0: give a value from 1 to 64"),
        ({"kernel": "unrolled"}, "--kernel is unrolled: choose one of auto, fused"),
        ({"epochs": 10**9}, "4296000000000 steps are too many: give fewer --epochs or --steps"),
    ],
)
def test_a_value_out_of_range_is_refused(changes, message):
    with pytest.raises(UserError) as refusal:
        WindowRNNConfig(**changes)
    assert str(refusal.value) == message


@pytest.mark.parametrize(
    "changes",
    [
        {"window": 1},
        {"window": 28},
        {"batch_size": 1},
        {"batch_size": 10_000},
        {"seed": 2**32 - 1},
        {"steps": 1},
        {"learning_rate": 5e-324},
        {"epochs": 10**9, "steps": MAX_STEPS},
    ],
)
def test_the_ends_of_a_range_belong_to_it(changes):
    config = WindowRNNConfig(**changes)
    assert {name: getattr(config, name) for name in changes} == changes


def test_a_config_takes_the_sizes_of_a_dataset_and_nothing_else():
    dataset = SimpleNamespace(
        train=SimpleNamespace(images=range(1300)), test=SimpleNamespace(images=range(400))
    )
    config = WindowRNNConfig(window=7, epochs=3)
    fitted = for_dataset(config, dataset)
    assert fitted == WindowRNNConfig(window=7, epochs=3, train_examples=1300, test_examples=400)
    with pytest.raises(UserError, match="--batch-size is 401: give a value from 1 to 400"):
        for_dataset(WindowRNNConfig(batch_size=401), dataset)


def test_weight_shapes():
    assert WindowRNNConfig(units=5, layers=2).weight_shapes() == {
        "cell_0/kernel": (28, 5),
        "cell_0/recurrent_kernel": (5, 5),
        "cell_0/bias": (5,),
        "cell_1/kernel": (5, 5),
        "cell_1/recurrent_kernel": (5, 5),
        "cell_1/bias": (5,),
        "logits/kernel": (5, 10),
        "logits/bias": (10,),
    }


@pytest.mark.parametrize("name", ["epochs", "steps", "train_examples"])
def test_counts_are_whole_numbers(name):
    """In the records of a run they may be anything."""
    with pytest.raises(UserError, match=r"is 0\.5: give a whole number"):
        WindowRNNConfig(**{name: 0.5})


@pytest.mark.parametrize("model", CONFIGS)
@pytest.mark.parametrize("value", [True, [1], {}, b"1"], ids=str)
def test_every_value_is_of_the_type_of_its_field(model, value):
    """In the records of a run they may be anything."""
    for field in dataclasses.fields(CONFIGS[model]):
        with pytest.raises(UserError, match="--%s is " % field.name.replace("_", "-")):
            CONFIGS[model](**{field.name: value})
