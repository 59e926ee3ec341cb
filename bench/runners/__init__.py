"""What is measured, each in a module that imports its own framework alone.

A module has `build(config, dataset, weights)`, which returns a Runner.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np

from shared import batches
from shared.config import Config


class Runner(Protocol):
    """A model with its training loop, as one framework has them.

    Attributes:
        predictors: by name, each a function that computes the logits of `one_image` and waits for
            them.
    """

    predictors: Mapping[str, Callable[[], Any]]

    def train(self, count: int) -> np.ndarray:
        """Trains on so many batches of the plan; returns the losses [count] float32."""

    def inputs(self, count: int) -> None:
        """Makes the same batches, and does nothing with them."""

    def evaluate(self) -> float:
        """The mean loss over all batches of the test split."""


def initial_weights(config: Config) -> dict[str, np.ndarray]:
    """Named weights (shared/weights.py) to start from, float32, a function of the config's seed.

    Glorot's for kernels; zeros for biases, but the forget gate's; a normalization that changes
    nothing.
    """
    stream = np.random.RandomState(config.seed)
    weights = {}
    for name, shape in config.weight_shapes().items():
        if name.endswith("kernel"):
            limit = math.sqrt(6 / (math.prod(shape[:-1]) + shape[-1]))
            value = stream.uniform(-limit, limit, shape)
        else:
            value = np.full(shape, name.endswith(("gamma", "variance")), float)
        weights[name] = value.astype(np.float32)
    if "lstm/bias" in weights:  # the gates i, f, c, o
        np.split(weights["lstm/bias"], 4)[1][:] = getattr(config, "forget_bias", 0)
    return weights


def one_image(config: Config, dataset: Any) -> Any:
    """The first test image as a batch of one: [1, *input_shape] float32, or a dict of such."""
    image = dataset.test.images[0].reshape(config.rows, config.features)
    windows = batches.windows(image, config)
    if isinstance(windows, dict):
        return {name: inputs[:1] for name, inputs in windows.items()}
    return windows[:1]
