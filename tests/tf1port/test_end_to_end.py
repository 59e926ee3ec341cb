"""The graph as it stands carries the verdict: what was misread of it cannot be called proved."""

import json
import os

import numpy as np
import pytest

from tests.tf1port import graphs
from tests.tf1port.test_refusals import (
    REFUSED,
    T,
    U,
    attention,
    cell,
    inputs,
    rows,
    saved,
    state_of,
    unroll,
)
from tf1port.__main__ import main
from tf1port.conversion.end_to_end import within_rounding
from tf1port.numerics import comparison
from tf1port.tf1.graph import network

# isort: split
import tensorflow.compat.v1 as tf1

# Those that are a stack of layers to whoever looks at its variables alone.
MISREAD = sorted(REFUSED.keys() - {attention}, key=lambda build: build.__name__)


@pytest.fixture
def trusting(untranslated, monkeypatch):
    """What is refused by name is read as a plain stack, as anything unknown would be."""
    monkeypatch.setattr(network, "check_stack", lambda graph, levels: None)
    monkeypatch.setattr(network, "check_single_use", lambda graph, scope, runs: None)


def converted(prefix, folder):
    """The exit code of convert, and the model's file."""
    target = str(folder / "model.keras")
    return main(["convert", prefix, "--to", target]), target


def map_of(target):
    """What the map beside a model says."""
    with open(target.replace(".keras", ".json"), encoding="utf-8") as file:
        return json.load(file)


def verified(capsys, prefix, target, *flags):
    """The exit code of verify and its report."""
    capsys.readouterr()
    code = main(["verify", prefix, target, "--json", *flags])
    return code, json.loads(capsys.readouterr().out)


@pytest.mark.sampled(3)
@pytest.mark.parametrize("build", MISREAD, ids=lambda build: build.__name__)
def test_a_misread_graph_makes_no_whole_model(trusting, tmp_path, build):
    code, target = converted(saved(tmp_path, build), tmp_path)
    assert (code == 2 and not os.path.exists(target)) or not map_of(target)["complete"]


def test_a_state_that_was_never_trained_shows_with_other_variables(trusting, tmp_path, capsys):
    def build():
        x = inputs()
        zeros = [tf1.get_variable(n, [1, U], initializer=tf1.zeros_initializer()) for n in "ch"]
        initial = state_of(*(tf1.tile(variable, [rows(x), 1]) for variable in zeros))
        return unroll(x, "rnn", initial_state=initial)[0][:, -1]

    code, _ = converted(saved(tmp_path, build), tmp_path)
    assert code == 2
    assert "variables drawn anew" in capsys.readouterr().err


def temperature():
    scale = tf1.placeholder(tf1.float32, [], name="temperature")
    return tf1.nn.bias_add(unroll(inputs() * scale, "rnn")[0][:, -1] * scale, tf1.zeros([U]))


def between():
    extra = tf1.placeholder(tf1.float32, [None, T, U], name="extra")
    return unroll(unroll(inputs(), "lower")[0] + 0 * extra, "upper")[0][:, -1]


def test_what_something_else_that_is_fed_changes_is_refused(untranslated, tmp_path, capsys):
    for number, graph in enumerate((temperature, between)):
        (tmp_path / str(number)).mkdir()
        code, target = converted(saved(tmp_path / str(number), graph), tmp_path / str(number))
        assert code == 2 or not map_of(target)["complete"]


def picked():
    steps = unroll(inputs(), "rnn")[0]
    place = tf1.placeholder(tf1.int32, [None], name="place")
    flat = tf1.reshape(steps, [-1, U])
    return tf1.gather(flat, tf1.range(rows(steps)) * tf1.shape(steps)[1] + place)


def test_steps_picked_by_something_fed_are_not_in_the_model(untranslated, tmp_path):
    code, target = converted(saved(tmp_path, picked), tmp_path)
    assert code == 0
    assert "the variable logits/kernel" in map_of(target)["left_out"]


def scaled_inputs():
    return unroll(inputs() / 255.0, "rnn")[0][:, -1]


def test_inputs_that_the_graph_computes_are_not_proved(untranslated, tmp_path, capsys):
    prefix = saved(tmp_path, scaled_inputs)
    code, target = converted(prefix, tmp_path)
    assert code == 0
    assert "INCOMPLETE" in capsys.readouterr().out
    code, report = verified(capsys, prefix, target)
    assert code == 3
    assert report["outcome"] == "not proved"
    assert "the ops that compute" in report["verdict"]
    assert all(check["passed"] for check in report["checks"])


def halved():
    return tf1.multiply(tf1.layers.dense(unroll(inputs(), "rnn")[0][:, -1], 2), 0.5, "halved")


