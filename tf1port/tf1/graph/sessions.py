"""Sessions on subgraphs of a third-party graph: with a time limit, errors on one line."""

import re
import textwrap

import tensorflow.compat.v1 as tf1

from tf1port import limits
from tf1port.errors import UserError, printable
from tf1port.tf1.graph.pruning import full_name

_LONGEST = 300  # characters of TensorFlow's message: it may list a whole signature
# An op that does not exist here, or wrong inputs of an op.
UNIMPORTABLE = (ValueError, TypeError, tf1.errors.OpError)
_UNREGISTERED = re.compile("Op type not registered '([^']+)'")
_PLACES = re.compile("defined at|^Node: |^Detected at node|^<stack traces|^File ")


def session(graph):
    """A session on a tf.Graph that is run a few times, so without graph optimization."""
    config = tf1.ConfigProto()
    config.graph_options.rewrite_options.disable_meta_optimizer = True
    return tf1.Session(graph=graph, config=config)


def run(session, fetches, feed=None):
    """The values of tensors and operations in a session.

    Raises:
        UserError: a placeholder is not fed, TensorFlow cannot run it, or it takes too long.
    """
    options = tf1.RunOptions(timeout_in_ms=int(1000 * limits.seconds()))
    try:
        with limits.step("running the graph"):
            return session.run(fetches, feed, options=options)
    except tf1.errors.DeadlineExceededError:
        raise UserError(limits.exceeded("running the graph")) from None
    except (tf1.errors.OpError, ValueError) as error:
        missing = re.search("feed a value for placeholder tensor '([^']+)'", str(error))
        if missing:
            raise UserError(
                f"the graph has to be fed {printable(missing[1])}, and is not"
            ) from None
        raise UserError(f"the graph does not run here: {reason(error)}") from None


def import_subgraph(subgraph, input_map):
    """Imports a GraphDef into the default tf.Graph; returns {name of a node: tf.Operation}.

    Args:
        input_map: {name: tensor} in place of inputs; unused ones are ignored.

    Raises:
        UserError: an op does not exist here, or its inputs are wrong.
    """
    used = {full_name(name) for node in subgraph.node for name in node.input}
    input_map = {name: tensor for name, tensor in input_map.items() if name in used}
    try:
        names = [node.name for node in subgraph.node]
        with limits.step("importing the graph"):
            operations = tf1.import_graph_def(
                subgraph, input_map=input_map, return_elements=names, name=""
            )
    except UNIMPORTABLE as error:
        missing = _UNREGISTERED.search(str(error))
        line = _unregistered(missing[1], subgraph) if missing else reason(error)
        raise UserError(f"the graph cannot be imported: {line}") from None
    return dict(zip(names, operations, strict=True))


def _unregistered(op, subgraph):
    """A line on an op that does not exist here, and where it is."""
    functions = [node for function in subgraph.library.function for node in function.node_def]
    names = [node.name for node in (*subgraph.node, *functions) if node.op == op]
    place = f" ({names[0]})" if names else ""
    return printable(
        f"this TensorFlow has no op {op}{place}: it was of tf.contrib or of a library of its own"
    )


def reason(error):
    """TensorFlow's message of an error, on one line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    informative = [
        line for line in lines if not line.endswith("error:") and not _PLACES.search(line)
    ]
    line = (informative or lines or [type(error).__name__])[0]
    return printable(textwrap.shorten(line, _LONGEST, placeholder=" …"))
