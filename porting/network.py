"""The network around a graph's cells: their order, what leads to them, what is made of them.

Layers are found by reachability: a matrix that is multiplied with something that was only moved
about since a cell made it is a dense layer over that cell, whatever its name.
"""

from typing import NamedTuple

from porting.graph import ADD, PASSING, Graph
from porting.naming import Cell
from porting.wiring import ACTIVATIONS, DROPOUT, MOVING, Constants, Run, UnknownCell, find_wiring

_BIAS = ADD | {"BiasAdd"}
_RESHAPED = PASSING | {"Reshape"}
_GATHERS = {"Gather", "GatherV2", "ResourceGather"}
_SELECTING = {"StridedSlice", "Slice", "Gather", "GatherV2", "GatherNd"}
_SELECTING |= {"Split", "SplitV", "Unpack"}


class Layer(NamedTuple):
    """A layer before or after the cells: "embedding" or "dense", its variables by Keras' role."""

    kind: str
    variables: dict[str, str]
    activation: str
    output: str  # the tensor that it makes


class RecurrentLayer(NamedTuple):
    """A cell with what its graph knows of it and its longest run over time."""

    cell: Cell
    constants: Constants
    run: Run | None  # None where there is no graph


class Network(NamedTuple):
    """What a checkpoint's graph computes.

    before: an embedding or dense layers that make the inputs of the first cell.
    recurrent: the cells from the inputs up.
    after: dense layers from the last cell up.
    takes: "steps" where `after` takes the outputs of all steps, "last" the last one's output,
        "state" the final state, which is another thing where sequences have lengths.
    """

    before: list[Layer]
    recurrent: list[RecurrentLayer]
    after: list[Layer]
    takes: str

    @property
    def variables(self):
        """The names of all variables that have found their place."""
        found = [name for layer in self.before + self.after for name in layer.variables.values()]
        found += [name for layer in self.recurrent for name in layer.cell.variables.values()]
        return found


def find_network(graph: Graph, cells):
    """The network that a graph makes of its cells (porting.checkpoint.Cell).

    Raises:
        UnknownCell: a cell is not used in the graph, or not in a known way, or the cells are not
            stacked one upon the other.
    """
    wiring = find_wiring(graph, cells)
    layers = []
    for cell in cells:
        if cell.scope not in wiring.runs:
            raise UnknownCell(
                f"{cell.scope} is not multiplied in the open: within tf.cond, tf.function or not "
                "at all"
            )
        constants, runs = wiring.constants[cell.scope], wiring.runs[cell.scope]
        layers.append(RecurrentLayer(cell, constants, runs[0]))
    layers = _stacked(graph, layers)
    _refuse_reversed(graph, layers)
    kernels = {name for layer in layers for name in layer.cell.variables.values()}
    after, takes = _after(graph, layers[-1].run, kernels=kernels)
    return Network(_before(graph, layers[0].run), layers, after, takes)


def _refuse_reversed(graph, layers):
    for layer in layers:
        for tensor in graph.behind(_first_inputs(layer.run), through=MOVING | DROPOUT):
            node = graph.node(tensor)
            if node is not None and node.op.startswith("Reverse"):
                raise UnknownCell(
                    f"{layer.cell.scope} takes its inputs backwards, and convert has no way for "
                    "that yet"
                )


def _stacked(graph, layers):
    """The layers from the inputs up: each takes what the one before makes."""
    below = {index: _below(graph, layers, index) for index in range(len(layers))}
    order: list[int] = []
    while len(order) < len(layers):
        ready = [i for i in below if i not in order and below[i] <= set(order)]
        if len(ready) != 1 or (order and order[-1] not in below[ready[0]]):
            scopes = ", ".join(layer.cell.scope for layer in layers)
            raise UnknownCell(f"these cells are not stacked one upon the other: {scopes}")
        order.extend(ready)
    return [layers[index] for index in order]


def _below(graph, layers, index):
    """The indices of the layers that a layer takes its inputs from."""
    sources = set(graph.behind(_first_inputs(layers[index].run), through=MOVING | DROPOUT))
    found = set()
    for other, layer in enumerate(layers):
        if other != index and sources & set(_made(layer.run)):
            found.add(other)
    return found


