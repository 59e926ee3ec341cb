"""What the two sides have to work around so that a float64 comparison is one."""

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from equivalence.legacy_side import LegacySide
from equivalence.modern_side import ModernSide
from shared.config import RowLSTMConfig, WindowRNNConfig

SMALL = WindowRNNConfig(window=3, units=4, layers=1, batch_size=5)


def random_weights(config):
    stream = np.random.RandomState(0)
    return {name: np.abs(stream.normal(0, 0.5, s)) for name, s in config.weight_shapes().items()}


@pytest.fixture(scope="module")
def batch():
    stream = np.random.RandomState(1)
    return stream.uniform(size=(5, 3, 28)).astype("float32"), stream.randint(0, 10, 5)


def test_tf_losses_takes_its_mean_in_float32(batch):
    side = LegacySide(SMALL, random_weights(SMALL), dtype="float64")
    images, labels = batch
    exact, _ = side.gradients(images, labels)
    reported = side.session.run(side.model.loss, side.model.feed(images, labels))
    assert reported.dtype == exact.dtype == np.float64
    assert reported == np.float32(reported) != exact
    logits = side.forward(images)["logits"]
    shifted = logits - logits.max(axis=1, keepdims=True)
    by_hand = np.log(np.exp(shifted).sum(axis=1)) - shifted[np.arange(5), labels]
    assert abs(by_hand.mean() - exact) < 1e-14


@pytest.mark.parametrize("side", [LegacySide, ModernSide])
def test_every_array_has_the_dtype_asked_for(side, batch):
    for dtype in ("float32", "float64"):
        model_side = side(SMALL, random_weights(SMALL), dtype=dtype)
        loss, gradients = model_side.gradients(*batch)
        losses = model_side.train_steps([batch, batch])
        arrays = {"loss": loss, "losses": losses, **gradients}
        arrays.update(model_side.weights(), **model_side.slots(), **model_side.forward(batch[0]))
        assert {
            name: str(value.dtype) for name, value in arrays.items() if value.dtype != dtype
        } == {}
        assert losses.shape == (2,)


def test_keras_default_dtype_is_put_back(batch):
    import keras

    ModernSide(SMALL, random_weights(SMALL), dtype="float64").train_steps([batch])
    assert keras.config.floatx() == "float32"


@pytest.mark.parametrize("side", [LegacySide, ModernSide])
def test_gradients_leave_the_statistics_alone(side):
    config = RowLSTMConfig(units=3, batch_size=4)
    model_side = side(config, random_weights(config))
    before = model_side.weights()
    images = np.random.RandomState(2).uniform(size=(4, 28, 28)).astype("float32")
    model_side.gradients(images, np.arange(4))
    after = model_side.weights()
    assert all((after[name] == before[name]).all() for name in before)


def test_slots_have_a_name_per_weight(batch):
    names = {f"{name}/{slot}" for name in SMALL.weight_shapes() for slot in ("m", "v")}
    for side in (LegacySide, ModernSide):
        assert set(side(SMALL, random_weights(SMALL)).slots()) == names
    tf.reset_default_graph()
