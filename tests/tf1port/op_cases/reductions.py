"""Reductions and running sums."""

import numpy as np
from tensorflow import raw_ops as raw

from tests.tf1port.op_cases.harness import Case
from tests.tf1port.op_cases.values import bools, integers, normal

NUMERIC = ("Sum", "Mean", "Max", "Min", "Prod")
AXES = ([1], [-1], [0], [0, 2], [1, -1], [0, 1, 2], 1, 0, [])


def _of(op, array, axis, keep=False):
    return lambda given: getattr(raw, op)(input=given(array), axis=axis, keep_dims=keep)


def _running(op, array, axis, **attrs):
    return lambda given: getattr(raw, op)(x=given(array), axis=axis, **attrs)


CASES = [
    *(Case(f"{op}-{axis}-{keep}", _of(op, normal(3, 4, 5), np.array(axis, "int32"), keep))
      for op in NUMERIC for axis in (AXES if op == "Sum" else AXES[2:4]) for keep in (False, True)),
    *(Case(f"{op}-{dtype}", _of(op, integers(-3, 4, 3, 4, dtype=dtype), [1]))
      for op in ("Sum", "Max", "Min", "Prod") for dtype in ("int32", "int64", "int8", "uint8")),
    *(Case(f"{op}-scalar", _of(op, np.float64(2.0), np.array([], "int32"))) for op in NUMERIC),
    *(Case(f"{op}-{axis}-{keep}", _of(op, bools(3, 4, 5), np.array(axis, "int32"), keep))
      for op in ("All", "Any") for axis in AXES[2:4] for keep in (False, True)),
    Case("Prod-shape", lambda given: raw.Prod(
        input=raw.Shape(input=given(normal(3, 4))), axis=[0])),
    *(Case(f"{op}-{axis}-{dtype}", lambda given, op=op, axis=axis, dtype=dtype: getattr(raw, op)(
        input=given(normal(3, 4, 5)), dimension=axis, output_type=dtype))
      for op in ("ArgMax", "ArgMin") for axis in (-1, 0, 1) for dtype in ("int32", "int64")),
    *(Case(f"{op}-ties", lambda given, op=op: getattr(raw, op)(
        input=given(np.array([[1.0, 2, 2, 1], [0, 0, 0, 0]])), dimension=1))
      for op in ("ArgMax", "ArgMin")),
    *(Case(f"{op}-int32", lambda given, op=op: getattr(raw, op)(
        input=given(integers(-3, 9, 3, 4)), dimension=1))
      for op in ("ArgMax", "ArgMin")),
    *(Case(f"{op}-{axis}-{exclusive}-{reverse}", _running(
        op, normal(3, 4, 5), axis, exclusive=exclusive, reverse=reverse))
      for op in ("Cumsum", "Cumprod") for axis in (0, 1, -1)
      for exclusive in (False, True) for reverse in (False, True)),
    *(Case(f"{op}-{dtype}", _running(op, integers(-3, 4, 3, 4, dtype=dtype), 1, exclusive=True))
      for op in ("Cumsum", "Cumprod") for dtype in ("int32", "int64")),
    Case("L2Loss", lambda given: raw.L2Loss(t=given(normal(3, 4)))),
]  # fmt: skip
