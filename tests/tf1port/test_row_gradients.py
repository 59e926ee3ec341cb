"""The gradients of a table's rows are those of its own lookups."""

import pytest
import tensorflow.compat.v1 as tf1

from tf1port.tf1.graph.index import Graph
from tf1port.tf1.session.whole_graph import row_gradients


@pytest.fixture(params=["", "train"])
def graph(request):
    """A lookup of one table, and within a scope one of each of two; gradients within a scope."""
    with tf1.Graph().as_default() as graph, tf1.variable_scope("", use_resource=False):
        ids = tf1.placeholder("int32", [None], name="ids")
        own, other = (tf1.get_variable(name, [9, 4]) for name in ("own", "other"))
        looked_up = [tf1.nn.embedding_lookup(own, ids)]
        with tf1.name_scope("decoder/"):
            looked_up += [tf1.nn.embedding_lookup(table, ids) for table in (other, own)]
        loss = tf1.add_n([tf1.reduce_sum(tf1.square(rows)) for rows in looked_up])
        with tf1.name_scope(request.param):
            tf1.gradients(loss, [own, other])
    return Graph(graph.as_graph_def(), backward=True), request.param


def test_a_scope_does_not_make_them_another_tables(graph):
    graph, scope = graph
    start = f"{scope}/gradients" if scope else "gradients"
    expected = {
        "own": ["embedding_lookup", "decoder/embedding_lookup_1"],
        "other": ["decoder/embedding_lookup"],
    }
    for table, lookups in expected.items():
        names = [f"{start}/{name}_grad/Reshape" for name in lookups]
        assert sorted(row_gradients(graph, table)) == sorted((f"{n}:0", f"{n}_1:0") for n in names)
