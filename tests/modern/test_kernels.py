"""Compared with the condition code of the installed Keras, with its check for a GPU answered yes.

cuDNN's op is replaced by a recorder, so that all of Keras around it is real. A Keras that decides
otherwise than modern_tf2.kernels says fails here.
"""

import importlib
import itertools
import json
import zipfile

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers
from tensorflow.python.framework import kernels as registered

from modern_tf2 import kernels
from modern_tf2.__main__ import main
from modern_tf2.row_lstm import FusedLSTM
from shared.errors import UserError

ZEROS = {"kernel_initializer": "zeros", "recurrent_initializer": "zeros"}  # quicker to draw
INPUTS = np.zeros((2, 3, 2), np.float32)  # [B, T, F]
LAST_LINE = "This needs no GPU: it follows from the layers. Nothing was run on a GPU."

# One value that cuDNN takes and those that it does not, by argument of LSTM and GRU.
SETTINGS = {
    "activation": ("tanh", "relu"),
    "recurrent_activation": ("sigmoid", "hard_sigmoid"),
    "recurrent_dropout": (0.0, 0.25),
    "unroll": (False, True),
    "use_bias": (True, False),
    "use_cudnn": ("auto", False, True),
    "reset_after": (True, False),
}


def answer_yes(patch):
    backend = importlib.import_module("keras.src.backend.tensorflow.rnn")
    patch.setattr(backend, "_is_gpu_available", lambda: True)


def record_calls(patch):
    calls = []

    def cudnn(**arguments):
        calls.append(arguments)
        inputs, h = arguments["input"], arguments["input_h"]
        shape = tf.concat((tf.shape(inputs)[:2], tf.shape(h)[-1:]), axis=0)
        return tf.zeros(shape, inputs.dtype), h, h, None, None

    patch.setattr(tf.raw_ops, "CudnnRNNV3", cudnn)
    return calls


@pytest.fixture
def gpu(monkeypatch):
    """Keras believes in a GPU; the list of calls of cuDNN's op."""
    answer_yes(monkeypatch)
    return record_calls(monkeypatch)


def combinations(*names):
    return (
        dict(zip(names, values, strict=True))
        for values in itertools.product(*map(SETTINGS.get, names))
    )


def wrong_settings(settings):
    """The arguments that keep a layer from cuDNN; use_cudnn=True does not."""
    return {
        name
        for name, value in settings.items()
        if value != SETTINGS[name][0] and (name, value) != ("use_cudnn", True)
    }


class StepByStep(Exception):
    """Keras fell back to the loop over the steps."""


def step_by_step(*arguments, **options):
    raise StepByStep  # the loop itself would take long, so many times


@pytest.fixture(scope="module")
def outcomes():
    """What Keras did for every combination: settings, layer, cuDNN asked for, error."""
    *lstm, _ = gru = list(SETTINGS)
    with pytest.MonkeyPatch.context() as patch:
        answer_yes(patch)
        patch.setattr(layers.RNN, "inner_loop", step_by_step)
        calls, found = record_calls(patch), []
        for kind, names in ((layers.LSTM, lstm), (layers.GRU, gru)):
            for settings in combinations(*names):
                layer = kind(1, **settings, **ZEROS)
                error, before = "", len(calls)
                try:
                    layer(INPUTS)
                except StepByStep:
                    pass
                except ValueError as caught:
                    error = str(caught)
                found.append((settings, layer, len(calls) > before, error))
    assert len(found) == 96 + 192
    return found


def decide(layer, **options):
    (decision,) = kernels.decisions(layer, **options)
    return decision


def disagreements(outcomes):
    """The settings for which Keras does otherwise than decided."""
    return [s for s, layer, cudnn, _ in outcomes if decide(layer).cudnn != cudnn]


def test_keras_decides_as_said_for_every_combination(outcomes):
    assert disagreements(outcomes) == []
    assert sum(cudnn for _, _, cudnn, _ in outcomes) == 4  # one in 72: LSTM and GRU, auto and True


@pytest.mark.parametrize("condition", kernels._CONDITIONS)
def test_a_condition_left_out_is_found(outcomes, monkeypatch, condition):
    others = {name: of for name, of in kernels._CONDITIONS.items() if name != condition}
    monkeypatch.setattr(kernels, "_CONDITIONS", others)
    assert all(condition in wrong_settings(settings) for settings in disagreements(outcomes))
    assert len(disagreements(outcomes)) > 0


