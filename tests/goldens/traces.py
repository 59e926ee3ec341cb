"""What the goldens hold of a side, and how far another side's is from it. Needs no TensorFlow."""

from typing import NamedTuple

import numpy as np

from shared.config import WindowRNNConfig
from tests import goldens
from tf1port.numerics.differences import difference
from tf1port.numerics.tolerances import TABLE, tolerance

# The row of the table of tolerances for each group of arrays but the losses.
ROWS = {
    "outputs": "outputs",
    "logits": "logits",
    "loss": "loss",
    "gradients": "gradients",
    "slots": "slots",
    "stepped": "stepped weights",
    "trained": "weights after SGD",
    "resumed_logits": "logits",
}


class Gap(NamedTuple):
    """How far two groups of arrays are apart, where, and how far they may be."""

    max_abs: float
    place: str
    bound: float

    @property
    def closed(self):
        return self.max_abs <= self.bound


def gap(row, expected, actual, *, dtype):
    """Compares two dicts of arrays under a row of the table of tolerances."""
    return Gap(*difference(expected, actual), bound=tolerance(row, dtype).bound)


def start_gap(initial, side):
    """How far a side that was started from these named weights is from having them."""
    row = "weights with forget bias" if hasattr(side.config, "forget_bias") else "weights"
    expected = {name: value.astype(side.dtype) for name, value in initial.items()}
    return gap(row, expected, side.weights(), dtype=side.dtype)


def trace(side, batches):
    """What a side computes from its initial weights on: groups of named arrays.

    `side` is like Side. It is trained on the first STEPS of the batches.
    """
    found = untrained_trace(side, batches[0])
    losses = [side.train_steps(batches[:1])]
    slots = side.slots()
    if slots:  # plain SGD has none
        found["slots"] = slots
    found["stepped"] = side.weights()
    rest = batches[1 : goldens.STEPS]
    if rest:
        losses.append(side.train_steps(rest))
    together = side.dtype == "float64" or side.config.float32_horizon >= goldens.STEPS
    if side.config.optimizer == "sgd" and together and len(batches) >= goldens.STEPS:
        found["trained"] = side.weights()
    found["losses"] = {"step": np.concatenate(losses)}
    return found


def untrained_trace(side, batch):
    """The groups of `trace` that take no training step."""
    images, labels = batch
    outputs = side.forward(images)
    logits = outputs.pop("logits")
    loss, gradients = side.gradients(images, labels)
    return {
        "outputs": {name: value[: goldens.EXAMPLES] for name, value in outputs.items()},
        "logits": {"logits": logits},
        "loss": {"loss": loss},
        "gradients": gradients,
    }


def resumed_trace(side, batches):
    """What a side that stands at step STEPS computes: one batch's logits, RESUMED_STEPS losses."""
    following = batches[goldens.STEPS : goldens.STEPS + goldens.RESUMED_STEPS]
    logits = side.forward(following[0][0])["logits"]
    return {
        "resumed_logits": {"logits": logits},
        "resumed_losses": {"step": side.train_steps(following)},
    }


def load(model, dtype):
    """The recorded groups of "float32" or "float64"."""
    found = {}
    for path, value in goldens.under(goldens.load(model), dtype).items():
        group, _, name = path.partition("/")
        found.setdefault(group, {})[name] = value
    return found


def gaps(expected, actual, *, dtype, powers="tf1", config=WindowRNNConfig):
    """Compares the groups that `actual` has with those expected: a dict of Gaps.

    The losses are compared over every horizon that they reach and that has a tolerance.
    powers: whose powers of beta `actual` has, "tf1" or "keras" (see tf1port.numerics.optimizers).
    config: the model's, or its class.
    """
    found = {}
    for group, row in ROWS.items():
        if group in actual:
            found[group] = gap(row, expected[group], actual[group], dtype=dtype)
    for group in ("losses", "resumed_losses"):
        losses = actual.get(group, {"step": ()})["step"]
        for steps in _horizons(config, len(losses), dtype=dtype):
            row = _loss_row(steps, dtype=dtype, powers=powers, optimizer=config.optimizer)
            if (row, dtype) in TABLE:
                pair = [{"step": of[group]["step"][:steps]} for of in (expected, actual)]
                found["%s, %d" % (group, steps)] = gap(row, *pair, dtype=dtype)
    return found


def _horizons(config, count, *, dtype):
    """The numbers of steps over which `count` losses are compared."""
    last = min(count, config.float32_horizon) if dtype == "float32" else count
    return [steps for steps in (5, 50, goldens.STEPS) if steps <= last]


def _loss_row(steps, *, dtype, powers, optimizer):
    if optimizer == "sgd":
        return "losses of %d SGD steps" % steps
    exact = dtype == "float64" and powers == "tf1"
    return "losses of %d steps%s" % (steps, ", TF1's powers" if exact else "")
