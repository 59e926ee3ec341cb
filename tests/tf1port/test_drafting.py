"""`tf1port map`: what a draft matches, what it is unsure of, what it leaves, and its file."""

import json
import re

import keras
import numpy as np
import pytest

from tests.tf1port import ported
from tests.tf1port.drafts import drafted, saved
from tests.tf1port.graphs import tf1
from tests.tf1port.ported import C, F, Program, T, U
from tf1port.__main__ import main
from tf1port.cells.keras import ExtendedLSTMCell
from tf1port.comparison.drafting.draft import draft
from tf1port.comparison.drafting.lines import Line, Note, toml
from tf1port.comparison.port.port_map import parse_map
from tf1port.errors import UserError

EQUAL = "2 layers of the model have these shapes, matched in their order"


def run(cell, x=None, scope=None, **options):
    """The outputs of a cell over a placeholder x [B, T, F] in a scope of its own."""
    x = tf1.placeholder("float32", [None, T, F], name="x") if x is None else x
    options = {"dtype": tf1.float32, "scope": scope, **options}
    return tf1.nn.dynamic_rnn(cell, x, **options)[0]


def lstm():
    return tf1.nn.rnn_cell.BasicLSTMCell(U)


def functional(*layers, shape=(T, F)):
    """A model of one layer after the other."""
    inputs = x = keras.Input(shape, name="x")
    for layer in layers:
        x = layer(x)
    return keras.Model(inputs, x)


def test_the_draft_of_a_program_is_its_map(tmp_path):
    program = Program(lengths=True, keep="fed", rate=lambda: "fed", clip=1.0)
    made, content = drafted(tmp_path, lambda: ported.build(program), ported.model(program))
    assert content == {
        "layers": {"lstm": "rnn/basic_lstm_cell", "scores": "scores"},
        "inputs": {"x": "x", "mask": {"lengths": "n"}},
        "graph": {"labels": "y", "logits": "scores/BiasAdd", "loss": "Mean", "train": "Adam"},
        "feed": {"keep": 1.0},
        "feed_training": {"rate": 0.001},
    }
    parse_map(content)
    assert made.unsure == [
        "keep: what drops nothing?",
        "keep: what the program feeds in training",
        "rate: the learning rate that the program feeds?",
    ]
    assert "# keep = 0.9  # unsure: what the program feeds in training\n" in made.text
    assert (made.places, made.left_in_model, made.left_in_checkpoint) == (2, [], [])


CELLS = {
    "rnn": (lambda: tf1.nn.rnn_cell.BasicRNNCell(U), keras.layers.SimpleRNN(U, name="a")),
    "lstm": (lstm, keras.layers.LSTM(U, name="a")),
    "gru": (
        lambda: tf1.nn.rnn_cell.GRUCell(U),
        keras.layers.GRU(U, reset_after=False, name="a"),
    ),
    "peepholes and a projection": (
        lambda: tf1.nn.rnn_cell.LSTMCell(U, use_peepholes=True, num_proj=2),
        keras.layers.RNN(ExtendedLSTMCell(U, peepholes=True, projection=2), name="a"),
    ),
}


@pytest.mark.parametrize("name", CELLS)
def test_a_cell_of_each_family_is_sure(name, tmp_path):
    cell, layer = CELLS[name]
    made, content = drafted(tmp_path, lambda: run(cell()), functional(layer))
    (scope,) = content["layers"].values()
    assert re.fullmatch(r"rnn/\w+_cell", scope)
    assert made.unsure == []


