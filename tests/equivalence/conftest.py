"""For the tests that compare the two sides: the digits, and the `SMALL` of each module."""

import pytest

from equivalence.proof import first_batches
from shared import datasets
from shared.config import for_dataset


@pytest.fixture(scope="module")
def digits():
    return datasets.load("digits")


@pytest.fixture(scope="module")
def config(request, digits):
    return for_dataset(request.module.SMALL, digits)


@pytest.fixture(scope="module")
def batches(config, digits):
    """The first 200 batches of a training."""
    return first_batches(config, digits, 200)
