"""Ops of two or more tensors, element by element: arithmetic, comparisons, logic, choices."""

from dataclasses import replace

from tf1port.keras_model.op_table.operation import Operand, Operation, Rule, Writer
from tf1port.keras_model.op_table.writing import call, choices, is_literal, rank, tensor, tensors


def infix(sign: str) -> Writer:
    """An operator of Python, which TF overloads with the same op."""

    def rule(operation: Operation) -> str:
        texts = tensors(operation.operands)
        return f" {sign} ".join(f"({text})" if text.startswith("-") else text for text in texts)

    return rule


def comparison(sign: str, mirrored: str) -> Writer:
    """A comparison with a constant array on its right: a NumPy array on the left does not work."""

    def rule(operation: Operation) -> str:
        if operation.operands[0].value is None or operation.operands[1].value is not None:
            return infix(sign)(operation)
        return infix(mirrored)(replace(operation, operands=operation.operands[::-1]))

    return rule


def function(name: str) -> Writer:
    """A function of keras.ops of the same operands."""

    def rule(operation: Operation) -> str:
        return call(name, *tensors(operation.operands))

    return rule


def _is_float(operation: Operation) -> bool:
    return "float" in operation.operands[0].dtype


def _real_divide(operation: Operation) -> str:
    if not _is_float(operation):
        raise operation.refuse(f"of {operation.operands[0].dtype} has no kernel")
    return infix("/")(operation)


def _truncating_divide(operation: Operation) -> str:
    """TF1's Div is true division of floats, but of ints it rounds towards zero, unlike //."""
    if _is_float(operation):
        return infix("/")(operation)
    a, b = map(tensor, operation.operands)
    if _is_positive(operation.operands[1]):
        return f"ops.sign({a}) * (ops.abs({a}) // {operation.operands[1].text})"
    return f"ops.sign({a}) * ops.sign({b}) * (ops.abs({a}) // ops.abs({b}))"


def _remainder(operation: Operation) -> str:
    """Keras takes a number for a float32, whatever stands beside it."""
    if operation.operands[0].dtype != "float64":
        return infix("%")(operation)
    return " % ".join(map(tensor, operation.operands))


def _truncating_remainder(operation: Operation) -> str:
    """The remainder has the sign of the dividend, unlike that of %."""
    a, b = map(tensor, operation.operands)
    if not _is_positive(operation.operands[1]):
        b = f"ops.abs({b})"
    elif operation.operands[0].dtype != "float64":  # in which Keras takes a number for a float32
        b = operation.operands[1].text
    return f"ops.sign({a}) * (ops.abs({a}) % {b})"


def _is_positive(operand: Operand) -> bool:
    return is_literal(operand.text) and not operand.text.startswith(("-", "("))


def _squared_difference(operation: Operation) -> str:
    return f"ops.square({infix('-')(operation)})"


def _zero_where_first_is_zero(after: str) -> Writer:
    """Xlogy and Xdivy: 0 where x is 0, whatever y is."""

    def rule(operation: Operation) -> str:
        x, y = map(tensor, operation.operands)
        return f"ops.where(ops.equal({x}, 0), 0.0, {x}{after.format(y)})"

    return rule


def _multiply_no_nan(operation: Operation) -> str:
    x, y = map(tensor, operation.operands)
    return f"ops.where(ops.equal({y}, 0), 0.0, {x} * {y})"


def _add_bias(operation: Operation) -> str:
    """A bias per channel, which is axis 1 of NCHW."""
    x, bias = map(tensor, operation.operands)
    if operation.attrs.get("data_format", "NHWC") != "NCHW":
        return f"{x} + {bias}"
    return f"{x} + ops.reshape({bias}, {(-1, *[1] * (rank(operation) - 2))})"


def _select(operation: Operation) -> str:
    """TF1's Select accepts a vector of conditions for the rows of its tensors, no broadcasting."""
    condition, then = operation.operands[:2]
    text = tensor(condition)
    if condition.shape != ():
        missing = rank(operation, 1) - rank(operation, 0)
        text += f"[:{', None' * missing}]" if missing and then.shape != () else ""
    return call("where", text, *choices(operation.operands[1:]))


def _clip(operation: Operation) -> str:
    return call("clip", tensor(operation.operands[0]), *(o.text for o in operation.operands[1:]))


RULES: dict[str, Rule] = {
    **dict.fromkeys(("Add", "AddV2", "AddN", "AccumulateNV2"), infix("+")),
    "Sub": infix("-"),
    "Mul": infix("*"),
    "RealDiv": _real_divide,
    **dict.fromkeys(("Div", "TruncateDiv"), _truncating_divide),
    "FloorDiv": infix("//"),
    "FloorMod": _remainder,
    **dict.fromkeys(("Mod", "TruncateMod"), _truncating_remainder),
    "Pow": infix("**"),
    "DivNoNan": function("divide_no_nan"),
    "MulNoNan": _multiply_no_nan,
    "Xlogy": _zero_where_first_is_zero(" * ops.log({})"),
    "Xdivy": _zero_where_first_is_zero(" / {}"),
    "SquaredDifference": _squared_difference,
    "Maximum": function("maximum"),
    "Minimum": function("minimum"),
    "Atan2": function("arctan2"),
    **dict.fromkeys(("BiasAdd", "BiasAddV1"), _add_bias),
    "Less": comparison("<", ">"),
    "LessEqual": comparison("<=", ">="),
    "Greater": comparison(">", "<"),
    "GreaterEqual": comparison(">=", "<="),
    "Equal": function("equal"),
    "NotEqual": function("not_equal"),
    "LogicalAnd": function("logical_and"),
    "LogicalOr": function("logical_or"),
    "BitwiseAnd": function("bitwise_and"),
    "BitwiseOr": function("bitwise_or"),
    "BitwiseXor": function("bitwise_xor"),
    "Select": _select,
    "SelectV2": lambda operation: call(
        "where", tensor(operation.operands[0]), *choices(operation.operands[1:])
    ),
    "ClipByValue": _clip,
}
