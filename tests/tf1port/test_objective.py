"""The loss and its penalties become Keras' own, where these compute the same; else by name."""

import keras
import numpy as np
import pytest

from tests.tf1port.programs.program import converted, loaded, map_of, running, source_of, verified
from tests.tf1port.programs.sequences import B, T, floats, lstm
from tf1port.__main__ import main
from tf1port.keras_model import losses
from tf1port.keras_model.program_build import load_source
from tf1port.numerics.tolerances import tolerance

# isort: split
import tensorflow.compat.v1 as tf1

CLASSES, MORE = 4, 3


def labels(shape, name="y", *, dtype=tf1.int32):
    """A placeholder, and what it is fed."""
    stream = np.random.RandomState(5)
    open_ = [None, *shape[1:]]
    if dtype == tf1.int32:
        return tf1.placeholder(dtype, open_, name=name), stream.randint(CLASSES, size=shape)
    return tf1.placeholder(dtype, open_, name=name), stream.uniform(size=shape).astype("float32")


def steps_of():
    """Logits of every step, and what the inputs are fed."""
    x, array = floats("x", T, 3)
    outputs, _ = tf1.nn.dynamic_rnn(lstm(), x, dtype=tf1.float32)
    return tf1.layers.dense(outputs, CLASSES, name="logits"), {x: array}


def last_of():
    logits, feed = steps_of()
    return tf1.identity(logits[:, -1]), feed


def last_alone():
    """Logits of the last step, from layers that are a plain stack."""
    x, array = floats("x", T, 3)
    outputs, _ = tf1.nn.dynamic_rnn(lstm(), x, dtype=tf1.float32)
    return tf1.layers.dense(outputs[:, -1], CLASSES, name="logits"), {x: array}


def sparse():
    logits, feed = last_of()
    y, array = labels((B,))
    loss = tf1.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=logits)
    return {**feed, y: array}, tf1.reduce_mean(loss)


def one_hot():
    logits, feed = last_of()
    y, array = labels((B,))
    loss = tf1.nn.softmax_cross_entropy_with_logits_v2(labels=tf1.one_hot(y, 4), logits=logits)
    return {**feed, y: array}, tf1.reduce_mean(loss)


def soft():
    logits, feed = last_of()
    y, array = labels((B, CLASSES), dtype=tf1.float32)
    return {**feed, y: array}, tf1.losses.softmax_cross_entropy(y, logits)


def summed():
    logits, feed = last_of()
    y, array = labels((B,))
    loss = tf1.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=logits)
    return {**feed, y: array}, tf1.reduce_sum(loss)


def logistic():
    logits, feed = last_of()
    y, array = labels((B, CLASSES), dtype=tf1.float32)
    loss = tf1.nn.sigmoid_cross_entropy_with_logits(labels=y, logits=logits)
    return {**feed, y: array}, tf1.reduce_mean(loss)


def squares():
    logits, feed = last_of()
    y, array = labels((B, CLASSES), dtype=tf1.float32)
    return {**feed, y: array}, tf1.reduce_mean(tf1.square(logits - y))


def squares_of_losses():
    logits, feed = steps_of()
    y, array = labels((B, T, CLASSES), dtype=tf1.float32)
    return {**feed, y: array}, tf1.losses.mean_squared_error(y, logits)


def weighted():
    """As tf.contrib.seq2seq.sequence_loss has it."""
    logits, feed = steps_of()
    y, array = labels((B, T))
    weights, of_steps = labels((B, T), "weights", dtype=tf1.float32)
    of_steps *= np.arange(T) < np.arange(1, B + 1)[:, None]
    flat = tf1.nn.sparse_softmax_cross_entropy_with_logits(
        labels=tf1.reshape(y, [-1]), logits=tf1.reshape(logits, [-1, CLASSES])
    )
    flat *= tf1.reshape(weights, [-1])
    loss = tf1.reduce_sum(flat) / (tf1.reduce_sum(weights) + 1e-12)
    return {**feed, y: array, weights: of_steps}, loss


