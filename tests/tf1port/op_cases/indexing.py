"""Ops by index."""

import numpy as np
from tensorflow import raw_ops as raw

from tests.tf1port.op_cases.harness import Case
from tests.tf1port.op_cases.values import bools, integers, normal

ROWS = np.array([2, 0, 2, 1])
TOP = np.array([[0.3, 0.1, 0.9, 0.9, -1.0], [2.0, 2.0, 1.0, 3.0, 0.0]])


def _gather(x, indices, axis, batch=0):
    name = f"GatherV2-{list(x)}-{list(indices.shape)}-{axis}-{batch}-{indices.dtype}"
    return Case(name, lambda given: raw.GatherV2(
        params=given(normal(*x)), indices=given(indices), axis=axis, batch_dims=batch,
    ))  # fmt: skip


def _gather_nd(x, indices, shape="batch"):
    name = f"GatherNd-{list(x)}-{list(indices.shape)}-{indices.dtype}-{shape}"
    return Case(name, lambda given: raw.GatherNd(
        params=given(normal(*x), shape=shape), indices=given(indices)))  # fmt: skip


def _last_relevant(given):
    """The last step of each sequence, in the commonest spelling."""
    x = given(normal(3, 4, 5))
    lengths = given(np.array([1, 4, 2], "int32"))
    rows = raw.Range(start=0, limit=raw.Shape(input=x)[0], delta=1)
    return raw.GatherNd(params=x, indices=raw.Pack(values=[rows, lengths - 1], axis=1))


def _one_hot(name, on, off, **options):
    depth, dtype = options.pop("depth", 4), options.pop("dtype", "int32")
    return Case(f"OneHot-{name}", lambda given: raw.OneHot(
        indices=given(np.array([[0, 3, -1], [2, 7, 1]], dtype)),
        depth=given(np.int32(depth)) if options.get("fed") else depth,
        on_value=given.constant(on), off_value=given.constant(off),
        axis=options.get("axis", -1)))  # fmt: skip


def _singles(given, array):
    """Predictions, which this op has in float32 only."""
    return raw.Cast(x=given(array), DstT="float32")


def _segments(op, numbers, count=4):
    return Case(f"{op}-{numbers}-{count}", lambda given: getattr(raw, op)(
        data=given(normal(4, 3)), segment_ids=given(np.array(numbers, "int32")),
        num_segments=given(np.int32(4)) if count == "fed" else count))  # fmt: skip


