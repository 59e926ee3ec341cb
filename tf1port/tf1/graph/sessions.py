"""Sessions on parts of a third party's graph: with a limit of time, and faults on one line."""

import re
import textwrap

import tensorflow.compat.v1 as tf1

from tf1port import limits
from tf1port.errors import UserError, printable
from tf1port.tf1.graph.pruning import full_name

_LONGEST = 300  # characters of what TensorFlow says: it may list a whole signature
# An op that does not exist here, or inputs that an op does not take.
UNIMPORTABLE = (ValueError, TypeError, tf1.errors.OpError)
_PLACES = re.compile("defined at|^Node: |^Detected at node|^<stack traces|^File ")


def session(graph):
    """A session on a tf.Graph that is run a few times: no rewriting of it first."""
    config = tf1.ConfigProto()
    config.graph_options.rewrite_options.disable_meta_optimizer = True
    return tf1.Session(graph=graph, config=config)


def run(session, fetches, feed=None):
    """What a session makes of tensors and operations.

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


def import_subgraph(part, given):
    """Imports a GraphDef into the default tf.Graph; returns {name of a node: tf.Operation}.

    Args:
        given: {name: tensor} that stand for inputs; those that nothing takes are left out.

    Raises:
        UserError: an op does not exist here, or does not take its inputs.
    """
    used = {full_name(name) for node in part.node for name in node.input}
    given = {name: tensor for name, tensor in given.items() if name in used}
    try:
        names = [node.name for node in part.node]
        with limits.step("importing the graph"):
            made = tf1.import_graph_def(part, input_map=given, return_elements=names, name="")
    except UNIMPORTABLE as error:
        raise UserError(f"the graph cannot be imported: {reason(error)}") from None
    return dict(zip(names, made, strict=True))


def reason(error):
    """What TensorFlow says of an error, on one line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    told = [line for line in lines if not line.endswith("error:") and not _PLACES.search(line)]
    line = (told or lines or [type(error).__name__])[0]
    return printable(textwrap.shorten(line, _LONGEST, placeholder=" …"))
