"""The layers before the cells, from random inputs of the graph on."""

import numpy as np
import tensorflow.compat.v1 as tf1

from tf1port.errors import UserError
from tf1port.tf1.graph import sessions
from tf1port.tf1.session.recurrent_subgraph import subgraph_of, variable_feeds
from tf1port.verification.pairs import check_at

ROWS = 4  # where a graph leaves a size open


def before_checks(pair, notes, *, seed):
    """Compares the inputs of the cells: yields the Check of the layers before them.

    Args:
        pair: tf1port.verification.pairs.Pair, with a graph.
        notes: a line is appended where the graph cannot be run from its placeholders to the cells.
        seed: of the random numbers that are fed.
    """
    if pair.network.before:
        try:
            yield _check(pair, np.random.default_rng(seed))
        except UserError as reason:
            notes.append(f"the layers before the cells are not compared: {reason}")


def _check(pair, stream):
    run, before = pair.network.levels[0].forward[0].run, pair.network.before
    steps = [run.inputs] if run.inputs else [step.x for step in run.steps]
    inputs, expected, *step_inputs = _run(
        pair, [before[0].inputs, before[-1].output, *steps], stream
    )
    expected, actual = (_rows(array) for array in (expected, pair.keras.before(inputs)))
    # The inputs of the cells must be these rows in any order; else something unknown lies between.
    expected_rows = {row.tobytes() for row in expected}
    if any(row.tobytes() not in expected_rows for step in step_inputs for row in _rows(step)):
        actual = np.full_like(actual, np.nan)
    name, label = pair.blueprint.before[-1].name, f"{len(actual)} rows"
    return check_at(
        "layers before the cells", name, expected, actual, dtype=pair.dtype, label=label
    )


def _rows(array):
    return array.reshape(-1, array.shape[-1])


def _run(pair, fetches, stream):
    graph, upcast = pair.graph, pair.dtype != pair.blueprint.dtype
    with tf1.Graph().as_default() as imported:
        replacements, values = variable_feeds(graph, pair.variables, dtype=pair.dtype)
        subgraph = subgraph_of(graph, fetches, given=replacements, upcast=upcast)
        sessions.import_subgraph(subgraph, replacements)
        feed = {
            imported.get_tensor_by_name(f"{node.name}:0"): _drawn(pair, node, stream)
            for node in subgraph.node
            if node.op.startswith("Placeholder")
        }
        with sessions.session(imported) as session:
            return sessions.run(session, fetches, {**values, **feed})


def _drawn(pair, node, stream):
    """Random numbers for a placeholder: floats about zero, ids that every table has."""
    shape = pair.graph.shape(f"{node.name}:0")
    dtype = tf1.as_dtype(node.attr["dtype"].type).as_numpy_dtype
    if shape is None:
        raise UserError(f"its placeholder {node.name} has no shape")
    if node.attr["dtype"].type == tf1.string.as_datatype_enum:
        raise UserError(f"its input {node.name} is text")
    sizes = [size or ROWS for size in shape]
    if np.issubdtype(dtype, np.floating):
        return np.asarray(stream.normal(size=sizes) if sizes else 1, dtype)
    if dtype == np.bool_:
        return np.zeros(sizes, bool)
    tables = [spec.weights.get("embeddings") for spec in pair.blueprint.before]
    ids = min([len(table) for table in tables if table is not None], default=2)
    return stream.integers(ids, size=sizes).astype(dtype)
