"""`python -m tf1port verify` passes no file that was tampered with: each option, each variable.

An option that changes nothing stands in a table with its reason: of layers and of optimizers in
tf1port.verification, of the rest of a file here.
"""

import copy
import io
import json
import zipfile

import h5py
import keras
import numpy as np
import pytest

from tests.goldens import carried
from tf1port.__main__ import main
from tf1port.conversion import cases as verify_cases
from tf1port.keras_model.blueprint import Spec
from tf1port.keras_model.expressions import Call
from tf1port.verification import layers, optimizer

RECORDED = {
    "lstm": "BasicLSTMCell-multi-2-float64-Adam-residual",
    "batch norm": "BasicLSTMCell-rnn-1-float64-Adam-batch_norm",
    "layer norm": "GRUCell-rnn-1-float64-Momentum-layer_norm",
    "everything": "LSTMCell-rnn-1-float32-use_peepholes=True-cell_clip=0.4-num_proj=2-"
    "proj_clip=0.15-Adam",
    "normalized": "LayerNormBasicLSTMCell-rnn-1-float32-Adam",
    "bidirectional": "BasicLSTMCell-bidirectional-2-float64-Adam",
    "two biases": "CudnnCompatibleGRUCell-rnn-1-float64-Adam",
    "lengths": "GRUCell-stack-2-float32-RMSProp-lengths",
}


L2 = keras.saving.serialize_keras_object(keras.regularizers.L2(0.1))


