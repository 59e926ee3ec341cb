"""Layers around the cells: found in the graph, carried, verified and carried back."""

import json
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.tf1port import graphs
from tf1port.__main__ import main
from tf1port.conversion import cases as verify_cases
from tf1port.numerics.tolerances import tolerance
from tf1port.tf1.graph import convolutions, normalizations, surroundings

tf1 = graphs.tf1
B, T, F, U, N = 3, 3, 3, 4, 2


@pytest.fixture(autouse=True)
def one_size(monkeypatch):
    monkeypatch.setattr(verify_cases, "BATCHES", verify_cases.BATCHES[:1])
    monkeypatch.setattr(verify_cases, "STEPS", verify_cases.STEPS[:1])


def cells(x):
    """The outputs [B, T, U] of a cell, unrolled over T steps as programs do by hand."""
    cell = tf1.nn.rnn_cell.BasicRNNCell(U)
    state, outputs = tf1.zeros([tf1.shape(x)[0], U], x.dtype), []
    for t in range(T):
        output, state = cell(x[:, t], state)
        outputs.append(output)
    return tf1.stack(outputs, axis=1)


def logits(x):
    return tf1.layers.dense(x, N, name="logits")


def normalized(x, ends, **options):
    return tf1.layers.batch_normalization(x, training=ends.training, name="norm", **options)


def flagged(head):
    """A network from a head, with a training flag that is fed."""

    def build(x, ends):
        ends.training = tf1.placeholder(tf1.bool, [], name="is_it")
        return head(cells(x)[:, -1], ends)

    return build


def inverted(x, ends):
    """The same flag the other way round: true outside of training."""
    ends.testing = tf1.placeholder(tf1.bool, [])
    ends.training = tf1.logical_not(ends.testing)
    return logits(normalized(cells(x)[:, -1], ends))


def with_flag(value):
    def build(x, ends):
        ends.training = value
        return logits(normalized(cells(x)[:, -1], ends, momentum=0.8))

    return build


def fused(flag):
    """Over [B, T, 1, U], by one op."""

    def build(x, ends):
        ends.training = tf1.placeholder(tf1.bool, []) if flag is None else flag
        outputs = normalized(cells(x)[:, :, None], ends, fused=True, scale=flag is None)
        return tf1.layers.dense(tf1.reshape(outputs, [-1, U]), N, name="logits")

    return build


def before(x, ends):
    ends.training = tf1.placeholder(tf1.bool, [])
    first = tf1.layers.dense(x, U, tf1.nn.relu, name="first")
    second = tf1.nn.elu(normalized(first, ends, momentum=0.9))
    return logits(cells(second)[:, -1])


def by_hand(x, ends):
    """As programs did before tf.layers: a moving average and a tf.cond."""
    ends.training, outputs = tf1.placeholder(tf1.bool, []), cells(x)[:, -1]
    beta, gamma = (tf1.get_variable(name, [U]) for name in ("b", "g"))
    mean, variance = tf1.nn.moments(outputs, [0])
    averages = tf1.train.ExponentialMovingAverage(0.75)

    def updated():
        with tf1.control_dependencies([averages.apply([mean, variance])]):
            return tf1.identity(mean), tf1.identity(variance)

    averages_held = lambda: (averages.average(mean), averages.average(variance))  # noqa: E731
    mean, variance = tf1.cond(ends.training, updated, averages_held)
    return logits(tf1.nn.batch_normalization(outputs, mean, variance, beta, gamma, 0.01))


def layer_normalized(x, ends, *, sequence=False):
    outputs = cells(x) if sequence else cells(x)[:, -1]
    mean, variance = tf1.nn.moments(outputs, [len(outputs.shape) - 1], keep_dims=True)
    beta, gamma = (tf1.get_variable(name, [U]) for name in ("b", "g"))
    normalized = tf1.nn.batch_normalization(outputs, mean, variance, beta, gamma, 1e-12)
    return logits(tf1.nn.relu(normalized))


def dropped(x, ends):
    """Dropout and a normalization by one flag."""
    ends.training = tf1.placeholder(tf1.bool, [])
    outputs = tf1.layers.dropout(cells(x)[:, -1], 0.5, training=ends.training)
    return logits(normalized(outputs, ends))


