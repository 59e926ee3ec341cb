"""The protocol of a side: what the ladder asks of anything that it compares.

Weights, gradients and slots go by the names of shared/weights.py, whatever the side calls them.
"""

from typing import Any, NamedTuple, Protocol

import keras

SLOTS = {"adam": {"m": "momentum", "v": "velocity"}, "sgd": {}}  # TF1's and Keras' names


class State(NamedTuple):
    """All that a training goes on from: named weights, slots like `cell_0/kernel/m`, step count."""

    weights: dict[str, Any]
    slots: dict[str, Any]
    count: int  # type: ignore[assignment]  # no one counts in this tuple


class Side(Protocol):
    """A model with an optimizer, seen from outside. Arrays have the side's dtype."""

    def weights(self):
        """Named weights."""

    def forward(self, images):
        """Every layer's output, final states and `logits`, by name, outside of training."""

    def forward_lengths(self, images, lengths):
        """The recurrent layer's outputs and final states, by name, for lengths [B] of 0 to T."""

    def accuracy(self, images, labels):
        """The fraction of a batch that is classified rightly, outside of training: float64."""

    def gradients(self, images, labels):
        """The loss of a training batch and the named gradients of it."""

    def train_steps(self, batches):
        """Trains on each (images, labels) in turn; returns the losses [steps]."""

    def slots(self):
        """The optimizer's slots, named like `cell_0/kernel/m`."""

    def state(self):
        """The State that a training would go on from."""

    def restore(self, state):
        """Goes on from the State of any side."""

    def export(self, folder):
        """Writes a SavedModel for porting.sides.exported; `folder` must not exist. float32 only."""


def cast(arrays, dtype):
    """An array, or the arrays of a dict, in another dtype."""
    return keras.tree.map_structure(lambda array: array.astype(dtype), arrays)


def of_slot(slots, slot):
    """The arrays of one slot, `m` or `v`, by the names of their weights."""
    end = f"/{slot}"
    return {name[: -len(end)]: value for name, value in slots.items() if name.endswith(end)}