@pytest.mark.parametrize(
    ("make", "layer"),
    [
        (lambda: tf1.nn.rnn_cell.BasicRNNCell(U), keras.layers.LSTM(U)),
        (lstm, keras.layers.LSTM(U + 1)),
        (lstm, keras.layers.LSTM(U, use_bias=False)),
    ],
)
def test_another_cell_is_not_matched(make, layer, tmp_path):
    made, content = drafted(tmp_path, lambda: run(make()), functional(layer))
    assert "layers" not in content or content["layers"] == {}
    assert len(made.left_in_model) == 1
    assert len(made.left_in_checkpoint) == 2
    kernel = "rnn/basic_lstm_cell/kernel [8, 20] float32"
    assert kernel in made.left_in_checkpoint or "basic_rnn" in made.left_in_checkpoint[0]
    assert f"# in no layer of the model: {made.left_in_checkpoint[0]}\n" in made.text


def test_a_gru_that_resets_after_is_named(tmp_path):
    layer = keras.layers.GRU(U, name="a")  # Keras' default
    made, _ = drafted(tmp_path, lambda: run(tf1.nn.rnn_cell.GRUCell(U)), functional(layer))
    (left,) = made.left_in_model
    assert left.endswith("; rnn/gru_cell would fit GRU(..., reset_after=False)")


def stacked():
    run(tf1.nn.rnn_cell.MultiRNNCell([tf1.nn.rnn_cell.BasicLSTMCell(F) for _ in range(2)]))


@pytest.mark.parametrize(("names", "unsure"), [(("a", "b"), EQUAL), (("cell_1", "cell_0"), None)])
def test_of_two_equal_layers_names_decide_then_the_order(names, unsure, tmp_path):
    layers = [keras.layers.LSTM(F, return_sequences=True, name=name) for name in names]
    made, content = drafted(tmp_path, stacked, functional(*layers))
    scopes = [f"rnn/multi_rnn_cell/cell_{n}/basic_lstm_cell" for n in (0, 1)]
    if unsure:
        assert content["layers"] == dict(zip(names, scopes, strict=True))
        assert made.unsure == [f"{name}: {unsure}" for name in names]
        assert made.text.count(f"# unsure: {unsure}\n") == 2
    else:
        assert content["layers"] == {"cell_1": scopes[1], "cell_0": scopes[0]}
        assert made.unsure == []


def test_a_name_that_keras_chose_says_nothing(tmp_path):
    def make():
        x = tf1.placeholder("float32", [None, F], name="x")
        x = tf1.layers.dense(x, F, name="dense_1")
        tf1.layers.dense(x, F, name="dense")

    layers = [keras.layers.Dense(F, name=name) for name in ("dense", "dense_1")]
    made, content = drafted(tmp_path, make, functional(*layers, shape=(F,)))
    assert content["layers"] == {"dense": "dense_1", "dense_1": "dense"}  # as they are made
    assert made.unsure == [f"{name}: {EQUAL}" for name in ("dense", "dense_1")]


@pytest.mark.parametrize("more", [0, 1])
def test_a_part_too_many_is_left(more, tmp_path):
    """One of two equal layers on one side alone: on which it is, is said."""

    def make():
        x = tf1.placeholder("float32", [None, F], name="x")
        for name in ["one", "two"][: 2 - more]:
            x = tf1.layers.dense(x, F, name=name)

    layers = [keras.layers.Dense(F, name=f"layer{n}") for n in range(1 + more)]
    made, content = drafted(tmp_path, make, functional(*layers, shape=(F,)))
    assert content["layers"] == {"layer0": "one"}
    assert len(made.left_in_model) == more
    assert len(made.left_in_checkpoint) == 2 * (1 - more)
    side = "layers of the model" if more else "parts of the checkpoint"
    assert f"layer0: 2 {side} have these shapes, matched in their order" in made.unsure


def test_a_word_of_two_scopes_does_not_decide(tmp_path):
    def make():
        x = tf1.placeholder("float32", [None, F], name="x")
        for name in ("net/one", "net/two"):
            x = tf1.layers.dense(x, F, name=name)

    layers = [keras.layers.Dense(F, name=name) for name in ("net", "other")]
    made, content = drafted(tmp_path, make, functional(*layers, shape=(F,)))
    assert content["layers"] == {"net": "net/one", "other": "net/two"}
    assert made.unsure == [f"{name}: {EQUAL}" for name in ("net", "other")]


