"""A side that caches its results, so that many sides are compared with it at the cost of one.

Every replay must call the same methods in the same order, as the ladder does, though it may end
sooner than earlier ones, or continue.
"""

import copy
from typing import Any

from tf1port.comparison.sides.protocol import NotOffered


class Recorded:
    """A side (tf1port.comparison.sides.protocol.Side) with a cache of its results.

    Attributes:
        side: the side itself, trained as far as the longest replay.
    """

    def __init__(self, side):
        self.side = side
        # Shared by all replays: the cache, and the history of the side itself.
        self._answers: dict[tuple[int | str, ...], Any] = {}
        self._calls: list[int | None] = []
        # The steps trained so far by each call of this replay; None once nothing is cached.
        self._history: list[int] | None = []

    @property
    def config(self):
        """The side's config."""
        return self.side.config

    @property
    def dtype(self):
        """The side's dtype."""
        return self.side.dtype

    def replay(self):
        """The same side before its first step, with the same cache."""
        anew = copy.copy(self)
        anew._history = []
        return anew

    def weights(self):
        """Named weights."""
        return self._answer("weights")

    def forward(self, images):
        """Every layer's output, final states and `logits`, of the batch of the first call."""
        return dict(self._answer("forward", images))  # the ladder takes the logits out

    def forward_lengths(self, images, lengths):
        """Outputs and final states of the images and lengths of the first call."""
        return self._answer("forward_lengths", images, lengths)

    def accuracy(self, images, labels):
        """The accuracy on the batch of the first call."""
        return self._answer("accuracy", images, labels)

    def gradients(self, images, labels):
        """The loss and the named gradients of the batch of the first call."""
        return self._answer("gradients", images, labels)

    def train_steps(self, batches):
        """Trains on each (images, labels) in turn; returns the losses [steps]."""
        losses = self._answer(f"train_steps {len(batches)}", batches)
        if self._history is not None:
            self._history.append(len(batches))
        return losses

    def slots(self):
        """The optimizer's slots."""
        return self._answer("slots")

    def state(self):
        """The State that training would resume from."""
        return self._answer("state")

    def restore(self, state):
        """Loads the State of any side; from here on nothing is cached."""
        self.side.restore(state)
        self._history = None
        self._calls.append(None)  # no replay's history is like this

    def export(self, folder):
        """Writes a SavedModel."""
        self.side.export(folder)

    def _answer(self, question, *arguments):
        method = getattr(self.side, question.split()[0])
        if self._history is None:
            return method(*arguments)
        key = (*self._history, question)
        if key not in self._answers:
            if self._calls != self._history:
                raise RuntimeError(f"{question} is asked in another order than before")
            try:
                self._answers[key] = method(*arguments)
            except NotOffered as why:
                self._answers[key] = why
            else:
                if question.startswith("train_steps"):
                    self._calls.append(len(*arguments))
        if isinstance(self._answers[key], NotOffered):
            raise self._answers[key]
        return self._answers[key]
