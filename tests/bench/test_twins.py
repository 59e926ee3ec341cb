"""The twins in other frameworks, and the plain port, compute what the modern side does."""

import importlib

import numpy as np
import pytest

from bench.runners import initial_weights, plain_keras
from shared import batches, datasets
from shared.config import CONFIGS, for_dataset, train_split
from tf1port.numerics.differences import difference
from tf1port.numerics.tolerances import tolerance

pytestmark = [
    pytest.mark.slow,
    # JAX and PyTorch warn of themselves.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]

STEPS = 10
PACKAGES = {"pytorch": "torch", "pytorch_compiled": "torch", "jax_scanned": "jax"}
LOSSES = {"window-rnn": "losses of 50 steps", "row-lstm": "losses of 50 SGD steps"}


def runner_module(name):
    if name in PACKAGES:
        pytest.importorskip(PACKAGES[name], reason=f"{PACKAGES[name]}: pip install '.[bench]'")
    return importlib.import_module(f"bench.runners.{name}")


@pytest.fixture(scope="module")
def digits():
    return datasets.load_digits()


@pytest.fixture(params=plain_keras.MODELS)
def config(request, digits):
    return for_dataset(CONFIGS[request.param](), digits)


def first_batch(config, digits):
    split, plan = train_split(config, digits), batches.train_plan(config, 0)
    return batches.batch(split, plan, 0, config=config)


def modern(config, digits):
    """Logits, loss, gradients by name and the losses of some steps, of the modern side."""
    import tensorflow as tf

    from modern_tf2 import training

    runner = importlib.import_module("bench.runners.modern").build(
        config, digits, initial_weights(config)
    )
    model, side = runner.recorded, training.MODELS[config.model]
    images, labels = first_batch(config, digits)
    logits = model(images, training=False).numpy()
    start = [variable.numpy() for variable in model.weights]
    with tf.GradientTape() as tape:
        loss = model.loss(labels, model(images, training=True))
    gradients = tape.gradient(loss, model.trainable_variables)
    for variable, value in zip(model.weights, start, strict=True):
        variable.assign(value)  # the moving statistics
    by_path = {
        variable.path: tf.convert_to_tensor(gradient).numpy()
        for variable, gradient in zip(model.trainable_variables, gradients, strict=True)
    }
    named = _named(side, by_path, config)
    return logits, float(loss), named, runner.train(STEPS)


def _named(side, by_path, config):
    """Gradients as named weights; the moving statistics have none."""
    shapes = side.from_variables({**_zeros(side, config), **by_path}, config, linear=True)
    return {name: value for name, value in shapes.items() if "/moving_" not in name}


def _zeros(side, config):
    zeros = {name: np.zeros(shape, np.float32) for name, shape in config.weight_shapes().items()}
    return side.to_variables(zeros, config)


def torch_numbers(name, config, digits):
    module = runner_module(name)
    import torch

    from bench.runners import pytorch

    runner = module.build(config, digits, initial_weights(config))
    images, labels = map(torch.from_numpy, first_batch(config, digits))
    runner.forward.eval()
    with torch.inference_mode():
        logits = runner.forward(images).numpy()
    runner.forward.train()
    statistics = {key: value.clone() for key, value in runner.model.named_buffers()}
    loss = runner.loss(images, labels)
    loss.backward()
    gradients = pytorch.gradients(runner.model, config)
    gradients = {key: value.copy() for key, value in gradients.items()}
    with torch.no_grad():
        for key, value in runner.model.named_buffers():
            value.copy_(statistics[key])
    return logits, loss.item(), gradients, runner.train(STEPS)


def jax_numbers(name, config, digits):
    module = runner_module(name)
    import jax

    weights = initial_weights(config)
    runner = module.build(config, digits, weights)
    images, labels = first_batch(config, digits)
    logits, _ = module.logits_and_moving(weights, images, config=config, training=False)
    (loss, _), gradients = jax.value_and_grad(module.loss, has_aux=True)(
        weights, images, labels, config=config
    )
    gradients = {k: np.asarray(v) for k, v in gradients.items() if "/moving_" not in k}
    return np.asarray(logits), float(loss), gradients, runner.train(STEPS)


NUMBERS = {
    "pytorch": torch_numbers,
    "pytorch_compiled": torch_numbers,
    "jax_scanned": jax_numbers,
}


def beyond(twin, reference, config):
    """What differs by more than its tolerance, by name; a NaN always does."""
    quantities = ("logits", "loss", "gradients", LOSSES[config.model])
    found = set()
    for quantity, left, right in zip(quantities, twin, reference, strict=True):
        pair = [value if isinstance(value, dict) else {quantity: value} for value in (left, right)]
        as_float64 = [{k: np.asarray(v, np.float64) for k, v in side.items()} for side in pair]
        if not difference(*as_float64).max_abs <= tolerance(quantity, "float32").bound:
            found.add(quantity)
    return found


@pytest.mark.parametrize("name", NUMBERS)
def test_a_twin_computes_what_the_modern_side_does(name, config, digits):
    runner_module(name)
    assert beyond(NUMBERS[name](name, config, digits), modern(config, digits), config) == set()


def test_the_plain_port_trains_as_the_modern_side_does(config, digits):
    runner = plain_keras.build(config, digits, initial_weights(config))
    losses, reference = runner.train(STEPS), modern(config, digits)
    assert beyond((*reference[:3], losses), reference, config) == set()


@pytest.mark.parametrize("name", ["logits/kernel", "recurrent_kernel"])
def test_other_weights_are_noticed(monkeypatch, config, digits, name):
    """Negative control: one weight of the twin is moved a little."""
    runner_module("jax_scanned")
    reference, weights = modern(config, digits), initial_weights(config)
    moved = next(key for key in weights if key.endswith(name))
    weights[moved][1, 2] += 0.05
    monkeypatch.setitem(globals(), "initial_weights", lambda config: weights)
    found = beyond(jax_numbers("jax_scanned", config, digits), reference, config)
    assert found == {"logits", "loss", "gradients", LOSSES[config.model]}
