"""The maps between TF1's cells and Keras' layers, held against cells in plain NumPy."""

import numpy as np
import pytest
import tensorflow as tf

from tests import keras_cells
from tf1port.cells import reference as numpy_cells
from tf1port.cells.families import FAMILIES, Sizes, sizes
from tf1port.numerics.differences import difference
from tf1port.numerics.precision import floatx
from tf1port.numerics.tolerances import tolerance

FEATURES, UNITS, OUTPUTS = 3, 4, 2
LENGTHS = (0, 3, 5)
DTYPES = ("float32", "float64")


def _variants():
    """Every set of roles that a family can have, by a name."""
    for name, family in FAMILIES.items():
        for roles in family.tf1.variants:
            extra = sorted(roles - family.roles.required)
            yield pytest.param(name, roles, id="-".join([name, *(extra[:1] + extra[-1:])]))


VARIANTS = list(_variants())


def shapes(family, roles):
    """The shapes of the TF1 variables, written out once more."""
    outputs = OUTPUTS if "projection/kernel" in roles else UNITS
    joint, vector = FEATURES + outputs, (UNITS,)
    known = {
        "rnn": {"kernel": (joint, UNITS), "bias": vector},
        "lstm": {"kernel": (joint, 4 * UNITS), "bias": (4 * UNITS,)},
        "gru": {"candidate/kernel": (joint, UNITS)},
        "cudnn_gru": {
            "candidate/input_projection/kernel": (FEATURES, UNITS),
            "candidate/hidden_projection/kernel": (UNITS, UNITS),
        },
        "layer_norm_lstm": {"kernel": (joint, 4 * UNITS), "bias": (4 * UNITS,)},
    }[family]
    common = {
        "gates/kernel": (joint, 2 * UNITS),
        "gates/bias": (2 * UNITS,),
        "projection/kernel": (UNITS, OUTPUTS),
    }
    return {role: {**common, **known}.get(role, vector) for role in sorted(roles)}


def drawn(family, roles, *, dtype="float64", seed=5):
    stream = np.random.RandomState(seed)
    arrays = {role: stream.normal(0, 0.5, shape) for role, shape in shapes(family, roles).items()}
    return {role: value.astype(dtype) for role, value in arrays.items()}


def inputs(dtype="float64"):
    return np.random.RandomState(6).normal(size=(len(LENGTHS), 5, FEATURES)).astype(dtype)


def forget_bias(family):
    return 0.75 if "lstm" in family else 0.0


def same(one, other):
    return difference(one, other).max_abs == 0


# the maps alone


@pytest.mark.parametrize("linear", [False, True])
@pytest.mark.parametrize(("name", "roles"), VARIANTS)
def test_there_and_back_is_exact(name, roles, linear):
    tf1 = drawn(name, roles)
    keras = FAMILIES[name].to_keras(tf1, linear=linear)
    assert same(FAMILIES[name].to_tf1(keras, linear=linear), tf1)
    again = FAMILIES[name].to_keras(FAMILIES[name].to_tf1(keras, linear=linear), linear=linear)
    assert same(again, keras)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ["lstm", "layer_norm_lstm"])
def test_the_forget_bias_costs_one_rounding(name, dtype):
    for roles in FAMILIES[name].tf1.variants:
        tf1, family = drawn(name, roles, dtype=dtype), FAMILIES[name]
        plain, shifted = family.to_keras(tf1), family.to_keras(tf1, forget_bias=0.75)
        (role,) = [role for role in plain if not np.array_equal(plain[role], shifted[role])]
        expected = plain[role].copy()
        expected[UNITS : 2 * UNITS] += np.array(0.75, dtype)
        assert same({"": shifted[role]}, {"": expected})
        back = family.to_tf1(shifted, forget_bias=0.75)
        bound = tolerance("weights with forget bias", dtype).bound
        assert difference(back, tf1).max_abs <= bound
        assert same(family.to_keras(tf1, forget_bias=0.75, linear=True), plain)


@pytest.mark.parametrize("name", ["rnn", "gru", "cudnn_gru"])
def test_a_forget_bias_without_a_forget_gate_is_refused(name):
    tf1 = drawn(name, FAMILIES[name].roles.required)
    with pytest.raises(ValueError, match=f"{name} has no forget bias"):
        FAMILIES[name].to_keras(tf1, forget_bias=1.0)


