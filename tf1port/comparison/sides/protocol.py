"""The protocol of a side: the methods that the ladder calls on each model that it compares.

Weights, gradients and slots have the same names on both sides.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import keras
import numpy as np

Arrays = dict[str, Any]  # arrays by name

SLOTS = {"adam": {"m": "momentum", "v": "velocity"}, "sgd": {}}  # TF1's and Keras' names


class State(NamedTuple):
    """The state that training resumes from: named weights, slots like `cell_0/kernel/m`, steps."""

    weights: dict[str, Any]
    slots: dict[str, Any]
    count: int  # type: ignore[assignment]  # it hides tuple.count, which nobody needs here


class NotOffered(Exception):
    """A side cannot compute a quantity; the message has the reason. It counts as not compared.

    Attributes:
        needed: whether the claim that the two sides are equal needs the answer.
    """

    needed = True


class NotApplicable(NotOffered):
    """There is no such quantity, such as lengths in a network without time steps."""

    needed = False


class Side(Protocol):
    """A model with an optimizer, seen from outside. Arrays have the side's dtype.

    A user's own side derives from this and defines the methods that it offers: the others are not
    compared, and so not proved. Besides the methods it has `config`, a Traits or an object with the
    same fields.
    """

    def weights(self) -> Arrays:
        """Named weights."""
        raise NotOffered("weights is not offered")

    def forward(self, images: Any) -> Arrays:
        """Every layer's output, final states and `logits`, by name, outside of training."""
        raise NotOffered("forward is not offered")

    def forward_lengths(self, images: Any, lengths: np.ndarray) -> Arrays:
        """The recurrent layer's outputs and final states, by name, for lengths [B] of 0 to T."""
        raise NotApplicable("the side takes no lengths")

    def accuracy(self, images: Any, labels: Any) -> Any:
        """The fraction of a batch that is classified rightly, outside of training: float64."""
        raise NotOffered("accuracy is not offered")

    def gradients(self, images: Any, labels: Any) -> tuple[Any, Arrays]:
        """The loss of a training batch and the named gradients of it."""
        raise NotOffered("gradients is not offered")

    def train_steps(self, batches: Sequence[tuple[Any, Any]]) -> np.ndarray:
        """Trains on each (images, labels) in turn; returns the losses [steps]."""
        raise NotOffered("train_steps is not offered")

    def slots(self) -> Arrays:
        """The optimizer's slots, named like `cell_0/kernel/m`."""
        raise NotOffered("slots is not offered")

    def state(self) -> State:
        """The State that training would resume from."""
        raise NotOffered("state is not offered")

    def restore(self, state: State) -> None:
        """Loads the State of any side."""
        raise NotOffered("restore is not offered")

    def export(self, folder: str) -> None:
        """Writes a SavedModel for tf1port.comparison.sides.exported.exported; `folder` must not
        exist. float32 only."""
        raise NotOffered("export is not offered")


def accuracy(logits: np.ndarray, labels: Any) -> Any:
    """The fraction of labels [...] to whose class logits [..., C] give the most: float64.

    Raises:
        NotApplicable: the labels are not classes of the logits.
    """
    labels = np.asarray(labels)
    if labels.dtype.kind not in "iu" or labels.shape != logits.shape[:-1]:
        raise NotApplicable("the labels are not classes of the logits")
    return np.mean(logits.argmax(axis=-1) == labels)


def cast(arrays: Any, dtype: str) -> Any:
    """An array, or the arrays of a dict, in another dtype."""
    return keras.tree.map_structure(lambda array: array.astype(dtype), arrays)


def of_slot(slots: Arrays, slot: str) -> Arrays:
    """The arrays of one slot, `m` or `v`, by the names of their weights."""
    end = f"/{slot}"
    return {name[: -len(end)]: value for name, value in slots.items() if name.endswith(end)}
