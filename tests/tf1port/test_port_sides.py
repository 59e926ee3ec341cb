"""Parts of the sides of a port: gates, rows, feeds, constants, dropout, names, calls."""

import keras
import numpy as np
import pytest

import legacy_tf1  # noqa: F401  (TF1's cells come from tf_keras)

# isort: split
import tensorflow.compat.v1 as tf1

from tf1port.cells.families import FAMILIES
from tf1port.comparison.ladder import constants
from tf1port.comparison.ladder.findings import Findings
from tf1port.comparison.port.port_map import parse_map
from tf1port.comparison.sides import dropout, naming
from tf1port.comparison.sides.calling import Calling
from tf1port.comparison.sides.constants import of_model, rates_of_model
from tf1port.comparison.sides.copying import with_tf1_powers
from tf1port.comparison.sides.feeding import Feeding, names
from tf1port.comparison.sides.gates import Gates
from tf1port.comparison.sides.keras import KerasSide
from tf1port.comparison.sides.protocol import NotOffered
from tf1port.comparison.sides.rows import in_steps, squashed
from tf1port.comparison.sides.sources import Source, with_lengths
from tf1port.comparison.sides.traits import Traits
from tf1port.errors import UserError
from tf1port.numerics.optimizers import TF1PowersAdam

STREAM = np.random.default_rng(0)
F, U = 3, 2

# gates


def tf1_lstm():
    """TF1's own variables of an LSTM, [x; h] and i, j, f, o; Keras' weights of them."""
    own = {"kernel": STREAM.normal(size=(F + U, 4 * U)), "bias": STREAM.normal(size=4 * U)}
    return own, FAMILIES["lstm"].to_keras(own, forget_bias=0.5)


def test_gates_in_an_order_of_their_own_are_keras_gates():
    own, expected = tf1_lstm()
    whole = Gates("lstm", "ijfo", "xh", 0.5, {"kernel": (4 * U,), "bias": (4 * U,)})
    arrays = {"kernel 0": own["kernel"], "bias 0": own["bias"]}
    found = whole.to_keras(arrays, linear=False)
    assert {role: value.shape for role, value in found.items()} == {
        role: value.shape for role, value in expected.items()
    }
    for role, value in expected.items():
        np.testing.assert_array_equal(found[role], value)
    back = whole.to_tf1(found, linear=False)
    for name, value in arrays.items():
        np.testing.assert_allclose(back[name], value, rtol=0, atol=1e-15)


def test_a_variable_per_gate_and_the_state_first():
    own, expected = tf1_lstm()
    i, j, f, o = np.split(own["kernel"], 4, axis=1)
    turned = [np.concatenate([gate[F:], gate[:F]]) for gate in (f, o, i, j)]
    biases = [np.split(own["bias"], 4)[place] for place in (2, 3, 0, 1)]
    gates = Gates("lstm", "foiu", "hx", 0.5, {"kernel": (U,) * 4, "bias": (U,) * 4})
    arrays = {f"kernel {n}": value for n, value in enumerate(turned)}
    arrays |= {f"bias {n}": value for n, value in enumerate(biases)}
    found = gates.to_keras(arrays, linear=False)
    for role, value in expected.items():
        np.testing.assert_array_equal(found[role], value)
    slots = gates.to_keras(arrays, linear=True)
    assert not np.array_equal(slots["bias"], found["bias"])
    back = gates.to_tf1(slots, linear=True)
    assert all(np.array_equal(back[name], value) for name, value in arrays.items())


LEAST = {"layers": {"a": "s"}, "inputs": {"x": "x"}}


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"cell": "lstn", "scope": "s"}, "has cell = 'lstn': there are rnn, lstm"),
        ({"cell": "lstm"}, "give a scope, or variables by role, and not both"),
        ({"cell": "lstm", "scope": "s", "kernel": "w"}, "and not both"),
        ({"cell": "lstm", "kernel": ["a", "b"]}, "give the order of their gates"),
        ({"cell": "lstm", "gates": "ifo", "kernel": "w"}, "gates = 'ifo': give each of ifco once"),
        ({"cell": "gru", "gates": "zrh", "bias": "b"}, "has no kernel"),
        ({"cell": "lstm", "gates": "ifou", "rows": "xx", "kernel": "w"}, "rows = 'xx'"),
        ({"cell": "cudnn_gru", "gates": "zrh", "kernel": "w"}, "has gates: of lstm, gru, rnn"),
    ],
)
def test_a_cell_that_is_described_wrongly_is_one_line(entry, message):
    with pytest.raises(ValueError, match=r"\[layers\] a") as error:
        parse_map({**LEAST, "layers": {"a": entry}})
    assert message in str(error.value)


