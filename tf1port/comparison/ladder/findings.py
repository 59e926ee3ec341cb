"""Details of a ladder run besides its checks: gaps by layer, step and parameter; losses."""

import re
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

from tf1port.comparison.ladder.entries import Gradient, Heat
from tf1port.comparison.sides.protocol import NotOffered
from tf1port.errors import UserError
from tf1port.numerics.differences import difference
from tf1port.numerics.tolerances import tolerance

NOT_EXERCISED = "not exercised"


class LeftOut(NamedTuple):
    """A quantity that was not compared, why, and whether the claim needs it."""

    quantity: str
    why: str
    needed: bool


class Findings:
    """The details of one run of the ladder, as the report has them.

    Attributes:
        heat: {"layers": names, "max_abs": [layer][time step]}; one column without time steps.
        gaps: the largest differences of all outputs by name, from the first layer to the last.
        gradients: a dict per parameter: name, max_abs, bound.
        losses: series [steps] by "legacy", "modern" and, with TF1's powers, "exact".
        compared: the quantities that were compared.
        left_out: LeftOuts.
    """

    def __init__(self):
        self.heat: Heat = {"layers": [], "max_abs": []}
        self.gaps: dict[str, float] = {}
        self.gradients: list[Gradient] = []
        self.losses: dict[str, Any] = {}
        self.compared: set[str] = set()
        self.left_out: list[LeftOut] = []

    @contextmanager
    def offered(self, *quantities):
        """Records quantities as left out that a side does not offer within this, or that raise."""
        try:
            yield
        except NotOffered as why:
            self._leave_out(quantities, str(why), needed=why.needed)
        except UserError as why:  # of one check: the others are compared all the same
            self._leave_out(quantities, str(why), needed=True)
        except Exception as error:
            self._leave_out(quantities, raised(error), needed=True)

    def note(self, quantity: str, reason: str) -> None:
        """Records a feature that the batches do not exercise; the claim does not need it."""
        self._leave_out([quantity], f"{NOT_EXERCISED}: {reason}", needed=False)

    def _leave_out(self, quantities, why, *, needed):
        entries = [LeftOut(quantity, why, needed) for quantity in quantities]
        new = [entry for entry in entries if entry not in self.left_out]  # by the other side
        noted = why.startswith(NOT_EXERCISED)  # of a quantity that is compared besides
        self.left_out += [entry for entry in new if noted or entry.quantity not in self.compared]

    def see_layers(self, legacy, modern):
        """Records the gaps of every layer's output; of sequences [B, T, H] alone if there are any.

        The modern side's outputs are in the order in which they are computed.
        """
        names = [*(name for name in modern if name in legacy), *(legacy.keys() - modern.keys())]
        self.gaps = {
            name: difference(
                {name: legacy[name]}, {n: modern[n] for n in (name,) if n in modern}
            ).max_abs
            for name in names
        }
        steps = {name: legacy[name].shape[1] for name in names if legacy[name].ndim == 3}
        longest = max(steps.values(), default=0)  # the table has one number of columns
        sequences = [name for name, count in steps.items() if count == longest]
        for name in sequences or names:
            pair = legacy[name], modern.get(name, np.array(np.nan))
            self._add(name, _steps(pair) if sequences else [pair])

    def see_states(self, legacy, modern, *, lengths):
        """Records the gaps of final states [N, H] for lengths [N], a length as one time step."""
        self.heat, self.gaps = {"layers": [], "max_abs": []}, {}
        rows = [np.flatnonzero(lengths == length) for length in range(1, lengths.max() + 1)]
        for name in legacy:
            if name in modern and len(legacy[name]) == len(modern[name]):
                pairs = [(legacy[name][selected], modern[name][selected]) for selected in rows]
                self._add(name.replace("/state", ""), pairs)

    def see_gradients(self, legacy, modern, *, dtype):
        """Records the gaps of named gradients."""
        bound = tolerance("gradients", dtype).bound
        for name in legacy:
            gap = difference({name: legacy[name]}, {n: modern[n] for n in (name,) if n in modern})
            self.gradients.append({"name": name, "max_abs": gap.max_abs, "bound": bound})

    def _add(self, layer, pairs):
        gaps = [difference({layer: pair[0]}, {layer: pair[1]}).max_abs for pair in pairs]
        self.heat["layers"].append(layer)
        self.heat["max_abs"].append(gaps)


def raised(error: Exception) -> str:
    """An exception as one line; of a Keras error, which names the layer first, with its reason."""
    text = re.sub("\x1b\\[[0-9;]*m", "", f"raised {type(error).__name__}: {error}")
    lines = [line.strip() for line in text.split("\n") if line.strip()]
    if "Exception encountered when calling" in lines[0]:
        ends = (n for n, line in enumerate(lines) if line.startswith("Arguments received"))
        end = next(ends, 2)
        lines[0] = " ".join([lines[0], *lines[1:end][-1:]])
    return lines[0].rstrip(": ")


def first_gap(heat, bound):
    """The earliest (layer, time step) whose gap is above the bound; the step is None without time.

    Of several layers at one time step it is the lowest. None where all are within the bound.
    """
    columns = list(zip(*heat["max_abs"], strict=True))
    for step, column in enumerate(columns):
        for layer, gap in zip(heat["layers"], column, strict=True):
            if not gap <= bound:
                return layer, step if len(columns) > 1 else None
    return None


def _steps(pair):
    """The pairs of arrays [B, ...] of each time step of a pair [B, T, ...]."""
    if pair[0].shape != pair[1].shape:
        return [pair] * pair[0].shape[1]
    return [tuple(array[:, step] for array in pair) for step in range(pair[0].shape[1])]