def test_every_reason_is_given(outcomes):
    for settings, layer, _, _ in outcomes:
        reasons = decide(layer).reasons
        assert len(reasons) == len(wrong_settings(settings))
        assert {reason.split()[0] for reason in reasons} == wrong_settings(settings)


def test_use_cudnn_true_raises_where_the_note_says(outcomes):
    for settings, layer, cudnn, error in outcomes:
        notes = decide(layer).notes
        if error:
            assert "use_cudnn=True was specified" in error
        assert bool(error) == (notes == ["use_cudnn=True: a call raises"])
        if cudnn and settings["use_cudnn"] is True:
            assert notes == ["use_cudnn=True: a call raises without a GPU"]
            with pytest.raises(ValueError, match="use_cudnn=True was specified"):
                layer(INPUTS)  # Keras sees again that there is no GPU


@pytest.mark.parametrize("jit_compile", [None, False, True, "auto"])
def test_xla_is_off_where_the_note_says(outcomes, jit_compile):
    for _, layer, _, _ in outcomes:
        notes = [note for note in decide(layer, jit_compile=jit_compile).notes if "XLA" in note]
        assert bool(notes) == (not layer.supports_jit and bool(jit_compile))
        assert notes in ([], [f"jit_compile={jit_compile!r} becomes False for the model: "
                              "XLA has no cuDNN"])  # fmt: skip


def test_keras_turns_xla_off_and_not_cudnn(gpu):
    model = keras.Sequential([keras.Input((3, 2)), layers.LSTM(1)])
    with pytest.warns(UserWarning, match="doesn't support `jit_compile=True`"):
        model.compile("sgd", "mse", jit_compile=True)
    assert model.jit_compile is False
    del gpu[:]
    model.predict(INPUTS, verbose=0)
    assert gpu
    assert decide(model, jit_compile=True).cudnn


def test_in_an_xla_function_of_ones_own_cudnn_raises(monkeypatch):
    answer_yes(monkeypatch)
    layer = layers.LSTM(1)
    layer.build(INPUTS.shape)
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"unsupported operations.*Cudnn"):
        tf.function(layer, jit_compile=True)(tf.constant(INPUTS))


def own_tanh(x):
    return keras.ops.tanh(x)


def own_sigmoid(x):
    return keras.ops.sigmoid(x)


@pytest.mark.parametrize("kind", [layers.LSTM, layers.GRU])
@pytest.mark.parametrize(
    ("argument", "function", "name"),
    [
        ("activation", keras.activations.tanh, None),
        ("activation", keras.ops.tanh, None),
        ("activation", tf.tanh, None),
        ("activation", tf.nn.tanh, None),
        ("activation", own_tanh, "own_tanh"),
        ("activation", np.tanh, "tanh"),
        ("activation", layers.Activation("tanh"), "Activation"),
        ("activation", None, "linear"),
        ("activation", "sigmoid", "sigmoid"),
        ("recurrent_activation", keras.activations.sigmoid, None),
        ("recurrent_activation", keras.ops.sigmoid, None),
        ("recurrent_activation", tf.sigmoid, None),
        ("recurrent_activation", tf.nn.sigmoid, None),
        ("recurrent_activation", own_sigmoid, "own_sigmoid"),
        ("recurrent_activation", None, "linear"),
        ("recurrent_activation", "tanh", "tanh"),
    ],
)
def test_functions_are_compared_by_identity(gpu, kind, argument, function, name):
    layer = kind(1, **{argument: function})
    layer(INPUTS)
    wanted = {"activation": "tanh", "recurrent_activation": "sigmoid"}[argument]
    reasons = [f"{argument} is {name}, not Keras' {wanted}"] if name else []
    assert decide(layer).reasons == reasons
    assert bool(gpu) == decide(layer).cudnn == (name is None)


