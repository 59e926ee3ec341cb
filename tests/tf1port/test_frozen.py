"""Variables that no optimizer trains: layers of a model that are not trained, or named."""

import keras
import pytest

from tests.tf1port.programs.program import converted, loaded, map_of, running, source_of, verified
from tests.tf1port.programs.sequences import T, V, floats, ids, lstm

# isort: split
import tensorflow.compat.v1 as tf1


def square(outputs):
    return tf1.reduce_mean(tf1.square(outputs - 1))


def table():
    """A stack: an embedding that is given, a cell and a head."""
    words, array = ids("words", T)
    vectors = tf1.get_variable("vectors", [V, 4], trainable=False)
    outputs, _ = tf1.nn.dynamic_rnn(
        lstm(), tf1.nn.embedding_lookup(vectors, words), dtype=tf1.float32
    )
    return {words: array}, square(tf1.layers.dense(outputs[:, -1], 2))


def encoder():
    """A translated graph: a mean, a cell below another one and a head's bias by itself."""
    (x, array), (y, other) = floats("x", T, 3), floats("y", T, 2, seed=1)
    mean = tf1.get_variable("mean", [3], trainable=False)
    with tf1.variable_scope("lower"):
        lower, _ = tf1.nn.dynamic_rnn(tf1.nn.rnn_cell.GRUCell(4), x - mean, dtype=tf1.float32)
    for variable in tf1.trainable_variables():
        tf1.get_collection_ref(tf1.GraphKeys.TRAINABLE_VARIABLES).remove(variable)
    with tf1.variable_scope("upper"):
        both = tf1.concat([lower, y], axis=2)
        outputs, _ = tf1.nn.dynamic_rnn(lstm(), both, dtype=tf1.float32)
    return {x: array, y: other}, square(tf1.layers.dense(outputs[:, -1], 2))


def bias_alone():
    """A cell whose kernel is trained and whose bias is not."""
    x, array = floats("x", T, 3)
    outputs, _ = tf1.nn.dynamic_rnn(lstm(), x, dtype=tf1.float32)
    trained = tf1.get_collection_ref(tf1.GraphKeys.TRAINABLE_VARIABLES)
    trained.remove(next(variable for variable in trained if "bias" in variable.name))
    return {x: array}, square(tf1.layers.dense(outputs[:, -1], 2))


@pytest.mark.parametrize(
    ("build", "count"),
    [(table, 1), pytest.param(encoder, 2, marks=pytest.mark.slow)],
    ids=["table", "encoder"],
)
def test_what_the_graph_does_not_train_the_model_does_not(build, count, tmp_path, capsys):
    with running(build, tmp_path) as run:
        target = converted(run.prefix)
    assert map_of(target)["complete"]
    assert source_of(target).count("trainable=False") == count
    code, report = verified(run.prefix, target, capsys, "--steps", "3")
    assert code == 0
    assert "losses of resumed steps" in {check["quantity"] for check in report["checks"]}
    layers = [layer for layer in loaded(target).layers if layer.weights]
    assert [layer.trainable_weights == [] for layer in layers].count(True) == count


def test_a_model_that_trains_a_given_table_fails(tmp_path, capsys):
    with running(table, tmp_path) as run:
        target = converted(run.prefix)
        model = loaded(target)
    model.get_layer("embedding").trainable = True
    model.save(target)
    code, report = verified(run.prefix, target, capsys)
    failed = [check["place"] for check in report["checks"] if not check["passed"]]
    assert code == 1
    assert any("trainable" in place for place in failed)


def test_part_of_a_layer_is_left_out_by_name(tmp_path, capsys):
    with running(bias_alone, tmp_path) as run:
        target = converted(run.prefix)
    lines = capsys.readouterr().out.splitlines()
    assert any(
        line.startswith("the optimizer is left out: it leaves rnn/lstm_cell/bias as it is")
        for line in lines
    )
    model = keras.models.load_model(target)
    assert getattr(model, "optimizer", None) is None
    assert all(layer.trainable for layer in model.layers)
