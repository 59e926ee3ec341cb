"""Ops of one tensor, element by element: mathematics, activations, casts and identities."""

import numpy as np

from tf1port.keras_model.op_table.operation import Operation, Rule, Translation, Writer
from tf1port.keras_model.op_table.writing import call, cast, row, tensor

# Ops that Keras has under these names and that keep the dtype.
FUNCTIONS = {
    "Abs": "abs",
    "Acos": "arccos",
    "Acosh": "arccosh",
    "Asin": "arcsin",
    "Asinh": "arcsinh",
    "Atan": "arctan",
    "Atanh": "arctanh",
    "Ceil": "ceil",
    "Cos": "cos",
    "Cosh": "cosh",
    "Elu": "elu",
    "Erf": "erf",
    "Erfc": "erfc",
    "Erfinv": "erfinv",
    "Exp": "exp",
    "Expm1": "expm1",
    "Floor": "floor",
    "Inv": "reciprocal",
    "Invert": "bitwise_not",
    "IsFinite": "isfinite",
    "IsInf": "isinf",
    "IsNan": "isnan",
    "Log": "log",
    "Log1p": "log1p",
    "LogSoftmax": "log_softmax",
    "LogicalNot": "logical_not",
    "Reciprocal": "reciprocal",
    "Relu": "relu",
    "Relu6": "relu6",
    "Rint": "round",
    "Rsqrt": "rsqrt",
    "Selu": "selu",
    "Sigmoid": "sigmoid",
    "Sign": "sign",
    "Sin": "sin",
    "Sinh": "sinh",
    "Softmax": "softmax",
    "Softplus": "softplus",
    "Softsign": "softsign",
    "Sqrt": "sqrt",
    "Square": "square",
    "StopGradient": "stop_gradient",
    "Tan": "tan",
    "Tanh": "tanh",
    "ZerosLike": "zeros_like",
    "OnesLike": "ones_like",
}

# Ops that return their first operand; their side effects do not change a prediction.
PASSING = (
    "Identity",
    "Snapshot",
    "DeepCopy",
    "EnsureShape",
    "PreventGradient",
    "CheckNumerics",
    "CheckNumericsV2",
    "Print",
)


def _function(name: str) -> Writer:
    def rule(operation: Operation) -> str:
        return call(name, tensor(operation.operands[0]))

    return rule


def _softmax(name: str) -> Writer:
    """Along the last axis, or the one that two transpositions around it made the last."""

    def rule(operation: Operation) -> str:
        axis = operation.attrs.get("axis")
        options = {} if axis is None else {"axis": axis}
        return call(name, tensor(operation.operands[0]), **options)

    return rule


def _pass_on(operation: Operation) -> str:
    return operation.operands[0].text


def _pass_all_on(operation: Operation) -> Translation:
    texts = [operand.text for operand in operation.operands]
    if len(texts) == 1:
        return Translation(texts[0])
    return Translation(row(texts), tuple(f"{{}}[{index}]" for index in range(len(texts))))


def _round(operation: Operation) -> str:
    """Half to even; TF's kernel for ints does not round."""
    if "float" not in operation.operands[0].dtype:
        raise operation.refuse(f"of {operation.operands[0].dtype}")
    return call("round", tensor(operation.operands[0]))


def _leaky_relu(operation: Operation) -> str:
    """The slope is a float32 of the graph's in every dtype."""
    x = operation.operands[0]
    slope = repr(float(np.float32(operation.attrs.get("alpha", 0.2))))
    return call("leaky_relu", tensor(x), negative_slope=slope)


def _cast(operation: Operation) -> str:
    """Floats are truncated towards zero, and anything but 0 is True, as in TF."""
    x, dtype = operation.operands[0], operation.out_dtypes[0]
    if x.dtype == dtype:
        return x.text
    return cast(x.text if x.entries is None else tensor(x), dtype)


RULES: dict[str, Rule] = {
    **{op: _function(name) for op, name in FUNCTIONS.items()},
    **dict.fromkeys(PASSING, _pass_on),
    "IdentityN": _pass_all_on,
    **{op: _softmax(FUNCTIONS[op]) for op in ("Softmax", "LogSoftmax")},
    "Neg": lambda operation: f"-{tensor(operation.operands[0])}",
    "Round": _round,
    "LeakyRelu": _leaky_relu,
    "Cast": _cast,
}
