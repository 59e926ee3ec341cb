"""The diagnosis names what is wrong in a port, of many kinds, and nothing that it cannot be."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import keras
import numpy as np
import pytest

from tests.tf1port import two_sides
from tests.tf1port.two_sides import UNITS, Program, compiled
from tf1port.comparison.diagnosis import diagnose, masks
from tf1port.comparison.diagnosis.cause import Cause
from tf1port.comparison.port import port as ports
from tf1port.conversion import plan
from tf1port.keras_model import layer_weights
from tf1port.pitfalls import catalogue
from tf1port.pitfalls.catalogue import BY_ID

PLAIN, GRU, DEEP = Program(), Program(cell="gru"), Program(layers=3)
LENGTHS, LAST = Program(lengths=True), Program(lengths=True, head="last")
NORMALIZED, DROPPED = Program(normalization=True), Program(keep=0.75)
SGD, MOMENTUM = Program(optimizer="sgd"), Program(optimizer="momentum")
CLIPPED, EMBEDDED = Program(clip=0.1), Program(embedding=True)
PENALTY, SMOOTHED = Program(penalty=0.01), Program(smoothing=0.1)
DECAY, AVERAGED, STARTED = Program(decay=2), Program(averages=True), Program(initial=True)


class Wrong(NamedTuple):
    """A wrong port.

    pitfall: what must be named; None: nothing. program: what is ported. make: gives the wrong
    model, of a right one that has the checkpoint's weights and state, or, if `anew`, of the
    program alone.
    checks: that are run; empty: all.
    """

    pitfall: Any
    program: Program
    make: Callable[[Any], keras.Model]
    checks: tuple[str, ...] = ()
    anew: bool = False
    what: str = ""


# Of a right model that has its weights.


def changed(layer, **changes):
    """Other weights of a layer, by role."""

    def make(model):
        own = model.get_layer(layer)
        weights = layer_weights.weights(own)
        weights |= {role: change(weights[role]) for role, change in changes.items()}
        layer_weights.set_weights(own, weights)
        return model

    return make


def biases_dropped(model):
    for layer in model.layers:
        weights = layer_weights.weights(layer)
        zeros = {role: v * 0 if role.endswith("bias") else v for role, v in weights.items()}
        layer_weights.set_weights(layer, zeros)
    return model


def forget_gate(amount):
    return lambda bias: bias + amount * np.repeat(np.float32([0, 1, 0, 0]), UNITS)


def gates(*order):
    def change(value):
        parts = np.split(value, len(order), axis=-1)
        return np.concatenate([parts[place] for place in order], axis=-1)

    return dict.fromkeys(("kernel", "recurrent_kernel", "bias"), change)


def rows_exchanged(model):
    layer = model.get_layer("rnn_0")
    kernel, recurrent, bias = layer.get_weights()
    rows = np.concatenate([recurrent, kernel])
    layer.set_weights([*np.split(rows, [len(kernel)]), bias])
    return model


def each_transposed(value):
    return np.concatenate([gate.T for gate in np.split(value, 4, axis=1)], axis=1)


def layers_exchanged(model):
    first, second = model.get_layer("rnn_1"), model.get_layer("rnn_2")
    weights = first.get_weights(), second.get_weights()
    first.set_weights(weights[1])
    second.set_weights(weights[0])
    return model


def of_slots(role, slot, change):
    def make(model):
        variable = layer_weights.slots(
            model.get_layer("rnn_0"), layer_weights.slots_by_variable(model, slot)
        )[role]
        variable.assign(change(np.array(variable)))
        return model

    return make


def slots_lost(model):
    for variable in model.optimizer.variables:
        if variable.path.endswith(("momentum", "velocity")):
            variable.assign(keras.ops.zeros_like(variable))
    return model


def count_lost(model):
    model.optimizer.iterations.assign(0)
    return model


# Of the program alone.


def other(**changes):
    """The port of a program that differs."""
    return lambda program: two_sides.port(program._replace(**changes))


def layered(**options):
    """Other options of the recurrent layers."""
    return lambda program: two_sides.port(program, **options)


def trained(**options):
    """Another loss or other options of the optimizer."""
    return lambda program: compiled(two_sides.port(program), program, **options)


def edited(edit):
    """A model that was changed once it was built: `edit(model)`."""

    def make(program):
        model = two_sides.port(program)
        edit(model)
        return compiled(model, program)

    return make


def one_relu(model):
    model.get_layer("rnn_1").cell.activation = keras.activations.relu


def frozen(model):
    model.get_layer("logits").trainable = False


def normalized(**options):
    def make(program):
        model = two_sides.port(program)
        config = model.get_config()
        for layer in config["layers"]:
            if layer["name"] == "normalization":
                layer["config"].update(options)
        return compiled(keras.Model.from_config(config), program)

    return make


def unmasked(program):
    """The recurrent layer is not given the mask."""
    model = two_sides.port(program)
    config = model.get_config()
    for layer in config["layers"]:
        if layer["name"] == "rnn_0":
            layer["inbound_nodes"][0]["kwargs"]["mask"] = None
    return compiled(keras.Model.from_config(config), program)


@keras.saving.register_keras_serializable("tests.diagnosis")
class Dropping(keras.layers.Dropout):
    """Drops outside of training as well."""

    def call(self, inputs, training=False):
        return super().call(inputs, training=True)


@keras.saving.register_keras_serializable("tests.diagnosis")
class Predicting(keras.layers.BatchNormalization):
    """Normalizes by its moving statistics in training as well."""

    def call(self, inputs, training=None, mask=None):
        return super().call(inputs, training=False, mask=mask)


def replaced(name, kind):
    """A layer of another class."""

    def make(program):
        model = two_sides.port(program)

        def clone(layer):
            return (kind if layer.name == name else type(layer)).from_config(layer.get_config())

        return compiled(keras.models.clone_model(model, clone_function=clone), program)

    return make


def with_reset_after(model):
    """The same weights in a GRU whose gate comes after the product."""
    kernel, recurrent, bias = model.get_layer("rnn_0").get_weights()
    other = two_sides.port(GRU, reset_after=True)
    other.get_layer("rnn_0").set_weights([kernel, recurrent, np.stack([bias, bias * 0])])
    other.get_layer("logits").set_weights(model.get_layer("logits").get_weights())
    return other


def headed(take):
    """A last layer that takes something else of the recurrent layer's outputs [B, T, H]."""

    def make(program):
        x = keras.Input((two_sides.TIME, two_sides.FEATURES), name="x")
        layer = keras.layers.LSTM(UNITS, return_sequences=True, return_state=True, name="rnn_0")
        steps, h, c = layer(x)
        logits = keras.layers.Dense(two_sides.CLASSES, name="logits")(take(steps, h, c))
        return compiled(keras.Model(x, logits), program)

    return make