def masked():
    """As taggers do: of the steps before the end of a row alone."""
    logits, feed = steps_of()
    y, array = labels((B, T))
    lengths = tf1.placeholder(tf1.int32, [None], name="lengths")
    each = tf1.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=logits)
    mask = tf1.sequence_mask(lengths, T)
    loss = tf1.reduce_mean(tf1.boolean_mask(each, mask))
    return {**feed, y: array, lengths: np.arange(1, B + 1)}, loss


CARRIED = {
    sparse: "SparseCategoricalCrossentropy",
    one_hot: "SparseCategoricalCrossentropy",
    soft: "CategoricalCrossentropy",
    summed: "SparseCategoricalCrossentropy",
    logistic: "BinaryCrossentropy",
    squares: "MeanSquaredError",
    squares_of_losses: "MeanSquaredError",
    weighted: "SparseCategoricalCrossentropy",
    masked: "SparseCategoricalCrossentropy",
}


def smoothed():
    logits, feed = last_of()
    y, array = labels((B,))
    soft = tf1.one_hot(y, CLASSES) * 0.9 + 0.025
    loss = tf1.nn.softmax_cross_entropy_with_logits_v2(labels=soft, logits=logits)
    return {**feed, y: array}, tf1.reduce_mean(loss) * 2.0


def of_rows():
    """The sum over a row, the mean of rows."""
    logits, feed = steps_of()
    y, array = labels((B, T))
    each = tf1.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=logits)
    return {**feed, y: array}, tf1.reduce_mean(tf1.reduce_sum(each, 1))


def of_a_constant():
    logits, feed = last_of()
    return feed, tf1.reduce_mean(tf1.square(logits - 1))


def of_two():
    logits, feed = last_of()
    y, array = labels((B,))
    each = tf1.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=logits)
    return {**feed, y: array}, tf1.reduce_mean(each) + tf1.reduce_mean(
        tf1.squared_difference(logits, tf1.one_hot(y, CLASSES))
    )


@pytest.mark.sampled(3)
@pytest.mark.parametrize(
    "build",
    [pytest.param(build, marks=[pytest.mark.slow] * (build is not weighted)) for build in CARRIED],
    ids=lambda one: one.__name__,
)
def test_fit_goes_on_with_the_losses_of_the_graph(build, tmp_path):
    with running(build, tmp_path) as run:
        target = converted(run.prefix)
        expected = [run.session.run([run.loss, run.train], run.feed)[0] for _ in range(MORE)]
        loss = map_of(target)["optimizer"]["loss"]
        tensors = [loss[name] for name in ("labels", "weights") if loss[name]]
        fed = {tensor.name: array for tensor, array in run.feed.items()}
        values = [fed[n] if n in fed else run.session.run(n, run.feed) for n in tensors]
        inputs = run.fed(target)
    model = loaded(target)
    assert f"keras.losses.{CARRIED[build]}(" in loss["call"]
    built = load_source(source_of(target)).build_model()
    assert type(built.loss) is type(model.loss) is getattr(keras.losses, CARRIED[build])
    assert built.loss.get_config() == model.loss.get_config()
    options = {"batch_size": B, "shuffle": False, "verbose": 0, "epochs": MORE}
    weights = {"sample_weight": values[1].astype("float32")} if len(values) > 1 else {}
    history = model.fit(inputs[0], values[0], **options, **weights).history["loss"]
    bound = tolerance("losses of resumed steps", "float32").bound
    np.testing.assert_allclose(history, expected, rtol=bound)


@pytest.mark.parametrize(
    "build",
    [
        of_two,
        *(pytest.param(b, marks=pytest.mark.slow) for b in (smoothed, of_rows, of_a_constant)),
    ],
    ids=lambda one: one.__name__,
)
def test_another_loss_is_not_taken_for_one_of_kerass(build, tmp_path):
    with running(build, tmp_path) as run:
        target = converted(run.prefix)
    optimizer = map_of(target)["optimizer"]
    assert "loss" not in optimizer
    assert optimizer["notes"][-1].endswith(
        "is no loss that Keras has: compile the model with yours"
    )
    assert loaded(target).loss is None


