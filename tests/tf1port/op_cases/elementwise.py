"""Ops of one tensor, element by element."""

import numpy as np
from tensorflow import raw_ops as raw

from tests.tf1port.op_cases.harness import Case
from tests.tf1port.op_cases.values import EDGES, SPECIAL, bools, integers, normal, positive

# The domain of those that have one; the first argument of a raw op is x but for these.
BELOW_ONE = ("Acos", "Asin", "Atanh", "Erfinv")
POSITIVE = ("Log", "Sqrt", "Rsqrt", "Reciprocal", "Inv", "Log1p")
BY_NAME = {
    "features": ("Elu", "Relu", "Relu6", "Selu", "Softplus", "Softsign"),
    "logits": ("Softmax", "LogSoftmax"),
    "input": ("StopGradient",),
}
FLOATS = (
    *("Abs", "Acos", "Acosh", "Asin", "Asinh", "Atan", "Atanh", "Ceil", "Cos", "Cosh", "Elu"),
    *("Erf", "Erfc", "Erfinv", "Exp", "Expm1", "Floor", "Inv", "IsFinite", "IsInf", "IsNan"),
    *("Log", "Log1p", "LogSoftmax", "Neg", "OnesLike", "Reciprocal", "Relu", "Relu6", "Rint"),
    *("Round", "Rsqrt", "Selu", "Sigmoid", "Sign", "Sin", "Sinh", "Softmax", "Softplus"),
    *("Softsign", "Sqrt", "Square", "StopGradient", "Tan", "Tanh", "ZerosLike"),
)
INTS = ("Abs", "Neg", "Sign", "Square", "Relu", "Relu6", "ZerosLike", "OnesLike")


def _domain(op):
    if op in BELOW_ONE:
        return normal(3, 4) * 0.2
    if op == "Acosh":
        return positive(3, 4) + 1
    return positive(3, 4) if op in POSITIVE else normal(3, 4) * 3


def _apply(op, tensor):
    name = next((key for key, ops in BY_NAME.items() if op in ops), "x")
    return getattr(raw, op)(**{name: tensor})


def _of(op, array):
    return lambda given: _apply(op, given(array))


CASES = [
    *(Case(op, _of(op, _domain(op))) for op in FLOATS),
    *(Case(f"{op}-int32", _of(op, integers(-5, 9, 3, 4))) for op in INTS),
    Case("Sign-int64", _of("Sign", integers(-5, 9, 3, 4, dtype="int64"))),
    *(Case(f"{op}-edges", _of(op, EDGES))
      for op in ("Floor", "Ceil", "Round", "Rint", "Sign", "Relu", "Relu6", "Elu", "Abs")),
    *(Case(f"{op}-special", _of(op, SPECIAL))
      for op in ("IsNan", "IsInf", "IsFinite", "Relu", "Tanh", "Sigmoid", "Sign", "Exp")),
    Case("Softmax-3d", _of("Softmax", normal(3, 4, 5))),
    Case("LogSoftmax-3d", _of("LogSoftmax", normal(3, 4, 5) * 20)),
    Case("LogicalNot", lambda given: raw.LogicalNot(x=given(bools(3, 4)))),
    Case("Invert", lambda given: raw.Invert(x=given(integers(-5, 9, 3)))),
    Case("ZerosLike-bool", lambda given: raw.ZerosLike(x=given(bools(3, 4)))),
    Case("OnesLike-scalar", lambda given: raw.OnesLike(x=given(np.float64(3.0)))),
    Case("LeakyRelu", lambda given: raw.LeakyRelu(features=given(normal(3, 4)))),
    Case("LeakyRelu-alpha", lambda given: raw.LeakyRelu(features=given(normal(3, 4)), alpha=0.3)),
    Case("LeakyRelu-steep", lambda given: raw.LeakyRelu(features=given(normal(3, 4)), alpha=1.7)),
    Case("Neg-nested", lambda given: raw.Neg(x=raw.Neg(x=given(normal(3, 4))))),
    Case("Identity", lambda given: raw.Identity(input=given(normal(3, 4)))),
    Case("Snapshot", lambda given: raw.Snapshot(input=given(normal(3, 4)))),
    Case("DeepCopy", lambda given: raw.DeepCopy(x=given(normal(3, 4)))),
    Case("EnsureShape", lambda given: raw.EnsureShape(input=given(normal(3, 4)), shape=[None, 4])),
    Case("PreventGradient", lambda given: raw.PreventGradient(input=given(normal(3, 4)))),
    Case("CheckNumerics", lambda given: raw.CheckNumerics(tensor=given(normal(3, 4)), message="")),
    Case("CheckNumericsV2",
         lambda given: raw.CheckNumericsV2(tensor=given(normal(3, 4)), message="")),
    Case("Print", lambda given: raw.Print(input=given(normal(3, 4)), data=[], first_n=0)),
    Case("IdentityN", lambda given: raw.IdentityN(
        input=[given(normal(3, 4)), given(integers(0, 9, 3))])),
    Case("IdentityN-one", lambda given: raw.IdentityN(input=[given(normal(3, 4))])),
    *(Case(f"Cast-float-to-{to}", lambda given, to=to: raw.Cast(x=given(EDGES), DstT=to))
      for to in ("int32", "int64", "bool", "float32", "float64", "uint8")),
    *(Case(f"Cast-{dtype}-to-{to}",
           lambda given, dtype=dtype, to=to: raw.Cast(
               x=given(integers(-2, 3, 6, dtype=dtype)), DstT=to))
      for dtype in ("int32", "int64", "bool") for to in ("int32", "int64", "bool", "float32")),
    Case("Cast-number", lambda given: raw.Cast(x=np.int32(3), DstT="float32")),
    Case("Cast-shape", lambda given: raw.Cast(
        x=raw.Shape(input=given(normal(3, 4))), DstT="float32")),
    Case("Cast-size", lambda given: raw.Cast(
        x=raw.Shape(input=given(normal(3, 4)))[0], DstT="float32")),
    Case("Exp-number", lambda given: raw.Exp(x=given.constant(np.float64(0.1)))),
]  # fmt: skip