@pytest.mark.parametrize("linear", [False, True])
@pytest.mark.parametrize(("name", "roles"), VARIANTS)
def test_nothing_is_mutated_and_no_memory_is_shared(name, roles, linear):
    tf1, family = drawn(name, roles), FAMILIES[name]
    keras = family.to_keras(tf1, forget_bias=forget_bias(name), linear=linear)
    for arrays, convert in ((tf1, family.to_keras), (keras, family.to_tf1)):
        before = {role: value.copy() for role, value in arrays.items()}
        for value in arrays.values():
            value.setflags(write=False)
        converted = convert(arrays, forget_bias=forget_bias(name), linear=linear)
        for role, value in converted.items():
            value += 1  # writable, and not the memory of what came in
            assert not any(np.shares_memory(value, other) for other in arrays.values()), role
        assert same(arrays, before)


@pytest.mark.parametrize(("name", "roles"), VARIANTS)
def test_sizes_are_read_off_either_side(name, roles):
    tf1 = drawn(name, roles)
    outputs = OUTPUTS if "projection/kernel" in roles else UNITS
    for arrays in (tf1, FAMILIES[name].to_keras(tf1)):
        assert sizes(name, arrays) == Sizes(FEATURES, UNITS, outputs)


@pytest.mark.parametrize(("name", "roles"), VARIANTS)
def test_roles_are_required_or_optional(name, roles):
    required, optional = FAMILIES[name].roles
    assert required <= roles <= required | optional
    assert not required & optional


@pytest.mark.parametrize("side", ["tf1", "keras"])
@pytest.mark.parametrize(("name", "roles"), VARIANTS)
def test_a_wrong_role_or_shape_is_refused_by_name(name, roles, side):
    family, arrays = FAMILIES[name], drawn(name, roles)
    convert, back = family.to_keras, family.to_tf1
    if side == "keras":
        arrays, convert = family.to_keras(arrays), back
    with pytest.raises(ValueError, match=f"{name} has no role 'surplus'"):
        convert({**arrays, "surplus": np.zeros(UNITS)})
    for role, value in arrays.items():
        others = {other: value for other, value in arrays.items() if other != role}
        if others.keys() not in (family.tf1.variants if side == "tf1" else family.keras.variants):
            with pytest.raises(ValueError, match=name):
                convert(others)
        narrow = [value[..., :-1]] * (role != "projection/kernel")  # else of another P
        for wrong in (*narrow, value[..., None], np.float64(1)):
            with pytest.raises(ValueError, match=r"'.+' "):
                convert({**arrays, role: wrong})
        if value.ndim == 1 or role == "recurrent_kernel":
            with pytest.raises(ValueError, match=role):
                convert({**arrays, role: value[:-1]})


def test_a_missing_role_is_named():
    arrays = drawn("lstm", FAMILIES["lstm"].roles.required | {"w_i_diag", "w_f_diag", "w_o_diag"})
    for role in ("bias", "w_f_diag"):
        others = {other: value for other, value in arrays.items() if other != role}
        with pytest.raises(ValueError, match=f"lstm misses '{role}'"):
            FAMILIES["lstm"].to_keras(others)


def test_a_kernel_without_rows_for_inputs_is_refused():
    arrays = drawn("lstm", FAMILIES["lstm"].roles.required)
    with pytest.raises(ValueError, match=r"'kernel' is \(4, 16\): too small"):
        FAMILIES["lstm"].to_keras({**arrays, "kernel": arrays["kernel"][:UNITS]})


def test_a_gradient_of_cudnns_summed_bias_is_that_of_both():
    tf1 = drawn("cudnn_gru", FAMILIES["cudnn_gru"].roles.required)
    summed, both = (
        FAMILIES["cudnn_gru"].to_keras(tf1, linear=linear)["bias"][:, : 2 * UNITS]
        for linear in (False, True)
    )
    r, u = np.split(tf1["gates/bias"], 2)
    assert summed.tolist() == [[*u, *r], [0] * 2 * UNITS]
    assert both.tolist() == [[*u, *r]] * 2


# the layers with mapped weights


def expected(name, tf1, *, dtype, **constants):
    outputs, states = numpy_cells.unroll(name, tf1, inputs(dtype), lengths=LENGTHS, **constants)
    return outputs, [states]


def actual(name, weights, *, dtype, options=None):
    with floatx(dtype):
        layer = keras_cells.layer(name, weights, options=options)
        return keras_cells.run([layer], inputs(dtype), lengths=LENGTHS)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("name", "roles"), VARIANTS)
def test_a_layer_computes_what_the_cell_of_the_papers_does(name, roles, dtype):
    tf1, constant = drawn(name, roles, dtype=dtype), forget_bias(name)
    weights = FAMILIES[name].to_keras(tf1, forget_bias=constant)
    constants = {"forget_bias": constant} if constant else {}
    gaps = keras_cells.gaps(
        actual(name, weights, dtype=dtype), expected(name, tf1, dtype=dtype, **constants)
    )
    assert keras_cells.within(gaps, dtype), gaps


