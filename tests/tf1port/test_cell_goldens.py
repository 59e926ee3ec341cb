"""The NumPy cells and Keras' layers with mapped weights against what TensorFlow 1.15.5 computed."""

import hashlib
import json
import os

import numpy as np
import pytest

from tests import keras_cells
from tests.goldens import cells
from tf1port.cells import reference as numpy_cells
from tf1port.cells.families import FAMILIES
from tf1port.numerics.precision import floatx

ACTIVATIONS = {"tanh": np.tanh, "relu": lambda values: np.maximum(values, 0)}
BOTH = ("fw", "bw")
CASE = {case.name: case for case in cells.CASES}
# Those where directions are joined after every single layer, as keras.layers.Bidirectional does.
BIDIRECTIONAL = [
    case
    for case in cells.CASES
    if case.wiring == "stack" or (case.wiring == "bidirectional" and case.layers == 1)
]
ONE_WITH_FORGET_BIAS_PER_CLASS = {case.cell: case for case in cells.CASES if case.forget_bias}
FORGOTTEN = [
    case for case in cells.CASES if {"cell_clip", "activation"} & dict(case.options).keys()
]


def parametrize(cases):
    return pytest.mark.parametrize("case", [pytest.param(case, id=case.name) for case in cases])


@pytest.fixture(scope="module")
def recorded():
    return cells.load()


def variables(case, golden):
    """TF1's variables by role by (layer, direction)."""
    required, optional = FAMILIES[cells.FAMILIES[case.cell]].roles
    return cells.by_cell(golden.variables, required | optional)


def constants(case):
    """What the graph of a case knows and its variables do not, for the NumPy cells."""
    options = dict(case.options)
    constants = {name: options[name] for name in ("cell_clip", "proj_clip") if name in options}
    if "activation" in options:
        constants["activation"] = ACTIVATIONS[options["activation"]]
    return constants | ({"forget_bias": case.forget_bias} if case.forget_bias else {})


def layer_options(case):
    """The same for Keras' layers."""
    names = {"cell_clip": "cell_clip", "proj_clip": "projection_clip", "activation": "activation"}
    options = dict(case.options)
    return {new: options[old] for old, new in names.items() if old in options}


def weights(case, golden, *, forget_bias=None):
    """Keras' weights by role by (layer, direction)."""
    family = FAMILIES[cells.FAMILIES[case.cell]]
    constant = case.forget_bias if forget_bias is None else forget_bias
    return {
        place: family.to_keras(arrays, forget_bias=constant)
        for place, arrays in variables(case, golden).items()
    }


def wired(case, chain, inputs):
    """Runs a case's layers: (outputs, states per cell in the order of Golden).

    chain: a function of places, each (layer, direction), and inputs, to outputs and states.
    """
    if case.wiring in ("rnn", "multi"):
        return chain([(layer, None) for layer in range(case.layers)], inputs)
    layers = range(case.layers)
    groups = [layers] if case.wiring == "bidirectional" else [[layer] for layer in layers]
    states = {}
    for group in groups:
        sides = []
        for direction in BOTH:
            places = [(layer, direction) for layer in group]
            outputs, finals = chain(places, _turned(inputs, direction))
            states.update(zip(places, finals, strict=True))
            sides.append(_turned(outputs, direction))
        inputs = np.concatenate(sides, axis=-1)
    return inputs, [states[layer, direction] for direction in BOTH for layer in layers]


def _turned(array, direction):
    return numpy_cells.backwards(array, cells.LENGTHS) if direction == "bw" else array


def of_numpy(case, arrays, inputs):
    """The NumPy cells with TF1's variables."""
    family, known = cells.FAMILIES[case.cell], constants(case)

    def chain(places, inputs):
        layers = [arrays[place] for place in places]
        return numpy_cells.stack(family, layers, inputs, lengths=cells.LENGTHS, **known)

    return wired(case, chain, inputs.astype(case.dtype))


def of_keras(case, arrays, inputs):
    """Keras' layers with mapped weights."""

    def chain(places, inputs):
        layers = [_layer(case, arrays[place]) for place in places]
        return keras_cells.run(layers, inputs, lengths=cells.LENGTHS)

    with floatx(case.dtype):
        return wired(case, chain, inputs.astype(case.dtype))


def _layer(case, arrays, **arguments):
    family = cells.FAMILIES[case.cell]
    return keras_cells.layer(family, arrays, options=layer_options(case), **arguments)


def gaps(actual, golden):
    outputs, states = actual
    side_by_side = np.concatenate([value for state in states for value in state], axis=-1)
    expected = golden.outputs, [(golden.states,)]
    return keras_cells.gaps((outputs, [(side_by_side,)]), expected)


