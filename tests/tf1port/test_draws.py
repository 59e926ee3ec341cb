"""What is compared is a batch on which the graph computes finite numbers."""

import numpy as np
import pytest

from tests.tf1port.programs import stacks
from tests.tf1port.programs.program import converted, running, verified
from tf1port.errors import UserError
from tf1port.numerics import draws


def test_the_first_batch_with_a_finite_result_is_taken():
    batches = iter([np.nan, np.inf, 3.0, 4.0])
    assert draws.finite(lambda: next(batches), lambda one: {"y": one * 2}, "y is") == (
        3.0,
        {"y": 6},
    )


def test_where_none_has_one_it_is_said():
    with pytest.raises(UserError, match="y is not finite on any of 20 random batches: give one"):
        draws.finite(lambda: 1.0, lambda one: np.array([one, np.nan]), "y is")


@pytest.mark.parametrize(
    "result", [{"ids": np.array([1]), "text": np.array(["a"])}, np.array(True)]
)
def test_what_is_no_real_number_is_finite(result):
    assert draws.is_finite(result)


@pytest.mark.slow
@pytest.mark.parametrize("seed", ["0", "1", "2"])
def test_a_mask_that_keeps_nothing_of_a_row_is_drawn_anew(seed, tmp_path, capsys):
    """Half of all batches of three rows or more have such a row where two steps are drawn."""
    with running(stacks.fed_mask, tmp_path) as run:
        target = converted(run.prefix)
        code, report = verified(run.prefix, target, capsys, "--steps", "10", "--seed", seed)
    assert code == 0, report["verdict"]
