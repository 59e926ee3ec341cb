"""Normalizations, moves between space, batch and depth."""

from tensorflow import raw_ops as raw

from tests.tf1port.op_cases.harness import Case
from tests.tf1port.op_cases.values import normal, positive

# The ops that have no other kernel.
SINGLE = ("float32",)
_DEFINED = (
    3  # of a batch normalization: the others are for its gradient, and oneDNN alone sets them
)


def _batch_norm(op, **attrs):
    def make(given):
        x = given(normal(2, 5, 4, 5))
        vectors = [normal(5) + 1, normal(5), normal(5), positive(5)]
        scale, offset, mean, variance = (given(v, shape=[5]) for v in vectors)
        return getattr(raw, op)(
            x=x, scale=scale, offset=offset, mean=mean, variance=variance, is_training=False,
            **attrs,
        )  # fmt: skip

    return make


def _lrn(channels=8, **attrs):
    def make(given):
        return raw.LRN(input=given(normal(2, 3, 3, channels)), **attrs)

    return make


def _space_to_batch(name, shape, block, paddings, known=None):
    return Case(f"SpaceToBatchND-{name}", lambda given: raw.SpaceToBatchND(
        input=given(normal(*shape), shape=known or "batch"), block_shape=block,
        paddings=paddings))  # fmt: skip


def _batch_to_space(name, shape, block, crops, known=None):
    return Case(f"BatchToSpaceND-{name}", lambda given: raw.BatchToSpaceND(
        input=given(normal(*shape), shape=known or "batch"), block_shape=block,
        crops=crops))  # fmt: skip


CASES = [
    *(Case(op, _batch_norm(op), SINGLE, rounds=True, outputs=_DEFINED)
      for op in ("FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3")),
    Case("FusedBatchNorm-NCHW", _batch_norm("FusedBatchNorm", data_format="NCHW"), SINGLE,
         rounds=True, outputs=_DEFINED),
    Case("FusedBatchNormV3-epsilon", _batch_norm("FusedBatchNormV3", epsilon=1e-3), SINGLE,
         rounds=True, outputs=_DEFINED),
    Case("LRN", _lrn(), SINGLE, rounds=True),
    Case("LRN-few-channels", _lrn(channels=3), SINGLE, rounds=True),
    Case("LRN-attributes", _lrn(depth_radius=2, bias=2.0, alpha=1e-4, beta=0.75), SINGLE,
         rounds=True),
    _space_to_batch("rows", (2, 6, 3), [2], [[0, 0]]),
    _space_to_batch("padded", (2, 5, 3), [3], [[2, 2]]),
    _space_to_batch("any", (2, 5, 3), [2], [[1, 2]], (None, None, 3)),
    _space_to_batch("images", (2, 4, 6, 3), [2, 3], [[0, 0], [1, 2]]),
    _space_to_batch("one-way", (2, 5, 4, 3), [1, 2], [[0, 0], [0, 0]], (None, None, None, 3)),
    _batch_to_space("rows", (4, 3, 3), [2], [[0, 0]]),
    _batch_to_space("cropped", (6, 3, 3), [3], [[2, 1]]),
    _batch_to_space("any", (4, 5, 3), [2], [[0, 2]], (None, None, 3)),
    _batch_to_space("images", (12, 2, 3, 2), [2, 3], [[0, 1], [1, 0]]),
    Case("SpaceToDepth", lambda given: raw.SpaceToDepth(
        input=given(normal(2, 4, 6, 3)), block_size=2)),
    Case("DepthToSpace", lambda given: raw.DepthToSpace(
        input=given(normal(2, 2, 3, 8)), block_size=2)),
]  # fmt: skip