def stateful(program):
    x = keras.Input(batch_shape=(two_sides.BATCH, two_sides.TIME, two_sides.FEATURES), name="x")
    made = keras.layers.LSTM(UNITS, stateful=True, name="rnn_0")(x)
    logits = keras.layers.Dense(two_sides.CLASSES, name="logits")(made)
    return compiled(keras.Model(x, logits), program)


def penalized(factor):
    """Keras' L2 of all weights: `factor` times the sum of squares, not half of it."""

    def make(program):
        model = two_sides.port(program)
        config = model.get_config()
        for layer in config["layers"]:
            for role in ("kernel", "recurrent", "bias"):
                if f"{role}_regularizer" in layer["config"]:
                    l2 = keras.regularizers.serialize(keras.regularizers.L2(factor))
                    layer["config"][f"{role}_regularizer"] = l2
        return compiled(keras.Model.from_config(config), program)

    return make


def of_probabilities(labels, made):
    return keras.losses.sparse_categorical_crossentropy(
        labels, keras.ops.exp(keras.ops.log_softmax(made)), from_logits=True
    )


@keras.saving.register_keras_serializable("tests.diagnosis")
class Smooth(keras.losses.CategoricalCrossentropy):
    """Smoothed labels, from classes."""

    def __init__(self, label_smoothing, from_logits=True, **options):
        super().__init__(from_logits, label_smoothing=label_smoothing, **options)

    def call(self, labels, made):
        return super().call(keras.ops.one_hot(labels, two_sides.CLASSES), made)


SPARSE = keras.losses.SparseCategoricalCrossentropy
VARIABLES, OUTPUTS = ("variables",), ("outputs",)
LOSS, GRADIENTS, STEP = ("loss",), ("gradients",), ("one step",)

Code = functools.partial(Wrong, anew=True)