def test_outputs_that_go_on_are_named_as_left_out(untranslated, tmp_path):
    code, target = converted(saved(tmp_path, halved, head=False), tmp_path)
    assert code == 0
    model_map = map_of(target)
    assert model_map["left_out"] == ["the op halved, which uses the outputs"]
    assert not model_map["complete"]
    assert list(model_map["outputs"].values()) == ["dense/BiasAdd:0"]
    assert model_map["inputs"] == {"inputs": {"tensor": "x:0"}}


def kernel():
    return tf1.trainable_variables()[-2]


LOSSES = {
    "squares": lambda y, out: tf1.losses.mean_squared_error(y, out),
    "logistic": lambda y, out: tf1.losses.sigmoid_cross_entropy(y, out),
    "softmax": lambda y, out: tf1.losses.softmax_cross_entropy(y, out),
    "a penalty": lambda y, out: tf1.losses.mean_squared_error(y, out) + tf1.nn.l2_loss(kernel()),
    "absolute": lambda y, out: tf1.reduce_mean(tf1.abs(out - y)),
}


@pytest.mark.parametrize("kind", LOSSES)
def test_a_loss_is_nothing_that_the_model_lacks(tmp_path, kind):
    def build():
        out = tf1.layers.dense(unroll(inputs(), "rnn")[0][:, -1], 2, name="out")
        y = tf1.placeholder(tf1.float32, [None, 2], name="y")
        return LOSSES[kind](y, out)

    code, target = converted(saved(tmp_path, build, head=False), tmp_path)
    assert code == 0
    assert map_of(target)["left_out"] == []


BEYOND = {
    "probabilities": lambda y, out: -tf1.reduce_sum(y * tf1.log(tf1.nn.softmax(out) + 1e-8)),
    "logarithms": lambda y, out: -tf1.reduce_mean(y * tf1.nn.log_softmax(out)),
    "squares": lambda y, out: tf1.losses.mean_squared_error(y, tf1.square(out)),
    "clipped": lambda y, out: tf1.losses.mean_squared_error(y, tf1.clip_by_value(out, 0, 1)),
    "a mean": lambda y, out: tf1.losses.mean_squared_error(y[:, :1], tf1.reduce_mean(out, 1, True)),
    "one class": lambda y, out: tf1.reduce_mean(tf1.square(out[:, :1] - y)),
    "scaled": lambda y, out: tf1.losses.mean_squared_error(y, 2 * out),
    "the largest": lambda y, out: tf1.argmax(out, 1),
    "masked": lambda y, out: tf1.reduce_mean(out * y),
}


def beyond(kind):
    out = tf1.layers.dense(unroll(inputs(), "rnn")[0][:, -1], 2, name="out")
    y = tf1.placeholder(tf1.float32, [None, 2], name="y")
    return tf1.cast(BEYOND[kind](y, out), tf1.float32)


@pytest.mark.sampled(3)
@pytest.mark.parametrize("kind", BEYOND)
def test_what_may_be_an_output_is_named_as_left_out(untranslated, tmp_path, kind):
    code, target = converted(saved(tmp_path, lambda: beyond(kind), head=False), tmp_path)
    assert code == 0
    left_out = map_of(target)["left_out"]
    assert [line for line in left_out if line.endswith(", which uses the outputs")]


def normalized_last():
    last = unroll(inputs(), "rnn")[0][:, -1]
    tf1.nn.l2_normalize(last, 1)
    return last


def normalized_hidden():
    hidden = tf1.layers.dense(unroll(inputs(), "rnn")[0][:, -1], U, name="hidden")
    tf1.nn.l2_normalize(hidden, 1)
    return hidden


def mean_of_unrolled():
    steps, _ = tf1.nn.static_rnn(cell(), tf1.unstack(inputs(), axis=1), dtype=tf1.float32)
    tf1.add_n(steps)
    return steps[-1]


BESIDE = [normalized_last, normalized_hidden, mean_of_unrolled]


@pytest.mark.parametrize("build", BESIDE, ids=lambda build: build.__name__)
def test_what_branches_off_before_the_outputs_is_named(untranslated, tmp_path, build):
    code, target = converted(saved(tmp_path, build), tmp_path)
    assert code == 0
    left_out = map_of(target)["left_out"]
    assert [line for line in left_out if line.endswith(", which uses the outputs")]


