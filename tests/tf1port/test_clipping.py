"""How gradients are clipped is read of the graph, and what is no gradient is not taken for one."""

import numpy as np
import pytest
import tensorflow.compat.v1 as tf1

from tf1port.tf1.graph.clipping import Clipping, find_clipping
from tf1port.tf1.graph.index import Graph
from tf1port.tf1.graph.optimizers import find_applied


@pytest.fixture(params=["references", "resources"])
def resources(request):
    """Variables of either kind."""
    return request.param == "resources"


def clipped(change, *, scope="clipping", resources=False, method=None, **options):
    """The Clipping of a graph whose gradients are changed.

    Args:
        change: of gradients, variables and the loss. method: by which gradients are summed.
        options: within, a scope in which the graph is imported; looked_up, whether rows of the
            weights are used as well.
    """
    within, looked_up = options.get("within"), options.get("looked_up")
    with tf1.Graph().as_default() as graph:
        weights = tf1.get_variable("weights", [3, 2], use_resource=resources)
        further = tf1.get_variable("further", [4], use_resource=resources)
        loss = tf1.reduce_sum(weights**2) + tf1.reduce_sum(further**2)
        loss += tf1.reduce_sum(tf1.sin(weights)) + tf1.reduce_sum(tf1.cos(weights))
        if looked_up:
            loss += tf1.reduce_sum(tf1.nn.embedding_lookup(weights, tf1.constant([0, 2])))
        variables = [weights, further]
        gradients = tf1.gradients(loss, variables, aggregation_method=method)
        with tf1.name_scope(scope):
            changed = change(gradients, variables, loss)
        optimizer = tf1.train.GradientDescentOptimizer(0.1)
        optimizer.apply_gradients(zip(changed, variables, strict=True))
        graph_def = graph.as_graph_def()
    if within:
        with tf1.Graph().as_default() as graph:
            tf1.import_graph_def(graph_def, name=within)
            graph_def = graph.as_graph_def()
    graph = Graph(graph_def)
    name = f"{within}/weights" if within else "weights"
    return find_clipping(graph, find_applied(graph)[name].arguments["grad"])


def each(change):
    return lambda gradients, *_: [change(gradient) for gradient in gradients]


def by_global_norm(gradients, *_, norm=None):
    return tf1.clip_by_global_norm(gradients, 2.0, use_norm=norm)[0]


def by_factor(factor):
    """As the versions of tf.clip_by_global_norm multiply by it, of the norm."""

    def change(gradients, *_):
        multiplied = factor(tf1.global_norm(gradients))
        return [tf1.identity(gradient * multiplied) for gradient in gradients]

    return change


def of_2016(norm):
    return 2.0 * tf1.minimum(tf1.raw_ops.Div(x=1.0, y=norm), tf1.constant(1.0 / 2.0))


def of_1_0(norm):
    return 2.0 * tf1.minimum(1.0 / norm, tf1.constant(1.0) / 2.0)


def of_1_15(norm):
    return tf1.where(tf1.is_finite(norm), of_1_0(norm), tf1.constant(np.nan, tf1.float32))


def by_norm_of_1_0(gradient):
    return gradient * 2.0 / tf1.maximum(tf1.sqrt(tf1.reduce_sum(gradient * gradient)), 2.0)


def by_norm_of_all(gradients, *_):
    norm = tf1.global_norm(gradients)
    return [gradient * 2.0 / tf1.maximum(norm, 2.0) for gradient in gradients]


CLIPPED = {
    "clipnorm": each(lambda gradient: tf1.clip_by_norm(gradient, 2.0)),
    "clipnorm of 1.0": each(by_norm_of_1_0),
    "global_clipnorm": by_global_norm,
    "global_clipnorm of 2016": by_factor(of_2016),
    "global_clipnorm of 1.0": by_factor(of_1_0),
    "global_clipnorm of 1.15": by_factor(of_1_15),
    "clipvalue": each(lambda gradient: tf1.clip_by_value(gradient, -2.0, 2.0)),
}


@pytest.mark.parametrize("name", CLIPPED)
def test_clipping_is_read(resources, name):
    clipping = clipped(CLIPPED[name], resources=resources)
    assert (clipping.option, clipping.limit) == (name.partition(" ")[0], 2.0)
    assert len(clipping.norm_tensors) == 2 * (clipping.option == "global_clipnorm")


def with_norm(change):
    """tf.clip_by_global_norm with another norm: of gradients and variables."""
    return lambda gradients, variables, loss: by_global_norm(
        gradients, norm=change(gradients, variables)
    )


