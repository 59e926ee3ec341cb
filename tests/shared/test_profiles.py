"""Profiles of rows: what a loop over pixels and exact fractions gives, to the same bytes."""

import hashlib
from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared import batches
from shared.config import NestedRNNConfig, RowLSTMConfig
from shared.profiles import profiles

CONFIG = NestedRNNConfig(batch_size=8, train_examples=40, test_examples=40)
PIXELS = st.one_of(st.integers(0, 255), st.sampled_from([0, 0, 127, 128, 255]))


def by_hand(row):
    """Brightness, centroid and strokes of one row, as exact fractions."""
    row = [int(pixel) for pixel in row]
    total, moment, strokes, before = 0, 0, 0, 0
    for column, pixel in enumerate(row):
        total += pixel
        moment += column * pixel
        strokes += pixel > 127 >= before
        before = pixel
    centroid = Fraction(moment, total * (len(row) - 1)) if total else Fraction(1, 2)
    return [Fraction(total, 255 * len(row)), centroid, Fraction(strokes, len(row) // 2)]


def nearest(fraction):
    """The float32 that is nearest: numerator and denominator are exact in it, a division rounds."""
    return np.float32(fraction.numerator) / np.float32(fraction.denominator)


def random_split(examples=40):
    stream = np.random.RandomState(0)
    images = stream.randint(0, 256, size=(examples, 28, 28)).astype(np.uint8)
    images[:, ::5] = 0
    return SimpleNamespace(images=images, labels=stream.randint(0, 10, size=examples))


@given(st.lists(PIXELS, min_size=28, max_size=28))
def test_a_profile_is_that_of_a_loop(pixels):
    row = np.array(pixels, np.uint8)
    expected = np.array([nearest(number) for number in by_hand(row)], np.float32)
    for shape in ((28,), (1, 28), (1, 1, 28)):
        found = profiles(row.reshape(shape))
        assert found.dtype == np.float32
        assert found.shape == (*shape[:-1], 3)
        assert found.tobytes() == expected.tobytes()


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ([0] * 28, (0, 0.5, 0)),
        ([255] * 28, (1, 0.5, 1 / 14)),
        ([255, 0] * 14, (0.5, 13 / 27, 1)),
        ([255] + [0] * 27, (1 / 28, 0, 1 / 14)),
        ([0] * 27 + [255], (1 / 28, 1, 1 / 14)),
        ([127] * 28, (127 / 255, 0.5, 0)),
    ],
)
def test_rows_of_which_the_profile_is_known(row, expected):
    found = profiles(np.array(row, np.uint8))
    assert found.tobytes() == np.array(expected, np.float32).tobytes()


def test_the_numbers_are_the_same_on_every_numpy():
    found = profiles(random_split().images)
    digest = hashlib.sha256(found.tobytes()).hexdigest()
    assert digest == "be9930d05bb3d6716cf0187897c97bc48c20d42c54d5f23910d7c3d7f7f11ba8"


def test_neither_centroid_nor_strokes_are_linear_in_the_pixels():
    """The sum of two rows has the sum of their brightnesses, and nothing else of the kind."""
    left, right = np.zeros((2, 28), np.uint8)
    left[3:6], right[20:22] = 100, 155
    one, other, black, both = profiles(np.stack([left, right, 0 * left, left + right]))
    linear = one + other - black == both
    assert linear.tolist() == [True, False, True]
    close = profiles(np.stack([left, left, 0 * left, left + left]))
    assert (close[0] + close[1] - close[2] == close[3]).tolist() == [True, False, False]


def test_the_table_holds_the_profiles_of_all_rows():
    split = random_split()
    table = batches.profile_table(split, CONFIG)
    assert table.tobytes() == profiles(split.images).tobytes()
    assert table.shape == (40 * 28, 3)
    assert batches.profile_table(split, RowLSTMConfig()) is None


def test_a_batch_has_the_profiles_of_its_images():
    split, plan = random_split(), batches.train_plan(CONFIG, 0)
    table = batches.profile_table(split, CONFIG)
    for step in range(len(plan)):
        inputs, labels = batches.batch(split, plan, step, config=CONFIG)
        indices = plan.indices[step]
        assert {name: part.dtype for name, part in inputs.items()} == {
            "pixels": np.float32,
            "profile": np.float32,
        }
        assert inputs["profile"].tobytes() == profiles(split.images[indices]).tobytes()
        expected = split.images[indices].astype(np.float32) * batches.PIXEL_SCALE
        assert inputs["pixels"].tobytes() == expected.tobytes()
        assert (labels == split.labels[indices]).all()
        looked_up, _ = batches.batch(split, plan, step, config=CONFIG, table=table)
        assert all(looked_up[name].tobytes() == part.tobytes() for name, part in inputs.items())


def test_shapes_of_the_streams():
    inputs, _ = batches.batch(random_split(), batches.train_plan(CONFIG, 0), 0, config=CONFIG)
    assert {name: part.shape[1:] for name, part in inputs.items()} == CONFIG.input_shapes


def test_one_image_is_a_batch_of_one():
    image = random_split().images[7]
    inputs = batches.windows(image, CONFIG)
    assert inputs["pixels"].shape == (1, 28, 28)
    assert inputs["profile"][0].tobytes() == profiles(image).tobytes()
