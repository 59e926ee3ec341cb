"""How many steps TF1's Adam has taken: of its powers of beta, where nothing else counts them."""

import shutil

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.goldens import carried
from tests.tf1port import checkpoint_cases
from tf1port.conversion import plan as conversion
from tf1port.numerics.optimizers import TF1PowersAdam, count_of_power

BETAS = {"beta1_power": 0.9, "beta2_power": 0.999}  # of the recorded training
ADAM = next(case for case in carried.CARRIED if case.name == "BasicRNNCell-rnn-1-float32-Adam")
WIDE = next(case for case in carried.CARRIED if case.name == "GRUCell-multi-3-float64-Adam")


def power(beta, steps):
    """As TF1's kernels multiply it up: in float32, numbers below the smallest normal one are 0."""
    product = np.float32(beta)
    for _ in range(steps):
        product = product * np.float32(beta)
        if product < np.finfo(np.float32).tiny:
            return np.float32(0)
    return product


def recounted(case, folder, *, stem="model", **counters):
    """The prefix of a recorded training with other counters; None: without this one."""
    prefix, _ = carried.unpack(case, folder)
    reader = tf.train.load_checkpoint(prefix)
    values = {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()}
    values.update(
        {name: np.asarray(v, values[name].dtype) for name, v in counters.items() if v is not None}
    )
    values = {name: v for name, v in values.items() if counters.get(name, v) is not None}
    target = checkpoint_cases.save(folder / stem, values)
    shutil.copy(prefix + ".meta", target + ".meta")
    return target


def of_powers(steps):
    return {name: power(beta, steps) for name, beta in BETAS.items()}


def of_counts(optimizer):
    """The notes but the last one, which is of the loss: that of these graphs has no labels."""
    *notes, of_loss = optimizer.notes
    assert of_loss.endswith("is no loss that Keras has: compile the model with yours")
    return notes


@pytest.mark.parametrize("case", [ADAM, WIDE], ids=["float32", "float64"])
@pytest.mark.parametrize("steps", [0, 1, 600, 656, 828, 900, 5_000, 80_000])
def test_the_powers_of_beta_count_the_steps(case, steps, tmp_path):
    prefix = recounted(case, tmp_path, global_step=None, **of_powers(steps))
    optimizer = conversion.read(prefix).blueprint.optimizer
    assert (optimizer.iterations, of_counts(optimizer), optimizer.unknown) == (steps, [], {})


@pytest.mark.parametrize("name", BETAS)
def test_one_of_the_powers_is_enough(name, tmp_path):
    counters = {other: None for other in BETAS if other != name}
    counters |= {"global_step": None, name: power(BETAS[name], 700)}
    prefix = recounted(ADAM, tmp_path, **counters)
    assert conversion.read(prefix).blueprint.optimizer.iterations == 700


def test_beyond_both_powers_the_name_counts(tmp_path):
    counters = {"global_step": None, **of_powers(90_000)}
    assert list(of_powers(90_000).values()) == [0, 0]
    prefix = recounted(ADAM, tmp_path, stem="model.ckpt-90000", **counters)
    optimizer = conversion.read(prefix).blueprint.optimizer
    assert (optimizer.iterations, optimizer.unknown) == (90_000, {})
    assert "of the checkpoint's name" in optimizer.notes[0]


def test_where_nothing_counts_the_steps_it_is_said(tmp_path):
    prefix = recounted(ADAM, tmp_path, **dict.fromkeys(["global_step", *BETAS]))
    optimizer = conversion.read(prefix).blueprint.optimizer
    assert optimizer.unknown == {"iterations": "are counted by nothing in the checkpoint"}
    assert of_counts(optimizer) == ["iterations is 0: nothing in the checkpoint counts them"]


def test_powers_that_tell_two_counts_are_not_taken(tmp_path):
    powers = {"beta1_power": power(0.9, 30), "beta2_power": power(0.999, 70)}
    prefix = recounted(ADAM, tmp_path, stem="model-50", global_step=None, **powers)
    optimizer = conversion.read(prefix).blueprint.optimizer
    assert optimizer.iterations == 50
    assert "two counts of steps, 30 and 70: neither is used" in optimizer.notes[0]


def test_a_power_that_was_multiplied_up_outweighs_one_that_was_not(tmp_path):
    """Such as one that another program wrote in float64: some counts off after so many steps."""
    powers = {"beta1_power": power(0.9, 700), "beta2_power": 0.999**690 + 1e-5}
    prefix = recounted(ADAM, tmp_path, global_step=None, **powers)
    assert conversion.read(prefix).blueprint.optimizer.iterations == 700


def test_a_global_step_that_counts_something_else_is_not_adams(tmp_path):
    prefix = recounted(ADAM, tmp_path, global_step=7)
    optimizer = conversion.read(prefix).blueprint.optimizer
    assert optimizer.iterations == carried.TRAINED
    assert of_counts(optimizer) == [
        "iterations is 20, of Adam's powers of beta: the global step is 7",
    ]


@pytest.mark.parametrize("beta", [0.5, 0.9, 0.99, 0.9999, 0.99999])
def test_a_count_is_that_of_the_products(beta):
    products = np.full(100_000, beta, np.float32).cumprod(dtype=np.float32)
    last = np.flatnonzero(products >= np.finfo(np.float32).tiny)[-1]
    for steps in np.unique(np.linspace(0, last, 7, dtype=int)):
        assert count_of_power(beta, products[steps]) == (steps, True)


@pytest.mark.parametrize(
    ("beta", "power"), [(0.0, 0.0), (1.0, 1.0), (0.9, 0.0), (0.9, 1e-40), (0.9, 1.0), (0.9, np.nan)]
)
def test_a_power_that_tells_nothing(beta, power):
    assert count_of_power(beta, power) is None


def test_tf1s_correction_goes_on_for_as_long_as_there_is_one():
    steps, beta = 100_000, 0.9999
    adam = TF1PowersAdam(0.5, 0.9, beta, epsilon=0.0)
    variable = keras.Variable(np.zeros(1), dtype="float64")
    adam.build([variable])
    adam.iterations.assign(steps)
    adam.apply([tf.constant([2.0], tf.float64)], [variable])
    power_2 = np.full(steps + 1, beta, np.float32).cumprod(dtype=np.float32)[-1]
    # m / sqrt(v) of a first gradient, whatever it is
    slots = (1 - 0.9) / np.sqrt(1 - beta)
    expected = -0.5 * np.sqrt(1 - np.float64(power_2)) * slots
    assert power_2 > 1e-5
    np.testing.assert_allclose(np.array(variable), expected, rtol=1e-12)
