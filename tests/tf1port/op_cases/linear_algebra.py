"""Products of matrices."""

from tensorflow import raw_ops as raw

from tests.tf1port.op_cases.harness import Case
from tests.tf1port.op_cases.values import normal

FLAGS = [(first, second) for first in (False, True) for second in (False, True)]
BATCHED = ("BatchMatMul", "BatchMatMulV2", "BatchMatMulV3")


def _matrix(rows, columns, swap, *, batch=()):
    return normal(*batch, *((columns, rows) if swap else (rows, columns)))


def _batched(op, first, second, batches=((2,), (2,))):
    def make(given):
        x = given(_matrix(3, 4, first, batch=batches[0]))
        y = given(_matrix(4, 5, second, batch=batches[1]))
        flags = dict(adj_x=first, adj_y=second)
        if op == "BatchMatMulV3":
            return raw.BatchMatMulV3(x=x, y=y, Tout=given.dtype, **flags)
        return getattr(raw, op)(x=x, y=y, **flags)

    return make


def _einsum(equation, *shapes):
    return Case(f"Einsum-{equation}", lambda given: raw.Einsum(
        inputs=[given(normal(*shape)) for shape in shapes], equation=equation),
        rounds=True)  # fmt: skip


def _band(lower, upper, *shape):
    return Case(f"MatrixBandPart-{lower}-{upper}-{len(shape)}", lambda given: raw.MatrixBandPart(
        input=given(normal(*shape)), num_lower=lower, num_upper=upper))  # fmt: skip


CASES = [
    *(Case(f"MatMul-{first}-{second}", lambda given, first=first, second=second: raw.MatMul(
        a=given(_matrix(3, 4, first)), b=given(_matrix(4, 5, second), shape=[None, None]),
        transpose_a=first, transpose_b=second), rounds=True) for first, second in FLAGS),
    *(Case(f"SparseMatMul-{first}-{second}",
           lambda given, first=first, second=second: raw.SparseMatMul(
               a=given(_matrix(3, 4, first)), b=given(_matrix(4, 5, second), shape=[None, None]),
               transpose_a=first, transpose_b=second), ("float32",), rounds=True)
      for first, second in FLAGS),
    *(Case(f"{op}-{first}-{second}", _batched(op, first, second), rounds=True)
      for op in BATCHED for first, second in FLAGS),
    *(Case(f"{op}-broadcast", _batched(op, False, True, ((2, 1), (3,))), rounds=True)
      for op in BATCHED[1:]),
    *(Case(f"{op}-4d", _batched(op, False, True, ((2, 3), (2, 3))), rounds=True)
      for op in BATCHED),
    _einsum("ab,bc->ac", (3, 4), (4, 5)),
    _einsum("abc,cd->abd", (2, 3, 4), (4, 5)),
    _einsum("btd,bsd->bts", (2, 3, 4), (2, 5, 4)),
    _einsum("bthd,bshd->bhts", (2, 3, 2, 4), (2, 5, 2, 4)),
    _einsum("abc->acb", (2, 3, 4)),
    _einsum("bt,btd->bd", (2, 3), (2, 3, 4)),
    _einsum("...ij,...jk->...ik", (2, 3, 4), (2, 4, 5)),
    *(Case(f"MatrixDiagPart-{shape}", lambda given, shape=shape: raw.MatrixDiagPart(
        input=given(normal(*shape)))) for shape in ((3, 4, 5), (3, 5, 4))),
    _band(-1, 0, 4, 5),
    _band(0, -1, 4, 5),
    _band(0, 0, 3, 4, 5),
    _band(1, 2, 3, 5, 5),
    _band(-1, -1, 3, 4),
]  # fmt: skip