WRONG = [
    Wrong(catalogue.BIASES, PLAIN, biases_dropped, VARIABLES),
    Wrong(catalogue.FORGET_BIAS, PLAIN, changed("rnn_0", bias=forget_gate(-1)), VARIABLES),
    Wrong(catalogue.FORGET_BIAS_TWICE, PLAIN, changed("rnn_0", bias=forget_gate(1)), VARIABLES),
    Wrong(catalogue.GATE_ORDER, PLAIN, changed("rnn_0", **gates(0, 2, 1, 3)), VARIABLES),
    Wrong(catalogue.GRU_GATES, GRU, changed("rnn_0", **gates(1, 0, 2)), VARIABLES),
    Wrong(catalogue.KERNEL_ROWS, PLAIN, rows_exchanged, VARIABLES),
    Wrong(
        catalogue.TRANSPOSED, PLAIN, changed("rnn_0", recurrent_kernel=each_transposed), VARIABLES
    ),
    Wrong(catalogue.LAYERS, DEEP, layers_exchanged, VARIABLES),
    Wrong(
        catalogue.RESHAPED,
        PLAIN,
        changed("logits", kernel=lambda kernel: kernel.T.reshape(kernel.shape)),
        VARIABLES,
    ),
    Wrong(
        catalogue.STATISTICS,
        NORMALIZED,
        changed("normalization", moving_mean=np.zeros_like, moving_variance=np.ones_like),
        VARIABLES,
    ),
    Wrong(catalogue.RESET_AFTER, GRU, with_reset_after, VARIABLES),
    Code(catalogue.BACKWARDS, PLAIN, layered(go_backwards=True), OUTPUTS),
    Code(
        catalogue.ACTIVATION,
        PLAIN,
        layered(recurrent_activation="hard_sigmoid"),
        OUTPUTS,
        what="hard_sigmoid for sigmoid",
    ),
    Code(catalogue.ACTIVATION, DEEP, edited(one_relu), OUTPUTS, what="relu for tanh"),
    Code(catalogue.MASK, LENGTHS, unmasked, OUTPUTS),
    Code(catalogue.LAST_REPEATED, LAST, layered(zero_output_for_mask=False), OUTPUTS),
    Code(catalogue.LAST_STEP, LENGTHS, other(head="last"), OUTPUTS),
    Code(catalogue.STATES, PLAIN, headed(lambda steps, h, c: c), OUTPUTS),
    Code(
        catalogue.HEAD,
        PLAIN,
        headed(lambda steps, h, c: keras.ops.mean(steps, axis=1)),
        OUTPUTS,
    ),
    Code(catalogue.INITIAL_STATE, STARTED, other(), OUTPUTS),
    Code(catalogue.CELL_CLIP, Program(cell_clip=0.05), other(), OUTPUTS),
    Code(catalogue.NORMALIZATION_EPSILON, NORMALIZED, normalized(epsilon=1e-5), OUTPUTS),
    Code(catalogue.DROPOUT_ON, DROPPED, replaced("dropout", Dropping), OUTPUTS),
    Code(catalogue.STATEFUL, PLAIN, stateful, (*OUTPUTS, *LOSS)),
    Code(catalogue.SUMMED, PLAIN, other(total=True), LOSS),
    Code(catalogue.AVERAGED, Program(total=True), other(total=False), LOSS),
    Code(catalogue.SOFTMAX_TWICE, PLAIN, trained(loss=of_probabilities), LOSS),
    Code(catalogue.LOGITS_UNSCALED, PLAIN, trained(loss=SPARSE(from_logits=False)), LOSS),
    Code(catalogue.INFERENCE_MODE, NORMALIZED, replaced("normalization", Predicting), LOSS),
    Code(catalogue.PENALTY, PENALTY, other(), LOSS, what="lacks 0.01 times"),
    Code(catalogue.PENALTY, PLAIN, penalized(0.02), LOSS, what="has, and the graph"),
    Code(catalogue.SMOOTHING, SMOOTHED, other(), LOSS, what="not smoothed by 0.1"),
    Code(catalogue.DROPOUT_RATE, DROPPED, other(keep=0.25), LOSS),
    Code(catalogue.DROPOUT_OTHER, DROPPED, other(keep=0.5), LOSS),
    Code(catalogue.DROPOUT_OTHER, PLAIN, other(keep=0.5), LOSS),
    Code(catalogue.NO_GRADIENT, PLAIN, edited(frozen), GRADIENTS),
    Code(catalogue.OPTIMIZER, PLAIN, other(optimizer="sgd"), STEP),
    Code(catalogue.LEARNING_RATE, PLAIN, other(rate=0.01), STEP),
    Code(catalogue.LEARNING_RATE, SGD, other(rate=0.01), STEP),
    Code(catalogue.BETAS, PLAIN, trained(beta_1=0.95), STEP),
    Code(catalogue.BETAS, PLAIN, trained(beta_2=0.99), STEP),
    Code(catalogue.EPSILON, PLAIN, trained(epsilon=1e-7), STEP),
    Code(catalogue.CLIPPING, CLIPPED, other(clip=0.0), STEP),
    Code(catalogue.CLIPPING, CLIPPED, other(clip=1.0), STEP),
    Code(catalogue.CLIPPING, CLIPPED, trained(global_clipnorm=None, clipnorm=0.1), STEP),
    Code(catalogue.CLIPPING, PLAIN, other(clip=0.1), STEP),
    Code(catalogue.WEIGHT_DECAY, PLAIN, trained(weight_decay=0.01), STEP),
    Code(catalogue.MOMENTUM, MOMENTUM, trained(momentum=0.5), STEP),
    Code(catalogue.MOMENTUM, SGD, trained(momentum=0.9)),
    Code(catalogue.AMSGRAD, PLAIN, trained(amsgrad=True)),
    Code(catalogue.UPDATE_OPS, NORMALIZED, normalized(momentum=1.0), STEP),
    Code(catalogue.STATISTICS_MOMENTUM, NORMALIZED, normalized(momentum=0.9), STEP),
    Wrong(catalogue.SLOTS, PLAIN, slots_lost, STEP),
    Wrong(catalogue.STEP_COUNT, PLAIN, count_lost, STEP),
    Wrong(
        catalogue.FORGET_BIAS_IN_GRADIENTS,
        PLAIN,
        of_slots("bias", "momentum", forget_gate(1)),
        STEP,
    ),
    Code(catalogue.SPARSE_GRADIENT, EMBEDDED, trained(global_clipnorm=None), STEP),
    Code(catalogue.SCHEDULE, DECAY, other(decay=0), STEP),
    Code(catalogue.SCHEDULE, DECAY, other(decay=4)),
    Code(catalogue.SCHEDULE, PLAIN, other(decay=50), STEP),
    Code(catalogue.CELL_CLIP, Program(cell_clip=50.0), other(), OUTPUTS),
    Code(catalogue.CLIPPING, Program(clip=50.0), other(clip=0.0), STEP),
    Code(catalogue.PENALTY, NORMALIZED._replace(penalty=0.01), other(), LOSS),
    Code(catalogue.SMOOTHING, NORMALIZED._replace(smoothing=0.1), other(), LOSS),
    Code(catalogue.SMOOTHING, PLAIN, trained(loss=Smooth(0.1)), LOSS, what="are smoothed by 0.1"),
]


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """The checkpoint and the map of a program, each trained once."""
    found: dict[Program, tuple[str, str]] = {}

    def of(program):
        if program not in found:
            found[program] = two_sides.save(program, tmp_path_factory.mktemp("program"))
        return found[program]

    return of