@pytest.mark.parametrize("kind", [layers.LSTM, layers.GRU])
@pytest.mark.parametrize(
    "options",
    [
        {"go_backwards": True},
        {"stateful": True},
        {"return_sequences": True, "return_state": True},
        {"dropout": 0.5},
        {"seed": 1, "implementation": 1},
        {"kernel_regularizer": "l2", "recurrent_constraint": "non_neg"},
        {"zero_output_for_mask": True},
        *(
            {"dtype": dtype, **ZEROS}
            for dtype in (
                "float16", "bfloat16", "float64", "mixed_float16", "mixed_bfloat16",
            )
        ),
    ],
    ids=str,
)  # fmt: skip
def test_nothing_else_matters(gpu, kind, options):
    layer = kind(1, **options)
    layer(INPUTS, training=True)
    assert decide(layer)[2:] == (True, [], [])
    (call,) = gpu
    values = [call[name] for name in ("input", "input_h", "input_c", "params")]
    assert {value.dtype.name for value in values if tf.is_tensor(value)} == {layer.compute_dtype}


@pytest.mark.skipif(
    not tf.sysconfig.get_build_info()["is_cuda_build"], reason="TensorFlow built without CUDA"
)
def test_cudnn_has_a_kernel_for_each_of_these_types_and_none_for_xla():
    found = registered.get_registered_kernels_for_op("CudnnRNNV3").kernel
    types = {type_ for k in found for c in k.constraint for type_ in c.allowed_values.list.type}
    assert types == {
        kind.as_datatype_enum for kind in (tf.float16, tf.bfloat16, tf.float32, tf.float64)
    }
    assert {kernel.device_type for kernel in found} == {"GPU"}


# Masks

NOT_TAKEN = "on cuDNN, a GPU would raise in a tf.function such as fit's"


@pytest.mark.parametrize("kind", [layers.LSTM, layers.GRU])
@pytest.mark.parametrize("go_backwards", [False, True])
def test_keras_takes_a_mask_as_said_for_every_mask(gpu, kind, go_backwards):
    layer = kind(1, go_backwards=go_backwards)
    layer.build(INPUTS.shape)
    call = tf.function(lambda mask: layer(INPUTS, mask=mask))
    accepted = 0
    for steps in itertools.product([False, True], repeat=6):
        mask = np.reshape(steps, (2, 3))
        try:
            call(tf.constant(mask))
            raises = False
        except tf.errors.InvalidArgumentError:
            raises = True
        assert decide(layer, mask=mask).cudnn == (not raises)
        accepted += not raises
    assert accepted == 9  # one to three steps, twice
    assert len(gpu) == 1  # the decision itself never looked at the mask


@pytest.mark.parametrize(
    ("rows", "reasons"),
    [
        (["111", "111"], []),
        (["110", "100"], []),
        (["111", "011"], [f"mask row 1 is not right-padded: {NOT_TAKEN}"]),
        (["101", "111"], [f"mask row 0 is not right-padded: {NOT_TAKEN}"]),
        (["111", "000"], [f"mask row 1 is empty: {NOT_TAKEN}"]),
        (
            ["000", "001", "111", "101", "010"],
            [
                f"mask row 1 (and 2 more) is not right-padded: {NOT_TAKEN}",
                f"mask row 0 is empty: {NOT_TAKEN}",
            ],
        ),
    ],
)
def test_what_is_wrong_with_a_mask(rows, reasons):
    mask = np.array([[int(step) for step in row] for row in rows])
    assert decide(layers.LSTM(1), mask=mask).reasons == reasons
    both = decide(layers.LSTM(1, unroll=True), mask=mask).reasons
    assert both == ["unroll is True", *reasons]
    # Only cuDNN is particular about the mask.
    assert "mask" not in str(decide(layers.SimpleRNN(1), mask=mask).reasons)


def test_outside_of_a_function_keras_falls_back(gpu):
    layers.LSTM(1)(INPUTS, mask=np.array([[False, True, True]] * 2))
    assert gpu == []


def test_a_mask_of_other_dimensions_is_refused():
    with pytest.raises(UserError, match=r"shape \(3,\): give one row of steps per example"):
        kernels.decisions(layers.LSTM(1), mask=[True, True, False])


# Kinds of layers and what holds them

RNN = "RNN steps through its cell: only the layers LSTM and GRU ask for cuDNN"


