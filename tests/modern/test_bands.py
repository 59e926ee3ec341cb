"""Whole trainings of the Keras 3 side end where those of legacy_tf1 on 1.15.5 ended."""

import pytest

from modern_tf2 import training
from tests.goldens import bands

MODEL = "window-rnn"


@pytest.mark.slow
def test_trainings_end_in_the_band():
    bands.check_trainings(training.train, "modern", MODEL)
