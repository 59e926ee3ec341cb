"""Gradients, recognised by the names that tf.gradients gives them."""

import re

_SCOPE = re.compile(r"gradients(_\d+)?")
_OF_AN_OP = re.compile(r"_grad(_\d+)?/")
# Sums of gradients; those by pairs are in a scope that is named after the op.
_SUM = re.compile(r"(AddN|AccumulateNV2|concat)(_\d+)?")
_BY_PAIRS = re.compile(r"_gradient_sum(_\d+)?/AddN(_\d+)?$")
_OF_ROWS = re.compile(r"(?<=AddN)(_\d+)?/inputs_\d+$")  # rows that a sum makes a table of
_SUMS = {"AddN", "AccumulateNV2", "Concat", "ConcatV2", "UnsortedSegmentSum"}


def is_gradient(graph, tensor):
    """Whether one call of tf.gradients made a tensor, and not a program in a scope of that name.

    It names a gradient after the op that it is of, in a scope of its own. A sum is a gradient only
    if all that it is the sum of are, of the same call: a program can add others to them.
    """
    scopes, queue, seen = set(), [tensor], {tensor}
    for each in queue:  # it grows
        scope = _scope(graph, each, _OF_AN_OP)
        if scope is None:
            scope, summands = _sum(graph, each)
            queue += [name for name in summands if name not in seen]
            seen.update(summands)
        scopes.add(scope)
        if scope is None or len(scopes) > 1:
            return False
    return True


def _scope(graph, tensor, ending):
    """The scope of tf.gradients in which a tensor is named after an op of the graph; else None.

    The outermost one, as the op may itself be a gradient.
    """
    components = tensor.rpartition(":")[0].split("/")
    for place, component in enumerate(components):
        if _SCOPE.fullmatch(component):
            name = "/".join(components[place + 1 :])
            ends = [match.start() for match in ending.finditer(name)]
            if any(_is_node(graph, components[:place], name[:end]) for end in ends):
                return "/".join(components[: place + 1])
    return None


def _is_node(graph, around, name):
    """Whether an op has that name, or had it before the graph was imported into scopes."""
    nodes = graph.whole.nodes
    return any("/".join([*around[:end], name]) in nodes for end in range(len(around) + 1))


def _sum(graph, tensor):
    """The scope of tf.gradients in which a tensor is a sum, and what it is the sum of."""
    node = graph.whole.node(tensor)
    if node is None or node.op not in _SUMS:
        return None, []
    # The rows, their values and places, of a variable that is multiplied by as well.
    of_rows = node.op == "UnsortedSegmentSum"
    own = _OF_ROWS.sub("", node.name) if of_rows else node.name
    if of_rows and own == node.name:
        return None, []
    scope, _, name = own.rpartition("/")
    if not (_SUM.fullmatch(name) and _SCOPE.fullmatch(scope.rpartition("/")[2])):
        scope = _scope(graph, own + ":0", _BY_PAIRS)
    return scope, graph.inputs(node)[:2] if of_rows else graph.operands(node)
