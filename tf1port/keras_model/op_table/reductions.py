"""Reductions and running sums over axes."""

from tf1port.keras_model.op_table.operation import Operation, Rule, Writer
from tf1port.keras_model.op_table.writing import call, cast, integers, rank, row, tensor

# Keras sums and multiplies these as 32 bits; TF keeps them.
NARROW = ("int8", "int16", "uint8", "uint16")


def reduction(name: str) -> Writer:
    """A function of keras.ops over the axes of the second operand."""

    def rule(operation: Operation) -> str:
        x = operation.operands[0]
        axes = integers(operation, 1, "axes")
        if not axes:
            return x.text
        keep = True if operation.attrs.get("keep_dims") else None
        text = call(name, tensor(x), axis=_axis(operation, axes), keepdims=keep)
        return cast(text, x.dtype) if x.dtype in NARROW and name in ("sum", "prod") else text

    return rule


def _axis(operation: Operation, axes: tuple[int, ...]) -> str | None:
    """The argument `axis`: None for all axes, an int for one."""
    shape = operation.operands[0].shape
    if shape is not None and {axis % len(shape) for axis in axes} == set(range(len(shape))):
        return None
    return str(axes[0]) if len(axes) == 1 else row(axes)


def _mean(operation: Operation) -> str:
    if "float" not in operation.operands[0].dtype:
        raise operation.refuse(f"of {operation.operands[0].dtype}, which rounds")
    return reduction("mean")(operation)


def _place(name: str) -> Writer:
    """Where the largest or smallest is: int32 in Keras, int64 in TF unless it says otherwise."""

    def rule(operation: Operation) -> str:
        (axis,) = integers(operation, 1, "an axis")
        text = call(name, tensor(operation.operands[0]), axis=axis)
        dtype = operation.out_dtypes[0]
        return text if dtype == "int32" else cast(text, dtype)

    return rule


def _running(name: str, start: int) -> Writer:
    """Cumsum and Cumprod; from the end by flips, exclusive by a shift: no rounding is added."""

    def rule(operation: Operation) -> str:
        (axis,) = integers(operation, 1, "an axis")
        exclusive, reverse = (operation.attrs.get(key) for key in ("exclusive", "reverse"))
        text = tensor(operation.operands[0])
        text = call("flip", text, axis=axis) if reverse else text
        text = _shifted(operation, text, axis, start) if exclusive else text
        text = call(name, text, axis=axis)
        return call("flip", text, axis=axis) if reverse else text

    return rule


def _shifted(operation: Operation, text: str, axis: int, start: int) -> str:
    """A tensor without its last entry along an axis, and with a first one of its own."""
    count = rank(operation)
    pads = [(1, 0) if index == axis % count else (0, 0) for index in range(count)]
    cut = ", ".join([":"] * (axis % count) + [":-1"]) if axis % count else ":-1, ..."
    return call("pad", f"{text}[{cut}]", tuple(pads), constant_values=start or None)


def _half_of_squares(operation: Operation) -> str:
    return f"ops.sum(ops.square({tensor(operation.operands[0])})) / 2"


RULES: dict[str, Rule] = {
    "Sum": reduction("sum"),
    "Mean": _mean,
    "Max": reduction("max"),
    "Min": reduction("min"),
    "Prod": reduction("prod"),
    "All": reduction("all"),
    "Any": reduction("any"),
    "ArgMax": _place("argmax"),
    "ArgMin": _place("argmin"),
    "Cumsum": _running("cumsum", 0),
    "Cumprod": _running("cumprod", 1),
    "L2Loss": _half_of_squares,
}
