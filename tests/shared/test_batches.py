"""The batch plan: the same numbers on every NumPy, contiguous, in range, fresh in every epoch."""

import dataclasses
import hashlib
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared import batches
from shared.config import CONFIGS, WindowRNNConfig
from shared.errors import UserError

CONFIG = WindowRNNConfig()
WHOLE = [config for config in CONFIGS.values() if config is not WindowRNNConfig]  # whole images


@st.composite
def configs(draw):
    """Small configs of any shape, the narrowest and the widest window among them."""
    train, test = draw(st.integers(1, 40)), draw(st.integers(1, 40))
    return WindowRNNConfig(
        window=draw(st.one_of(st.sampled_from([1, 28]), st.integers(1, 28))),
        batch_size=draw(st.integers(1, min(train, test))),
        seed=draw(st.one_of(st.sampled_from([0, 2**32 - 1]), st.integers(0, 2**32 - 1))),
        train_examples=train,
        test_examples=test,
    )


def digest(plan):
    return hashlib.sha256(plan.indices.tobytes() + plan.starts.tobytes()).hexdigest()


def random_split(config, examples):
    stream = np.random.RandomState(0)
    images = stream.randint(0, 256, size=(examples, config.rows, config.features), dtype=np.uint8)
    return SimpleNamespace(images=images, labels=stream.randint(0, 10, size=examples))


@pytest.mark.parametrize(
    ("plan", "expected"),
    [
        (
            batches.train_plan(CONFIG, 0),
            "cf0830b08e457d6284f90bb6b47f7ae528fc4523899579c88f5f9e925b3303bb",
        ),
        (
            batches.train_plan(CONFIG, 1),
            "0513d54fb3f82293e6d791590b2ad6ede92b46bb26f2d4c5b73cee25326d4187",
        ),
        (
            batches.test_plan(CONFIG),
            "f24bcdd6ce0553e71ed2b0727737294c9c82e25c7c319520e9ff808503a601aa",
        ),
        (
            batches.train_plan(dataclasses.replace(CONFIG, seed=2**32 - 1), 0),
            "d32d13a4eb5b2c8a649cd5ca7bff8171c0e14dc13f7c729b45c810007ccf7e85",
        ),
    ],
    ids=["epoch 0", "epoch 1", "test", "largest seed"],
)
def test_the_numbers_are_the_same_on_every_numpy(plan, expected):
    assert digest(plan) == expected


@pytest.mark.parametrize("config", WHOLE)
def test_the_models_of_whole_images_share_the_same_numbers(config):
    assert (
        digest(batches.train_plan(config(), 0))
        == "1057ff349086dd81888257165c1b0d10100b62923852c3ced2ad9ac840aeab16"
    )
    assert (
        digest(batches.test_plan(config()))
        == "cca183f1d24252940c7b4e804be727f0ebeab149940d88ebdeb7ee47d3833d7a"
    )


@pytest.mark.parametrize("config", WHOLE)
def test_an_epoch_of_whole_images_sees_each_at_most_once(config):
    small = config(batch_size=30, train_examples=1000, test_examples=250)
    plans = [batches.train_plan(small, epoch) for epoch in range(3)]
    for plan in plans:
        assert plan.indices.shape == plan.starts.shape == (33, 30)
        assert plan.indices.dtype == plan.starts.dtype == np.int32
        assert len(set(plan.indices.flat)) == 990
        assert set(plan.indices.flat) <= set(range(1000))
        assert not plan.starts.any()
    assert len(set(map(digest, plans))) == 3
    assert digest(batches.train_plan(dataclasses.replace(small, seed=1), 0)) != digest(plans[0])


@pytest.mark.parametrize("config", WHOLE)
def test_a_test_of_whole_images_sees_all_in_order(config):
    for examples in (400, 10_000):  # of the digits and of MNIST
        plan = batches.test_plan(config(test_examples=examples))
        assert list(plan.indices.flat) == list(range(examples))
        assert not plan.starts.any()


@pytest.mark.parametrize("config", WHOLE)
def test_a_batch_of_whole_images_has_the_shape_that_the_model_takes(config):
    config = config(batch_size=7, train_examples=20, test_examples=100)
    split, plan = random_split(config, 20), batches.train_plan(config, 0)
    images, labels = batches.batch(split, plan, 1, config=config)
    images = images["pixels"] if isinstance(images, dict) else images  # one of several streams
    assert images.shape == (7, *config.input_shape)
    pixels = split.images[plan.indices[1]].astype(np.float32) * np.float32(1 / 255)
    assert images.tobytes() == pixels.tobytes()
    assert labels.tolist() == split.labels[plan.indices[1]].tolist()


def test_an_epoch_sees_every_window_of_every_image_once_on_average():
    assert len(batches.train_plan(CONFIG, 0)) == CONFIG.steps_per_epoch == 4296
    assert len(batches.test_plan(CONFIG)) == CONFIG.test_steps == 781


@given(configs())
def test_shapes_and_dtypes(config):
    for plan, steps in (
        (batches.train_plan(config, 0), config.steps_per_epoch),
        (batches.test_plan(config), config.test_steps),
    ):
        for array in plan:
            assert array.shape == (steps, config.batch_size)
            assert array.dtype == np.int32