# Directions


def both_ways(first="fw", second="bw"):
    x = tf1.placeholder("float32", [None, T, F], name="x")
    if first == "fw":
        made, _ = tf1.nn.bidirectional_dynamic_rnn(lstm(), lstm(), x, dtype=tf1.float32)
    else:  # the backward one is made first
        made = [run(lstm(), x, scope=f"{way}/one") for way in (first, second)]
    tf1.concat(made, axis=2)


@pytest.mark.parametrize("layer", ["Bidirectional", "apart"])
@pytest.mark.parametrize("first", [("fw", "bw"), ("bw", "fw")])
def test_directions_are_matched_as_such(layer, first, tmp_path):
    if layer == "Bidirectional":
        model = functional(keras.layers.Bidirectional(keras.layers.LSTM(U), name="both"))
        names = {"fw": "both/forward", "bw": "both/backward"}
    else:
        x = keras.Input((T, F), name="x")
        ways = [keras.layers.LSTM(U, go_backwards=way, name=f"a{way}") for way in (True, False)]
        model = keras.Model(x, keras.layers.concatenate([one(x) for one in ways]))
        names = {"fw": "aFalse", "bw": "aTrue"}
    made, content = drafted(tmp_path, lambda: both_ways(*first), model)
    assert made.unsure == []
    for way, name in names.items():
        assert f"/{way}/" in f"/{content['layers'][name]}"


# Tables, and what is tied to them


@keras.saving.register_keras_serializable("test_drafting")
class Tied(keras.Model):
    """Its head multiplies by the table."""

    def __init__(self, **options):
        super().__init__(**options)
        self.table = keras.layers.Embedding(7, F, name="table")
        self.lstm = keras.layers.LSTM(F, return_sequences=True, name="lstm")

    def call(self, ids):
        return keras.ops.matmul(
            self.lstm(self.table(ids)), keras.ops.transpose(self.table.embeddings)
        )


def tied():
    ids = tf1.placeholder("int32", [None, T], name="ids")
    table = tf1.get_variable("table", [7, F])
    outputs = run(tf1.nn.rnn_cell.BasicLSTMCell(F), tf1.nn.embedding_lookup(table, ids))
    logits = tf1.tensordot(outputs, table, [[2], [1]]) + tf1.get_variable("output_bias", [7])
    tf1.identity(logits, name="logits")


def test_a_table_that_a_model_ties_is_one_place(tmp_path):
    model = Tied()
    model(keras.ops.zeros((1, T), "int32"))
    made, content = drafted(tmp_path, tied, model)
    assert content["layers"] == {"table": {"embeddings": "table"}, "lstm": "rnn/basic_lstm_cell"}
    assert content["inputs"] == {"ids": "ids"}
    assert made.left_in_checkpoint == ["output_bias [7] float32"]
    assert not any(line.startswith("table") for line in made.unsure)


def test_a_table_that_a_model_has_twice_is_unsure(tmp_path):
    ids = keras.Input((T,), dtype="int32", name="ids")
    x = keras.layers.Embedding(7, F, name="table")(ids)
    x = keras.layers.LSTM(F, return_sequences=True, name="lstm")(x)
    model = keras.Model(ids, keras.layers.Dense(7, name="head")(x))
    made, content = drafted(tmp_path, tied, model)
    kernel = {"variable": "table", "transpose": [1, 0]}
    assert content["layers"]["head"] == {"kernel": kernel, "bias": "output_bias"}
    assert any("tied in the graph" in line for line in made.unsure)
    parse_map(content)


class Head(keras.layers.Layer):
    """It multiplies by the table of another layer, which it holds."""

    def __init__(self, table, **options):
        super().__init__(**options)
        self.table = table

    def call(self, x):
        return keras.ops.matmul(x, keras.ops.transpose(self.table.embeddings))


