"""A loss has a known form only if it has that form at all values, and at every step."""

from types import SimpleNamespace

import pytest
import tensorflow.compat.v1 as tf1

from tf1port.keras_model import losses
from tf1port.tf1.graph.index import Graph
from tf1port.tf1.graph.loss_forms import LossForm, find_form

pytestmark = pytest.mark.usefixtures("kind")


class Given:
    """What the losses here are made of."""

    def __init__(self, *, resources):
        self.logits = tf1.placeholder(tf1.float32, [None, 4], name="logits")
        self.labels = tf1.placeholder(tf1.int64, [None], name="labels")
        self.targets = tf1.placeholder(tf1.float32, [None, 4], name="targets")
        self.weights = tf1.placeholder(tf1.float32, [None], name="weights")
        self.lengths = tf1.placeholder(tf1.int32, [None], name="lengths")
        self.step = tf1.train.get_or_create_global_step()
        self.zero = tf1.get_variable("zero", [], use_resource=resources, trainable=False)
        self.kernel = tf1.get_variable("kernel", [3, 4], use_resource=resources)

    @property
    def entropy(self):
        return tf1.nn.sparse_softmax_cross_entropy_with_logits(
            labels=self.labels, logits=self.logits
        )

    @property
    def soft(self):
        return tf1.nn.softmax_cross_entropy_with_logits_v2(labels=self.targets, logits=self.logits)

    @property
    def squares(self):
        return tf1.squared_difference(self.logits, self.targets)

    @property
    def logistic(self):
        return tf1.nn.sigmoid_cross_entropy_with_logits(labels=self.targets, logits=self.logits)


def built(make, kind, *, scope=None):
    """The graph of a loss of logits [B, 4], and the loss."""
    with tf1.Graph().as_default() as graph:
        given = Given(resources=kind != "references")
        with tf1.name_scope(scope):
            loss = tf1.identity(make(given), name="loss")
        return Graph(graph.as_graph_def()), loss.name


def form(make, kind, *, scope=None):
    return find_form(*built(make, kind, scope=scope), {"logits:0"})


def of_kept(given):
    """The mean over what a mask keeps."""
    mask = tf1.cast(tf1.sign(given.labels), tf1.float32)
    return tf1.reduce_sum(given.entropy * mask) / tf1.maximum(tf1.reduce_sum(mask), 1.0)


def of_sequences(given):
    """As tf.contrib.seq2seq.sequence_loss has it, since 1.13 and before it."""
    each = given.entropy * tf1.reshape(given.weights, [-1])
    return tf1.reduce_sum(each) / (tf1.reduce_sum(given.weights) + 1e-12)


def of_sequences_by_count(given):
    each = given.entropy * tf1.reshape(given.weights, [-1])
    count = tf1.cast(tf1.count_nonzero(given.weights), tf1.float32)
    return tf1.div_no_nan(tf1.reduce_sum(each), count)


def of_early_losses(given):
    """As tf.losses divided before TF 1.13."""
    weights = given.weights
    present = tf1.where(
        tf1.equal(weights, 0.0), tf1.zeros_like(weights), tf1.ones_like(weights)
    ) * tf1.ones_like(given.entropy)
    count, total = tf1.reduce_sum(present), tf1.reduce_sum(given.entropy * weights)
    safe = tf1.where(tf1.equal(count, 0), tf1.ones_like(count), count)
    return tf1.where(tf1.greater(count, 0), tf1.raw_ops.Div(x=total, y=safe), tf1.zeros_like(total))


def masked_by_lengths(given):
    mask = tf1.sequence_mask(given.lengths, 4)
    return tf1.reduce_mean(tf1.boolean_mask(given.squares, mask))


def of_each_example(given):
    count = tf1.cast(tf1.shape(given.logits)[0], tf1.float32)
    return tf1.reduce_sum(given.entropy) / count


