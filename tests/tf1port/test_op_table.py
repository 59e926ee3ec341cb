"""Each op that the table translates, against TensorFlow's own: values, dtype and shape."""

import numpy as np
import pytest

from tests.tf1port.op_cases import (
    arithmetic,
    elementwise,
    harness,
    linear_algebra,
    reductions,
)

CASES = [
    case
    for module in (arithmetic, elementwise, linear_algebra, reductions)
    for case in module.CASES
]


@pytest.fixture(scope="module", params=["float32", "float64"])
def compared(request):
    return harness.compared(CASES, request.param)


@pytest.mark.parametrize("key", [case.id for case in CASES])
def test_the_translation_computes_what_the_op_does(compared, key):
    case = compared[key]
    if case.error is not None:
        raise AssertionError(f"{case.texts}: {case.error}") from case.error
    assert len(case.actual) == len(case.expected)
    for actual, expected, static, symbolic in zip(
        case.actual, case.expected, case.static, case.symbolic, strict=True
    ):
        assert (actual.dtype, actual.shape) == (expected.dtype, expected.shape), case.texts
        assert static.is_compatible_with(symbolic) and len(symbolic) == actual.ndim, case.texts
        np.testing.assert_array_equal(actual, expected, err_msg=str(case.texts))