def of_sequences():
    """CTC, whose blank is the last class."""
    logits, feed = steps_of()
    stream = np.random.RandomState(7)
    letters = tf1.SparseTensorValue(
        [[row, column] for row in range(B) for column in range(2)],
        stream.randint(CLASSES - 1, size=2 * B),
        [B, 2],
    )
    y, lengths = tf1.sparse_placeholder(tf1.int32, name="y"), tf1.placeholder(tf1.int32, [None])
    loss = tf1.reduce_mean(tf1.nn.ctc_loss(y, logits, lengths, time_major=False))
    return {**feed, y: letters, lengths: np.arange(B) % 2 + T - 1}, loss


def test_what_to_compile_for_ctc_is_said_and_computes_the_loss(tmp_path):
    with running(of_sequences, tmp_path) as run:
        target = converted(run.prefix)
        expected = run.session.run(run.loss, run.feed)
        inputs, letters, lengths = run.feed.values()
    (note,) = map_of(target)["optimizer"]["notes"]
    call = note.partition("train with ")[2]
    assert call.endswith(f"mask_index={CLASSES - 1})")
    names = {"labels": letters.values.reshape(B, 2), "label_lengths": np.full(B, 2)}
    names |= {"outputs": loaded(target)(inputs), "lengths": lengths, "keras": keras}
    actual = float(keras.ops.mean(eval(call, names)))
    np.testing.assert_allclose(actual, expected, rtol=tolerance("loss", "float32").bound)


def test_a_loss_that_computes_something_else_is_none(tmp_path, monkeypatch):
    """The comparison by value stands behind the forms."""
    monkeypatch.setitem(losses._CLASSES, "squares", ("MeanAbsoluteError", {}))
    with running(squares, tmp_path) as run:
        assert "loss" not in map_of(converted(run.prefix))["optimizer"]


@pytest.mark.slow
def test_another_loss_in_the_file_is_seen(tmp_path, capsys):
    with running(squares, tmp_path) as run:
        target = converted(run.prefix)
    model = loaded(target)
    model.compile(model.optimizer, keras.losses.MeanAbsoluteError())
    model.save(target)
    code, report = verified(run.prefix, target, capsys)
    failed = [check["place"] for check in report["checks"] if not check["passed"]]
    lines = "loss: MeanAbsoluteError in the file, keras.losses.MeanSquaredError() in the graph"
    assert (code, failed) == (1, [lines])


# Penalties.


def penalized(*, kind="half", scale=0.01, names=("kernel",), stack=False):
    """A function that builds a program whose loss has a term of some variables' squares."""

    def build():
        logits, feed = last_alone() if stack else last_of()
        y, of_y = labels((B,))
        loss = tf1.reduce_mean(
            tf1.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=logits)
        )
        chosen = [v for v in tf1.trainable_variables() if v.op.name.endswith(names)]
        return {**feed, y: of_y}, _with_penalty(loss, chosen, kind, scale)

    return build


def _with_penalty(loss, variables, kind, scale):
    if kind == "half":
        return loss + scale * tf1.add_n([tf1.nn.l2_loss(v) for v in variables])
    if kind == "list":
        return tf1.add_n([loss, *[tf1.multiply(tf1.nn.l2_loss(v), scale) for v in variables]])
    if kind == "squares":
        return loss + tf1.reduce_sum([tf1.reduce_sum(tf1.square(v)) for v in variables]) * scale
    if kind == "fed":
        rate = tf1.placeholder_with_default(np.float32(scale), [])
        return loss + rate * tf1.add_n([tf1.nn.l2_loss(v) for v in variables])
    return loss + scale * tf1.add_n([tf1.reduce_sum(tf1.abs(v)) for v in variables])


def regularizers(target):
    model = loaded(target)
    cell = model.get_layer("lstm").cell
    values = (cell.kernel_regularizer, cell.recurrent_regularizer, cell.bias_regularizer)
    dense = model.get_layer("logits")
    values += (dense.kernel_regularizer, dense.bias_regularizer)
    return [value.get_config()["l2"] if value else 0 for value in values]


PENALTIES = {
    "half": ({}, [0.005, 0.005, 0, 0.005, 0]),
    "stack": ({"stack": True}, [0.005, 0.005, 0, 0.005, 0]),
    "list": ({"kind": "list", "scale": 0.02}, [0.01, 0.01, 0, 0.01, 0]),
    "squares": ({"kind": "squares"}, [0.01, 0.01, 0, 0.01, 0]),
    "the head's": ({"names": ("logits/kernel", "logits/bias")}, [0, 0, 0, 0.005, 0.005]),
}


