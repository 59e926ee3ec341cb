"""Cells written out by hand: variables apart or joined, gates in an order of their own."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

# Keras' order of the gates, and the letters that programs have for each.
ORDERS = {"lstm": "ifco", "gru": "zrh", "rnn": "h"}
_LETTERS = {
    "lstm": {"g": "c", "j": "c", "u": "c"},
    "gru": {"u": "z", "c": "h", "g": "h", "n": "h"},
    "rnn": {},
}
ROWS = ("xh", "hx")  # in which a kernel that takes both has its rows


class Gates(NamedTuple):
    """How the variables of a cell lie beside each other.

    Attributes:
        family: "lstm", "gru" or "rnn".
        gates: a letter for each gate, in the order of the columns.
        rows: of ROWS, where the kernel takes inputs and state together.
        forget_bias: that the graph adds, and no variable holds.
        widths: the columns of each of the variables that a role is joined of.
    """

    family: str
    gates: str
    rows: str
    forget_bias: float
    widths: Mapping[str, tuple[int, ...]]

    def to_keras(self, arrays: Mapping[str, np.ndarray], *, linear: bool) -> dict[str, np.ndarray]:
        """Keras' weights by role of the variables, "kernel 0", "kernel 1" and so on."""
        joined = {
            role: np.concatenate([arrays[f"{role} {n}"] for n in range(len(widths))], axis=-1)
            for role, widths in self.widths.items()
        }
        found = {role: self._ordered(value, self._order) for role, value in joined.items()}
        if "recurrent_kernel" not in found:
            units = found["kernel"].shape[-1] // len(self.gates)
            at = -units if self.rows == "xh" else units
            halves = dict(zip(self.rows, np.split(found["kernel"], [at]), strict=True))
            found["kernel"], found["recurrent_kernel"] = halves["x"], halves["h"]
        return self._shifted(found, 0.0 if linear else self.forget_bias)

    def to_tf1(self, arrays: Mapping[str, np.ndarray], *, linear: bool) -> dict[str, np.ndarray]:
        """The way back."""
        held = self._shifted(dict(arrays), 0.0 if linear else -self.forget_bias)
        if "recurrent_kernel" not in self.widths:
            halves = {"x": held["kernel"], "h": held.pop("recurrent_kernel")}
            held["kernel"] = np.concatenate([halves[row] for row in self.rows])
        back = np.argsort(self._order)
        found = {}
        for role, widths in self.widths.items():
            parts = np.split(self._ordered(held[role], back), np.cumsum(widths)[:-1], axis=-1)
            found.update({f"{role} {n}": part for n, part in enumerate(parts)})
        return found

    @property
    def _order(self):
        letters = standard(self.family, self.gates)
        return [letters.index(letter) for letter in ORDERS[self.family]]

    def _ordered(self, value, order):
        blocks = np.split(value, len(self.gates), axis=-1)
        return np.concatenate([blocks[place] for place in order], axis=-1)

    def _shifted(self, arrays, amount):
        """With something added to the bias of the forget gate, the second of four."""
        if not amount or "bias" not in arrays:
            return arrays
        bias = arrays["bias"].copy()
        units = len(bias) // 4
        bias[units : 2 * units] += bias.dtype.type(amount)
        return {**arrays, "bias": bias}


def standard(family: str, gates: str) -> str:
    """The letters of some gates as Keras' documentation has them."""
    return "".join(_LETTERS[family].get(letter, letter) for letter in gates)