CASES = [
    *(Case(f"Gather-{dtype}", lambda given, dtype=dtype: raw.Gather(
        params=given(normal(3, 4)), indices=given(ROWS.astype(dtype))))
      for dtype in ("int32", "int64")),
    Case("Gather-2d", lambda given: raw.Gather(
        params=given(normal(3, 4)), indices=given(integers(0, 3, 2, 5)))),
    Case("Gather-scalar", lambda given: raw.Gather(
        params=given(normal(3, 4)), indices=given(np.int32(2)))),
    Case("Gather-number", lambda given: raw.Gather(params=given(normal(3, 4)), indices=1)),
    Case("Gather-ints", lambda given: raw.Gather(
        params=given(np.arange(5)), indices=given(ROWS.astype("int32")))),
    _gather((3, 4, 5), ROWS, 1),
    _gather((3, 4, 5), ROWS, -1),
    _gather((3, 4, 5), np.array(2), 1),
    _gather((3, 4, 5), integers(0, 3, 2, 2), 0),
    _gather((3, 4), integers(0, 4, 3, 2), 1, 1),
    _gather((3, 4), integers(0, 4, 3), 1, 1),
    _gather((3, 4, 5), integers(0, 4, 3), 1, 1),
    _gather((3, 4, 5), integers(0, 4, 3, 2), 1, 1),
    _gather((3, 4, 5), integers(0, 4, 3, 2, dtype="int64"), -2, 1),
    _gather((3, 4, 5), integers(0, 5, 3, 2), 2, 1),
    _gather((3, 4, 5), integers(0, 5, 3, 4, 2), 2, 2),
    _gather((3, 4, 5), integers(0, 5, 3, 4), 2, -1),
    _gather_nd((3, 4, 5), np.array([[0, 1], [2, 3]], "int32")),
    _gather_nd((3, 4, 5), np.array([[0, 1], [2, 3]], "int32"), (None, None, 5)),
    _gather_nd((3, 4, 5), np.array([[0, 1], [2, 3]]), (None, None, 5)),
    _gather_nd((3, 4, 5), np.array([[[0, 1, 4]], [[2, 3, 0]]], "int32")),
    _gather_nd((3, 4, 5), np.array([[0, 1, 4], [2, 3, 0]]), (None, None, None)),
    _gather_nd((3, 4), np.array([[0], [2]], "int32")),
    _gather_nd((3,), np.array([[0], [2]], "int32")),
    Case("GatherNd-last-relevant", _last_relevant),
    Case("ScatterNd", lambda given: raw.ScatterNd(
        indices=given(np.array([[0], [2], [0]], "int32")), updates=given(normal(3, 4)),
        shape=[5, 4])),
    Case("ScatterNd-pairs", lambda given: raw.ScatterNd(
        indices=given(np.array([[0, 1], [2, 3]])), updates=given(normal(2)),
        shape=np.array([3, 4]))),
    Case("ScatterNd-parts", lambda given: raw.ScatterNd(
        indices=given(np.array([[0], [2]], "int32")), updates=given(normal(2, 4)),
        shape=raw.Shape(input=given(normal(3, 4))))),
    Case("TensorScatterUpdate", lambda given: raw.TensorScatterUpdate(
        tensor=given(normal(3, 4)), indices=given(np.array([[0], [2]], "int32")),
        updates=given(normal(2, 4)))),
    _one_hot("plain", 1.0, 0.0),
    _one_hot("int64", 1.0, 0.0, dtype="int64"),
    _one_hot("axis-0", 1.0, 0.0, axis=0),
    _one_hot("axis-1", 1.0, 0.0, axis=1),
    _one_hot("axis-2", 1.0, 0.0, axis=2),
    _one_hot("values", 0.9, 0.1),
    _one_hot("ints", np.int32(1), np.int32(0)),
    _one_hot("longs", np.int64(5), np.int64(-1)),
    _one_hot("signs", 1.0, -1.0),
    _one_hot("halves", 0.5, 0.0),
    _one_hot("bools", True, False),
    _one_hot("swapped", 0.0, 1.0),
    _one_hot("swapped-bools", False, True),
    _one_hot("fed", 1.0, 0.0, fed=True),
    *(Case(f"TopKV2-{k}-{order}", lambda given, k=k, order=order: raw.TopKV2(
        input=given(TOP), k=k, sorted=order)) for k, order in ((2, True), (5, True), (1, False))),
    Case("TopKV2-int64", lambda given: raw.TopKV2(input=given(TOP), k=2, index_type="int64")),
    Case("TopKV2-fed", lambda given: raw.TopKV2(input=given(TOP), k=given(np.int32(3)))),
    Case("TopKV2-3d", lambda given: raw.TopKV2(input=given(normal(3, 4, 5)), k=2)),
    Case("InTopK", lambda given: raw.InTopK(
        predictions=_singles(given, TOP), targets=given(np.array([3, 2], "int32")), k=2)),
    Case("InTopKV2", lambda given: raw.InTopKV2(
        predictions=_singles(given, TOP), targets=given(np.array([0, 1])), k=np.int64(2))),
    Case("Where", lambda given: raw.Where(condition=given(bools(3, 4)))),
    Case("Where-vector", lambda given: raw.Where(condition=given(bools(5)))),
    *(_segments(f"UnsortedSegment{name}", numbers)
      for name in ("Sum", "Max", "Min", "Prod") for numbers in ([0, 2, 2, 1], [3, 0, -1, 3])),
    _segments("UnsortedSegmentSum", [0, 2, 2, 1], "fed"),
]  # fmt: skip