def load(saved, program, model, *, checks=(), **options):
    only = ("float64", *checks)
    prefix, path = saved(program)
    port = ports.load(prefix, model, path, steps=4, only=only, **options)
    return port._replace(batches=two_sides.batches(program, 4))


def diagnosed(saved, wrong):
    """The causes that are named, best first."""
    if wrong.anew:
        model = wrong.make(wrong.program)
    else:
        right = load(saved, wrong.program, two_sides.port(wrong.program), load_weights=True)
        model = wrong.make(right.modern("float32").model)
    port = load(saved, wrong.program, model, checks=wrong.checks, load_weights=wrong.anew)
    found = ports.prove(port)
    assert found["outcome"] == "different"
    assert "undiagnosed" not in found["breaks"]
    return found["breaks"]["diagnosis"]


def name(wrong):
    return f"{wrong.pitfall.id}-{wrong.pitfall.name.replace(' ', '-')}"


# Of the variables, the outputs and the loss one each; the others take their minutes.
_FAST = {catalogue.GATE_ORDER.id, catalogue.STATEFUL.id, catalogue.LOGITS_UNSCALED.id}


@pytest.mark.sampled(3)
@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param(one, marks=[pytest.mark.slow] * (one.pitfall.id not in _FAST), id=name(one))
        for one in WRONG
    ],
)
def test_a_wrong_port_is_diagnosed(saved, wrong):
    causes = diagnosed(saved, wrong)
    assert [one["pitfalls"] for one in causes] == [[wrong.pitfall.id]]
    assert wrong.what in causes[0]["cause"]
    assert f"({wrong.pitfall.id})" in causes[0]["cause"]