def convolved(x, ends):
    """Two over the outputs, one over the inputs."""
    x = tf1.layers.conv1d(x, 5, 2, padding="same", activation=tf1.nn.relu)
    outputs = tf1.layers.conv1d(cells(x), 6, 3, padding="same", use_bias=False)
    return logits(tf1.layers.conv1d(outputs, 5, 2, strides=2, activation=tf1.nn.tanh))


def flattened(x, ends):
    """A dense layer over all steps of a convolution at once, which is another one than Keras'."""
    outputs = tf1.layers.conv1d(cells(x), 6, 3, padding="same")
    return logits(tf1.reshape(outputs, [-1, 6 * T]))


def sliced_step(x, ends):
    """All steps are normalized, the last one goes on."""
    ends.training = tf1.placeholder(tf1.bool, [])
    outputs = tf1.transpose(normalized(tf1.transpose(cells(x), [1, 0, 2]), ends), [1, 0, 2])
    return logits(outputs[:, -1])


def picked_from_rows(x, ends):
    """A dense layer over the rows of all steps, the last one of which goes on."""
    rows = tf1.layers.dense(tf1.reshape(cells(x), [-1, U]), 5, tf1.nn.relu)
    return logits(tf1.reshape(rows, [-1, T, 5])[:, -1])


def tensordot(x, ends):
    """As TF 1.15 multiplied a sequence by a matrix."""
    weights = tf1.get_variable("w", [U, N])
    matrix = tf1.reshape(tf1.transpose(weights, [0, 1]), [U, N])
    product = tf1.matmul(tf1.reshape(cells(x), [-1, U]), matrix)
    return tf1.reshape(product, [-1, T, N])


def transposed(x, ends):
    weights = tf1.get_variable("w", [N, U])
    return tf1.matmul(cells(x)[:, -1], tf1.transpose(weights, [1, 0]))


def picked_first(x, ends):
    ends.training = tf1.placeholder(tf1.bool, [])
    return logits(normalized(cells(x), ends)[:, 0])


BN = "BatchNormalization"
# By case: what is built, the classes of Keras' layers, and options of the one that normalizes.
CASES = {
    "a flag": (
        flagged(lambda x, ends: logits(normalized(x, ends, momentum=0.7, epsilon=0.02))),
        ["SimpleRNN", BN, "Dense"],
        dict(momentum=0.7, epsilon=0.02, center=True, scale=True),
    ),
    "neither center nor scale": (
        flagged(lambda x, ends: logits(normalized(x, ends, center=False, scale=False))),
        ["SimpleRNN", BN, "Dense"],
        dict(momentum=0.99, epsilon=0.001, center=False, scale=False),
    ),
    "between dense layers": (
        flagged(
            lambda x, ends: logits(
                tf1.nn.relu(normalized(tf1.layers.dense(x, 5), ends, scale=False))
            )
        ),
        ["SimpleRNN", "Dense", BN, "Activation", "Dense"],
        dict(center=True, scale=False),
    ),
    "the flag inverted": (inverted, ["SimpleRNN", BN, "Dense"], {}),
    "in training alone": (with_flag(True), ["SimpleRNN", BN, "Dense"], dict(momentum=0.8)),
    "never in training": (with_flag(False), ["SimpleRNN", BN, "Dense"], dict(momentum=0.99)),
    "one op, a flag": (fused(None), ["SimpleRNN", BN, "Dense"], dict(epsilon=0.001, scale=True)),
    "one op, in training alone": (fused(True), ["SimpleRNN", BN, "Dense"], dict(scale=False)),
    "one op, never in training": (fused(False), ["SimpleRNN", BN, "Dense"], dict(scale=False)),
    "before the cells": (
        before,
        ["Dense", BN, "Activation", "SimpleRNN", "Dense"],
        dict(momentum=0.9),
    ),
    "by hand": (by_hand, ["SimpleRNN", BN, "Dense"], dict(epsilon=0.01, momentum=0.75)),
    "dropout by the same flag": (dropped, ["SimpleRNN", BN, "Dense"], {}),
    "a layer normalization": (
        layer_normalized,
        ["SimpleRNN", "LayerNormalization", "Activation", "Dense"],
        dict(epsilon=1e-12),
    ),
    "a layer normalization of steps": (
        lambda x, ends: layer_normalized(x, ends, sequence=True),
        ["SimpleRNN", "LayerNormalization", "Activation", "Dense"],
        dict(epsilon=1e-12),
    ),
    "of all steps, then the last": (sliced_step, ["SimpleRNN", BN, "Dense"], {}),
    "of the rows of all steps, then the last": (
        picked_from_rows,
        ["SimpleRNN", "Dense", "Dense"],
        {},
    ),
    "a matrix transposed to itself": (tensordot, ["SimpleRNN", "Dense"], {}),
    "convolutions": (convolved, ["Conv1D", "SimpleRNN", "Conv1D", "Conv1D", "Dense"], {}),
}
FAST = ("a flag", "before the cells")
PARAMS = [pytest.param(name, marks=[pytest.mark.slow] * (name not in FAST)) for name in CASES]
# Of the others the session has no outputs but those of training: verify looks at them.
TESTED = [param for param in PARAMS if "in training alone" not in param.values[0]]