def _first_inputs(run):
    return run.inputs or run.steps[0].x


def _made(run):
    """The tensors that a run gives to what comes after it."""
    made = [run.outputs, run.final_h, *(step.new_h for step in run.steps)]
    return [tensor for tensor in made if tensor is not None]


def _before(graph, run):
    """The layers that make the inputs of the first cell, from the inputs of the graph on."""
    found: list[Layer] = []
    tensor = _first_inputs(run)
    while True:
        for source in graph.behind(tensor, through=MOVING | DROPOUT | set(ACTIVATIONS)):
            layer = _layer_at(graph, source)
            if layer is not None:
                found.insert(0, _activated(graph, layer))
                break
        else:
            return found
        if layer.kind == "embedding":
            return found
        tensor = graph.inputs(_product(graph, source))[0]


def _activated(graph, layer):
    """A dense layer with the activation that takes its sums."""
    for node in graph.consumers(layer.output, ACTIVATIONS)[:1]:
        layer = layer._replace(activation=ACTIVATIONS[node.op], output=node.name + ":0")
    return layer


def _layer_at(graph, tensor):
    """The layer that makes a tensor; None where no layer does."""
    node = graph.node(tensor)
    if node is None:
        return None
    if node.op in _GATHERS and graph.variable(graph.inputs(node)[0]):
        variables = {"embeddings": graph.variable(graph.inputs(node)[0])}
        return Layer("embedding", variables, "linear", tensor)
    product = _product(graph, tensor)
    if product is None or graph.variable(graph.inputs(product)[1]) is None:
        return None
    variables = {"kernel": graph.variable(graph.inputs(product)[1])}
    if product is not node:
        variables["bias"] = graph.variable(graph.inputs(node)[1])
    return Layer("dense", variables, "linear", tensor)


def _product(graph, tensor):
    """The product that a tensor is, or that it is with a variable added; else None."""
    node = graph.node(tensor)
    if node is not None and node.op in _BIAS and graph.variable(graph.inputs(node)[1]):
        node = graph.node(graph.inputs(node)[0])
        while node is not None and node.op in _RESHAPED:  # a product of three dimensions
            node = graph.node(graph.inputs(node)[0])
    return node if node is not None and node.op == "MatMul" else None


def _after(graph, run, *, kernels):
    """The dense layers over the last cell and what they take of it."""
    through = MOVING | DROPOUT
    takes = None
    if run.looped:
        starts = [(run.outputs, through - _SELECTING, "steps"), (run.outputs, through, "last")]
        starts.insert(0, (run.final_h, through, "state"))
    else:
        first, last = run.steps[0].new_h, run.steps[-1].new_h
        starts = [(first, through, "steps"), (last, through, "last")]
        starts = starts[-1:] if len(run.steps) == 1 else starts
    for tensor, through, takes in starts:
        found = _dense_over(graph, tensor, through=through, kernels=kernels) if tensor else []
        if found:
            return found, takes
    return [], "steps"


def _dense_over(graph, tensor, *, through, kernels):
    """The dense layers over a tensor, one upon the other."""
    found: list[Layer] = []
    while True:
        products = graph.ahead([tensor], through=through, ops={"MatMul"})
        weighed = [node for node in products if graph.variable(graph.inputs(node)[1])]
        weighed = [n for n in weighed if graph.variable(graph.inputs(n)[1]) not in kernels]
        if not weighed:
            return found
        layer = _activated(graph, _with_bias(graph, weighed[0]))
        tensor = layer.output
        found.append(layer)


def _with_bias(graph, product):
    """The dense layer of a product, with the bias that is added to it."""
    variables = {"kernel": graph.variable(graph.inputs(product)[1])}
    tensor = product.name + ":0"
    for add in graph.ahead([tensor], through=_RESHAPED, ops=_BIAS):
        biases = [graph.variable(name) for name in graph.inputs(add) if graph.variable(name)]
        if biases:
            variables["bias"], tensor = biases[0], add.name + ":0"
    return Layer("dense", variables, "linear", tensor)