@pytest.mark.sampled(3)
@pytest.mark.parametrize(
    "name", ["half", *(pytest.param(n, marks=pytest.mark.slow) for n in PENALTIES if n != "half")]
)
def test_a_penalty_is_a_regularizer(name, tmp_path, capsys):
    """Keras' is of the whole sum of squares, tf.nn.l2_loss of half of it."""
    options, expected = PENALTIES[name]
    with running(penalized(**options), tmp_path) as run:
        target = converted(run.prefix)
        graphs = [run.session.run([run.loss, run.train], run.feed)[0] for _ in range(MORE)]
    assert regularizers(target) == pytest.approx(expected, rel=1e-6)
    code, report = verified(run.prefix, target, capsys, "--steps", "3")
    assert (code, report["notes"]) == (0, [])
    inputs, values = ({t.name: a for t, a in run.feed.items()}[n] for n in ("x:0", "y:0"))
    options = {"batch_size": B, "shuffle": False, "verbose": 0, "epochs": MORE}
    history = loaded(target).fit(inputs, values, **options).history["loss"]
    bound = tolerance("losses of resumed steps", "float32").bound
    np.testing.assert_allclose(history, graphs, rtol=bound)


@pytest.mark.slow
@pytest.mark.parametrize("l2", [0.01, None])
def test_another_penalty_is_seen(l2, tmp_path, capsys):
    with running(penalized(), tmp_path) as run:
        target = converted(run.prefix)
    model = loaded(target)
    cell = model.get_layer("lstm").cell
    cell.recurrent_regularizer = l2 and keras.regularizers.L2(l2)
    model.save(target)
    code, report = verified(run.prefix, target, capsys)
    failed = [check["quantity"] for check in report["checks"] if not check["passed"]]
    assert (code, failed) == (1, ["options of layers", "gradients of a batch"])


@pytest.mark.parametrize(
    "options",
    [
        {"names": ("kernel", "bias")},
        pytest.param({"kind": "absolute"}, marks=pytest.mark.slow),
        pytest.param({"kind": "fed"}, marks=pytest.mark.slow),
    ],
    ids=["of the forget bias", "absolute", "fed"],
)
def test_a_penalty_that_keras_has_not_is_named(options, tmp_path, capsys):
    with running(penalized(**options), tmp_path) as run:
        target = converted(run.prefix)
    notes = map_of(target)["optimizer"]["notes"]
    assert len(notes) == 1
    # Absolute values and fed factors are no sums of squares that are known as such.
    words = "has a term of" if options.get("names") else "depends on"
    assert notes[0].startswith(f"the loss {words} ")
    assert "lstm_cell/" in notes[0]
    code, report = verified(run.prefix, target, capsys, "--steps", "3")
    assert code == 3
    assert "itself, which the model has not" in report["verdict"]


def of_lengths():
    """The steps after the end of a row count as well: in Keras a mask of the cells must not."""
    x, array = floats("x", T, 3)
    lengths = tf1.placeholder(tf1.int32, [None], name="lengths")
    outputs, _ = tf1.nn.dynamic_rnn(lstm(), x, lengths, dtype=tf1.float32)
    logits = tf1.layers.dense(outputs, CLASSES, name="logits")
    y, of_y = labels((B, T))
    each = tf1.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=logits)
    return {x: array, y: of_y, lengths: np.arange(1, B + 1)}, tf1.reduce_mean(each)


@pytest.mark.parametrize("outputs", [[], ["--outputs", "logits/BiasAdd"]], ids=["stack", "by op"])
def test_where_keras_would_mask_the_loss_it_is_left_out(outputs, tmp_path):
    with running(of_lengths, tmp_path) as run:
        target = str(tmp_path / "model.keras")
        assert main(["convert", run.prefix, "--to", target, *outputs]) == 0
    optimizer = map_of(target)["optimizer"]
    assert "loss" not in optimizer
    assert "the loss is left out, as Keras' own leave out the steps" in optimizer["notes"][-1]
    assert loaded(target).loss is None
