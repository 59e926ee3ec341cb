"""tf.cond in a graph made unconditional: both branches are computed and one is selected.

static_rnn puts every step within two of them where sequences have lengths, to save time: the
numbers are the same without.
"""

import tensorflow.compat.v1 as tf1

_VARIABLES = {"Variable", "VariableV2", "VarHandleOp"}
_READING = {"Identity", "ReadVariableOp"}


def unconditional(nodes):
    """The nodes of a graph by name, with an Identity for a Switch and a selection for a Merge.

    Only the conditions that use a variable are changed, and those within them.
    """
    scopes = _scopes(nodes)
    switches = {
        name
        for name, node in nodes.items()
        if node.op == "Switch" and _is_predicate_of(_node_name(node.input[1]), scopes)
    }
    return {name: _changed(node, switches, scopes) for name, node in nodes.items()}


def _changed(node, switches, scopes):
    scope = node.name.rpartition("/")[0]
    inputs = [_node_name(name) if _node_name(name) in switches else name for name in node.input]
    if node.name in switches:
        return _node(node, "Identity", inputs[:1])
    if node.op == "Merge" and scope in scopes:
        return _node(node, "SelectV2", [f"{scope}/pred_id", inputs[1], inputs[0]])
    if inputs != list(node.input):
        node = tf1.NodeDef.FromString(node.SerializeToString())
        node.input[:] = inputs
    return node


def _scopes(nodes):
    """The scopes of conditions that use a variable, and of those within them."""
    conditions = {
        name.removesuffix("/pred_id")
        for name, node in nodes.items()
        if name.endswith("/pred_id") and node.op == "Identity"
    }
    with_variables = {
        scope
        for node in nodes.values()
        if node.op == "Switch" and _reads_variable(nodes, node.input[0])
        for scope in conditions & {_node_name(node.input[1]).removesuffix("/pred_id")}
    }
    return {scope for scope in conditions if not with_variables.isdisjoint(_around(scope))}


def _around(scope):
    """A scope and those that it is in."""
    components = scope.split("/")
    return ["/".join(components[:end]) for end in range(len(components), 0, -1)]


def _reads_variable(nodes, name):
    node = nodes.get(_node_name(name))
    while node is not None and node.op in _READING:
        node = nodes.get(_node_name(node.input[0]))
    return node is not None and node.op in _VARIABLES


def _is_predicate_of(name, scopes):
    return name.endswith("/pred_id") and name.removesuffix("/pred_id") in scopes


def _node_name(name):
    """The name of the node of a tensor."""
    return name.partition(":")[0]


def _node(node, op, inputs):
    replacement = tf1.NodeDef(name=node.name, op=op, input=inputs)
    replacement.attr["T"].CopyFrom(node.attr["T"])
    return replacement