OTHERWISE = {
    "the norm of each column": each(lambda gradient: tf1.clip_by_norm(gradient, 2.0, axes=[0])),
    "the norm of all by hand": by_norm_of_all,
    "twice the norm": each(
        lambda g: g * 2.0 / tf1.maximum(2 * tf1.sqrt(tf1.reduce_sum(tf1.square(g))), 2.0)
    ),
    "the root of the norm": each(
        lambda g: g * 2.0 / tf1.maximum(tf1.sqrt(tf1.sqrt(tf1.reduce_sum(g * g))), 2.0)
    ),
    "the square of the norm": each(lambda g: g * 2.0 / tf1.maximum(tf1.reduce_sum(g * g), 2.0)),
    "the largest number": each(lambda g: g * 2.0 / tf1.maximum(tf1.reduce_max(g), 2.0)),
    "four times the global norm": with_norm(lambda g, v: 4.0 * tf1.global_norm(g)),
    "the root of another multiple": with_norm(
        lambda g, v: tf1.sqrt(tf1.reduce_sum(tf1.stack([tf1.nn.l2_loss(e) for e in g])) * 8.0)
    ),
    "a third of the global norm": with_norm(lambda g, v: tf1.global_norm(g) / 3.0),
    "a floor of the global norm": with_norm(lambda g, v: tf1.maximum(tf1.global_norm(g), 1.0)),
    "each gradient twice": with_norm(lambda g, v: tf1.global_norm([*g, *g])),
    "the global norm of others": with_norm(lambda g, v: tf1.global_norm(g[1:])),
    "the global norm of weights": with_norm(lambda g, v: tf1.global_norm([*g, *v])),
    "two limits": by_factor(lambda norm: 2.0 * tf1.minimum(1.0 / norm, 1.0 / tf1.constant(3.0))),
    "another number than 1": by_factor(
        lambda norm: 2.0 * tf1.minimum(3.0 / norm, 1.0 / tf1.constant(2.0))
    ),
    "half of it": by_factor(lambda norm: of_1_0(norm) * 0.5),
    "1 where the norm is not finite": by_factor(
        lambda norm: tf1.where(tf1.is_finite(norm), of_1_0(norm), tf1.constant(1.0))
    ),
}


@pytest.mark.parametrize("name", OTHERWISE)
def test_clipping_by_something_else_is_not_read(resources, name):
    assert clipped(OTHERWISE[name], resources=resources) is None


@pytest.mark.parametrize("scope", ["gradients", "gradients/clip_grad"])
@pytest.mark.parametrize("name", CLIPPED)
def test_clipping_in_a_scope_of_the_name_gradients_is_no_gradient(name, scope):
    clipping = clipped(CLIPPED[name], scope=scope)
    assert clipping is None or clipping.option is not None


def unchanged(gradients, *_):
    return gradients


METHODS = tf1.AggregationMethod


@pytest.mark.parametrize("within", [None, "model"])
@pytest.mark.parametrize("method", ["ADD_N", "EXPERIMENTAL_TREE", "EXPERIMENTAL_ACCUMULATE_N"])
def test_a_sum_of_gradients_that_tensorflow_takes_is_one(resources, method, within):
    options = {"resources": resources, "method": getattr(METHODS, method), "within": within}
    assert isinstance(clipped(unchanged, **options), Clipping)
    assert clipped(by_global_norm, **options).option == "global_clipnorm"


@pytest.mark.parametrize("method", ["ADD_N", "EXPERIMENTAL_TREE", "EXPERIMENTAL_ACCUMULATE_N"])
def test_a_sum_with_gradients_of_rows_is_one(resources, method):
    """As of word vectors that are the last layer's weights as well."""
    options = {"method": getattr(METHODS, method), "looked_up": True}
    assert isinstance(clipped(unchanged, resources=resources, **options), Clipping)


def of_two_losses(gradients, variables, loss):
    others = tf1.gradients(loss**2, variables)
    return [tf1.add_n([*pair]) for pair in zip(gradients, others, strict=True)]


def of_two_calls_here(gradients, variables, loss):
    """Both calls are in the scope of the sums."""
    return of_two_losses(tf1.gradients(loss, variables), variables, loss)


def with_decay(gradients, variables, loss):
    pairs = zip(gradients, variables, strict=True)
    return [tf1.add_n([gradient, 0.1 * variable]) for gradient, variable in pairs]


def in_chunks(gradients, variables, loss):
    """The first row is multiplied by a number, and joined to the others."""
    weights, further = gradients
    return [tf1.concat([weights[:1] * 2.0, weights[1:]], axis=0), further]


@pytest.mark.parametrize("scope", ["gradients", "gradients/", "gradients/Sin_gradient_sum/"])
@pytest.mark.parametrize("change", [of_two_losses, of_two_calls_here, with_decay, in_chunks])
def test_a_sum_of_the_programs_own_is_no_gradient(resources, scope, change):
    assert clipped(change, scope=scope, resources=resources) is None
