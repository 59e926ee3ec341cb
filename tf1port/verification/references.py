"""The reference of a converted model: the checkpoint's own graph, or cells in NumPy."""

from typing import NamedTuple

import numpy as np

from tf1port.conversion import cases
from tf1port.errors import UserError
from tf1port.tf1.session.recurrent_subgraph import GraphRun


class References(NamedTuple):
    """Whether the graph runs here, whether upcast to float64 as well, and a label of it."""

    graph: bool
    upcast: bool
    against: str


def references(conversion):
    """The References of a conversion."""
    reason = None
    if conversion.graph is None:
        reason = "there is no .meta beside the checkpoint"
    elif conversion.network.recurrent[0].run is None:
        reason = "cuDNN's op runs on a GPU alone"
    reason = reason or _fault(conversion, upcast=False)
    if reason:
        return References(False, False, f"cells in NumPy, as {reason}")
    if conversion.blueprint.dtype == "float32" and _fault(conversion, upcast=True):
        against = "the graph of the checkpoint in float32, and cells in NumPy in float64"
        return References(True, False, f"{against}, which its ops do not know")
    return References(True, True, "the graph of the checkpoint")


def _fault(conversion, *, upcast):
    """Why the graph of a checkpoint does not run here; None: it does."""
    variables = {name: conversion.checkpoint.read(name) for name in conversion.network.variables}
    batch, steps = cases.sizes(conversion)[0]
    case = cases.case(conversion, np.random.default_rng(0), batch, steps)
    try:
        run = GraphRun(conversion.graph, conversion.network, variables, upcast=upcast)
        case = case.cast(run.dtype)
        run(case.inputs, case.states, lengths=case.lengths)
    except UserError as error:
        return str(error)
    return None