@pytest.mark.parametrize(
    ("layer", "kind", "reasons"),
    [
        (layers.RNN(layers.LSTMCell(1)), "RNN(LSTMCell)", [RNN]),
        (layers.RNN([layers.LSTMCell(1), layers.GRUCell(1)]), "RNN(StackedRNNCells)", [RNN]),
        (layers.RNN(layers.SimpleRNNCell(1), unroll=True), "RNN(SimpleRNNCell)", [RNN]),
        (
            layers.RNN(layers.LSTMCell(1, activation="relu", use_bias=False), unroll=True),
            "RNN(LSTMCell)",
            [RNN, "activation is relu, not Keras' tanh", "unroll is True", "use_bias is False"],
        ),
        (
            layers.RNN(layers.GRUCell(1, reset_after=False, recurrent_dropout=0.5)),
            "RNN(GRUCell)",
            [RNN, "recurrent_dropout is 0.5, not 0 (also when not training)",
             "reset_after is False"],
        ),
        (layers.SimpleRNN(1), "SimpleRNN", ["Keras has no cuDNN path for SimpleRNN"]),
        (FusedLSTM(1), "FusedLSTM", ["FusedLSTM runs TensorFlow's BlockLSTMV2 op"]),
    ],
)  # fmt: skip
def test_other_layers_never_ask_for_cudnn(gpu, layer, kind, reasons):
    layer(INPUTS)
    assert gpu == []
    assert decide(layer) == (layer.name, kind, False, reasons, [])


def test_a_convolutional_lstm_has_no_cudnn_path():
    decision = decide(layers.ConvLSTM1D(1, 1))
    assert decision.reasons == ["Keras has no cuDNN path for ConvLSTM1D"]


class Pair(layers.Layer):
    """Holds its layers in a list and a dict."""

    def __init__(self, **options):
        super().__init__(**options)
        self.first = [layers.LSTM(1, return_sequences=True, name="one")]
        self.second = {"two": layers.GRU(1, reset_after=False, name="two")}

    def call(self, inputs):
        return self.second["two"](self.first[0](inputs))


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.pair = Pair(name="pair")

    def call(self, inputs):
        return self.pair(inputs)


def sequential(*members, name=None):
    return keras.Sequential([keras.Input((3, 2)), *members], name=name)


def functional():
    inputs = keras.Input((3, 2))
    shared = layers.LSTM(1, name="shared")
    inner = sequential(layers.SimpleRNN(2, return_sequences=True, name="simple"), name="inner")
    return keras.Model(inputs, [shared(inputs), shared(inner(inputs))])


def bidirectional(**options):
    return sequential(layers.Bidirectional(layers.LSTM(1, name="lstm", **options), name="both"))


def time_distributed():
    """Makes four sequences of each of INPUTS first."""
    inner = sequential(layers.GRU(1, name="gru"), name="inner")
    repeat = [layers.Flatten(), layers.RepeatVector(4), layers.Reshape((4, 3, 2))]
    return sequential(*repeat, layers.TimeDistributed(inner, name="each"))


@pytest.mark.parametrize(
    ("build", "paths", "calls"),
    [
        (bidirectional, {"both/forward_lstm": True, "both/backward_lstm": True}, 2),
        (
            lambda: bidirectional(use_cudnn=False),
            {"both/forward_lstm": False, "both/backward_lstm": False},
            0,
        ),
        (functional, {"inner/simple": False, "shared": True}, 2),
        (time_distributed, {"each/inner/gru": True}, 4),
        (Subclassed, {"pair/one": True, "pair/two": False}, 1),
        (lambda: sequential(layers.Flatten(), layers.Dense(1)), {}, 0),
    ],
)
def test_models_and_wrappers_are_looked_through(gpu, build, paths, calls):
    model = build()
    model(INPUTS)
    del gpu[:]
    model(INPUTS)
    assert len(gpu) == calls
    assert [(d.layer, d.cudnn) for d in kernels.decisions(model)] == list(paths.items())


def test_a_file_forgets_use_cudnn(tmp_path):
    path = tmp_path / "model.keras"
    model = sequential(layers.LSTM(1, use_cudnn=False))
    model.save(path)
    assert decide(model).reasons == ["use_cudnn is False"]
    assert decide(keras.models.load_model(path)).cudnn


# The command


def command(capsys, *words):
    code = main(["kernel", *map(str, words)])
    output, errors = capsys.readouterr()
    return code, output.splitlines(), errors.splitlines()