def penalized(given):
    tf1.losses.sparse_softmax_cross_entropy(given.labels, given.logits)
    tf1.losses.add_loss(0.1 * tf1.nn.l2_loss(given.kernel))
    tf1.add_to_collection(
        tf1.GraphKeys.REGULARIZATION_LOSSES, 0.01 * tf1.reduce_sum(tf1.square(given.kernel))
    )
    return tf1.losses.get_total_loss()


def penalized_by_default(given):
    factor = tf1.placeholder_with_default(0.1, [])
    return tf1.reduce_mean(given.entropy) + factor * tf1.nn.l2_loss(given.kernel)


def penalized_by_stack(given):
    terms = [tf1.reduce_mean(given.entropy), 0.1 * tf1.nn.l2_loss(given.kernel)]
    return tf1.reduce_sum(tf1.stack(terms))


FORMS = {
    "mean": (lambda g: tf1.reduce_mean(g.entropy), "sparse softmax", None),
    "softmax": (lambda g: tf1.reduce_mean(g.soft), "softmax", None),
    "twice": (lambda g: 2.0 * tf1.reduce_mean(g.squares) + 1.0, "squares", None),
    "a square": (lambda g: tf1.reduce_mean(tf1.square(g.targets - g.logits)), "squares", None),
    "logistic": (lambda g: tf1.reduce_mean(g.logistic), "logistic", None),
    "by example": (of_each_example, "sparse softmax", None),
    "kept": (of_kept, "sparse softmax", "Sign:0"),
    "sequences": (of_sequences, "sparse softmax", "weights:0"),
    "sequences by count": (of_sequences_by_count, "sparse softmax", "weights:0"),
    "before 1.13": (of_early_losses, "sparse softmax", "weights:0"),
    "lengths": (masked_by_lengths, "squares", "SequenceMask/Less:0"),
    "penalized": (penalized, "sparse softmax", None),
    "penalized by default": (penalized_by_default, "sparse softmax", None),
    "penalized by stack": (penalized_by_stack, "sparse softmax", None),
    "tf.losses, squares": (
        lambda g: tf1.losses.mean_squared_error(g.targets, g.logits),
        "squares",
        None,
    ),
    "tf.losses, logistic": (
        lambda g: tf1.losses.sigmoid_cross_entropy(g.targets, g.logits),
        "logistic",
        None,
    ),
    "tf.losses, softmax": (
        lambda g: tf1.losses.softmax_cross_entropy(g.targets, g.logits),
        "softmax",
        None,
    ),
    "checked": (
        lambda g: tf1.check_numerics(tf1.reduce_mean(g.entropy), "NaN"),
        "sparse softmax",
        None,
    ),
}


@pytest.mark.parametrize("name", FORMS)
def test_the_form_of_a_loss_is_found(kind, name):
    make, expected, weights = FORMS[name]
    found = form(make, kind)
    assert isinstance(found, LossForm)
    assert (found.kind, found.predictions) == (expected, "logits:0")
    assert found.weights == weights


REDUCTIONS = [name for name in tf1.losses.Reduction.all() if name != tf1.losses.Reduction.NONE]


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_the_reductions_of_tf_losses_are_found(kind, reduction):
    def weighted(given):
        return tf1.losses.compute_weighted_loss(given.entropy, given.weights, reduction=reduction)

    assert form(weighted, kind).weights == "weights:0"


def where(condition):
    """The squares, but 0 where a condition holds."""
    return lambda g: tf1.reduce_mean(tf1.where(condition(g), tf1.zeros_like(g.targets), g.squares))


def stacked(given):
    return tf1.reduce_min(tf1.stack([tf1.reduce_mean(given.squares), 50.0]))


def focal(given):
    each = given.entropy
    return tf1.reduce_mean(tf1.square(1.0 - tf1.exp(-each)) * each)


def half_stopped(given):
    mean = tf1.reduce_mean(given.entropy)
    return 0.5 * mean + tf1.stop_gradient(0.5 * mean)