@pytest.mark.slow
def test_averages_that_were_taken_for_the_weights_are_diagnosed(saved):
    right = load(saved, AVERAGED, two_sides.port(AVERAGED), load_weights=True)
    legacy, model = right.legacy("float32"), right.modern("float32").model
    held, own = legacy.program.checkpoint, legacy.weight_map.variables
    arrays = {name: held.read(f"{name}/ExponentialMovingAverage") for name in own}
    for name, value in legacy.weight_map.to_keras(arrays).items():
        layer, _, role = name.partition("/")
        layer_weights.variables(model.get_layer(layer))[role].assign(value)
    found = ports.prove(load(saved, AVERAGED, model, checks=VARIABLES))
    assert [one["pitfalls"] for one in found["breaks"]["diagnosis"]] == [["P17"]]


@keras.saving.register_keras_serializable("tests.diagnosis")
def focal(labels, made):
    """A loss that nobody has as a mistake."""
    loss = keras.losses.sparse_categorical_crossentropy(labels, made, from_logits=True)
    return loss * (1 - keras.ops.exp(-loss)) ** 2


def noisy(model):
    for layer in model.layers:
        stream = np.random.default_rng(0)
        layer.set_weights([v + 0.1 * stream.normal(size=v.shape) for v in layer.get_weights()])
    return model


UNKNOWN = [
    Wrong(None, DEEP, noisy, VARIABLES),
    Wrong(None, NORMALIZED, noisy, VARIABLES),
    Code(None, PLAIN, trained(loss=focal), LOSS),
    Code(None, NORMALIZED, trained(loss=focal), LOSS),
    Code(None, DROPPED, trained(loss=focal), LOSS),
]


@pytest.mark.slow
@pytest.mark.sampled(3)
@pytest.mark.parametrize("wrong", UNKNOWN, ids=lambda wrong: "-".join(wrong.checks))
def test_what_nobody_knows_of_has_no_cause(saved, wrong):
    assert diagnosed(saved, wrong) == []


def test_a_mistake_that_the_model_cannot_have_is_not_named():
    attempts = [
        (Cause(catalogue.INFERENCE_MODE), {}, {}),
        ([Cause(catalogue.BIASES), Cause(catalogue.GRU_GATES)], {}, {}),
        (Cause(catalogue.BIASES), {}, {}),
    ]
    found = diagnose._explaining(attempts, {"recurrent", "lstm", "bias"}, 0.0)
    assert [one["pitfalls"] for one in found] == [["P1"]]
    found = diagnose._explaining(attempts, {"normalization", "gru", "bias"}, 0.0)
    assert [one["pitfalls"] for one in found] == [["P42"], ["P1", "P7"], ["P1"]]


def test_ids_of_padding_are_moved_to_the_ends():
    words = np.array([[3, 0, 2], [1, 2, 3]])
    chars = np.array([[[0, 1], [2, 2], [1, 0]], [[1, 1], [1, 0], [0, 2]]])
    moved = masks._padded({"x": np.zeros([2, 3], "float32"), "words": words, "chars": chars})
    assert moved["words"].tolist() == [[3, 2, 0], [1, 2, 3]]
    assert moved["chars"].tolist() == [[[1, 0], [2, 2], [0, 0]], [[1, 1], [1, 0], [2, 0]]]
    assert masks._padded(moved) is None
    assert masks._padded(np.zeros([2, 3], int)) is None


def test_a_clip_of_an_embeddings_gradient_is_one_of_the_models_own(tmp_path):
    prefix, _ = two_sides.save(Program(embedding=True, clip=0.1), tmp_path)
    optimizer = plan.read(prefix).blueprint.optimizer
    assert (optimizer.notes, optimizer.options["global_clipnorm"]) == ([], 0.1)


def test_thirty_kinds_of_mistakes_are_tried():
    assert len({wrong.pitfall.id for wrong in WRONG}) >= 30
    assert {wrong.pitfall.id for wrong in WRONG} <= set(BY_ID)