def test_a_layer_within_another_one_has_the_entry_of_the_first(tmp_path):
    ids = keras.Input((T,), dtype="int32", name="ids")
    table = keras.layers.Embedding(7, F, name="table")
    x = keras.layers.LSTM(F, return_sequences=True, name="lstm")(table(ids))
    made, content = drafted(tmp_path, tied, keras.Model(ids, Head(table, name="head")(x)))
    entry = {"embeddings": "table"}
    assert (content["layers"]["table"], content["layers"]["head/table"]) == (entry, entry)
    assert (made.places, made.left_in_model) == (3, [])


def test_a_table_with_the_name_of_one_goes_by_it(tmp_path):
    def make():
        ids = tf1.placeholder("int32", [None, T], name="ids")
        table = tf1.get_variable("embedding", [7, F])
        run(lstm(), tf1.nn.embedding_lookup(table, ids))

    layers = keras.layers.Embedding(7, F, name="table"), keras.layers.LSTM(U, name="lstm")
    _, content = drafted(tmp_path, make, functional(*layers, shape=(T,)))
    assert content["layers"]["table"] == "embedding"


# Single variables


def test_a_kernel_the_other_way_round_is_transposed(tmp_path):
    shapes = [("w_out", [C, U]), ("b_out", [C])]
    model = functional(keras.layers.LSTM(U, name="a"), keras.layers.Dense(C, name="head"))
    made, content = drafted(tmp_path, lambda: run(lstm()), model, more=shapes)
    kernel = {"variable": "w_out", "transpose": [1, 0]}
    assert content["layers"]["head"] == {"kernel": kernel, "bias": "b_out"}
    assert made.unsure == []


def test_variables_of_any_name_are_matched_by_role_and_shape(tmp_path):
    def make():
        last = run(lstm())[:, -1]
        weights, shift = (tf1.get_variable(n, s) for n, s in (("w_out", [U, C]), ("b_out", [C])))
        tf1.nn.xw_plus_b(last, weights, shift)

    layers = keras.layers.LSTM(U, name="a"), keras.layers.Dense(C, name="head")
    made, content = drafted(tmp_path, make, functional(*layers))
    assert content["layers"]["head"] == {"kernel": "w_out", "bias": "b_out"}
    assert made.unsure == []


def test_of_several_variables_the_one_beside_the_others_is_taken_and_unsure(tmp_path):
    shapes = [("one/b", [C]), ("one/w_out", [U + 1, C]), ("two/b", [C]), ("two/w_out", [U, C])]
    model = functional(keras.layers.LSTM(U, name="a"), keras.layers.Dense(C, name="head"))
    made, content = drafted(tmp_path, lambda: run(lstm()), model, more=shapes)
    assert content["layers"]["head"] == {"kernel": "two/w_out", "bias": "two/b"}
    assert made.unsure == ["head: 2 variables have the shape [4]"]


def test_a_cell_of_tf_keras_in_a_session_is_named_by_role(tmp_path):
    shapes = [("k/kernel", [F, 4 * U]), ("k/recurrent_kernel", [U, 4 * U]), ("k/bias", [4 * U])]
    model = functional(keras.layers.LSTM(U, name="a"))
    made, content = drafted(tmp_path, lambda: tf1.constant(0), model, more=shapes)
    roles = ("bias", "kernel", "recurrent_kernel")
    assert content["layers"]["a"] == {role: f"k/{role}" for role in roles}
    assert not any(line.startswith("a:") for line in made.unsure)


@pytest.mark.parametrize("names", [("mine/kernel", "mine/bias"), ("mine_w", "mine_b")])
def test_a_cell_that_its_shapes_alone_tell_is_unsure(names, tmp_path):
    shapes = list(zip(names, ([F + U, 4 * U], [4 * U]), strict=True))
    model = functional(keras.layers.LSTM(U, name="a"))
    made, content = drafted(tmp_path, lambda: tf1.constant(0), model, more=shapes)
    entry = content["layers"]["a"]
    assert (entry["cell"], entry["forget_bias"]) == ("lstm", 1.0)
    assert entry.get("scope") == "mine" or (entry["kernel"], entry["bias"]) == names
    assert any("by its shapes alone" in line for line in made.unsure)
    parse_map({**content, "inputs": {"x": "x"}})


