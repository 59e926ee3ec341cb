"""The feed-forward models pass the ladder in both layouts; known mistakes fail at their check."""

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow.compat.v1 as tf1

from equivalence.legacy_side import LegacySide
from equivalence.modern_side import ModernSide
from equivalence.proof import first_batches
from legacy_tf1 import feedforward as legacy_feedforward
from modern_tf2 import feedforward as modern_feedforward
from shared.config import ConvConfig, DenseConfig, for_dataset
from shared.errors import UserError
from tests.support.ladders import assert_all_pass, first_failure
from tf1port.comparison.ladder import ladder
from tf1port.numerics import comparison

# Equal filters in both convolutions: so that inputs and filters of a kernel can be exchanged.
CONV = ConvConfig(batch_size=16, filters_0=4, filters_1=4, learning_rate=0.05)
SMALL = {
    "dense": DenseConfig(batch_size=16, units=9),
    "nhwc": CONV,
    "nchw": dataclasses.replace(CONV, data_format="nchw"),
}

# What tests below put something else in the place of.
DENSE, FLATTEN = keras.layers.Dense, keras.layers.Flatten
TF1_LAYERS = {key: getattr(tf1.layers, key) for key in ("conv2d", "max_pooling2d")}
CHECKS = {module: module.check_layout for module in (legacy_feedforward, modern_feedforward)}


@pytest.fixture(scope="module", autouse=True)
def every_layout():
    """NCHW computed by way of NHWC, which every CPU has in both dtypes."""
    with pytest.MonkeyPatch.context() as patch:
        for module in CHECKS:
            patch.setattr(module, "check_layout", lambda config, dtype: None)
        for key, layer in TF1_LAYERS.items():
            patch.setattr(tf1.layers, key, transposing(layer))
        patch.setattr(keras.layers, "Conv2D", TransposingConv2D)  # pooling does so of itself
        yield


def transposing(layer):
    def channels_last(maps, *arguments, **options):
        if options["data_format"] == "channels_last":
            return layer(maps, *arguments, **options)
        options["data_format"] = "channels_last"
        maps = layer(tf1.transpose(maps, [0, 2, 3, 1]), *arguments, **options)
        return tf1.transpose(maps, [0, 3, 1, 2])

    return channels_last


class TransposingConv2D(keras.layers.Conv2D):
    def convolution_op(self, inputs, kernel):
        if self.data_format == "channels_last":
            return super().convolution_op(inputs, kernel)
        maps = keras.ops.transpose(inputs, (0, 2, 3, 1))
        maps = keras.ops.conv(maps, kernel, padding=self.padding, data_format="channels_last")
        return keras.ops.transpose(maps, (0, 3, 1, 2))


class Case:
    """A config with weights and batches; the weights have no zero and no symmetry."""

    def __init__(self, name, digits):
        self.config = for_dataset(SMALL[name], digits)
        stream = np.random.RandomState(11)
        shapes = self.config.weight_shapes()
        self.weights = {
            key: stream.normal(0, (2 / np.prod(shape[:-1])) ** 0.5, shape).astype("float32")
            for key, shape in shapes.items()
        }
        for key in shapes:
            if key.endswith("bias"):
                self.weights[key] *= 0.1
        self.batches = first_batches(self.config, digits, 200)

    def run(self, *, dtype, steps=200, legacy=LegacySide, modern=ModernSide):
        sides = (side(self.config, self.weights, dtype=dtype) for side in (legacy, modern))
        return ladder.run(*sides, self.batches[:steps], dtype=dtype)

    def first_to_fail(self, **options):
        results = self.run(dtype="float64", **options)
        return first_failure(results)


@pytest.fixture(scope="module", params=SMALL)
def name(request):
    return request.param


@pytest.fixture(scope="module")
def case(name, digits):
    return Case(name, digits)


@pytest.mark.slow
@pytest.mark.sampled(3)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_right_port_passes_every_check(case, dtype):
    steps = case.config.float32_horizon if dtype == "float32" else 200
    assert_all_pass(case.run(dtype=dtype, steps=steps))


def channels_first(array):
    return array.transpose(0, 3, 1, 2) if array.ndim == 4 else array


@pytest.mark.parametrize("side", [LegacySide, ModernSide])
def test_both_layouts_are_one_model(digits, side):
    """The same weights file, the same images with their axes moved: the same of everything."""
    last, first = Case("nhwc", digits), Case("nchw", digits)
    images, labels = last.batches[0]
    sides = [side(case.config, last.weights, dtype="float64") for case in (last, first)]
    inputs = images, channels_first(images)
    outputs = [one.forward(batch) for one, batch in zip(sides, inputs, strict=True)]
    outputs[0] = {key: channels_first(value) for key, value in outputs[0].items()}
    assert comparison.check("outputs", *outputs, dtype="float64").passed
    gradients = [one.gradients(x, labels)[1] for one, x in zip(sides, inputs, strict=True)]
    assert comparison.check("gradients", *gradients, dtype="float64").passed
    assert comparison.check("weights", *(one.weights() for one in sides), dtype="float64").passed


@pytest.mark.parametrize("side", [LegacySide, ModernSide])
def test_nchw_itself_agrees_where_the_machine_has_it(digits, side):
    case = Case("nchw", digits)
    images, _ = case.batches[0]
    by_way_of_nhwc = side(case.config, case.weights).forward(images)
    with pytest.MonkeyPatch.context() as patch:
        restore(patch)
        try:
            itself = side(case.config, case.weights).forward(images)
        except UserError as refusal:
            if "--data-format nchw needs a GPU here" not in str(refusal):
                raise
            pytest.skip(str(refusal))
    assert comparison.check("outputs", by_way_of_nhwc, itself, dtype="float32").passed