# rows and parts


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_rows_of_all_steps_are_put_apart(order):
    inputs = {"x": STREAM.normal(size=(3, 4, F))}
    weights = STREAM.normal(size=(F, 2))

    def run(taken):
        made = (taken["x"] @ weights).cumsum(axis=1)
        return made.transpose(*order, 2).reshape(12, 2)

    expected = (inputs["x"] @ weights).cumsum(axis=1)
    np.testing.assert_array_equal(in_steps(run(inputs), inputs, run), expected)
    shuffled = STREAM.permutation(12)
    with pytest.raises(NotOffered, match="no order that is known"):
        in_steps(run(inputs)[shuffled], inputs, lambda taken: run(taken)[shuffled])


def test_scores_become_probabilities():
    scores = np.array([[1.0, 2.0], [700.0, 0.0]])
    assert squashed(scores, "softmax").sum(axis=1) == pytest.approx([1, 1])
    assert squashed(np.array([0.0]), "sigmoid") == pytest.approx([0.5])
    assert squashed(scores, None) is scores


def test_a_part_of_an_array_there_and_back():
    whole = STREAM.normal(size=(2, 2, 3, 4))
    state = Source("states", index=(1, 0))
    assert np.array_equal(state.to_keras(whole), whole[1, 0])
    half = Source("state", columns=(1, 3))
    assert np.array_equal(half.to_keras(whole), whole[..., 1:3])
    assert (state.shape((2, 2, None, 4)), half.shape((None, 4))) == ((None, 4), (None, 2))
    target = np.zeros_like(whole)
    state.put(whole[1, 0], target)
    half.put(whole[..., 1:3], target)
    assert np.array_equal(target[1, 0, :, :1], whole[1, 0, :, :1])
    assert np.array_equal(target[..., 1:3], whole[..., 1:3])


# feeds


def feeding(held, **placeholders):
    """A Feeding of a map over some placeholders, and these."""
    with tf1.Graph().as_default() as graph:
        for name, (dtype, shape) in placeholders.items():
            tf1.placeholder(dtype, shape, name=name)
    found = parse_map(held)
    known = {one.name: one.outputs[0] for one in graph.get_operations()}

    def tensor(name):
        return known[name.partition(":")[0]]

    return Feeding(found, tensor, "float32"), found, known


def test_a_graph_is_fed_states_lengths_labels_and_numbers():
    held = {
        "layers": {"a": "s"},
        "inputs": {
            "x": {"placeholder": "x", "transpose": [1, 0]},
            "mask": {"lengths": "n"},
            "h": {"placeholder": "states", "index": [1]},
            "c": {"placeholder": "states", "index": [0]},
        },
        "graph": {"labels": {"one_hot": "y"}},
        "feed": {"keep": 1.0},
        "feed_training": {"keep": 0.9, "rate": 0.1},
    }
    feed, found, known = feeding(
        held,
        x=("float32", [None, None]),
        n=("int32", [None, None]),
        states=("float32", [2, None, U]),
        y=("float32", [None, 3]),
        keep=("float32", [None]),
        rate=("float32", []),
    )
    assert names(found) == ["x:0", "n:0", "states:0", "y:0", "keep:0", "rate:0"]
    inputs = {
        "x": STREAM.normal(size=(2, 4)),
        "mask": np.arange(3) < np.array([[1, 3], [0, 2]])[..., None],
        "h": np.ones((2, U)),
        "c": np.full((2, U), 2.0),
    }
    made = feed(inputs, labels=np.array([2, 0]), training=True)
    values = {name: made[known[name]] for name in known}
    assert np.array_equal(values["x"], inputs["x"].T)
    assert values["n"].tolist() == [[1, 3], [0, 2]]
    assert values["states"][:, 0, 0].tolist() == [2, 1]
    assert values["y"].tolist() == [[0, 0, 1], [1, 0, 0]]
    assert float(values["rate"]) == float(np.float32(0.1)) != 0.1  # D13
    assert values["keep"].tolist() == [np.float32(0.9)] * 2
    assert feed(inputs)[known["keep"]].tolist() == [1, 1]


def test_sparse_labels_leave_out_what_fills_them_up():
    held = {**LEAST, "graph": {"labels": {"sparse": "y", "padding": 0}}}
    shapes = {"y/indices": ("int64", [None, 2]), "y/values": ("int32", [None])}
    feed, _, known = feeding(held, x=("float32", [None]), **shapes, **{"y/shape": ("int64", [2])})
    made = feed({"x": np.zeros(2)}, labels=np.array([[3, 0], [1, 2]]))
    assert made[known["y/indices"]].tolist() == [[0, 0], [1, 0], [1, 1]]
    assert made[known["y/values"]].tolist() == [3, 1, 2]
    assert made[known["y/shape"]].tolist() == [2, 2]


