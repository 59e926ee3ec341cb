"""Products of matrices."""

from tf1port.keras_model.expressions import literal
from tf1port.keras_model.op_table.operation import Operation, Rule, Writer
from tf1port.keras_model.op_table.writing import call, integers, tensor


def _only_floats(operation: Operation) -> None:
    """Keras multiplies matrices of ints as floats, which rounds."""
    dtype = operation.operands[0].dtype
    if "float" not in dtype:
        raise operation.refuse(f"of {dtype}, which Keras computes in floats")


def _product(first: str, second: str, swap: str) -> Writer:
    """A product of two operands, each with its last two axes swapped if its attribute says so."""

    def rule(operation: Operation) -> str:
        _only_floats(operation)
        flags = [operation.attrs.get(key, False) for key in (first, second)]
        pairs = zip(operation.operands, flags, strict=True)
        return call("matmul", *(swap.format(tensor(x)) if flag else tensor(x) for x, flag in pairs))

    return rule


def _einsum(operation: Operation) -> str:
    _only_floats(operation)
    return call("einsum", literal(operation.attrs["equation"]), *map(tensor, operation.operands))


def _band(operation: Operation) -> str:
    """MatrixBandPart: what is at most `lower` under and `upper` above the diagonal; -1 is all."""
    (lower,), (upper,) = integers(operation, 1, "a bound"), integers(operation, 2, "a bound")
    text = tensor(operation.operands[0])
    text = text if upper < 0 else call("tril", text, *[upper][: upper != 0])
    return text if lower < 0 else call("triu", text, *[-lower][: lower != 0])


def _diagonal(operation: Operation) -> str:
    return call("diagonal", tensor(operation.operands[0]), axis1=-2, axis2=-1)


_MATMUL = _product("transpose_a", "transpose_b", "ops.transpose({})")
_BATCHED = _product("adj_x", "adj_y", "ops.swapaxes({}, -1, -2)")

RULES: dict[str, Rule] = {
    **dict.fromkeys(("MatMul", "SparseMatMul"), _MATMUL),
    **dict.fromkeys(("BatchMatMul", "BatchMatMulV2", "BatchMatMulV3"), _BATCHED),
    "Einsum": _einsum,
    "MatrixBandPart": _band,
    "MatrixDiagPart": _diagonal,
}
