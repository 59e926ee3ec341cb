"""Each mistake that ports of recurrent weights are known for fails `verify`, by its check."""

import json

import keras
import numpy as np
import pytest

from tests.goldens import carried
from tests.tf1port import graphs
from tests.tf1port.graphs import Case, U
from tf1port.__main__ import main
from tf1port.conversion import cases as verify_cases
from tf1port.keras_model import layer_weights

# F is U, so that what is exchanged fits where it is wrong.
TWO_WAYS = "BasicLSTMCell-bidirectional-2-float64-Adam"


@pytest.fixture(autouse=True)
def one_size(monkeypatch):
    """A single batch is enough to see a wrong model."""
    monkeypatch.setattr(verify_cases, "BATCHES", verify_cases.BATCHES[:1])
    monkeypatch.setattr(verify_cases, "STEPS", verify_cases.STEPS[:1])


@pytest.fixture(scope="module")
def ports(tmp_path_factory):
    """By kind a checkpoint and its right Keras model: (prefix, file)."""
    found = {}
    for kind, case in {
        "lstm": Case(layers=2, features=U),
        "gru": Case("GRUCell", features=U, optimizer=""),
    }.items():
        folder = tmp_path_factory.mktemp(kind)
        found[kind] = graphs.save(case, folder).prefix, str(folder / "model.keras")
    folder = tmp_path_factory.mktemp("two")
    case = next(case for case in carried.CARRIED if case.name == TWO_WAYS)
    found["two ways"] = carried.unpack(case, folder)[0], str(folder / "model.keras")
    for prefix, file in found.values():
        assert main(["convert", prefix, "--to", file]) == 0
    return found


def no_forget_bias(model):
    changed(model, "lstm_1", bias=lambda bias: bias - np.repeat(np.float32([0, 1, 0, 0]), U))


def forget_bias_in_the_slots(model):
    slots = layer_weights.slots(
        model.get_layer("lstm_1"), layer_weights.slots_by_variable(model, "momentum")
    )
    slots["bias"].assign_add(np.repeat(np.float32([0, 1, 0, 0]), U))


def gates_of_tf1(model):
    """The order i, j, f, o as it was, which Keras takes for i, f, c, o."""
    roles = dict.fromkeys(("kernel", "recurrent_kernel", "bias"), f_and_c_exchanged)
    changed(model, "lstm_2", **roles)


def gates_of_a_gru(model):
    roles = dict.fromkeys(("kernel", "recurrent_kernel", "bias"), z_and_r_exchanged)
    changed(model, "gru", **roles)


def gates_of_the_slots(model):
    slots = layer_weights.slots(
        model.get_layer("lstm_2"), layer_weights.slots_by_variable(model, "velocity")
    )
    slots["kernel"].assign(f_and_c_exchanged(np.array(slots["kernel"])))


def f_and_c_exchanged(array):
    i, f, c, o = np.split(array, 4, axis=-1)
    return np.concatenate([i, c, f, o], axis=-1)


def z_and_r_exchanged(array):
    z, r, h = np.split(array, 3, axis=-1)
    return np.concatenate([r, z, h], axis=-1)


def rows_exchanged(model):
    """The state's rows of TF1's kernel taken for the inputs', and the other way round."""
    held = layer_weights.weights(model.get_layer("lstm_1"))
    kernels = {"kernel": held["recurrent_kernel"], "recurrent_kernel": held["kernel"]}
    layer_weights.set_weights(model.get_layer("lstm_1"), {**held, **kernels})


def layers_exchanged(model):
    first, second = (model.get_layer(name) for name in ("lstm_1", "lstm_2"))
    held = layer_weights.weights(first), layer_weights.weights(second)
    layer_weights.set_weights(first, held[1])
    layer_weights.set_weights(second, held[0])


def directions_exchanged(model):
    layer = next(one for one in model.layers if isinstance(one, keras.layers.Bidirectional))
    half = len(layer.get_weights()) // 2
    layer.set_weights(layer.get_weights()[half:] + layer.get_weights()[:half])


@keras.saving.register_keras_serializable("tests")
class StatesExchanged(keras.layers.LSTMCell):
    """Takes c for h and h for c, as they come from a tuple of TF1's."""

    def call(self, inputs, states, training=False):
        return super().call(inputs, states[::-1], training=training)


def states_exchanged(model):
    """The same weights in a model whose cells take c before h."""
    options = {"units": U, "name": "cell"}
    cells = (keras.layers.RNN(StatesExchanged(**options), True, name="lstm_1"),)
    cells += (keras.layers.RNN(StatesExchanged(**options), name="lstm_2"),)
    return rebuilt(model, [*cells, keras.layers.Dense(2, name="logits")])


def reset_after(model):
    """With zeros for the biases that TF1 has not."""
    layers = [keras.layers.GRU(U, name="gru"), keras.layers.Dense(2, name="logits")]
    kernel, recurrent, bias, *dense = model.get_weights()
    made = keras.Sequential([keras.Input((None, U)), *layers])
    made.set_weights([kernel, recurrent, np.stack([bias, np.zeros_like(bias)]), *dense])
    return made


def rebuilt(model, layers):
    made = keras.Sequential([keras.Input((None, U)), *layers])
    made.set_weights(model.get_weights())
    return made


def changed(model, name, **roles):
    """Applies a function to each of some weights of a layer."""
    layer = model.get_layer(name)
    held = layer_weights.weights(layer)
    new = {role: change(held[role]) for role, change in roles.items()}
    layer_weights.set_weights(layer, {**held, **new})


# By mistake: of which port, and the check that fails first.
WRONG = {
    no_forget_bias: ("lstm", "weights"),
    forget_bias_in_the_slots: ("lstm", "converted slots"),
    gates_of_tf1: ("lstm", "weights"),
    gates_of_a_gru: ("gru", "weights"),
    gates_of_the_slots: ("lstm", "converted slots"),
    rows_exchanged: ("lstm", "weights"),
    states_exchanged: ("lstm", "outputs, end to end"),
    reset_after: ("gru", "weights"),
    layers_exchanged: ("lstm", "weights"),
    directions_exchanged: ("two ways", "weights"),
}


@pytest.mark.slow
@pytest.mark.sampled(3)
@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: wrong.__name__)
def test_a_wrong_port_fails_by_name(ports, tmp_path, capsys, wrong):
    kind, quantity = WRONG[wrong]
    prefix, file = ports[kind]
    model = keras.models.load_model(file)
    made = wrong(model) or model
    made.save(tmp_path / "wrong.keras")
    code, told = verified(capsys, prefix, tmp_path / "wrong.keras")
    failed = [check["quantity"] for check in told["checks"] if not check["passed"]]
    assert (code, told["passed"]) == (1, False)
    assert failed[0] == quantity


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["lstm", "gru", "two ways"])
def test_the_right_port_passes(ports, capsys, kind):
    code, told = verified(capsys, *ports[kind])
    assert (code, told["passed"]) == (0, True)


def verified(capsys, prefix, file):
    """The exit code and what was told."""
    capsys.readouterr()
    code = main(["verify", prefix, str(file), "--json"])
    return code, json.loads(capsys.readouterr().out, parse_constant=pytest.fail)