@pytest.mark.parametrize("name", FAMILIES)
def test_another_activation_goes_along(name):
    tf1 = drawn(name, FAMILIES[name].tf1.variants[-1])
    weights = FAMILIES[name].to_keras(tf1)
    relu = expected(name, tf1, dtype="float64", activation=lambda values: np.maximum(values, 0))
    keras_outputs = actual(name, weights, dtype="float64", options={"activation": "relu"})
    assert keras_cells.within(keras_cells.gaps(keras_outputs, relu), "float64")
    keras_outputs = actual(name, weights, dtype="float64")
    assert not keras_cells.within(keras_cells.gaps(keras_outputs, relu), "float64")


@pytest.mark.parametrize("constants", [{"cell_clip": 0.3}, {"cell_clip": 0.3, "proj_clip": 0.1}])
def test_clipping_goes_along(constants):
    roles = FAMILIES["lstm"].roles.required | {"projection/kernel"}
    tf1 = drawn("lstm", roles)
    options = {name.replace("proj_", "projection_"): v for name, v in constants.items()}
    weights = FAMILIES["lstm"].to_keras(tf1)
    right = expected("lstm", tf1, dtype="float64", **constants)
    keras_outputs = actual("lstm", weights, dtype="float64", options=options)
    assert keras_cells.within(keras_cells.gaps(keras_outputs, right), "float64")
    unclipped = actual("lstm", weights, dtype="float64")
    assert not keras_cells.within(keras_cells.gaps(unclipped, right), "float64")


# gradients, which the linear map carries

SHORT_LENGTHS = (0, 1, 2)  # for the many runs that differences take


def keras_gradients(name, weights):
    """Gradients of the sum of all outputs and states, by Keras' roles."""
    with floatx("float64"), tf.GradientTape() as tape:
        layer = keras_cells.layer(name, weights)
        variables = {variable.name: variable.value for variable in layer.weights}
        mask = np.arange(2) < np.array(SHORT_LENGTHS)[:, None]
        loss = sum(tf.reduce_sum(value) for value in layer(inputs()[:, :2], mask=mask))
    return {role: value.numpy() for role, value in tape.gradient(loss, variables).items()}


def complex_step_gradients(name, tf1, constants):
    """The same of the NumPy cells by TF1's roles: Im f(v + ih) / h, which is exact to rounding."""
    gradients = {role: np.zeros_like(value) for role, value in tf1.items()}
    for role, value in tf1.items():
        for place in np.ndindex(value.shape):
            moved = value.astype(complex)
            moved[place] += 1e-30j
            outputs, states = numpy_cells.unroll(
                name, {**tf1, role: moved}, inputs()[:, :2], lengths=SHORT_LENGTHS, **constants
            )
            gradients[role][place] = sum(np.imag(v).sum() for v in (outputs, *states)) / 1e-30
    return gradients


@pytest.mark.parametrize(("name", "roles"), VARIANTS)
def test_gradients_go_back_by_the_linear_map(name, roles):
    family, tf1, constant = FAMILIES[name], drawn(name, roles), forget_bias(name)
    constants = {"forget_bias": constant} if constant else {}
    gradients = keras_gradients(name, family.to_keras(tf1, forget_bias=constant))
    expected = complex_step_gradients(name, tf1, constants)
    scale = max(1, *(np.abs(value).max() for value in expected.values()))
    converted = family.to_tf1(gradients, forget_bias=constant, linear=True)
    gap = difference(converted, expected).max_abs / scale
    assert gap <= tolerance("cell gradients", "float64").bound
    again = family.to_keras(expected, forget_bias=constant, linear=True)
    gap = difference(again, gradients).max_abs / scale
    assert gap <= tolerance("cell gradients", "float64").bound
    if constant:
        shifted = family.to_tf1(gradients, forget_bias=constant)
        assert difference(shifted, expected).max_abs > 0.1


# wrong maps: each has to be seen


def _columns(*order):
    """A change of the gates' columns of every Keras weight that has them."""

    def change(weights):
        columns = {"kernel", "recurrent_kernel", "bias", "gate_gamma", "gate_beta"}
        blocks = {role: np.split(weights[role], len(order), -1) for role in columns & set(weights)}
        changed = {role: [of[n] for n in order] for role, of in blocks.items()}
        return {**weights, **{r: np.concatenate(of, axis=-1) for r, of in changed.items()}}

    return change