def overridden(given):
    with tf1.get_default_graph().gradient_override_map({"Identity": "Relu"}):
        logits = tf1.identity(given.logits)
    return tf1.reduce_mean(tf1.squared_difference(logits, given.targets))


def overridden_after(given):
    mean = tf1.reduce_mean(given.squares)
    with tf1.get_default_graph().gradient_override_map({"Identity": "Relu"}):
        return tf1.identity(mean)


def custom(given):
    @tf1.custom_gradient
    def clipped(value):
        return tf1.identity(value), lambda gradient: tf1.clip_by_value(gradient, -0.1, 0.1)

    return tf1.reduce_mean(tf1.squared_difference(clipped(given.logits), given.targets))


def stopped(given):
    return tf1.reduce_mean(tf1.squared_difference(tf1.stop_gradient(given.logits), given.targets))


def with_term(term):
    """The mean of entropies, and a term."""
    return lambda given: tf1.reduce_mean(given.entropy) + term(given)


def hinge(given):
    return 0.1 * tf1.reduce_mean(tf1.nn.relu(tf1.abs(given.logits) - 8.0))


def of_gradients(given):
    (gradient,) = tf1.gradients(tf1.reduce_mean(given.entropy), [given.logits])
    return tf1.nn.relu(tf1.reduce_max(gradient) - 50.0)


def weighted_twice(given):
    """The second weight is 1 for the labels that are common."""
    rare = tf1.cast(given.labels > 100, tf1.float32)
    return tf1.reduce_mean(given.entropy * given.weights * (1.0 - rare))


def kept_of_few(given):
    """The sum of weights has another form above a number."""
    count = tf1.reduce_sum(given.weights)
    count = tf1.where(count > 1000.0, tf1.sqrt(count), count)
    return tf1.reduce_sum(given.entropy * given.weights) / count


def own_logistic(given):
    """As TF1 has it, in a scope of the program's, and cut off."""
    with tf1.name_scope("loss"):
        x, y = given.logits, given.targets
        each = tf1.maximum(x, 0.0) - x * y + tf1.log1p(tf1.exp(-tf1.abs(x)))
        return tf1.reduce_mean(tf1.minimum(each, 50.0))


def in_whole_numbers(given):
    """A Cast to integers and back has no gradient."""
    mean = tf1.reduce_mean(given.squares)
    return mean + 0.0 * tf1.cast(tf1.cast(mean, tf1.int32), tf1.float32)


def at_times(given):
    mean = tf1.reduce_mean(given.squares)
    return tf1.cond(mean > 50.0, lambda: tf1.zeros_like(mean), lambda: tf1.identity(mean))


def of_trained_targets(given):
    """The gradient is that of the labels as well."""
    targets = tf1.matmul(given.targets[:, :3], given.kernel)
    return tf1.reduce_mean(tf1.squared_difference(given.logits, targets))


