"""Ops of two or more tensors, element by element."""

import numpy as np
from tensorflow import raw_ops as raw

from tests.tf1port.op_cases.harness import Case
from tests.tf1port.op_cases.values import EDGES, SPECIAL, bools, integers, normal, positive

FLOATS = (
    *("Add", "AddV2", "Sub", "Mul", "RealDiv", "Div", "FloorDiv", "FloorMod", "Mod"),
    *("TruncateMod", "DivNoNan", "MulNoNan", "SquaredDifference", "Maximum", "Minimum"),
    *("Less", "LessEqual", "Greater", "GreaterEqual", "Equal", "NotEqual"),
)
INTS = (
    *("Add", "AddV2", "Sub", "Mul", "Div", "TruncateDiv", "FloorDiv", "FloorMod", "Mod"),
    *("TruncateMod", "SquaredDifference", "Maximum", "Minimum"),
    *("Less", "LessEqual", "Greater", "GreaterEqual", "Equal", "NotEqual"),
)
WHOLE = np.array([-7, -6, -5, 5, 6, 7])
BY = np.array([3, -3, 2, -3, -2, 3])


def _of(op, x, y):
    return lambda given: getattr(raw, op)(x=given(x), y=given(y))


def _with_number(op, x, y):
    return lambda given: getattr(raw, op)(x=given(x), y=given.constant(y))


def _number_first(op, x, y):
    return lambda given: getattr(raw, op)(x=given.constant(x), y=given(y))