@pytest.fixture(autouse=True)
def one_size(monkeypatch):
    """A single batch is enough."""
    monkeypatch.setattr(verify_cases, "BATCHES", verify_cases.BATCHES[:1])
    monkeypatch.setattr(verify_cases, "STEPS", verify_cases.STEPS[:1])


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A function from a key of RECORDED to its checkpoint and what convert made of it."""
    by_kind = {}

    def of(kind):
        if kind not in by_kind:
            folder = tmp_path_factory.mktemp(kind.replace(" ", "_"))
            case = next(case for case in carried.CARRIED if case.name == RECORDED[kind])
            prefix, _ = carried.unpack(case, folder)
            assert main(["convert", prefix, "--to", str(folder / "model.keras")]) == 0
            by_kind[kind] = prefix, str(folder / "model.keras")
        return by_kind[kind]

    return of


# By which Keras finds a class, and what it takes of shapes and of how layers are connected.
NO_VALUES = {"build_config", "registered_name", "module", "class_name", "inbound_nodes"}


def leaves(config, place=()):
    """The places of all values in a configuration, deep as they lie, with their values."""
    pairs = config.items() if isinstance(config, dict) else enumerate(config)
    for key, value in pairs:
        yield (*place, key), value
        if isinstance(value, (dict, list)):
            yield from leaves(value, (*place, key))


def other_values(key, value):
    """Other values that an option may have."""
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, (int, float)):
        return [value * 2 + 3, value + 0.25]
    if "activation" in key:
        return [name for name in ("relu", "tanh", "hard_sigmoid") if name != value]
    if key.endswith("regularizer"):
        return [L2]
    if key.endswith("constraint"):
        return [keras.saving.serialize_keras_object(keras.constraints.MaxNorm(0.5))]
    strings = {
        "merge_mode": ["sum"],
        "padding": ["same", "causal"],
        "data_format": ["channels_first"],
    }
    if isinstance(value, str):
        return [string for string in strings.get(key, [f"{value}_"]) if string != value]
    return [1, 0.5] if value is None else []


def put(config, place, value):
    """A copy of a configuration with another value at a place."""
    result = copy.deepcopy(config)
    inner = result
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    return result


# The options of layers, as data: of each class that convert writes.


def call(name, **arguments):
    return Call(f"keras.layers.{name}", {"name": "layer", "dtype": "float32", **arguments})


def cell(name, **arguments):
    return Call(f"tf1port.cells.keras.{name}", {"units": 4, "dtype": "float32", **arguments})


OF_RUNS = {"return_sequences", "go_backwards", "stateful", "zero_output_for_mask"}
OF_CELLS = {"units", "activation", "dropout", "recurrent_dropout", "use_bias"}
TRAINED = {"kernel_regularizer", "bias_regularizer", "kernel_constraint", "trainable"}
LAYERS = {
    "SimpleRNN": (call("SimpleRNN", units=4), OF_RUNS | OF_CELLS | TRAINED),
    "LSTM": (call("LSTM", units=4), OF_RUNS | OF_CELLS | TRAINED | {"recurrent_activation"}),
    "GRU": (
        call("GRU", units=4, reset_after=False),
        OF_RUNS | OF_CELLS | TRAINED | {"recurrent_activation", "reset_after"},
    ),
    "Bidirectional": (
        call("Bidirectional", layer=call("LSTM", units=4), merge_mode="concat"),
        OF_CELLS | {"merge_mode"},  # what differs between its directions is refused by Keras
    ),
    "ExtendedLSTMCell": (
        call("RNN", cell=cell("ExtendedLSTMCell", projection=2, cell_clip=0.4)),
        OF_RUNS | {"activation", "peepholes", "projection", "cell_clip", "straight_through"},
    ),
    "LayerNormLSTMCell": (
        call("RNN", cell=cell("LayerNormLSTMCell")),
        OF_RUNS | {"activation", "epsilon"},
    ),
    "Dense": (call("Dense", units=3), {"units", "activation", "use_bias"} | TRAINED),
    "Conv1D": (
        call("Conv1D", filters=3, kernel_size=2),
        {"padding", "activation", "use_bias", "filters", "data_format"} | TRAINED,
    ),
    "Embedding": (
        call("Embedding", input_dim=7, output_dim=3),
        {"input_dim", "output_dim", "mask_zero", "embeddings_regularizer", "trainable"},
    ),
    "BatchNormalization": (
        call("BatchNormalization", momentum=0.9),
        {"momentum", "epsilon", "center", "scale", "gamma_regularizer", "trainable"},
    ),
    "LayerNormalization": (
        call("LayerNormalization", epsilon=1e-12),
        {"axis", "epsilon", "center", "scale", "beta_constraint", "trainable"},
    ),
    "Activation": (call("Activation", activation="tanh"), {"activation"}),
}


def changed(config):
    """Triples of an option's place, another value and a layer that has it.

    What Keras refuses is left out, as no such file can be read, and what it overrides itself.
    """
    layer = keras.saving.deserialize_keras_object(copy.deepcopy(config))
    original = keras.saving.serialize_keras_object(layer)
    for place, value in leaves(config["config"]):
        for replacement in (
            other_values(str(place[-1]), value) if place[-1] not in NO_VALUES else ()
        ):
            try:
                layer = keras.saving.deserialize_keras_object(
                    put(config, ("config", *place), replacement)
                )
                is_changed = keras.saving.serialize_keras_object(layer) != original
            except Exception:
                continue
            if is_changed:
                yield place, replacement, layer


def is_inert(place):
    """Whether the table of layers says so of an option, or of something that it lies in."""
    return any(key in layers.INERT or str(key).endswith("initializer") for key in place)


@pytest.mark.parametrize("kind", LAYERS)
def test_each_option_of_a_layer_is_compared_or_inert_with_a_reason(kind):
    call, wanted = LAYERS[kind]
    spec, seen = Spec(call, {}, {}), set()
    config = keras.saving.serialize_keras_object(call.make())
    for place, replacement, layer in changed(config):
        lines = list(layers.layer_differences(spec, layer))
        assert bool(lines) != is_inert(place), f"{place} {replacement}: {lines}"
        seen |= {place[-1]} if lines else set()
    assert seen >= wanted
    assert list(layers.layer_differences(spec, call.make())) == []


def test_another_class_of_layer_is_seen():
    class LSTM(keras.layers.LSTM):
        """The same name, but a class of one's own."""

    spec = Spec(LAYERS["LSTM"][0], {}, {})
    for layer in (LSTM(4, name="layer"), keras.layers.GRU(4, name="layer")):
        assert list(layers.layer_differences(spec, layer))