OTHER_FORMS = {
    "cut off": lambda g: tf1.reduce_mean(tf1.minimum(g.squares, 50.0)),
    "clipped": lambda g: tf1.reduce_mean(tf1.clip_by_value(g.entropy, 0.0, 20.0)),
    "the least of a stack": stacked,
    "leaky": lambda g: 50.0 - tf1.nn.leaky_relu(50.0 - tf1.reduce_mean(g.squares), 0.0),
    "the hardest ones": lambda g: tf1.reduce_mean(tf1.nn.top_k(g.entropy, 2)[0]),
    "flooding": lambda g: tf1.abs(tf1.reduce_mean(g.entropy) - 0.1) + 0.1,
    "the root of the square": lambda g: tf1.sqrt(tf1.square(tf1.reduce_mean(g.entropy))),
    "ELU": lambda g: tf1.nn.elu(tf1.reduce_mean(g.squares)),
    "without missing labels": where(lambda g: g.targets < -0.2),
    "without outliers": where(lambda g: g.targets > 5.0),
    "by the logits": where(lambda g: g.logits > 20.0),
    "by the losses": where(lambda g: g.squares > 9.0),
    "masked by the losses": lambda g: tf1.reduce_mean(
        tf1.boolean_mask(g.squares, g.squares < 50.0)
    ),
    "weighted by the losses": lambda g: tf1.reduce_mean(
        g.squares * tf1.cast(g.squares < 50.0, tf1.float32)
    ),
    "weighted by the logits": lambda g: tf1.reduce_mean(
        g.squares * tf1.cast(tf1.stop_gradient(g.logits) < 50.0, tf1.float32)
    ),
    "focal": focal,
    "weighted twice": weighted_twice,
    "kept of few": kept_of_few,
    "half of it stopped": half_stopped,
    "stopped": stopped,
    "a gradient overridden before": overridden,
    "a gradient overridden after": overridden_after,
    "a gradient of its own": custom,
    "dropout": lambda g: tf1.reduce_mean(
        tf1.squared_difference(tf1.nn.dropout(g.logits, rate=0.5), g.targets)
    ),
    "a hinge": with_term(hinge),
    "a term that is off": with_term(lambda g: g.zero * tf1.reduce_mean(tf1.square(g.logits))),
    "a term of logits": with_term(lambda g: 1e-9 * tf1.reduce_sum(g.logits)),
    "a term of gradients": with_term(of_gradients),
    "a weight that is off": lambda g: tf1.reduce_mean(g.squares) * (1.0 + g.zero),
    "a weight by the step": lambda g: tf1.reduce_mean(g.entropy) * tf1.where(g.step > 24, 0.1, 1.0),
    "divided by the step": lambda g: tf1.reduce_mean(g.entropy) / tf1.cast(g.step + 1, tf1.float32),
    "a logistic one of its own": own_logistic,
    "in whole numbers": in_whole_numbers,
    "at times": at_times,
    "labels of variables": of_trained_targets,
    "labels of logits": lambda g: tf1.reduce_mean(
        tf1.squared_difference(g.logits, tf1.stop_gradient(g.logits) + g.targets)
    ),
}


@pytest.mark.parametrize("scope", [None, "loss", "logistic_loss"])
@pytest.mark.parametrize("name", OTHER_FORMS)
def test_a_loss_of_another_form_at_other_values_has_none(kind, name, scope):
    """A scope is the program's own, whatever its name is."""
    assert form(OTHER_FORMS[name], kind, scope=scope) is None


def by_value(make, kind, monkeypatch):
    """The loss that is found where all are taken for squares."""
    squares = LossForm("squares", "logits:0", "targets:0", None)
    monkeypatch.setattr(losses, "find_form", lambda *_: squares)
    graph, loss = built(make, kind)
    return losses.find_loss(graph, loss, {"logits": "logits:0"}, SimpleNamespace(shapes={}))


def half_of_squares_stopped(given):
    mean = tf1.reduce_mean(given.squares)
    return 0.5 * mean + tf1.stop_gradient(0.5 * mean)


DIFFERENT = {
    "cut off": OTHER_FORMS["cut off"],
    "a hinge": lambda g: tf1.reduce_mean(g.squares) + hinge(g),
    "stopped": stopped,
    "half of it stopped": half_of_squares_stopped,
    "a gradient of its own": custom,
}


@pytest.mark.parametrize("name", DIFFERENT)
def test_numbers_show_another_form_as_well(kind, name, monkeypatch):
    """Those of large outputs, and the gradients."""
    assert by_value(DIFFERENT[name], kind, monkeypatch) is None


def test_numbers_show_the_same_form(kind, monkeypatch):
    found = by_value(lambda given: tf1.reduce_mean(given.squares), kind, monkeypatch)
    assert found.call.text == "keras.losses.MeanSquaredError()"