def test_a_gru_of_two_pairs_is_matched_by_shapes(tmp_path):
    pairs = [("g_w", [F + U, 2 * U]), ("g_b", [2 * U]), ("c_w", [F + U, U]), ("c_b", [U])]
    model = functional(keras.layers.GRU(U, reset_after=False, name="a"))
    _, content = drafted(tmp_path, lambda: tf1.constant(0), model, more=pairs)
    assert content["layers"]["a"] == {
        "cell": "gru", "gates/kernel": "g_w", "gates/bias": "g_b",
        "candidate/kernel": "c_w", "candidate/bias": "c_b",
    }  # fmt: skip
    parse_map({**content, "inputs": {"x": "x"}})


def test_layers_around_the_cells_are_matched(tmp_path):
    def make():
        x = tf1.placeholder("float32", [None, T, F], name="x")
        x = tf1.layers.conv1d(x, 6, 3, padding="same", name="conv")
        x = tf1.layers.batch_normalization(x, name="normal")
        run(lstm(), x)

    made, content = drafted(
        tmp_path,
        make,
        functional(
            keras.layers.Conv1D(6, 3, padding="same", name="c"),
            keras.layers.BatchNormalization(name="n"),
            keras.layers.LSTM(U, name="a"),
        ),
    )
    assert content["layers"] == {"c": "conv", "n": "normal", "a": "rnn/basic_lstm_cell"}
    assert made.unsure == []


# Inputs, labels and what else is fed


def test_time_before_the_batch_is_transposed(tmp_path):
    def make():
        run(lstm(), tf1.placeholder("float32", [T, None, F], name="x"), time_major=True)

    model = functional(keras.layers.LSTM(U, name="a"))
    _, content = drafted(tmp_path, make, model)
    assert content["inputs"] == {"x": {"placeholder": "x", "transpose": [1, 0, 2]}}


def test_lengths_that_the_model_takes_as_such(tmp_path):
    def make():
        lengths = tf1.placeholder("int32", [None], name="n")
        run(lstm(), sequence_length=lengths)

    x, n = keras.Input((T, F), name="x"), keras.Input((), dtype="int32", name="sizes")
    mask = keras.ops.less(np.arange(T)[None], keras.ops.expand_dims(n, 1))
    model = keras.Model([x, n], keras.layers.LSTM(U, name="a")(x, mask=mask))
    made, content = drafted(tmp_path, make, model)
    assert content["inputs"] == {"x": "x", "sizes": {"lengths": "n"}}
    assert made.unsure == []


def test_two_inputs_that_fit_each_other_are_unsure_but_by_name(tmp_path):
    def make():
        one, two = (tf1.placeholder("float32", [None, F], name=name) for name in ("one", "two"))
        tf1.layers.dense(one + two, C, name="head")

    def model(*names):
        inputs = [keras.Input((F,), name=name) for name in names]
        return keras.Model(inputs, keras.layers.Dense(C, name="head")(keras.layers.add(inputs)))

    made, content = drafted(tmp_path / "named", make, model("two", "one"))
    assert content["inputs"] == {"two": "two", "one": "one"}
    assert made.unsure == []
    made, content = drafted(tmp_path / "other", make, model("a", "b"))
    assert content["inputs"] == {"a": "one", "b": "two"}
    assert "a: 2 placeholders fit: one, two" in made.unsure
    assert "b: it fits a as well" in made.unsure


def test_ids_into_an_input_of_floats_are_unsure(tmp_path):
    program = Program(embedded=True)
    inputs = keras.Input((T,), name="ids")  # of floats, as Keras has it by default
    x = keras.layers.Embedding(ported.IDS, F, name="table")(inputs)
    x = keras.layers.LSTM(U, name="lstm")(x)
    model = keras.Model(inputs, keras.layers.Dense(C, name="scores")(x))
    made, content = drafted(tmp_path, lambda: ported.build(program), model)
    assert content["inputs"] == {"ids": "x"}
    assert made.unsure == ["ids: the model takes float32 there"]