def _rows_exchanged(weights):
    rows = np.concatenate([weights["recurrent_kernel"], weights["kernel"]])
    features = len(weights["kernel"])
    return {**weights, "kernel": rows[:features], "recurrent_kernel": rows[features:]}


def _transposed(weights):
    return {**weights, "recurrent_kernel": weights["recurrent_kernel"][::-1]}


WRONG = {
    "rnn": {"rows": _rows_exchanged, "recurrent": _transposed},
    "lstm": {
        "rows": _rows_exchanged,
        "as in TF1": _columns(0, 2, 1, 3),
        "i and f": _columns(1, 0, 2, 3),
        "f and o": _columns(0, 3, 2, 1),
    },
    "gru": {"rows": _rows_exchanged, "z and r": _columns(1, 0, 2), "r and h": _columns(0, 2, 1)},
    "cudnn_gru": {
        "rows": _rows_exchanged,
        "z and r": _columns(1, 0, 2),
        "biases": lambda weights: {**weights, "bias": weights["bias"][::-1]},
        "gate bias twice": lambda weights: {
            **weights, "bias": weights["bias"] + [[0], [1]] * weights["bias"][:1]
        },
    },
    "layer_norm_lstm": {"rows": _rows_exchanged, "as in TF1": _columns(0, 2, 1, 3)},
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "wrong"), [(name, wrong) for name, of in WRONG.items() for wrong in of]
)
def test_a_wrong_map_is_seen(name, wrong):
    tf1 = drawn(name, FAMILIES[name].tf1.variants[0])
    weights = WRONG[name][wrong](FAMILIES[name].to_keras(tf1))
    gaps = keras_cells.gaps(
        actual(name, weights, dtype="float64"), expected(name, tf1, dtype="float64")
    )
    assert keras_cells.apart(gaps, "float64"), gaps


@pytest.mark.parametrize("name", ["lstm", "layer_norm_lstm"])
def test_a_skipped_or_doubled_forget_bias_is_seen(name):
    tf1, family = drawn(name, FAMILIES[name].tf1.variants[0]), FAMILIES[name]
    right = expected(name, tf1, dtype="float64", forget_bias=1.0)
    skipped = family.to_keras(tf1)
    doubled = family.to_keras(tf1, forget_bias=2.0)
    linear = family.to_keras(tf1, forget_bias=1.0, linear=True)
    for weights in (skipped, doubled, linear):
        gaps = keras_cells.gaps(actual(name, weights, dtype="float64"), right)
        assert keras_cells.apart(gaps, "float64"), gaps


@pytest.mark.parametrize("name", ["lstm", "layer_norm_lstm"])
def test_a_forget_bias_in_the_linear_map_would_be_seen(name):
    """It belongs to no slot: the right linear map is the one that adds nothing."""
    tf1, family = drawn(name, FAMILIES[name].tf1.variants[0]), FAMILIES[name]
    right = family.to_keras(tf1, forget_bias=1.0, linear=True)
    assert not same(right, family.to_keras(tf1, forget_bias=1.0))


@pytest.mark.parametrize("name", ["lstm", "layer_norm_lstm"])
def test_exchanged_states_are_seen(name):
    tf1 = drawn(name, FAMILIES[name].tf1.variants[0])
    outputs, ((c, h),) = expected(name, tf1, dtype="float64")
    keras_outputs = actual(name, FAMILIES[name].to_keras(tf1), dtype="float64")
    gaps = keras_cells.gaps(keras_outputs, (outputs, [(h, c)]))
    outputs, states = ({quantity: gaps[quantity]} for quantity in ("cell outputs", "cell states"))
    assert keras_cells.within(outputs, "float64")
    assert keras_cells.apart(states, "float64")


def test_the_other_grus_reset_is_seen():
    tf1 = drawn("gru", FAMILIES["gru"].roles.required)
    weights = FAMILIES["gru"].to_keras(tf1)
    weights["bias"] = np.stack([weights["bias"], np.zeros_like(weights["bias"])])
    after = actual("cudnn_gru", weights, dtype="float64")
    gaps = keras_cells.gaps(after, expected("gru", tf1, dtype="float64"))
    assert keras_cells.apart(gaps, "float64"), gaps


def test_outputs_and_states_past_a_length_are_seen():
    tf1 = drawn("gru", FAMILIES["gru"].roles.required)
    weights = FAMILIES["gru"].to_keras(tf1)
    with floatx("float64"):
        full = keras_cells.run([keras_cells.layer("gru", weights)], inputs())
    gaps = keras_cells.gaps(full, expected("gru", tf1, dtype="float64"))
    assert keras_cells.apart(gaps, "float64"), gaps
