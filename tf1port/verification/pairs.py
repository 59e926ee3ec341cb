"""A reference and Keras' layers, to be run on the same inputs."""

from tf1port.keras_model.runner import KerasRun
from tf1port.numerics import comparison
from tf1port.tf1.session.recurrent_subgraph import GraphRun
from tf1port.verification.numpy_run import NumpyRun


class Pair:
    """The reference and Keras' layers, both in one dtype, with their graph and blueprint."""

    def __init__(self, conversion, weights, variables, *, dtype, graph):
        self.blueprint, self.dtype = conversion.blueprint, dtype
        self.graph, self.network = conversion.graph if graph else None, conversion.network
        self.run: GraphRun | NumpyRun = NumpyRun(self.network, variables)
        if self.graph is not None:
            upcast = dtype != self.blueprint.dtype
            self.run = GraphRun(self.graph, self.network, variables, upcast=upcast)
        self.keras = KerasRun(self.blueprint, weights, dtype=dtype)
        self.variables = variables


def check_at(quantity, name, expected, actual, *, dtype, label):
    """The check of one pair of arrays, with a label of the run added to its place."""
    check = comparison.check(quantity, {name: expected}, {name: actual}, dtype=dtype)
    return check._replace(place=f"{check.place}, {label}")