@given(configs())
def test_batches_are_contiguous_and_in_range(config):
    for plan, examples in (
        (batches.train_plan(config, 0), config.train_examples),
        (batches.test_plan(config), config.test_examples),
    ):
        assert (np.diff(plan.indices, axis=1) == 1).all()
        assert plan.indices.min() >= 0
        assert plan.indices.max() < examples
        assert plan.starts.min() >= 0
        assert plan.starts.max() + config.window <= config.rows


@pytest.mark.parametrize("window", [1, 20, 27])
def test_first_and_last_offset_and_window_are_reached(window):
    config = WindowRNNConfig(window=window, batch_size=3, train_examples=40, test_examples=40)
    for plan in (batches.train_plan(config, 0), batches.test_plan(config)):
        assert set(plan.starts.flat) == set(range(28 - window + 1))
    plans = [batches.train_plan(config, epoch) for epoch in range(30)]
    offsets = np.concatenate([plan.indices[:, 0] for plan in plans])
    assert set(offsets) == set(range(40 - 3 + 1))


def test_the_whole_image_has_one_window():
    plan = batches.train_plan(WindowRNNConfig(window=28), 0)
    assert not plan.starts.any()


def test_epochs_splits_and_seeds_differ():
    other = dataclasses.replace(CONFIG, seed=1)
    plans = [
        batches.train_plan(CONFIG, 0),
        batches.train_plan(CONFIG, 1),
        batches.test_plan(CONFIG),
        batches.train_plan(other, 0),
        batches.test_plan(other),
    ]
    assert len({digest(plan.take(781)) for plan in plans}) == len(plans)


def test_a_plan_depends_on_nothing_but_seed_config_and_epoch():
    np.random.seed(5)
    before = [batches.train_plan(CONFIG, 1), batches.test_plan(CONFIG)]
    np.random.seed(6)
    longer = dataclasses.replace(CONFIG, epochs=7, steps=3, learning_rate=0.1)
    batches.train_plan(longer, 0)
    after = [batches.train_plan(longer, 1), batches.test_plan(longer)]
    assert list(map(digest, before)) == list(map(digest, after))


def test_drawing_a_plan_leaves_numpys_own_stream_alone():
    np.random.seed(5)
    expected = np.random.rand()
    np.random.seed(5)
    batches.train_plan(CONFIG, 0)
    assert np.random.rand() == expected


@given(st.integers(0, 50), st.integers(0, 50))
def test_skip_and_take_cut_the_plan(skip, take):
    config = WindowRNNConfig(batch_size=20, train_examples=100, test_examples=100)
    plan = batches.train_plan(config, 0)
    part = plan.skip(skip).take(take)
    assert len(part) == min(take, len(plan) - skip)
    for whole, cut in zip(plan, part):
        np.testing.assert_array_equal(cut, whole[skip : skip + take])


@given(configs(), st.data())
def test_a_batch_is_that_of_a_loop_over_its_examples(config, data):
    split = random_split(config, config.train_examples)
    plan = batches.train_plan(config, 0)
    step = data.draw(st.integers(0, len(plan) - 1))
    images, labels = batches.batch(split, plan, step, config=config)
    expected = np.zeros((config.batch_size, config.window, config.features), np.float32)
    for example in range(config.batch_size):
        index, start = plan.indices[step, example], plan.starts[step, example]
        assert labels[example] == split.labels[index]
        for row in range(config.window):
            pixels = split.images[index, start + row]
            expected[example, row] = pixels.astype(np.float32) * np.float32(1 / 255)
    assert images.dtype == np.float32
    assert labels.dtype == np.int64
    assert images.tobytes() == expected.tobytes()


@given(configs())
def test_row_numbers_count_the_rows_of_all_images(config):
    plan = batches.train_plan(config, 0)
    rows = batches.window_rows(plan, 0, config=config)
    assert rows.dtype == np.int32
    assert rows.shape == (config.batch_size, config.window)
    assert (rows // config.rows == plan.indices[0][:, None]).all()
    assert (rows[:, 0] % config.rows == plan.starts[0]).all()
    assert (np.diff(rows, axis=1) == 1).all()


def test_pixels_are_products_in_float32():
    images = np.arange(256, dtype=np.uint8).repeat(28 * 28).reshape(256, 28, 28)
    config = WindowRNNConfig(window=28, batch_size=1, train_examples=256, test_examples=256)
    plan = batches.BatchPlan(*np.array([[[value] for value in range(256)], [[0]] * 256], np.int32))
    split = SimpleNamespace(images=images, labels=np.zeros(256, np.int64))
    for value in range(256):
        pixels, _ = batches.batch(split, plan, value, config=config)
        assert pixels.dtype == np.float32
        assert (pixels == np.float32(value) * np.float32(1 / 255)).all()
    assert (pixels == 1.0).all()  # 255 is exactly 1


@given(st.integers(1, 28))
def test_windows_are_all_windows_of_one_image(window):
    config = WindowRNNConfig(window=window)
    image = random_split(config, 1).images[0]
    found = batches.windows(image, config)
    assert found.shape == (28 - window + 1, window, 28)
    assert found.dtype == np.float32
    for start in range(len(found)):
        expected = image[start : start + window].astype(np.float32) * np.float32(1 / 255)
        assert found[start].tobytes() == expected.tobytes()


def test_a_batch_larger_than_a_split_is_refused():
    with pytest.raises(UserError, match="--batch-size is 41: give a value from 1 to 40"):
        WindowRNNConfig(batch_size=41, train_examples=100, test_examples=40)