def save(build, folder, *, inputs=None):
    """Builds, fills with random numbers, saves: the prefix, and what it makes of the inputs."""
    if inputs is None:
        inputs = np.random.RandomState(0).normal(size=(B, T, F)).astype("float32")
    with graphs.first_control_flow(), tf1.Graph().as_default():
        ends = SimpleNamespace()
        x = tf1.placeholder(inputs.dtype, [None, *inputs.shape[1:]])
        outputs = build(x, ends)
        loss = tf1.reduce_mean(tf1.square(outputs - 1))
        with tf1.control_dependencies(tf1.get_collection(tf1.GraphKeys.UPDATE_OPS)):
            tf1.train.MomentumOptimizer(0.01, 0.9).minimize(
                loss, tf1.train.get_or_create_global_step()
            )
        with tf1.Session(config=graphs.UNOPTIMIZED) as session:
            session.run(tf1.global_variables_initializer())
            stream = np.random.RandomState(1)
            for variable in tf1.global_variables():
                if variable.dtype.base_dtype == tf1.float32:
                    # A momentum is rounded when Keras takes it, which a large one would show.
                    scale = 0.01 if variable.op.name.endswith("/Momentum") else 1
                    shape = variable.shape.as_list()
                    kind = stream.normal(0, 0.5, shape) if shape[1:] else stream.uniform(size=shape)
                    drawn = scale * kind + (0.2 if not shape[1:] else 0)
                    session.run(tf1.assign(variable, drawn.astype("float32")))
            prefix = tf1.train.Saver().save(session, str(folder / "model.ckpt"), 7)
            feed = {x: inputs}
            for name, value in (("training", False), ("testing", True)):
                tensor = getattr(ends, name, value)
                if not isinstance(tensor, bool) and tensor.op.type == "Placeholder":
                    feed[tensor] = value
            result = None if getattr(ends, "training", None) is True else session.run(outputs, feed)
    return SimpleNamespace(prefix=prefix, inputs=inputs, outputs=result)


@pytest.fixture(scope="module", params=PARAMS)
def converted_case(request, tmp_path_factory):
    """A case's checkpoint and what convert made of it."""
    folder = tmp_path_factory.mktemp("made")
    build, kinds, options = CASES[request.param]
    saved = save(build, folder)
    target = str(folder / "model.keras")
    assert main(["convert", saved.prefix, "--to", target]) == 0
    model_map = json.loads((folder / "model.json").read_text())
    return SimpleNamespace(
        saved=saved,
        target=target,
        model_map=model_map,
        kinds=kinds,
        options=options,
        always="in training alone" in request.param,
        never="never in training" in request.param,
    )


@pytest.mark.sampled(3)
def test_the_layers_are_found(converted_case):
    assert [layer["kind"] for layer in converted_case.model_map["layers"]] == converted_case.kinds
    for norm in converted_case.model_map["layers"]:
        if norm["kind"].endswith("Normalization"):
            assert {
                name: norm["options"][name] for name in converted_case.options
            } == converted_case.options
    assert converted_case.model_map["unused"] == []
    assert converted_case.model_map["complete"] != converted_case.always


@pytest.mark.parametrize("converted_case", TESTED, indirect=True)
def test_the_model_computes_what_the_session_did(converted_case):
    model = keras.models.load_model(converted_case.target)
    computed = np.array(model(converted_case.saved.inputs)).reshape(
        converted_case.saved.outputs.shape
    )
    bound = tolerance("outputs", "float32").bound
    assert (
        np.abs(computed - converted_case.saved.outputs).max()
        <= bound * np.abs(converted_case.saved.outputs).max()
    )