def test_labels_of_rows_are_flattened_and_others_refused():
    feed, _, known = feeding(
        {**LEAST, "graph": {"labels": "y"}}, x=("float32", [None]), y=("int32", [None])
    )
    inputs = {"x": np.zeros(2)}
    assert feed(inputs, labels=np.array([[1, 2], [3, 4]]))[known["y"]].tolist() == [1, 2, 3, 4]
    feed, _, _ = feeding(
        {**LEAST, "graph": {"labels": "y"}}, x=("float32", [None]), y=("int32", [3, 3])
    )
    with pytest.raises(UserError, match="needs transpose"):
        feed(inputs, labels=np.zeros(4, int))


def test_lengths_may_be_lengths_on_both_sides():
    found = parse_map({**LEAST, "inputs": {"x": "x", "n": {"lengths": "n"}}})
    inputs = {"x": np.ones((2, 3, 1)), "n": np.array([3, 3])}
    assert with_lengths(found, inputs, np.array([0, 2]))["n"].tolist() == [0, 2]


# constants


def test_constants_are_compared_as_data():
    own = {
        "beta_1": 0.9,
        "global_clipnorm": 5.0,
        "cell_clip": None,
        "learning rate after 9 steps": 1.0,
    }
    same = {**own, "beta_1": float(np.float32(0.9)), "learning rate after 9 steps": 1.0 + 1e-6}
    assert constants.check("optimizer", own, {**same, "more": 1}, "float32").passed
    for name, value in (("beta_1", 0.91), ("global_clipnorm", None), ("cell_clip", 3.0)):
        found = constants.check("optimizer", own, {**same, name: value}, "float64")
        assert not found.passed
        assert found.place.startswith(f"{name} is ")
    later = constants.check(
        "optimizer", own, {**same, "learning rate after 9 steps": 0.9}, "float32"
    )
    assert "learning rate after 9 steps is 0.9, not 1" in later.place
    unknown = constants.check("optimizer", own, {"cell_clip": constants.UNKNOWN}, "float32")
    assert unknown.passed


def test_a_schedule_is_looked_at_about_its_own_numbers():
    assert {0, 9, 10, 11, 12344, 12345, 12346} <= {*constants.counts([12345.0, 0.5])}
    assert len(constants.counts(range(1, 3000, 5))) <= 250
    rate = keras.optimizers.schedules.PiecewiseConstantDecay([7], [0.5, 0.25])
    optimizer = keras.optimizers.Adam(rate)
    optimizer.iterations.assign(3)
    found = rates_of_model(optimizer, [7, 8])
    assert found == {"learning rate after 7 steps": 0.5, "learning rate after 8 steps": 0.25}
    assert int(optimizer.iterations) == 3


def test_a_norm_that_is_never_reached_is_none():
    made = of_model(keras.optimizers.Adam(global_clipnorm=1e9, weight_decay=0.0), "Adam")
    assert (made["global_clipnorm"], made["weight_decay"], made["optimizer"]) == (
        None,
        None,
        "Adam",
    )


def test_an_adam_of_ones_own_keeps_what_it_does_besides():
    class Other(keras.optimizers.Adam):
        def update_step(self, gradient, variable, learning_rate):
            super().update_step(gradient, variable, learning_rate)
            self.assign_sub(variable, 0.5 * variable)

    assert with_tf1_powers(keras.optimizers.Adam) is TF1PowersAdam
    variable = keras.Variable(np.ones(2, "float32"))
    with_tf1_powers(Other)(0.0).apply([np.zeros(2, "float32")], [variable])
    assert variable.numpy().tolist() == [0.5, 0.5]


# dropout


def test_nothing_is_dropped_and_what_stays_is_scaled():
    layer, x = keras.layers.Dropout(0.2), np.ones((2, 3), "float32")
    with dropout.nothing_dropped(scaled=True):
        np.testing.assert_allclose(layer(x, training=True), 1.25 * x, rtol=1e-6)
        assert np.array_equal(layer(x, training=False), x)
    with dropout.nothing_dropped(scaled=False):
        assert np.array_equal(layer(x, training=True), x)
    assert not np.array_equal(layer(np.ones((9, 99), "float32"), training=True).numpy().min(), 1.25)


def test_the_share_is_as_the_graph_rounds_it():
    share = float(np.float32(0.8))
    with dropout.nothing_dropped(scaled=True, shares=np.array([0.5, share])):
        made = keras.layers.Dropout(0.2, dtype="float64")(np.ones(2), training=True)
    assert float(made[0]) == 1 / share != 1 / 0.8


