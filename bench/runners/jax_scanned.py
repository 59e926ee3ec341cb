"""Twins of the window RNN and the row LSTM in JAX: pure functions, jit, training steps scanned.

Weights are the dict of shared/weights.py as it is. Adam is written out as TF1 has it, epsilon
before the bias correction.
Shapes: B batch, T window, F features, H units, C classes.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from bench.runners import one_image
from shared import batches
from shared.config import train_split

MODELS = ("window-rnn", "row-lstm")
STEPS_PER_CALL = 100  # training steps between two returns to Python, as on the modern side
UNROLL = 4  # time steps in one turn of the compiled loop


def build(config, dataset, weights):
    """The Runner of a config."""
    return _Jax(config, dataset, weights)


def logits_and_moving(weights, images, *, config, training):
    """Logits [B, C] of images [B, T, F], and the normalization's new moving statistics by name."""
    forward = {"window-rnn": _window_rnn, "row-lstm": _row_lstm}[config.model]
    last, moving = forward(weights, images, config=config, training=training)  # [B, H]
    return last @ weights["logits/kernel"] + weights["logits/bias"], moving


def loss(weights, images, labels, *, config, training=True):
    """The mean loss of a batch, and the new moving statistics."""
    logits, moving = logits_and_moving(weights, images, config=config, training=training)
    chosen = jnp.take_along_axis(jax.nn.log_softmax(logits), labels[:, None], axis=1)
    return -chosen.mean(), moving


def _window_rnn(weights, images, *, config, training):
    sequence = images.swapaxes(0, 1)  # [T, B, F]
    for layer in range(config.layers):
        kernel, recurrent, bias = _cell(weights, f"cell_{layer}")

        def step(h, term, recurrent=recurrent):
            h = jnp.tanh(term + h @ recurrent)
            return h, h

        h = jnp.zeros((sequence.shape[1], config.units))
        h, sequence = lax.scan(step, h, sequence @ kernel + bias, unroll=UNROLL)
    return h, {}


def _row_lstm(weights, images, *, config, training):
    kernel, recurrent, bias = _cell(weights, "lstm")

    def step(state, term):
        h, c = state
        i, f, g, o = jnp.split(term + h @ recurrent, 4, axis=1)
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        return (jax.nn.sigmoid(o) * jnp.tanh(c), c), None

    zeros = jnp.zeros((len(images), config.units))
    terms = images.swapaxes(0, 1) @ kernel + bias  # [T, B, 4 H]
    (h, _), _ = lax.scan(step, (zeros, zeros), terms, unroll=UNROLL)
    return _normalization(weights, h, config=config, training=training)


def _cell(weights, name):
    return (weights[f"{name}/{part}"] for part in ("kernel", "recurrent_kernel", "bias"))


def _normalization(weights, inputs, *, config, training):
    gamma, beta, mean, variance = (
        weights[f"normalization/{part}"]
        for part in ("gamma", "beta", "moving_mean", "moving_variance")
    )
    moving = {}
    if training:
        mean_of_batch, variance_of_batch = inputs.mean(axis=0), inputs.var(axis=0)
        moving = {
            "normalization/moving_mean": _moved(mean, mean_of_batch, config.momentum),
            "normalization/moving_variance": _moved(variance, variance_of_batch, config.momentum),
        }
        mean, variance = mean_of_batch, variance_of_batch
    return gamma * (inputs - mean) / jnp.sqrt(variance + config.epsilon) + beta, moving


def _moved(former, value, momentum):
    return momentum * former + (1 - momentum) * value


def _new_state(weights):
    """What a training carries: weights, Adam's moments of them, the number of steps done."""
    weights = {name: jnp.asarray(value) for name, value in weights.items()}
    first, second = (jax.tree.map(jnp.zeros_like, weights) for _ in range(2))
    return weights, first, second, jnp.zeros(())