def labelled(loss, **placeholder):
    """A graph whose loss is made of logits and a placeholder y."""

    def make():
        logits = tf1.layers.dense(run(lstm())[:, -1], C, name="scores")
        loss(tf1.placeholder(**placeholder, name="y"), logits)

    return make


def test_rows_with_a_one_are_classes_where_keras_takes_these(tmp_path):
    make = labelled(tf1.losses.softmax_cross_entropy, dtype="float32", shape=[None, C])
    model = functional(keras.layers.LSTM(U, name="a"), keras.layers.Dense(C, name="scores"))
    for loss, labels in (("sparse_categorical_crossentropy", {"one_hot": "y"}), ("mse", "y")):
        model.compile("adam", loss)
        _, content = drafted(tmp_path / loss, make, model)
        assert content["graph"]["labels"] == labels


def test_sparse_labels_are_one_entry(tmp_path):
    def make():
        x = tf1.placeholder("float32", [None, T, F], name="x")
        lengths = tf1.placeholder("int32", [None], name="n")
        logits = tf1.layers.dense(run(lstm(), x, sequence_length=lengths), C, name="scores")
        labels = tf1.sparse_placeholder("int32", name="inner/labels")
        tf1.nn.ctc_loss(labels, tf1.transpose(logits, [1, 0, 2]), lengths)

    model = functional(
        keras.layers.LSTM(U, return_sequences=True, name="a"), keras.layers.Dense(C, name="scores")
    )
    _, content = drafted(tmp_path, make, model)
    assert content["graph"]["labels"] == {"sparse": "inner/labels", "padding": -1}


def test_weights_of_a_loss_are_fed_in_training(tmp_path):
    def make():
        logits = tf1.layers.dense(run(lstm())[:, -1], C, name="scores")
        weights = tf1.placeholder("float32", [None], name="w")
        y = tf1.placeholder("int64", [None], name="y")
        tf1.losses.sparse_softmax_cross_entropy(y, logits, weights)

    model = functional(keras.layers.LSTM(U, name="a"), keras.layers.Dense(C, name="scores"))
    made, content = drafted(tmp_path, make, model)
    assert content["graph"]["labels"] == "y"
    assert '# labels = "w"\n' in made.text
    assert content["feed_training"] == {"w": 1.0}
    assert "labels: 2 placeholders lead to the loss alone" in made.unsure


def test_a_flag_is_as_it_is_outside_of_training(tmp_path):
    program = Program(keep=0.9)
    made, content = drafted(
        tmp_path, lambda: ported.build(program), ported.model(program, rate=0.1)
    )
    assert (content["feed"], content["feed_training"]) == ({"training": False}, {"training": True})
    assert made.unsure == ["training: its value in training?"]


def test_a_switch_that_is_no_flag_of_training_is_unsure(tmp_path):
    def make():
        flag = tf1.placeholder("bool", [], name="flag")
        run(lstm()) * tf1.cast(flag, tf1.float32)

    made, content = drafted(tmp_path, make, functional(keras.layers.LSTM(U, name="a")))
    assert content["feed"] == {"flag": False}
    assert "flag: its value in a prediction?" in made.unsure


def test_of_several_outputs_the_first_is_filled_in(tmp_path):
    def make():
        last = run(lstm())[:, -1]
        for name in ("one", "two"):
            tf1.layers.dense(last, C, tf1.nn.relu, name=name)

    model = functional(keras.layers.LSTM(U, name="a"))
    made, content = drafted(tmp_path, make, model)
    assert content["graph"] == {"logits": "one/Relu"}
    assert '\n# logits = "two/Relu"\n' in made.text
    assert made.unsure == ["logits: the first of several"]


