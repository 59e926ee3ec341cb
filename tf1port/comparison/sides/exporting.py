"""The forward part of a TF1 graph as a SavedModel that takes what the Keras model takes."""

import tensorflow.compat.v1 as tf1


def write(whole, logits, port_map, folder):
    """Writes a SavedModel with the inputs of the map by Keras' names, and `logits`.

    Its variables become constants, and so does what the map feeds besides.

    Args:
        whole: tf1port.tf1.session.whole_graph.WholeGraph.
        logits: the full name of a tensor in it.
        port_map: tf1port.comparison.port.port_map.PortMap.
        folder: must not exist.
    """
    op = whole.tensor(logits).op.name
    handles = [one.name for one in whole.imported.get_operations() if one.type == "VarHandleOp"]
    reads = [f"{name}/Read/ReadVariableOp" for name in handles]
    whole.want([name for name in reads if name in whole.graph.nodes])  # by which TensorFlow freezes
    definition = whole.imported.as_graph_def()
    frozen = tf1.graph_util.convert_variables_to_constants(whole.session, definition, [op])
    with tf1.Graph().as_default(), tf1.Session() as session:
        inputs, given = {}, {}
        for name, source in port_map.inputs.items():
            taken = whole.tensor(source.name)
            inputs[name], given[taken.name] = _input(name, source, taken)
        for name, value in port_map.feed.items():
            taken = whole.tensor(name)
            given[taken.name] = tf1.constant(value, taken.dtype)
        present = {f"{node.name}:0" for node in frozen.node}
        given = {name: value for name, value in given.items() if name in present}
        (made,) = tf1.import_graph_def(frozen, given, [whole.tensor(logits).name], name="graph")
        if "logits" in port_map.graph:
            axes = port_map.graph["logits"].transpose
            made = made if axes is None else tf1.transpose(made, axes)
        tf1.saved_model.simple_save(session, folder, inputs, {"logits": made})


def _input(name, source, taken):
    """A placeholder in Keras' form, and what it makes of TF1's placeholder `taken`."""
    if source.lengths and not source.unmasked:
        mask = tf1.placeholder(tf1.bool, None, name)
        return mask, tf1.reduce_sum(tf1.cast(mask, taken.dtype), axis=-1)
    own = tf1.placeholder(taken.dtype, None, name)
    if source.transpose is None:
        return own, own
    back = sorted(range(len(source.transpose)), key=source.transpose.__getitem__)
    return own, tf1.transpose(own, back)