def _update(state, gradients, *, config):
    weights, first, second, steps = state
    steps = steps + 1
    if config.optimizer == "sgd":
        weights = jax.tree.map(lambda w, g: w - config.learning_rate * g, weights, gradients)
        return weights, first, second, steps
    first = jax.tree.map(lambda m, g: _moved(m, g, config.beta_1), first, gradients)
    second = jax.tree.map(lambda v, g: _moved(v, g * g, config.beta_2), second, gradients)
    rate = config.learning_rate * jnp.sqrt(1 - config.beta_2**steps) / (1 - config.beta_1**steps)
    weights = jax.tree.map(
        lambda w, m, v: w - rate * m / (jnp.sqrt(v) + config.epsilon), weights, first, second
    )
    return weights, first, second, steps


class _Jax:
    def __init__(self, config, dataset, weights):
        self.config = config
        self.state = _new_state(weights)
        self.split = _on_device(train_split(config, dataset), config)
        self.test_split = _on_device(dataset.test, config)
        self.plan, self.test_plan = batches.train_plan(config, 0), batches.test_plan(config)
        predict = jax.jit(
            lambda weights, image: logits_and_moving(weights, image, config=config, training=False)[
                0
            ]
        )
        image = one_image(config, dataset)
        self.predictors = {"jit": lambda: np.asarray(predict(self.state[0], image))}

    def train(self, count):
        losses = []
        for first in range(0, count, STEPS_PER_CALL):
            plan = self._steps(first, count)
            self.state, part = _train(self.state, self.split, plan, config=self.config)
            losses.append(part)
        return np.concatenate([np.asarray(part) for part in losses])

    def inputs(self, count):
        for first in range(0, count, STEPS_PER_CALL):
            plan = self._steps(first, count)
            _inputs(self.split, plan, config=self.config).block_until_ready()

    def evaluate(self):
        return float(_test(self.state[0], self.test_split, self.test_plan, config=self.config))

    def _steps(self, first, count):
        """The plan of one call."""
        return self.plan.skip(first).take(min(STEPS_PER_CALL, count - first))


def _on_device(split, config):
    """All rows [examples * rows, F] uint8 and labels [examples]."""
    return jnp.asarray(split.images.reshape(-1, config.features)), jnp.asarray(split.labels)


def _batch(split, of_step, config):
    """Images [B, T, F] float32 and labels [B] of one step of a plan."""
    (rows, labels), (indices, starts) = split, of_step
    numbers = (indices * config.rows + starts)[:, None] + jnp.arange(config.window)
    return rows[numbers].astype(jnp.float32) * batches.PIXEL_SCALE, labels[indices]


@functools.partial(jax.jit, static_argnames="config", donate_argnames="state")
def _train(state, split, plan, *, config):
    """The steps of a plan; returns the new state and the losses [steps]."""

    def step(state, of_step):
        images, labels = _batch(split, of_step, config)
        of_weights = functools.partial(loss, config=config)
        (value, moving), gradients = jax.value_and_grad(of_weights, has_aux=True)(
            state[0], images, labels
        )
        weights, *rest = _update(state, gradients, config=config)
        return ({**weights, **moving}, *rest), value

    return lax.scan(step, state, tuple(plan))


@functools.partial(jax.jit, static_argnames="config")
def _test(weights, split, plan, *, config):
    """The mean loss over all batches."""

    def step(total, of_step):
        images, labels = _batch(split, of_step, config)
        return total + loss(weights, images, labels, config=config, training=False)[0], None

    total, _ = lax.scan(step, 0.0, tuple(plan))
    return total / len(plan.indices)


@functools.partial(jax.jit, static_argnames="config")
def _inputs(split, plan, *, config):
    """Makes the batches of a plan; a sum, so that none is left out."""

    def step(total, of_step):
        images, labels = _batch(split, of_step, config)
        return total + images.sum() + labels.sum(), None

    return lax.scan(step, 0.0, tuple(plan))[0]
