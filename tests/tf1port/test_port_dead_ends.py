"""What once ended a comparison with a traceback, or too early: its outcome, or one line."""

import keras
import numpy as np
import pytest

from tests.tf1port.ported import (
    CROSS_ENTROPY,
    GRAPH,
    INPUTS,
    LAYERS,
    C,
    F,
    Program,
    T,
    U,
    adam,
    model,
    prove,
    save,
)
from tf1port.__main__ import main
from tf1port.errors import UserError
from tf1port.keras_model.loading import open_model

# isort: split
import tensorflow.compat.v1 as tf1

TEXT = LAYERS + INPUTS + GRAPH
slow = pytest.mark.slow


def data_in_graph(program):
    """Whose batches come out of a dataset."""
    x = np.random.default_rng(0).normal(size=(12, T, F)).astype("float32")
    data = tf1.data.Dataset.from_tensor_slices((x, np.arange(12) % C)).repeat().batch(3)
    x, y = tf1.data.make_one_shot_iterator(data).get_next()
    outputs, _ = tf1.nn.dynamic_rnn(tf1.nn.rnn_cell.BasicLSTMCell(U), x, dtype=tf1.float32)
    logits = tf1.layers.dense(outputs[:, -1], C, name="scores")
    loss = tf1.losses.sparse_softmax_cross_entropy(y, logits)
    step = tf1.train.get_or_create_global_step()
    train = tf1.train.AdamOptimizer(0.01).minimize(loss, step)
    return type("Ends", (), {"x": x, "y": y, "loss": loss, "train": train, "extra": {}})


@slow
def test_a_graph_is_fed_where_its_data_comes_out(tmp_path):
    text = LAYERS + '[inputs]\nx = "IteratorGetNext"\n[graph]\nlabels = "IteratorGetNext:1"\n'
    found = prove(tmp_path, save(tmp_path, make=data_in_graph), model(), text=text)
    assert found["verdict"].startswith("PASS: ")


@slow
def test_a_loss_that_is_not_found_is_asked_for(tmp_path):
    """Gradients that start from the scores: then nothing of a training is proved."""
    found = prove(tmp_path, save(tmp_path, Program(loss=lambda losses: losses)), model())
    assert found["outcome"] == "not proved"
    assert 'give [graph] loss = "ITS TENSOR" in the map' in found["verdict"]
    assert {e["number"] for e in found["checks"] if e["applies"]} == {1, 2, 8}


@slow
def test_a_loss_of_examples_is_no_loss(tmp_path):
    found = prove(
        tmp_path,
        save(tmp_path),
        model(),
        text=TEXT
        + 'loss = "SparseSoftmaxCrossEntropyWithLogits/SparseSoftmaxCrossEntropyWithLogits"\n',
        only=("loss", "gradients"),
    )
    assert found["outcome"] == "not proved"
    assert "is no single number" in found["verdict"]


@slow
@pytest.mark.parametrize(
    ("text", "message"),
    [
        (TEXT + 'loss = "loss"\n', "[graph] loss names loss: the graph has no such tensor"),
        (TEXT + 'logits = "nowhere"\n', "[graph] logits names nowhere: the graph has no such"),
        (
            TEXT.replace('"x"', '"inputs"'),
            "the graph has no inputs:0: name one of its placeholders",
        ),
        (TEXT.replace('"y"', '"z"'), "the graph has no z:0: name one"),
        (TEXT.replace('"x"', '"x:"'), "the graph has no x:: name one"),
        (TEXT + 'loss = "loss:one"\n', "[graph] loss names loss:one: the graph has no such tensor"),
        (TEXT + "[feed]\nkeep = 1.0\n", "the graph has no keep:0: name one"),
        (TEXT + '[outputs]\nhidden = "x"\n', "[outputs] names hidden: the model has"),
        (TEXT.replace('= "scores"', '= "logits"'), "has no logits: python -m tf1port inspect"),
        (
            TEXT.replace(
                '"rnn/basic_lstm_cell"', '{ cell = "gru", scope = "rnn/basic_lstm_cell" }'
            ),
            "[layers] lstm is no gru: ",
        ),
    ],
)
def test_a_wrong_name_is_one_line(text, message, tmp_path):
    prefix = save(tmp_path)
    with pytest.raises(UserError) as error:
        prove(tmp_path, prefix, model(), text=text)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


@slow
def test_each_gradients_own_norm_for_the_norm_of_all_is_a_difference(tmp_path):
    wrong = model(optimizer=adam(clipnorm=0.01))
    found = prove(tmp_path, save(tmp_path, Program(clip=0.01)), wrong, only=("one step",))
    assert found["outcome"] == "different"


@slow
def test_a_table_that_is_trained_by_rows_is_diagnosed(tmp_path):
    program = Program(embedded=True)
    text = LAYERS + 'table = { embeddings = "table" }\n' + INPUTS + GRAPH
    found = prove(tmp_path, save(tmp_path, program), model(program), text=text, only=("one step",))
    assert found["outcome"] == "different"
    assert "rows of an embedding's gradient squared before they are summed" in found["verdict"]