# Without a graph, and with odd names


def test_without_a_graph_layers_are_matched_and_the_rest_is_said(tmp_path):
    made, content = drafted(
        tmp_path,
        lambda: ported.build(Program()),
        ported.model(Program()),
        meta=False,
    )
    entry = {"cell": "lstm", "scope": "rnn/basic_lstm_cell", "forget_bias": 1.0}
    assert content == {"layers": {"lstm": entry, "scores": "scores"}, "inputs": {}}
    assert not made.complete
    assert made.unsure[0] == "lstm: its forget bias is not found, 1.0 is TF1's default"
    assert any("there is no .meta" in line for line in made.unsure)


ODD = ["a.b-c/d", "with space", 'quote"d', "back\\slash", "new\nline", "del\x7f", "é", "[layers]"]


@pytest.mark.parametrize("name", ODD)
def test_odd_names_are_valid_toml(name, tmp_path):
    more = [(f"{name}/w", [U, C]), (f"{name}/b", [C]), (f"{name}/other", [3, 9])]
    model = functional(keras.layers.LSTM(U, name="a"), keras.layers.Dense(C, name="he.ad é"))
    made, content = drafted(tmp_path, lambda: run(lstm()), model, more=more)
    assert content["layers"]["he.ad é"] == f"{name}"
    assert f"{name}/other [3, 9] float32" in made.left_in_checkpoint
    assert made.text.isprintable() or set(made.text) & {"\n"}


def test_lines_escape_what_they_hold():
    assert str(Line("a b", {"x y": ["1", 2, True]})) == '"a b" = { "x y" = ["1", 2, true] }'
    assert str(Line("a", 1.0, "why\nnot")) == "a = 1.0  # unsure: why\\nnot"
    assert str(Note("one\ntwo", unsure=True)) == "# unsure: one\\ntwo"
    assert toml("\x7f\x01é") == '"\\u007f\\u0001é"'


# The command


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """The prefix of a checkpoint and the path of its port."""
    folder = tmp_path_factory.mktemp("draft")
    prefix = saved(folder, lambda: ported.build(Program()))
    ported.model(Program()).save(folder / "model.keras")
    return prefix, str(folder / "model.keras")


def test_the_command_writes_a_map_and_says_what_comes_next(files, tmp_path, capsys):
    target = tmp_path / "map.toml"
    assert main(["map", *files, "--to", str(target)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "2 of 2 layers of the model are matched"
    assert lines[-2] == f"wrote {target}"
    legacy, modern = files
    words = f"compare --legacy {legacy} --modern {modern} --map {target} --load-weights"
    assert lines[-1].startswith("next: ")
    assert lines[-1].endswith(f"python -m tf1port {words}")
    assert target.read_text().startswith("# What corresponds in model.ckpt and model.keras.\n")


def test_a_file_that_is_there_stays(files, tmp_path, capsys):
    target = tmp_path / "map.toml"
    target.write_text("mine")
    assert main(["map", *files, "--to", str(target)]) == 2
    error = capsys.readouterr().err
    assert error == f"error: {target} is there already: give another --to, or --overwrite to " + (
        "replace it\n"
    )
    assert target.read_text() == "mine"
    assert main(["map", *files, "--to", str(target), "--overwrite", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["content"]["layers"] == {"lstm": "rnn/basic_lstm_cell", "scores": "scores"}
    assert (found["places"], found["matched"], found["unsure"]) == (2, ["lstm", "scores"], [])
    assert "mine" not in target.read_text()


def test_a_folder_that_is_not_there_is_one_line(files, tmp_path, capsys):
    assert main(["map", *files, "--to", str(tmp_path / "no" / "map.toml")]) == 2
    assert re.match(r"error: cannot write .*: there is no folder .*\n$", capsys.readouterr().err)


def test_a_model_without_weights_is_refused(files):
    with pytest.raises(UserError, match="has no weights: call the model once"):
        draft(files[0], Tied())