BESIDES = {
    "Dropout": lambda: keras.layers.Dropout(0.5),
    "GaussianNoise": lambda: keras.layers.GaussianNoise(0.1),
    "ActivityRegularization": lambda: keras.layers.ActivityRegularization(0.1),
    "a penalty": lambda: keras.layers.Activation("linear", activity_regularizer="l2"),
    "": lambda: keras.layers.Activation("linear"),
}


@pytest.mark.parametrize("kind", BESIDES)
def test_layers_besides_that_count_in_training_alone_are_seen(kind):
    layer, call = BESIDES[kind](), LAYERS["Dense"][0]
    model = keras.Sequential([keras.Input((3,)), call.make(), layer])
    (check,) = layers.layers_checks([Spec(call, {}, {})], model)
    assert check.passed == (kind == "")
    assert check.passed or check.place.startswith(layer.name)


# Whole files.


def rewritten(source, target, *, config=None, weights=None):
    """A copy of a `.keras` file whose configuration or weights (an h5py.File) were changed."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if config and name == "config.json":
                content = json.dumps(config(json.loads(content))).encode()
            if weights and name == "model.weights.h5":
                buffer = io.BytesIO(content)
                with h5py.File(buffer, "r+") as file:
                    weights(file)
                content = buffer.getvalue()
            new.writestr(name, content)
    return str(target)


def configured(file):
    with zipfile.ZipFile(file) as archive:
        return json.loads(archive.read("config.json"))


def of_layer(config, kind):
    """The place of the options of the last layer of a class, alone or inside a Bidirectional."""
    places = [
        place
        for place, value in leaves(config)
        if isinstance(value, dict) and value.get("class_name") == kind
    ]
    return (*places[-1], "config")


OPTIONS = {
    "an activation that no batch shows": ("everything", "Dense", "activation", "relu"),
    "dropout": ("lstm", "LSTM", "dropout", 0.5),
    "momentum": ("batch norm", "BatchNormalization", "momentum", 0.5),
    "epsilon": ("layer norm", "LayerNormalization", "epsilon", 1e-3),
    "recurrent activation": ("lengths", "GRU", "recurrent_activation", "hard_sigmoid"),
    "a penalty": ("lengths", "GRU", "kernel_regularizer", L2),
}


def verified(capsys, prefix, file):
    """The exit code, and the quantities that differ with their places."""
    capsys.readouterr()
    code = main(["verify", prefix, str(file), "--json"])
    checks = json.loads(capsys.readouterr().out)["checks"]
    return code, {check["quantity"]: check["place"] for check in checks if not check["passed"]}


SHOWN = "an activation that no batch shows"


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] * (name != SHOWN)) for name in OPTIONS]
)
def test_no_file_with_another_option_passes(files, tmp_path, capsys, name):
    kind, layer, option, value = OPTIONS[name]
    prefix, file = files(kind)
    place = (*of_layer(configured(file), layer), option)
    target = tmp_path / "model.keras"
    rewritten(file, target, config=lambda config: put(config, place, value))
    code, failed = verified(capsys, prefix, target)
    assert code == 1
    assert option in failed[layers.QUANTITY]


@pytest.mark.sampled(3)
@pytest.mark.parametrize(
    "kind", [pytest.param(k, marks=[pytest.mark.slow] * (k != "everything")) for k in RECORDED]
)
def test_what_convert_wrote_has_the_layers_of_the_graph(files, capsys, kind):
    assert verified(capsys, *files(kind)) == (0, {})


# What of a file, besides its layers and its optimizer, changes nothing, and why.
INERT = {
    "batch_shape": "how many rows and steps Keras' own fit takes; a call takes any that fit",
    "sparse": "how an input may be stored",
    "ragged": "how an input may be stored",
    "optional": "an input may be left out, and is not",
    "loss": "the graph's own is used: a file's is no claim",
    "loss_weights": "as the loss",
    "run_eagerly": "how Keras runs a step, not what it computes",
    "steps_per_execution": "how Keras runs a step, not what it computes",
    "jit_compile": "how Keras runs a step, not what it computes",
    "learning_rate": "Keras takes the one that is saved among the weights, which is compared",
}


@pytest.mark.slow
def test_whatever_else_of_a_file_is_changed_is_seen_or_inert(files, tmp_path, capsys):
    prefix, file = files("batch norm")
    config, target, seen = configured(file), tmp_path / "model.keras", set()
    of_layers = [layer["class_name"] != "InputLayer" for layer in config["config"]["layers"]]
    for place, value in leaves(config):
        in_layer = place[:2] == ("config", "layers") and len(place) > 3 and of_layers[place[2]]
        if in_layer or NO_VALUES & {*place}:
            continue  # layers: see above
        for replacement in other_values(str(place[-1]), value)[:1]:
            rewritten(file, target, config=lambda config, p=place, o=replacement: put(config, p, o))
            code = main(["verify", prefix, str(target)])
            tables = INERT.keys() | optimizer.INERT.keys() | layers.INERT.keys()
            assert code in (1, 2, 3) or {*place} & tables, f"{place}: {value} {replacement}"
            seen |= {place[-1]} if code else set()
    assert seen >= {"beta_1", "beta_2", "epsilon", "amsgrad", "clipnorm", "weight_decay", "use_ema"}


@pytest.mark.slow
@pytest.mark.sampled(3)
@pytest.mark.parametrize("kind", ["batch norm", "everything", "layer norm"])
def test_one_number_of_each_variable_is_seen(files, tmp_path, kind):
    """Of the weights, the slots, the count of steps and the learning rate."""
    prefix, file = files(kind)
    names = variables(file)
    assert len(names) > 6
    for name in names:
        target = rewritten(file, tmp_path / "model.keras", weights=other_number(name, -1))
        assert main(["verify", prefix, target]) == 1, name


@pytest.mark.slow
def test_each_bias_of_a_gru_with_two_is_seen(files, tmp_path):
    """TF1 has their sum alone, and so one slot for both."""
    prefix, file = files("two biases")
    names = [name for name, shape in variables(file).items() if shape == (2, 12)]
    assert len(names) == 3  # the weight and two slots
    for name in names:
        target = rewritten(file, tmp_path / "model.keras", weights=other_number(name, 12))
        assert main(["verify", prefix, target]) == 1, name


def variables(file):
    """The shapes of all variables in a file, by name."""
    with zipfile.ZipFile(file) as archive:
        content = io.BytesIO(archive.read("model.weights.h5"))
    shapes = {}
    with h5py.File(content) as contents:
        contents.visititems(lambda n, item: shapes.update({n: item.shape} if "vars/" in n else {}))
    return shapes


def other_number(name, index):
    """A function that changes one number of a variable by the least there is."""

    def change(contents):
        values = np.array(contents[name])
        flat = values.reshape(-1)
        least = flat.dtype.kind == "f"
        flat[index] = np.nextafter(flat[index], flat.dtype.type(9)) if least else flat[index] + 1
        contents[name][...] = values

    return change


@pytest.mark.slow
def test_a_file_without_its_optimizer_is_not_proved_to_train_alike(files, tmp_path, capsys):
    prefix, file = files("lstm")
    target = tmp_path / "model.keras"
    model = keras.models.load_model(file)
    bare = type(model).from_config(model.get_config())
    bare.set_weights(model.get_weights())
    bare.save(target)
    assert main(["verify", prefix, str(target), "--steps", "2"]) == 3
    assert "the model has no optimizer" in capsys.readouterr().out


def test_lists_of_other_lengths_differ():
    lines = list(layers._differences([1, 2], [1], "layer/kernel_size"))
    assert lines == ["layer/kernel_size: 2 in the file, 1 in the graph"]
    assert list(layers._differences([1, [2]], [1, [2]], "layer/axis")) == []
