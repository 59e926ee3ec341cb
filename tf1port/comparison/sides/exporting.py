"""The forward part of a TF1 graph as a SavedModel with the Keras model's inputs."""

import tensorflow.compat.v1 as tf1


def write(whole, logits, port_map, folder):
    """Writes a SavedModel with the inputs of the map by Keras' names, and `logits`.

    Its variables become constants, and so do the map's further feeds.

    Args:
        whole: tf1port.tf1.session.whole_graph.WholeGraph.
        logits: the full name of a tensor in it.
        port_map: tf1port.comparison.port.port_map.PortMap.
        folder: must not exist.
    """
    op = whole.tensor(logits).op.name
    operations = whole.imported.get_operations()
    handles = [operation.name for operation in operations if operation.type == "VarHandleOp"]
    reads = [f"{name}/Read/ReadVariableOp" for name in handles]
    whole.want([name for name in reads if name in whole.graph.nodes])  # freezing replaces these
    definition = whole.imported.as_graph_def()
    frozen = tf1.graph_util.convert_variables_to_constants(whole.session, definition, [op])
    with tf1.Graph().as_default(), tf1.Session() as session:
        inputs, replaced = {}, {}
        for name, source in port_map.inputs.items():
            placeholder = whole.tensor(source.name)
            inputs[name], replaced[placeholder.name] = _input(name, source, placeholder)
        for name, value in port_map.feed.items():
            placeholder = whole.tensor(name)
            replaced[placeholder.name] = tf1.constant(value, placeholder.dtype)
        present = {f"{node.name}:0" for node in frozen.node}
        replaced = {name: value for name, value in replaced.items() if name in present}
        names = [whole.tensor(logits).name]
        (output,) = tf1.import_graph_def(frozen, replaced, names, name="graph")
        if "logits" in port_map.graph:
            axes = port_map.graph["logits"].transpose
            output = output if axes is None else tf1.transpose(output, axes)
        tf1.saved_model.simple_save(session, folder, inputs, {"logits": output})


def _input(name, source, placeholder):
    """A placeholder in Keras' form, and the tensor that replaces TF1's `placeholder`."""
    if source.lengths and not source.unmasked:
        mask = tf1.placeholder(tf1.bool, None, name)
        return mask, tf1.reduce_sum(tf1.cast(mask, placeholder.dtype), axis=-1)
    own = tf1.placeholder(placeholder.dtype, None, name)
    if source.transpose is None:
        return own, own
    back = sorted(range(len(source.transpose)), key=source.transpose.__getitem__)
    return own, tf1.transpose(own, back)