@pytest.mark.slow
@pytest.mark.sampled(3)
def test_verify_agrees(converted_case, capsys):
    capsys.readouterr()
    code = main(
        ["verify", converted_case.saved.prefix, converted_case.target, "--steps", "5", "--json"]
    )
    report = json.loads(capsys.readouterr().out)
    before = (
        converted_case.kinds[0] != "SimpleRNN"
    )  # which the graph's own stand in for in training
    assert code == (3 if before or converted_case.always or converted_case.never else 0)
    assert ("updates the moving averages" in report["verdict"]) == converted_case.never
    assert ("the graph's own are used" in report["verdict"]) == before
    assert (
        "by the moments of each batch, which norm" in report["verdict"]
    ) == converted_case.always
    quantities = {check["quantity"] for check in report["checks"]}
    steps = set() if converted_case.never else {"losses of resumed steps"}
    assert {"gradients of a batch", *steps} <= quantities, report["notes"]
    assert ("layers before the cells" in quantities) == before


def test_what_comes_back_is_what_was(converted_case, tmp_path):
    back = str(tmp_path / "back.ckpt")
    assert main(["convert", converted_case.target, "--reverse", "--to", back]) == 0
    actual, expected = (
        tf.train.load_checkpoint(prefix) for prefix in (back, converted_case.saved.prefix)
    )
    assert actual.get_variable_to_shape_map() == expected.get_variable_to_shape_map()
    for name in actual.get_variable_to_shape_map():
        if not name.endswith("/Momentum"):  # there and back through the learning rate
            assert actual.get_tensor(name).tobytes() == expected.get_tensor(name).tobytes(), name


def verified(capsys, prefix, target):
    """The quantities of the checks that fail."""
    capsys.readouterr()
    main(["verify", prefix, target, "--json"])
    checks = json.loads(capsys.readouterr().out)["checks"]
    return [check["quantity"] for check in checks if not check["passed"]]


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    return save(CASES["a flag"][0], tmp_path_factory.mktemp("plain")).prefix


def wrong_epsilon(monkeypatch):
    monkeypatch.setattr(normalizations, "_shortest", lambda array: 1e-3)


def averages_exchanged(monkeypatch):
    read = normalizations._by_averages

    def wrong(graph, mean, variance, *wrong_weights):
        return read(graph, variance, mean, *wrong_weights)

    monkeypatch.setattr(normalizations, "_by_averages", wrong)


def learned_exchanged(monkeypatch):
    read = normalizations._by_averages

    def wrong(graph, mean, variance, epsilon, learned):
        exchanged = {"gamma": learned["beta"], "beta": learned["gamma"]}
        return read(graph, mean, variance, epsilon, exchanged)

    monkeypatch.setattr(normalizations, "_by_averages", wrong)


SLOW = [
    pytest.param(wrong, marks=pytest.mark.slow) for wrong in (averages_exchanged, wrong_epsilon)
]


@pytest.mark.parametrize("wrong", [learned_exchanged, *SLOW])
def test_a_normalization_read_wrongly_is_seen(
    plain, tmp_path, monkeypatch, capsys, unchecked, wrong
):
    wrong(monkeypatch)
    target = str(tmp_path / "wrong.keras")
    assert main(["convert", plain, "--to", target]) == 0
    assert "logits of a sequence" in verified(capsys, plain, target)


def wrong_padding(monkeypatch):
    monkeypatch.setattr(convolutions, "_PADDINGS", {b"SAME": "valid", b"VALID": "same"})


def wrong_strides(monkeypatch):
    read = convolutions._options
    monkeypatch.setattr(convolutions, "_options", lambda node: {**read(node), "strides": 1})


def normalized_wrongly(monkeypatch):
    read = normalizations._by_moments

    def wrong(*arguments):
        match = read(*arguments)
        return match and (*match[:2], {**match[2], "epsilon": 0.1})

    monkeypatch.setattr(normalizations, "_by_moments", wrong)


MISREAD = [
    ("convolutions", wrong_padding),
    ("convolutions", wrong_strides),
    ("a layer normalization", normalized_wrongly),
]