@parametrize(cells.CASES)
def test_the_numpy_cells_compute_what_tf1_did(recorded, case):
    golden = cells.golden(recorded, case)
    differences = gaps(of_numpy(case, variables(case, golden), recorded["inputs"]), golden)
    assert keras_cells.within(differences, case.dtype), differences


@parametrize([case for case in cells.CASES if case not in BIDIRECTIONAL])
def test_keras_layers_compute_what_tf1_did(recorded, case):
    golden = cells.golden(recorded, case)
    differences = gaps(of_keras(case, weights(case, golden), recorded["inputs"]), golden)
    assert keras_cells.within(differences, case.dtype), differences


@parametrize(BIDIRECTIONAL)
def test_bidirectional_layers_compute_what_tf1_did(recorded, case):
    golden = cells.golden(recorded, case)
    arrays = weights(case, golden)
    with floatx(case.dtype):
        layers = [
            keras_cells.bidirectional(
                _layer(case, arrays[layer, "fw"], name="fw"),
                _layer(case, arrays[layer, "bw"], name="bw", go_backwards=True),
            )
            for layer in range(case.layers)
        ]
        inputs = recorded["inputs"].astype(case.dtype)
        outputs, states = keras_cells.run(layers, inputs, lengths=cells.LENGTHS)
    differences = gaps((outputs, states[::2] + states[1::2]), golden)
    assert keras_cells.within(differences, case.dtype), differences


# what has to be seen


def layers_exchanged(places):
    return {
        (3 - layer if layer else 0, direction): (layer, direction) for layer, direction in places
    }


def directions_exchanged(places):
    return {(layer, {"fw": "bw", "bw": "fw"}[d]): (layer, d) for layer, d in places}


@pytest.mark.parametrize(
    ("exchange", "name"),
    [
        (layers_exchanged, "BasicRNNCell-multi-3-float32"),
        (layers_exchanged, "BasicLSTMCell-multi-3-float64"),
        (layers_exchanged, "GRUCell-multi-3-float32"),
        (directions_exchanged, "BasicRNNCell-bidirectional-1-float64"),
        (directions_exchanged, "BasicLSTMCell-bidirectional-2-float64"),
        (directions_exchanged, "GRUCell-stack-2-float64"),
    ],
)
def test_exchanged_cells_are_seen(recorded, exchange, name):
    case = CASE[name]
    golden = cells.golden(recorded, case)
    arrays = weights(case, golden)
    wrong = {place: arrays[other] for place, other in exchange(arrays).items()}
    assert wrong.keys() == arrays.keys()
    differences = gaps(of_keras(case, wrong, recorded["inputs"]), golden)
    assert keras_cells.apart(differences, case.dtype), differences


@parametrize(ONE_WITH_FORGET_BIAS_PER_CLASS.values())
def test_a_skipped_forget_bias_is_seen(recorded, case):
    golden = cells.golden(recorded, case)
    skipped = weights(case, golden, forget_bias=0.0)
    differences = gaps(of_keras(case, skipped, recorded["inputs"]), golden)
    assert keras_cells.apart(differences, case.dtype), differences


@parametrize(FORGOTTEN)
def test_a_forgotten_clip_or_activation_is_seen(recorded, case):
    golden = cells.golden(recorded, case)
    options = tuple((n, v) for n, v in case.options if n not in ("cell_clip", "activation"))
    plain = case._replace(options=options)
    differences = gaps(of_keras(plain, weights(plain, golden), recorded["inputs"]), golden)
    assert keras_cells.apart(differences, case.dtype), differences


def test_the_cases_cover_every_cell_wiring_and_dtype():
    assert {case.cell for case in cells.CASES} == set(cells.FAMILIES)
    assert {cells.FAMILIES[case.cell] for case in cells.CASES} == set(FAMILIES)
    assert {case.wiring for case in cells.CASES} == {"rnn", "multi", "bidirectional", "stack"}
    assert {case.layers for case in cells.CASES if case.wiring == "multi"} == {1, 2, 3}
    assert len(CASE) == len(cells.CASES)


def test_the_goldens_are_those_that_their_facts_name(recorded):
    with open(os.path.join(cells.FOLDER, "golden.json"), encoding="utf-8") as file:
        facts = json.load(file)
    with open(os.path.join(cells.FOLDER, "golden.npz"), "rb") as file:
        assert hashlib.sha256(file.read()).hexdigest() == facts["sha256"]["golden.npz"]
    assert facts["versions"]["tensorflow"] == "1.15.5"
    assert facts["cases"] == [case.name for case in cells.CASES + cells.OPAQUE]
    assert {name.split("/")[0] for name in recorded} == {"inputs", *facts["cases"]}


def test_outputs_past_a_length_were_zero_and_states_those_before(recorded):
    for case in cells.CASES:
        golden = cells.golden(recorded, case)
        for row, length in enumerate(cells.LENGTHS):
            assert not golden.outputs[row, length:].any()
            assert golden.states[row].any() == (length > 0)