@pytest.mark.parametrize(
    ("words", "table"),
    [
        (
            ["row-lstm"],
            ["layer  kind  cuDNN  reasons",
             "lstm   LSTM  yes    note: jit_compile='auto' becomes False for the model: "
             "XLA has no cuDNN"],
        ),
        (
            ["row-lstm", "--kernel", "generic"],
            ["layer  kind           cuDNN  reasons", f"lstm   RNN(LSTMCell)  no     {RNN}"],
        ),
        (
            ["row-lstm", "--kernel", "fused-cpu"],
            ["layer  kind       cuDNN  reasons",
             "lstm   FusedLSTM  no     FusedLSTM runs TensorFlow's BlockLSTMV2 op"],
        ),
        (
            ["window-rnn"],
            ["layer  kind                  cuDNN  reasons",
             f"rnn    RNN(StackedRNNCells)  no     {RNN}"],
        ),
    ],
)  # fmt: skip
def test_the_command_prints_a_table(capsys, words, table):
    assert command(capsys, *words) == (0, [*table, LAST_LINE], [])


def test_the_command_looks_into_a_file(capsys, tmp_path):
    path = tmp_path / "own.keras"
    lstm = layers.LSTM(1, unroll=True, use_bias=False, return_sequences=True, name="a")
    sequential(lstm, FusedLSTM(1, name="b")).save(path)
    assert command(capsys, "row-lstm", "--file", path) == (
        0,
        [
            "layer  kind       cuDNN  reasons",
            "a      LSTM       no     unroll is True",
            "                         use_bias is False",
            "b      FusedLSTM  no     FusedLSTM runs TensorFlow's BlockLSTMV2 op",
            LAST_LINE,
        ],
        [],
    )
    sequential(layers.Dense(1)).save(path)
    assert command(capsys, "row-lstm", "--file", path) == (0, ["no recurrent layer", LAST_LINE], [])


def test_bad_input_is_one_line_and_exit_code_2(capsys, tmp_path):
    sequential(Pair(name="pair")).save(tmp_path / "custom.keras")
    sequential(layers.LSTM(1)).save(tmp_path / "whole.keras")
    whole = (tmp_path / "whole.keras").read_bytes()
    config = whole.index(b'"config"')
    damaged = whole[:config] + bytes(8) + whole[config + 8 :]
    contents = {"text": b"text", "cut": whole[:-1], "damaged": damaged}
    for name, content in contents.items():
        (tmp_path / f"{name}.keras").write_bytes(content)
    wrong = {
        "row-lstm --kernel fast": "--kernel is fast: choose one of",
        "nested-rnn --kernel auto": "nested-rnn has no --kernel: leave it out",
        "row-lstm --kernel auto --file x.keras": "--file holds its own kernel: leave out --kernel",
        f"row-lstm --file {tmp_path}/none.keras": "none.keras cannot be loaded",
        f"row-lstm --file {tmp_path}/text.keras": "text.keras cannot be loaded",
        f"row-lstm --file {tmp_path}/cut.keras": "cut.keras cannot be loaded",
        f"row-lstm --file {tmp_path}/damaged.keras": "damaged.keras cannot be loaded",
        f"row-lstm --file {tmp_path}/custom.keras": "custom.keras cannot be loaded",
        f"row-lstm --file {tmp_path}": f"{tmp_path} cannot be loaded",
    }
    for words, message in wrong.items():
        code, lines, errors = command(capsys, *words.split())
        assert (code, lines, len(errors)) == (2, [], 1), errors
        assert errors[0].startswith("error: ")
        assert message in errors[0]


def test_a_file_is_looked_into_without_the_memory_that_its_layers_take(capsys, tmp_path):
    model = sequential(layers.LSTM(1, name="a"))
    config = keras.saving.serialize_keras_object(model)
    config["config"]["layers"][-1]["config"]["units"] = 10**9
    config["config"]["layers"][-1].pop("build_config", None)
    with zipfile.ZipFile(tmp_path / "large.keras", "w") as archive:
        archive.writestr("config.json", json.dumps(config))
    code, lines, _ = command(capsys, "row-lstm", "--file", tmp_path / "large.keras")
    assert code == 0
    assert lines[1].startswith("a      LSTM  yes ")
    sequential(layers.Dense(1))  # no variable is left for Keras to draw after it