@pytest.mark.slow
@pytest.mark.sampled(3)
@pytest.mark.parametrize(("name", "wrong"), MISREAD)
def test_a_layer_read_wrongly_is_seen(tmp_path, monkeypatch, capsys, unchecked, name, wrong):
    saved = save(CASES[name][0], tmp_path)
    wrong(monkeypatch)
    target = str(tmp_path / "wrong.keras")
    assert main(["convert", saved.prefix, "--to", target]) == 0
    assert "logits of a sequence" in verified(capsys, saved.prefix, target)


@pytest.mark.slow
def test_an_activation_left_out_before_the_cells_is_seen(tmp_path, monkeypatch, capsys, unchecked):
    saved = save(before, tmp_path)
    monkeypatch.setattr(surroundings, "_with_activation", lambda graph, layer: [layer])
    target = str(tmp_path / "wrong.keras")
    assert main(["convert", saved.prefix, "--to", target]) == 0
    failed = verified(capsys, saved.prefix, target)
    assert set(failed) == {"layers before the cells", "outputs, end to end"}


def test_moments_of_two_axes_are_no_layer_normalization(tmp_path, capsys):
    def build(x, ends):
        outputs = cells(x)
        mean, variance = tf1.nn.moments(outputs, [1, 2], keep_dims=True)
        return logits(tf1.nn.batch_normalization(outputs, mean, variance, None, None, 1e-3))

    saved = save(build, tmp_path)
    assert main(["convert", saved.prefix, "--to", str(tmp_path / "m.keras")]) == 0
    model_map = json.loads((tmp_path / "m.json").read_text())
    assert [layer["kind"] for layer in model_map["layers"]] == ["SimpleRNN"]
    assert {"logits/kernel", "logits/bias"} <= set(model_map["unused"])


@pytest.mark.slow
def test_a_dense_layer_over_all_steps_at_once_is_translated(tmp_path):
    saved, target = save(flattened, tmp_path), str(tmp_path / "m.keras")
    assert main(["convert", saved.prefix, "--to", target]) == 0
    model_map = json.loads((tmp_path / "m.json").read_text())
    assert model_map["complete"]
    assert {"logits/kernel", "logits/bias"} <= {
        entry["variable"] for entry in model_map["variables"]
    }
    assert main(["verify", saved.prefix, target, "--steps", "2"]) == 0


@pytest.mark.slow
def test_a_dense_layer_over_all_steps_at_once_is_not_taken_over(untranslated, tmp_path):
    saved, target = save(flattened, tmp_path), str(tmp_path / "m.keras")
    assert main(["convert", saved.prefix, "--to", target]) == 0
    model_map = json.loads((tmp_path / "m.json").read_text())
    assert [layer["kind"] for layer in model_map["layers"]] == ["SimpleRNN", "Conv1D"]
    assert {"logits/kernel", "logits/bias"} <= set(model_map["unused"])
    assert main(["verify", saved.prefix, target]) == 0


def test_a_transposed_matrix_is_not_taken_over(untranslated, tmp_path):
    saved, target = save(transposed, tmp_path), str(tmp_path / "m.keras")
    assert main(["convert", saved.prefix, "--to", target]) == 0
    assert "w" in json.loads((tmp_path / "m.json").read_text())["unused"]


def test_a_transposed_matrix_is_translated(tmp_path):
    saved, target = save(transposed, tmp_path), str(tmp_path / "m.keras")
    assert main(["convert", saved.prefix, "--to", target]) == 0
    model_map = json.loads((tmp_path / "m.json").read_text())
    assert model_map["complete"]
    assert "w" in [entry["variable"] for entry in model_map["variables"]]
    assert main(["verify", saved.prefix, target, "--steps", "2"]) == 0


@pytest.mark.slow
def test_another_step_than_the_last_of_a_layer_is_taken_over(tmp_path):
    saved, target = save(picked_first, tmp_path), str(tmp_path / "m.keras")
    assert main(["convert", saved.prefix, "--to", target]) == 0
    model_map = json.loads((tmp_path / "m.json").read_text())
    assert [layer["kind"] for layer in model_map["layers"]] == ["SimpleRNN", BN, "Dense"]
    assert model_map["complete"]
    assert main(["verify", saved.prefix, target]) == 0
