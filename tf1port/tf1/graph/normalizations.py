"""Batch and layer normalizations as the operations of a graph.

Both are x s + (beta - m s) with s = gamma / sqrt(v + epsilon): a batch's by variables m and v, as a
graph is outside of training; a layer's by the moments of x itself.
"""

import numpy as np

from tf1port.tf1.graph.index import ADD, PASSING, scalar
from tf1port.tf1.graph.layer import Layer
from tf1port.tf1.graph.moments import by_batch

_BROADCAST = {"Reshape", "ExpandDims", "Squeeze", "Cast"}


def decomposed(graph, node):
    """x s + (beta - m s) with s = gamma / sqrt(v + epsilon), from its first product.

    A batch normalization if m and v are variables, a layer normalization if they are moments of x
    over the last axis.
    """
    for scale in graph.inputs(node):
        inputs, scaled = graph.other(node, scale), _scale(graph, scale)
        for add in graph.consumers(_out(node), ADD) if scaled else ():
            shift = _shift(graph, graph.other(add, _out(node)), scale)
            if shift is None:
                continue
            variance, epsilon, gamma = scaled
            mean, beta = shift
            learned = {"gamma": gamma, "beta": beta}
            layer = _by_averages(graph, mean, variance, epsilon, learned)
            layer = layer or _by_moments(graph, inputs, mean, variance, epsilon, learned)
            if layer:
                kind, variables, options = layer
                return Layer(kind, variables, _out(add), inputs, options)
    return None


def _scale(graph, tensor):
    """The variance, epsilon and gamma (None: it has none) of 1 / sqrt(v + epsilon) gamma."""
    node = graph.node(graph.origin(tensor))
    gamma = None
    if node is not None and node.op == "Mul":
        variables = [_variable(graph, name) for name in graph.inputs(node)]
        if (variables[0] is None) == (variables[1] is None):
            return None
        gamma = variables[0] or variables[1]
        root = graph.inputs(node)[variables.index(None)]
        node = graph.node(graph.origin(root))
    added = graph.node(graph.inputs(node)[0]) if node is not None and node.op == "Rsqrt" else None
    if added is None or added.op not in ADD:
        return None
    for name in graph.inputs(added):
        epsilon = graph.constant(name)
        if scalar(epsilon) is not None:
            return graph.other(added, name), _shortest(epsilon), gamma
    return None


def _shift(graph, tensor, scale):
    """The mean and beta (None: it has none) of beta - m s."""
    node, beta = graph.node(graph.origin(tensor)), None
    if node is not None and node.op == "Sub":
        beta, product = _variable(graph, graph.inputs(node)[0]), graph.inputs(node)[1]
        if beta is None:
            return None
        sign = 1
    elif node is not None and node.op == "Neg":
        product, sign = graph.inputs(node)[0], 1
    else:
        product, sign = tensor, -1
    times = graph.node(graph.origin(product))
    if times is None or times.op != "Mul" or scale not in graph.inputs(times):
        return None
    mean = graph.other(times, scale)
    negated = graph.node(graph.origin(mean))
    if sign == -1:
        if negated is None or negated.op != "Neg":
            return None
        mean = graph.inputs(negated)[0]
    return mean, beta


def _by_averages(graph, mean, variance, epsilon, learned):
    """A batch normalization's kind, variables and options, where the moments are variables."""
    moving = {"moving_mean": _variable(graph, mean), "moving_variance": _variable(graph, variance)}
    if None in moving.values():
        return None
    return _batch_normalization(graph, {**learned, **moving}, epsilon)


def _batch_normalization(graph, variables, epsilon):
    options = {
        "momentum": _momentum(graph, variables),
        "epsilon": epsilon,
        "center": variables["beta"] is not None,
        "scale": variables["gamma"] is not None,
    }
    return "batch_normalization", _given(variables), options


