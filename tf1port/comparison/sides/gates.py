"""Cells written by hand: one variable per gate or several joined, gates in any order."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

# Keras' order of the gates, and the letters that programs use for each.
ORDERS = {"lstm": "ifco", "gru": "zrh", "rnn": "h"}
_LETTERS = {
    "lstm": {"g": "c", "j": "c", "u": "c"},
    "gru": {"u": "z", "c": "h", "g": "h", "n": "h"},
    "rnn": {},
}
ROWS = ("xh", "hx")  # the order of rows in a kernel for both inputs x and state h


class Gates(NamedTuple):
    """The layout of a cell's variables.

    Attributes:
        family: "lstm", "gru" or "rnn".
        gates: a letter for each gate, in the order of the columns.
        rows: of ROWS, where one kernel is for inputs and state together.
        forget_bias: that the graph adds, and no variable contains.
        widths: by role, the numbers of columns of the variables that are joined.
    """

    family: str
    gates: str
    rows: str
    forget_bias: float
    widths: Mapping[str, tuple[int, ...]]

    def to_keras(self, arrays: Mapping[str, np.ndarray], *, linear: bool) -> dict[str, np.ndarray]:
        """Keras' weights by role from variables "kernel 0", "kernel 1" and so on."""
        joined = {
            role: np.concatenate([arrays[f"{role} {n}"] for n in range(len(widths))], axis=-1)
            for role, widths in self.widths.items()
        }
        weights = {role: self._ordered(value, self._order) for role, value in joined.items()}
        if "recurrent_kernel" not in weights:
            units = weights["kernel"].shape[-1] // len(self.gates)
            at = -units if self.rows == "xh" else units
            halves = dict(zip(self.rows, np.split(weights["kernel"], [at]), strict=True))
            weights["kernel"], weights["recurrent_kernel"] = halves["x"], halves["h"]
        return self._shifted(weights, 0.0 if linear else self.forget_bias)

    def to_tf1(self, arrays: Mapping[str, np.ndarray], *, linear: bool) -> dict[str, np.ndarray]:
        """The inverse of `to_keras`."""
        weights = self._shifted(dict(arrays), 0.0 if linear else -self.forget_bias)
        if "recurrent_kernel" not in self.widths:
            halves = {"x": weights["kernel"], "h": weights.pop("recurrent_kernel")}
            weights["kernel"] = np.concatenate([halves[row] for row in self.rows])
        back = np.argsort(self._order)
        variables = {}
        for role, widths in self.widths.items():
            blocks = np.split(self._ordered(weights[role], back), np.cumsum(widths)[:-1], axis=-1)
            variables.update({f"{role} {n}": block for n, block in enumerate(blocks)})
        return variables

    @property
    def _order(self):
        letters = standard(self.family, self.gates)
        return [letters.index(letter) for letter in ORDERS[self.family]]

    def _ordered(self, value, order):
        blocks = np.split(value, len(self.gates), axis=-1)
        return np.concatenate([blocks[place] for place in order], axis=-1)

    def _shifted(self, arrays, amount):
        """Arrays with an amount added to the bias of the forget gate, the second of four."""
        if not amount or "bias" not in arrays:
            return arrays
        bias = arrays["bias"].copy()
        units = len(bias) // 4
        bias[units : 2 * units] += bias.dtype.type(amount)
        return {**arrays, "bias": bias}


def standard(family: str, gates: str) -> str:
    """The letters of some gates as in Keras' documentation."""
    return "".join(_LETTERS[family].get(letter, letter) for letter in gates)
