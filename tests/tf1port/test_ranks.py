"""The rank that ops say by themselves is that of TensorFlow's shapes, or not known."""

import pytest
import tensorflow.compat.v1 as tf1

from tf1port.tf1.graph.index import Graph
from tf1port.tf1.graph.ranks import rank

BINARY = [tf1.add, tf1.subtract, tf1.multiply, tf1.divide, tf1.squared_difference, tf1.maximum]
UNARY = [tf1.identity, tf1.square, tf1.abs, tf1.nn.relu, tf1.sigmoid, tf1.tanh, tf1.nn.softmax]


def pairs():
    """Tensors, each with whether its rank is known without its inputs' shapes."""
    a, b = (tf1.placeholder("float32", name=name) for name in "ab")
    rows = tf1.raw_ops.MatMul(a=a, b=b)
    number, anything = tf1.constant(2.0), tf1.placeholder("float32", name="c")
    yield rows, True
    yield number, True
    yield anything, False
    for op in UNARY:
        yield op(rows), True
        yield op(anything), False
    for op in BINARY:
        yield op(rows, number), True
        yield op(number, rows), True
        yield op(number, number), True
        yield op(rows, anything), False
    yield tf1.nn.bias_add(rows, tf1.constant([1.0, 2.0])), True
    labels = tf1.placeholder("int32", [None], name="labels")
    yield tf1.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=rows), True
    for axis, keeps in [(None, False), (0, False), (-1, False), ([0, 1], False), ([0, -2], False)]:
        yield tf1.reduce_mean(rows, axis, keepdims=keeps), True
        yield tf1.reduce_sum(tf1.square(rows - 1.0), axis, keepdims=True), True
        yield tf1.reduce_sum(anything, axis, keepdims=keeps), False


def test_a_known_rank_is_that_of_the_shape():
    with tf1.Graph().as_default() as graph:
        tensors = list(pairs())
    index = Graph(graph.as_graph_def())
    for tensor, is_known in tensors:
        expected = index.shape(tensor.name)
        assert rank(index, tensor.name) == (len(expected) if is_known else None), tensor


def test_it_looks_back_over_so_many_ops_alone():
    with tf1.Graph().as_default() as graph:
        tensor = tf1.constant(1.0)
        for _ in range(60):
            tensor = tf1.abs(tensor)
    assert rank(Graph(graph.as_graph_def()), tensor.name) is None
    assert rank(Graph(graph.as_graph_def()), tensor.name, depth=61) == 0


@pytest.mark.parametrize("port", ["split:1", "missing:0"])
def test_another_port_has_no_known_rank(port):
    with tf1.Graph().as_default() as graph:
        tf1.split(tf1.constant([[1.0, 2.0]]), 2, axis=1, name="split")
    assert rank(Graph(graph.as_graph_def()), port) is None