def _by_moments(graph, inputs, mean, variance, epsilon, learned):
    """A layer normalization's kind, variables and options, where the moments are of its inputs."""
    squares = _mean_of(graph, variance)
    difference = graph.node(squares) if squares else None
    if difference is None or difference.op != "SquaredDifference":
        return None
    compared = set(map(graph.origin, graph.inputs(difference)))
    if _mean_of(graph, mean) != inputs or compared != {graph.origin(inputs), graph.origin(mean)}:
        return None
    center, scale = (learned[role] is not None for role in ("beta", "gamma"))
    options = {"epsilon": epsilon, "center": center, "scale": scale}
    return "layer_normalization", _given(learned), options


def _mean_of(graph, tensor):
    """The input of a mean over the last axis, which is kept; None: the tensor is no such mean."""
    node = graph.node(graph.origin(tensor))
    if node is None or node.op != "Mean" or not _is_set(node, "keep_dims"):
        return None
    source, axes = graph.inputs(node)
    axis, sizes = graph.constant(axes), graph.shape(source)
    last = [-1] if sizes is None else [-1, len(sizes) - 1]
    return source if np.size(axis) == 1 and np.isin(axis, last).all() else None


def fused(graph, node):
    """A batch normalization in one op, by its moving averages; the last axis is its channels'."""
    inputs, gamma, beta, mean, variance = graph.inputs(node)
    layout = node.attr["data_format"].s if "data_format" in node.attr else b"NHWC"
    if by_batch(node) or layout not in (b"NHWC", b"NDHWC"):
        return None
    variables = {"gamma": _variable(graph, gamma), "beta": _variable(graph, beta)}
    for role, tensor, value in (("gamma", gamma, 1), ("beta", beta, 0)):
        constant = graph.constant(tensor)
        if variables[role] is None and (constant is None or np.any(constant != value)):
            return None
    variables["moving_mean"] = _variable(graph, mean)
    variables["moving_variance"] = _variable(graph, variance)
    if None in (variables["moving_mean"], variables["moving_variance"]):
        return None
    epsilon = _shortest(np.float32(node.attr["epsilon"].f if "epsilon" in node.attr else 1e-4))
    kind, variables, options = _batch_normalization(graph, variables, epsilon)
    return Layer(kind, variables, _out(node), inputs, options)


def _momentum(graph, variables):
    """The momentum of the moving averages; None where it cannot be read.

    Where nothing updates them, it is TF1's default.
    """
    updated = False
    for variable in (variables["moving_mean"], variables["moving_variance"]):
        for update in graph.uses(variable, {"AssignSub", "AssignSubVariableOp"}):
            target, amount = graph.inputs(update)
            change = graph.node(amount)
            updated |= graph.variable(target) == variable
            for name in graph.inputs(change) if change is not None and change.op == "Mul" else ():
                decay = _number(graph, name)
                if decay is not None and graph.variable(target) == variable:
                    return float(f"{1 - decay:.6g}")  # the graph stores a rounded 1 - momentum
    return None if updated else 0.99


def _number(graph, tensor):
    """The constant value of a tensor in training; None: it is not constant."""
    tensor = graph.inference.training.get(tensor, tensor)
    node = graph.node(tensor)
    if node is None:
        return None
    if node.op == "Sub":
        values = [_number(graph, name) for name in graph.inputs(node)]
        return None if None in values else values[0] - values[1]
    if node.op in PASSING | {"Cast"}:
        return _number(graph, graph.inputs(node)[0])
    return scalar(graph.constant(tensor))


def _variable(graph, tensor):
    """The variable that a tensor is read from, also through a reshape or a cast."""
    node = graph.node(graph.origin(tensor))
    while node is not None and node.op in _BROADCAST:
        tensor = graph.inputs(node)[0]
        node = graph.node(graph.origin(tensor))
    return graph.variable(tensor)


def _given(variables):
    return {role: name for role, name in variables.items() if name is not None}


def _is_set(node, *names):
    return any(name in node.attr and node.attr[name].b for name in names)


def _shortest(array):
    """The shortest Python float that rounds to the one number of an array."""
    return float(str(np.reshape(array, ())[()]))


def _out(node):
    return node.name + ":0"