@pytest.mark.parametrize("number", [dropout.KEEP, dropout.DROP])
def test_numbers_take_the_place_of_those_that_dropout_draws(number):
    with tf1.Graph().as_default() as graph:
        x = tf1.ones([2, 3])
        made = tf1.nn.dropout(x, rate=0.2)
        noise = tf1.random.uniform([2])
    definition = graph.as_graph_def()
    changed = dropout.drawn(definition, number)
    ops = [node.op for node in changed.node]
    assert (ops.count("RandomUniform"), ops.count("Fill")) == (1, 1)  # not noise of its own
    with tf1.Graph().as_default(), tf1.Session() as session:
        (again,) = tf1.import_graph_def(changed, return_elements=[made.name], name="")
        expected = 1.25 if number == dropout.KEEP else 0.0
        np.testing.assert_allclose(session.run(again), np.full((2, 3), expected), rtol=1e-6)
    assert noise.op.name in {node.name for node in changed.node}
    with tf1.Graph().as_default() as graph:
        tf1.ones([2])
    plain = graph.as_graph_def()
    assert dropout.drawn(plain, number) is plain


def test_rates_are_found_wherever_they_are():
    inputs = keras.Input((None, 3))
    x = keras.layers.LSTM(2, dropout=0.1, return_sequences=True)(inputs)
    x = keras.layers.Dropout(0.0)(keras.layers.SpatialDropout1D(0.3)(x))
    assert dropout.rates(keras.Model(inputs, x).get_config()) == [0.1, 0.3]


# names and calls


@keras.saving.register_keras_serializable("tests")
class Pair(keras.layers.Layer):
    """Two layers and a weight of its own."""

    def __init__(self, **options):
        super().__init__(**options)
        self.inner = [keras.layers.Dense(2, name="one"), keras.layers.Dense(2, name="two")]

    def build(self, shape):
        for layer in self.inner:
            layer.build(shape)
        self.scale = self.add_weight(name="scale", shape=(2,))

    def call(self, inputs):
        return self.inner[0](inputs) + self.inner[1](inputs) * self.scale


def test_weights_within_a_layer_of_ones_own_go_by_their_way():
    inputs = keras.Input((3,), name="x")
    inner = keras.Model(inputs, Pair(name="pair")(inputs), name="inner")
    outer = keras.Model(inputs, keras.layers.Dense(1, name="out")(inner(inputs)))
    found = naming.layers(outer)
    assert set(found) == {"inner/pair/one", "inner/pair/two", "inner/pair", "out"}
    names_ = {name for path, one in found.items() for name in naming.weights(path, one)}
    assert {"inner/pair/scale", "inner/pair/two/kernel", "out/bias"} <= names_
    assert len(names_) == len(outer.weights)
    whole = naming.layers(outer, {"inner"})
    assert set(whole) == {"inner", "out"}
    assert len(naming.roles(whole["inner"])) == len(inner.weights)  # none hides another


def test_a_model_of_one_input_takes_it_by_any_name():
    made = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    assert made(Calling(made, ["readings"])({"readings": np.ones((2, 3))})).shape == (2, 1)
    inputs = [keras.Input((3,), name=name) for name in "ab"]
    made = keras.Model(inputs, keras.layers.Add()(inputs))
    calling = Calling(made, ["b", "a"])
    assert [float(one[0, 0]) for one in calling({"a": np.ones((1, 3)), "b": np.zeros((1, 3))})] == [
        1,
        0,
    ]
    with pytest.raises(UserError, match=r"\[inputs\] names a, c: the model has a, b"):
        Calling(made, ["a", "c"])


def test_a_layer_around_a_cell_gives_no_outputs_of_the_cell():
    inputs = keras.Input((2, 4, 3), name="x")
    inner = keras.layers.TimeDistributed(keras.layers.LSTM(2), name="inner")(inputs)
    outer = keras.layers.LSTM(2, return_sequences=True, name="outer")(inner)
    model = keras.Model(inputs, keras.layers.Dense(1, name="out")(outer))
    held = {"layers": {"inner": "a", "outer": "b"}, "inputs": {"x": "x"}, "outputs": {"out": "o"}}
    side = KerasSide(
        model,
        Traits(),
        port_map=parse_map(held),
        dtype="float32",
        output_names=["inner", "outer", "outer/h", "out"],
    )
    found = side.forward({"x": np.ones((1, 2, 4, 3), "float32")})
    assert set(found) == {"outer", "outer/h", "out", "logits"}


def test_sequences_of_several_lengths_make_one_table():
    found = Findings()
    held = {"words": np.zeros((2, 5, 3)), "sentences": np.zeros((2, 3, 3))}
    found.see_layers(held, held)
    assert found.heat == {"layers": ["words"], "max_abs": [[0.0] * 5]}
