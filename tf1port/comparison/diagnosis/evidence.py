"""The input of a diagnosis: two sides before their first step, and how to compute one quantity.

Quantities are those of tf1port/numerics/tolerances.py.
"""

from functools import cached_property

import numpy as np

from tf1port.comparison.diagnosis.traits import traits
from tf1port.comparison.ladder import lengths
from tf1port.comparison.sides.protocol import State
from tf1port.pitfalls import images as image_changes
from tf1port.pitfalls import layers as layer_changes
from tf1port.pitfalls import weights as weight_changes

VARIABLES = {"weights", "weights with forget bias"}
OUTPUTS = {"outputs", "logits"}


class Evidence:
    """The sides, and values of theirs that are computed once.

    Attributes:
        quantity, bound: of the check that failed.
        start: the legacy side's State.
    """

    def __init__(self, legacy, modern, batches, *, dtype, failed):
        self.legacy, self.modern, self.batches = legacy, modern, batches
        self.dtype, self.config = dtype, legacy.config
        self.quantity, self.bound = failed.quantity, failed.bound
        self.images, self.labels = batches[0]
        self.start = legacy.state()
        self._forward = self._series = self._stepped = None

    @property
    def weights(self):
        """The legacy side's named weights at the start."""
        return self.start.weights

    @property
    def linear_weights(self):
        """The values of the graph's own variables in Keras' layout, without the forget bias."""
        weight_map = getattr(self.legacy, "weight_map", None)
        if weight_map is None:
            return self.weights
        return weight_map.to_keras(weight_map.to_tf1(self.weights), linear=True)

    @property
    def constants(self):
        """The constants of the graph's cells, as tf1port.tf1.graph.equations has them, by layer."""
        program = getattr(self.legacy, "program", None)
        if program is None:  # no graph of a third party
            return {}
        entries = self.legacy.map.layers.items()
        scopes = {n: e if isinstance(e, str) else getattr(e, "scope", None) for n, e in entries}
        layers = {name: program.recurrent(scope) for name, scope in scopes.items() if scope}
        return {name: layer.constants for name, layer in layers.items() if layer}

    @property
    def shares(self):
        """The keep probabilities that the graph's dropout may have."""
        own = getattr(self.legacy, "shares", None)
        return [float(share) for share in own()] if own else []

    @property
    def families(self):
        """The families of recurrent layers by name; None of a model of equivalence."""
        return getattr(self.legacy, "families", None)

    @property
    def lstms(self):
        """The names of all LSTMs."""
        families = {"lstm": "lstm"} if self.families is None else self.families
        names = [name for name, family in families.items() if family == "lstm"]
        return [name for name in names if f"{name}/bias" in self.weights]

    @cached_property
    def changes(self):
        """The Changes of weights that the model can suffer from."""
        if self.families is None:
            return weight_changes.of(self.config.model)
        return layer_changes.changes(self.families, self.weights)

    @property
    def image_changes(self):
        """The Changes of the model's inputs."""
        own = getattr(self.legacy, "input_changes", None)
        return image_changes.of(self.config.model) if own is None else own

    @cached_property
    def traits(self):
        """What the sides have, of tf1port.pitfalls.catalogue.TRAITS."""
        return traits(self)

    @property
    def at_once(self):
        """Whether the quantity takes no training step."""
        return self.quantity in VARIABLES | OUTPUTS | {"outputs of lengths", "loss", "gradients"}

    @property
    def live(self):
        """The modern side itself, where `modern` is a recording of it."""
        return getattr(self.modern, "side", self.modern)

    @property
    def forward(self):
        """The legacy side's outputs at the start."""
        if self._forward is None:
            self._forward = self.legacy.forward(self.images)
        return self._forward

    @property
    def series(self):
        """The modern side's losses [steps], trained as by the ladder: the first step by itself."""
        if self._series is None:
            pieces = self.batches[:1], self.batches[1:]
            self._series = np.concatenate([self.modern.train_steps(piece) for piece in pieces])
        return self._series

    @property
    def stepped(self):
        """The legacy side's arrays of the quantity, slots or weights, after the first step."""
        if self._stepped is None:
            self.legacy.train_steps(self.batches[:1])
            self._stepped = self.after_a_step(self.legacy)
            self.put_back()
        return self._stepped

    def after_a_step(self, side):
        """The arrays of the quantity, slots or weights, in a side's present state."""
        return side.slots() if self.quantity == "slots" else side.weights()

    def put_back(self):
        """Restores the legacy side's state at the start."""
        self.legacy.restore(self.start)

    def ask(self, side, *, images=None):
        """The arrays of the quantity, up to the gradients, in a side's present state."""
        images = self.images if images is None else images
        if self.quantity in VARIABLES:
            return side.weights()
        if self.quantity == "outputs of lengths":
            return side.forward_lengths(*lengths.repeated(images))
        if self.quantity in OUTPUTS:
            outputs = dict(side.forward(images))
            logits = outputs.pop("logits", None)
            return {"logits": logits} if self.quantity == "logits" else outputs
        loss, gradients = side.gradients(images, self.labels)
        return {"loss": loss} if self.quantity == "loss" else gradients

    def with_weights(self, weights):
        """The legacy side's arrays of the quantity, had it these weights."""
        if self.quantity in VARIABLES:
            return weights
        self.legacy.restore(State(weights, self.start.slots, self.start.count))
        try:
            return self.ask(self.legacy)
        finally:
            self.put_back()


def ratio(numerators, denominators):
    """The median of the quotients of two dicts of arrays, over the larger denominators."""
    names = [name for name in denominators if name in numerators]
    above = np.concatenate([np.ravel(numerators[name]) for name in names]).astype(np.float64)
    below = np.concatenate([np.ravel(denominators[name]) for name in names]).astype(np.float64)
    large = np.abs(below) > np.abs(below).mean()
    return float(np.median(above[large] / below[large])) if large.any() else 1.0