@keras.saving.register_keras_serializable("tests")
class Narrow(keras.layers.Layer):
    """Whose code knows float32 alone."""

    def call(self, inputs):
        if inputs.dtype == "float64":
            raise TypeError("float32 alone")
        return inputs


@slow
def test_a_model_that_fails_in_float64_is_compared_in_float32(tmp_path):
    inputs = keras.Input((T, F), name="x")
    x = keras.layers.LSTM(U, name="lstm")(Narrow()(inputs))
    made = keras.Model(inputs, keras.layers.Dense(C, name="scores")(x))
    made.compile(adam(), CROSS_ENTROPY)
    found = prove(tmp_path, save(tmp_path), made)
    assert found["outcome"] == "not proved"
    compared = {(e["dtype"], e["number"]) for e in found["checks"] if e["applies"]}
    assert compared >= {("float32", n) for n in (1, 2, 3, 4, 5, 7, 8)}
    assert "float32 alone" in found["verdict"]


@keras.saving.register_keras_serializable("tests")
class Always(keras.layers.Dropout):
    """Which drops in predictions as well."""

    def call(self, inputs, training=True):
        return super().call(inputs, training=True)


@slow
def test_what_drops_in_a_prediction_is_noticed(tmp_path):
    inputs = keras.Input((T, F), name="x")
    x = keras.layers.LSTM(U, name="lstm")(inputs)
    x = Always(0.5, name="drop")(x)
    made = keras.Model(inputs, keras.layers.Dense(C, name="scores")(x))
    made.compile(adam(), CROSS_ENTROPY)
    found = prove(tmp_path, save(tmp_path), made, only=("outputs", "float32"))
    assert found["breaks"]["quantity"] == "logits"


@slow
def test_sequences_of_no_steps_are_compared(tmp_path):
    """The port takes the step before the first one, which is the last: another row's answer."""
    program = Program(lengths=True)
    inputs, mask = keras.Input((T, F), name="x"), keras.Input((None,), dtype="bool", name="mask")
    lstm = keras.layers.LSTM(U, return_sequences=True, zero_output_for_mask=True, name="lstm")
    kept = keras.ops.any(mask, axis=1, keepdims=True)
    x = keras.ops.where(kept, lstm(inputs, mask=mask)[:, -1], 1.0)
    made = keras.Model([inputs, mask], keras.layers.Dense(C, name="scores")(x))
    made.compile(adam(), CROSS_ENTROPY)
    text = LAYERS + INPUTS + 'mask = { lengths = "n" }\n' + GRAPH
    found = prove(tmp_path, save(tmp_path, program), made, text=text, only=("outputs", "float32"))
    assert found["breaks"]["quantity"] == "outputs of lengths"
    assert found["breaks"]["place"].startswith("logits[")


LOADED = """
import keras

@keras.saving.register_keras_serializable("user")
class Halved(keras.layers.Layer):
    def __init__(self, units=None, **options):
        super().__init__(**options)
        {fault}
    def call(self, inputs):
        return inputs / 2
    def get_config(self):
        return {{**super().get_config(), "units": 3}}
"""


@slow
def forget(before):
    """Takes the classes back that were registered since, and leaves those of others."""
    registered = keras.saving.get_custom_objects()
    for name in set(registered) - before:
        del registered[name]


def test_a_class_of_ones_own_is_imported_or_named(tmp_path, capsys):
    before = set(keras.saving.get_custom_objects())
    module = tmp_path / "halved.py"
    module.write_text(LOADED.format(fault=""))
    names = {}
    exec(module.read_text(), names)
    inputs = keras.Input((T, F), name="x")
    x = keras.layers.LSTM(U, name="lstm")(names["Halved"]()(inputs))
    made = keras.Model(inputs, keras.layers.Dense(C, name="scores")(x))
    path = str(tmp_path / "model.keras")
    made.save(path)
    forget(before)
    with pytest.raises(UserError, match="of the class Halved: give --import MODULE"):
        open_model(path)
    text = tmp_path / "map.toml"
    text.write_text(TEXT)
    words = ["compare", "--legacy", save(tmp_path), "--modern", path, "--map", str(text)]
    words += ["--only", "variables", "--dtype", "float32", "--out", str(tmp_path / "out")]
    assert main([*words, "--import", str(module)]) == 1
    assert "FAIL: weights with forget bias differ" in capsys.readouterr().out
    assert main([*words, "--import", str(tmp_path / "none.py")]) == 2
    assert "cannot import" in capsys.readouterr().err
    forget(before)
    module.write_text(LOADED.format(fault='raise TypeError("no units")'))
    assert main([*words, "--import", str(module)]) == 2
    told = capsys.readouterr().err
    assert "a class in it raises TypeError" in told
    assert "damaged" not in told