def test_a_size_that_the_model_does_not_take_is_said(tmp_path, capsys):
    def build():
        return tf1.reduce_mean(unroll(tf1.placeholder(tf1.float32, [None, None, 3]), "rnn")[0], 1)

    prefix = saved(tmp_path, build)
    path = tmp_path / "map.toml"
    path.write_text(
        'takes = "steps"\n[[after]]\nlayer = "AveragePooling1D"\noptions = {pool_size = 5}\n'
        f'[[after]]\nlayer = "Reshape"\noptions = {{target_shape = [{U}]}}\n'
        '[[after]]\nlayer = "Dense"\nname = "logits"\noptions = {units = 2}\n'
        'output = "logits/BiasAdd:0"\n'
        'weights = {kernel = "logits/kernel", bias = "logits/bias"}\n'
    )
    target = str(tmp_path / "model.keras")
    assert main(["convert", prefix, "--to", target, "--map", str(path)]) == 0
    assert not map_of(target)["complete"]
    code, report = verified(capsys, prefix, target, "--map", str(path))
    assert code == 3
    assert "the model does not take" in report["verdict"]


MOVED = {
    "every second step": lambda x: x[:, ::2],
    "a roll": lambda x: tf1.concat([x[:, 1:], x[:, :1]], 1),
    "rows reversed": lambda x: x[::-1],
    "features picked": lambda x: tf1.gather(x, [2, 0, 1], axis=2),
    "rounded": lambda x: tf1.cast(tf1.cast(x, tf1.int32), tf1.float32),
    "doubled": lambda x: tf1.concat([x, x], 2),
    "frames": lambda x: tf1.reshape(x, [-1, T // 2, 6]),
    "a dense layer over some": lambda x: tf1.layers.dense(x[:, :, 1:], 3, name="before"),
}


def moved(kind):
    return unroll(MOVED[kind](inputs()), "rnn")[0][:, -1]


@pytest.mark.sampled(3)
@pytest.mark.parametrize("kind", MOVED)
def test_inputs_that_are_not_what_is_fed_are_not_proved(untranslated, tmp_path, capsys, kind):
    prefix = saved(tmp_path, lambda: moved(kind))
    code, target = converted(prefix, tmp_path)
    assert code == 0
    model_map = map_of(target)
    assert not model_map["complete"]
    assert model_map["inputs"]["inputs"]["tensor"] != "x:0"
    code, report = verified(capsys, prefix, target)
    assert code == 3
    assert "the ops that compute" in report["verdict"]


def lengths_reversed():
    lengths = tf1.placeholder(tf1.int32, [None], name="n")
    return unroll(inputs(), "rnn", sequence_length=lengths[::-1])[0][:, -1]


def test_lengths_that_are_not_what_is_fed_are_not_proved(untranslated, tmp_path, capsys):
    prefix = saved(tmp_path, lengths_reversed)
    code, target = converted(prefix, tmp_path)
    assert (code, map_of(target)["complete"]) == (0, False)
    assert verified(capsys, prefix, target)[0] == 3


def mask_by_hand():
    keep = tf1.placeholder_with_default(1.0, [], name="keep")
    x = inputs() * 0.25
    return unroll(x * tf1.floor(keep + tf1.random_uniform(tf1.shape(x))), "rnn")[0][:, -1]


def test_a_scale_below_a_mask_made_by_hand_is_not_taken_for_dropouts(
    untranslated, tmp_path, capsys
):
    prefix = saved(tmp_path, mask_by_hand)
    code, target = converted(prefix, tmp_path)
    assert (code, map_of(target)["complete"]) == (0, False)
    assert verified(capsys, prefix, target)[0] == 3


def test_dropout_of_one_rate_is_named_and_its_training_not_compared(tmp_path, capsys):
    prefix = graphs.save(graphs.Case(head="dropped"), tmp_path).prefix
    code, target = converted(prefix, tmp_path)
    assert (code, map_of(target)["complete"]) == (0, True)  # a default may be fed another value

    def build():
        return tf1.nn.dropout(unroll(inputs(), "rnn")[0][:, -1], rate=0.5)

    (tmp_path / "always").mkdir()
    code, target = converted(saved(tmp_path / "always", build), tmp_path / "always")
    assert code == 0
    assert any("which has one rate always" in line for line in map_of(target)["left_out"])


class Skipping(tf1.nn.rnn_cell.RNNCell):
    def __init__(self):
        super().__init__()
        self.cell = tf1.nn.rnn_cell.GRUCell(U)

    state_size = output_size = U

    def call(self, x, state):
        _, new = self.cell(x, state)
        on = tf1.reduce_any(tf1.not_equal(x, 0), axis=1)
        new = tf1.where(on, new, state)
        return new, new


def skipped_steps():
    return tf1.nn.dynamic_rnn(Skipping(), inputs(), dtype=tf1.float32)[0][:, -1]


def test_steps_that_what_is_fed_decides_over_are_refused(untranslated, tmp_path, capsys):
    code, _ = converted(saved(tmp_path, skipped_steps), tmp_path)
    assert code == 2
    assert "decides whether a step of" in capsys.readouterr().err


def test_one_batch_size_and_one_length_are_proved_at_these(tmp_path, capsys):
    def build():
        x = tf1.placeholder(tf1.float32, [8, 7, 3], name="x")
        initial = cell().zero_state(8, tf1.float32)
        steps = tf1.nn.dynamic_rnn(cell(), x, initial_state=initial)[0]
        return steps[:, -1]

    prefix = saved(tmp_path, build)
    code, target = converted(prefix, tmp_path)
    assert code == 0
    code, report = verified(capsys, prefix, target)
    assert code == 0
    assert any("8 rows, 7 steps" in check["place"] for check in report["checks"])


def test_no_graph_is_no_proof(tmp_path, capsys):
    prefix = saved(tmp_path, lambda: unroll(inputs(), "rnn")[0], head=False)
    os.remove(prefix + ".meta")
    flags = ["--forget-bias", "1.0", "--activation", "tanh"]
    target = str(tmp_path / "model.keras")
    assert main(["convert", prefix, "--to", target, *flags]) == 0
    code, report = verified(capsys, prefix, target, *flags)
    assert code == 3
    assert "there is no .meta beside the checkpoint" in report["verdict"]


def test_a_graph_that_trains_nothing_is_proved_by_its_outputs_and_says_so(tmp_path, capsys):
    prefix = graphs.save(graphs.Case(optimizer=""), tmp_path).prefix
    code, target = converted(prefix, tmp_path)
    assert code == 0
    for flags in ([], ["--steps", "3"]):
        code, report = verified(capsys, prefix, target, *flags)
        assert code == 0
        assert "the graph trains nothing" in report["verdict"]
        assert "steps of training" not in report["verdict"]


def test_steps_that_cannot_be_compared_are_not_proved(tmp_path, capsys):
    def build():
        outputs = unroll(inputs(), "rnn")[0][:, -1]
        tf1.train.ProximalGradientDescentOptimizer(0.1).minimize(tf1.reduce_mean(outputs**2))
        return outputs

    prefix = saved(tmp_path, build)
    code, target = converted(prefix, tmp_path)
    assert code == 0
    assert verified(capsys, prefix, target)[0] == 0
    code, report = verified(capsys, prefix, target, "--steps", "3")
    assert code == 3
    assert "gradients and steps" in report["verdict"]


def test_an_error_of_the_program_leaves_the_other_checks_standing(tmp_path, capsys, monkeypatch):
    from tf1port.verification import cell_by_cell

    prefix = saved(tmp_path, lambda: unroll(inputs(), "rnn")[0][:, -1])
    _, target = converted(prefix, tmp_path)

    def broken(*arguments, **options):
        raise KeyError("lost")
        yield

    monkeypatch.setattr(cell_by_cell, "single_steps", broken)
    code, report = verified(capsys, prefix, target)
    assert code == 3
    assert "raised KeyError: 'lost'" in report["verdict"]
    assert any(check["quantity"] == "outputs, end to end" for check in report["checks"])


def test_the_whole_output_is_compared_of_steps_that_share_a_head(tmp_path, capsys):
    def build():
        steps, _ = tf1.nn.static_rnn(cell(), tf1.unstack(inputs(), axis=1), dtype=tf1.float32)
        w, b = tf1.get_variable("w", [U, 2]), tf1.get_variable("b", [2])
        return tf1.stack([tf1.matmul(step, w) + b for step in steps], axis=1)

    prefix = saved(tmp_path, build, head=False)
    code, target = converted(prefix, tmp_path)
    assert code == 0
    code, report = verified(capsys, prefix, target)
    assert code == 0
    assert np.all([check["passed"] for check in report["checks"]])


def compared(gap, exact):
    """A Check of a float32 output that is so far from the graph's, by what float64 has."""
    expected, actual = np.float32([1, 2]), np.float32([1, 2 + gap])
    check = comparison.check("outputs, end to end", {"y": expected}, {"y": actual}, dtype="float32")
    return check, within_rounding(check, {"y": actual}, exact)


def test_keras_own_rounding_is_a_bound_where_that_of_the_table_fails():
    check, widened = compared(0.01, lambda: {"y": np.float64([1, 2.002])})
    assert not check.passed
    assert widened.passed
    assert widened.bound == pytest.approx(8 * 0.008, rel=1e-4)
    assert "Keras' float32 from its float64" in widened.reason


@pytest.mark.parametrize("gap", [0.01, np.nan])
def test_what_is_no_rounding_stays_different(gap):
    check, same = compared(gap, lambda: {"y": np.float64([1, 2 + 0.01])})
    assert not same.passed
    assert repr(same) == repr(check)


def test_float64_is_not_run_where_the_table_passes():
    check, same = compared(0.0, lambda: pytest.fail("it was run"))
    assert check.passed
    assert same == check