CASES = [
    *(Case(op, _of(op, normal(3, 4), normal(3, 4) + 5)) for op in FLOATS),
    *(Case(f"{op}-broadcast", _of(op, normal(3, 1, 4), normal(5, 1) + 5))
      for op in ("Add", "Mod", "DivNoNan", "MulNoNan", "Maximum", "Less", "Equal")),
    *(Case(f"{op}-number", _with_number(op, normal(3, 4), np.float64(0.1))) for op in FLOATS),
    *(Case(f"{op}-number-first", _number_first(op, np.float64(-0.7), positive(3, 4)))
      for op in FLOATS),
    *(Case(f"{op}-array-first", _number_first(op, normal(4), positive(3, 4)))
      for op in ("Sub", "Div", "FloorMod", "Maximum", "Less", "GreaterEqual", "Equal")),
    *(Case(f"{op}-array", _with_number(op, normal(3, 4), positive(4)))
      for op in ("Add", "Mul", "Less", "LessEqual")),
    *(Case(f"{op}-edges", _of(op, EDGES, np.flip(EDGES) + 0.25)) for op in FLOATS),
    *(Case(f"{op}-equal", _of(op, EDGES, EDGES))
      for op in ("Less", "LessEqual", "Greater", "GreaterEqual", "Equal", "NotEqual")),
    *(Case(f"{op}-{dtype}", _of(op, WHOLE.astype(dtype), BY.astype(dtype)))
      for op in INTS for dtype in ("int32", "int64")),
    *(Case(f"{op}-number-int32", _with_number(op, WHOLE.astype("int32"), np.int32(3)))
      for op in INTS),
    *(Case(f"{op}-number-first-int64", _number_first(op, np.int64(-7), BY)) for op in INTS),
    Case("Equal-bool", _of("Equal", bools(6), np.flip(bools(6)))),
    Case("Less-size", lambda given: raw.Less(
        x=raw.Shape(input=given(normal(3, 4)))[0], y=given(np.int32(5)))),
    Case("Mul-size", lambda given: raw.Mul(
        x=raw.Shape(input=given(normal(3, 4)))[0], y=np.int32(5))),
    Case("Mul-shape", lambda given: raw.Mul(x=raw.Shape(input=given(normal(3, 4))), y=[2, 3])),
    Case("Add-shape", lambda given: raw.Add(
        x=raw.Shape(input=given(normal(3, 4))), y=raw.Shape(input=given(normal(3, 4))))),
    Case("DivNoNan-zero", _of("DivNoNan", EDGES, np.zeros(12))),
    Case("MulNoNan-zero", _of("MulNoNan", np.append(SPECIAL, SPECIAL), np.zeros(12))),
    Case("Xlogy", _of("Xlogy", np.maximum(EDGES, 0), np.abs(EDGES))),
    Case("Xdivy", _of("Xdivy", np.maximum(EDGES, 0), np.abs(EDGES))),
    Case("Pow", _of("Pow", positive(3, 4), normal(3, 4))),
    Case("Pow-number", _with_number("Pow", normal(3, 4), np.float64(2.0))),
    Case("Pow-number-first", _number_first("Pow", np.float64(10000.0), normal(3, 4))),
    Case("Pow-int32", _of("Pow", WHOLE.astype("int32"), np.abs(BY).astype("int32"))),
    Case("Atan2", _of("Atan2", normal(3, 4), normal(3, 4))),
    Case("AddN", lambda given: raw.AddN(inputs=[given(normal(3, 4)) for _ in range(3)])),
    Case("AddN-one", lambda given: raw.AddN(inputs=[given(normal(3, 4))])),
    Case("AccumulateNV2", lambda given: raw.AccumulateNV2(
        inputs=[given(normal(3, 4), shape=[3, 4]) for _ in range(2)], shape=[3, 4])),
    *(Case(f"{op}-{len(shape)}d", lambda given, op=op, shape=shape: getattr(raw, op)(
        value=given(normal(*shape)), bias=given(normal(shape[-1]), shape=[shape[-1]])))
      for op in ("BiasAdd", "BiasAddV1") for shape in ((3, 4), (2, 3, 4), (2, 3, 3, 3))),
    Case("BiasAdd-NCHW", lambda given: raw.BiasAdd(
        value=given(normal(2, 3, 4, 5)), bias=given(normal(3), shape=[3]), data_format="NCHW")),
    Case("BiasAdd-NCHW-square", lambda given: raw.BiasAdd(
        value=given(normal(2, 3, 3, 3)), bias=given(normal(3), shape=[3]), data_format="NCHW")),
    *(Case(f"AddV2-{x}-{y}", lambda given, x=x, y=y: raw.AddV2(
        x=given(normal(*x)), y=given(normal(*y), shape=y)))
      for x, y in (((2, 3, 3), (3, 1)), ((2, 3, 1), (3,)), ((3, 4), (1, 1, 4)), ((2, 3, 4), (3, 1)),
                   ((2, 3, 4, 4), (4, 1)), ((2, 4, 3), (1, 4, 1)), ((2, 3, 3), (3,)),
                   ((2, 1), (2, 1)))),
    Case("AddV2-unknown-axis", lambda given: raw.AddV2(
        x=given(normal(2, 3, 3), shape=[None, None, None]), y=given(normal(3, 1), shape=[3, 1]))),
    *(Case(op, _of(op, bools(6), np.flip(bools(6)))) for op in ("LogicalAnd", "LogicalOr")),
    Case("LogicalAnd-broadcast", _of("LogicalAnd", bools(6, 1), bools(3))),
    *(Case(op, _of(op, integers(-9, 9, 6), integers(-5, 9, 6)))
      for op in ("BitwiseAnd", "BitwiseOr", "BitwiseXor")),
    Case("Select", lambda given: raw.Select(
        condition=given(bools(3, 4)), x=given(normal(3, 4)), y=given(normal(3, 4) + 1))),
    Case("Select-rows", lambda given: raw.Select(
        condition=given(bools(4)), x=given(normal(4, 4)), y=given(normal(4, 4) + 1))),
    Case("Select-rows-3d", lambda given: raw.Select(
        condition=given(bools(4)), x=given(normal(4, 4, 4)), y=given(normal(4, 4, 4) + 1))),
    Case("Select-vectors", lambda given: raw.Select(
        condition=given(bools(4)), x=given(normal(4)), y=given(normal(4) + 1))),
    Case("Select-scalar", lambda given: raw.Select(
        condition=given(np.array(True)), x=given(normal(4, 2)), y=given(normal(4, 2) + 1))),
    Case("Select-numbers", lambda given: raw.Select(
        condition=given(np.array(True)), x=given.constant(1.5), y=given.constant(0.5))),
    Case("Select-int64", lambda given: raw.Select(
        condition=given(bools(3)), x=given(np.arange(3)), y=given(np.arange(3) + 5))),
    Case("SelectV2", lambda given: raw.SelectV2(
        condition=given(bools(3, 1)), t=given(normal(3, 4)), e=given(normal(4), shape=[4]))),
    Case("SelectV2-vector", lambda given: raw.SelectV2(
        condition=given(bools(4), shape=[4]), t=given(normal(4, 4)), e=given(normal(4, 4) + 1))),
    Case("SelectV2-number", lambda given: raw.SelectV2(
        condition=given(bools(3, 4)), t=given(normal(3, 4)), e=given.constant(-1e9))),
    Case("SelectV2-numbers", lambda given: raw.SelectV2(
        condition=given(bools(3, 4)), t=given.constant(1.0), e=given.constant(0.0))),
    Case("SelectV2-ints", lambda given: raw.SelectV2(
        condition=given(bools(3, 4)), t=np.int64(1), e=np.int64(0))),
    Case("ClipByValue", lambda given: raw.ClipByValue(
        t=given(EDGES), clip_value_min=given.constant(-1.1), clip_value_max=given.constant(1.1))),
]  # fmt: skip