def restore(patch):
    """Puts back what `every_layout` has replaced."""
    for module, check in CHECKS.items():
        patch.setattr(module, "check_layout", check)
    for key, layer in TF1_LAYERS.items():
        patch.setattr(tf1.layers, key, layer)
    patch.setattr(keras.layers, "Conv2D", TransposingConv2D.__base__)


# Known mistakes


def remapped(change, back):
    """A port that takes convolution kernels through a wrong map, in and out."""

    class Side(ModernSide):
        def __init__(self, config, weights, **options):
            super().__init__(config, self._map(weights, change), **options)

        def weights(self):
            return self._map(super().weights(), back)

        def _map(self, arrays, function):
            return {
                name: function(array) if array.ndim == 4 else array
                for name, array in arrays.items()
            }

    return Side


def patched(**layers):
    """A port whose model is built from other layers: `layers` by the name of Keras' own."""

    def side(config, weights, **options):
        with pytest.MonkeyPatch.context() as patch:
            for name, layer in layers.items():
                patch.setattr(keras.layers, name, layer)
            return ModernSide(config, weights, **options)

    return side


def without_relu(layer):
    return lambda *arguments, **options: layer(*arguments, **{**options, "activation": None})


def linear_dense(units, activation=None, **options):
    return DENSE(units, **options)


def from_oihw(kernel):
    """What comes of reading [filter, input, height, width] as if it were the other order."""
    return np.ascontiguousarray(kernel.transpose(3, 2, 0, 1)).reshape(kernel.shape)


def to_oihw(kernel):
    height, width, inputs, filters = kernel.shape
    return kernel.reshape(filters, inputs, height, width).transpose(2, 3, 1, 0)


def transposed(*axes):
    def function(kernel):
        # The first kernel has one input, so that only the second's two can be exchanged.
        return kernel.transpose(axes) if axes[2] == 2 or kernel.shape[2] > 1 else kernel

    return remapped(function, function)


CONTROLS = {
    "height and width exchanged": (transposed(1, 0, 2, 3), "outputs"),
    "inputs and filters exchanged": (transposed(0, 1, 3, 2), "outputs"),
    "kernels reshaped from OIHW": (remapped(from_oihw, to_oihw), "outputs"),
    "relu missing": (patched(Conv2D=without_relu(TransposingConv2D)), "outputs"),
    "mean for max": (patched(MaxPooling2D=keras.layers.AveragePooling2D), "outputs"),
}


@pytest.mark.parametrize("layout", ["nhwc", "nchw"])
@pytest.mark.parametrize("control", CONTROLS)
def test_a_known_mistake_fails_at_its_check(digits, layout, control):
    wrong, quantity = CONTROLS[control]
    assert Case(layout, digits).first_to_fail(modern=wrong, steps=1) == quantity


def test_the_wrong_map_of_kernels_is_a_round_trip():
    kernel = np.random.RandomState(0).normal(size=(3, 3, 4, 5))
    assert not np.array_equal(from_oihw(kernel), kernel)
    assert np.array_equal(to_oihw(from_oihw(kernel)), kernel)


def test_a_dense_layer_without_relu_fails(digits):
    wrong = patched(Dense=linear_dense)
    assert Case("dense", digits).first_to_fail(modern=wrong, steps=1) == "outputs"


def test_padding_cannot_be_changed_unnoticed(digits):
    def same(*arguments, **options):
        return TransposingConv2D(*arguments, padding="same", **options)

    with pytest.raises(ValueError, match="shape"):
        Case("nhwc", digits).first_to_fail(modern=patched(Conv2D=same))


def test_flattening_nchw_in_the_order_of_memory_fails(digits):
    """`Flatten()` with Keras' default, on weights whose rows go by height, width, channel."""

    def flatten(**options):
        return FLATTEN(**{**options, "data_format": "channels_last"})

    wrong = patched(Flatten=flatten)
    assert Case("nchw", digits).first_to_fail(modern=wrong, steps=1) == "logits"
    assert Case("nhwc", digits).first_to_fail(modern=wrong, steps=2) == ""


def test_rows_of_the_logits_that_are_not_permuted_fail(digits, monkeypatch):
    monkeypatch.setattr(legacy_feedforward, "to_variables", lambda weights, config: dict(weights))
    monkeypatch.setattr(
        legacy_feedforward, "from_variables", lambda values, config, *, linear: dict(values)
    )
    assert Case("nchw", digits).first_to_fail(steps=1) == "logits"
    assert Case("nhwc", digits).first_to_fail(steps=2) == ""


def test_gradients_that_are_not_permuted_fail(digits, monkeypatch):
    """A map that is right for the weights and forgotten for what has their shape."""
    right = legacy_feedforward.from_variables
    monkeypatch.setattr(
        legacy_feedforward,
        "from_variables",
        lambda values, config, *, linear: dict(values) if linear else right(values, config),
    )
    assert Case("nchw", digits).first_to_fail(steps=1) == "gradients"


def test_another_learning_rate_fails_at_the_first_step(digits):
    def doubled(config, weights, **options):
        return ModernSide(dataclasses.replace(config, learning_rate=0.1), weights, **options)

    case = Case("nhwc", digits)
    assert case.first_to_fail(modern=doubled, steps=1) == "stepped weights"
