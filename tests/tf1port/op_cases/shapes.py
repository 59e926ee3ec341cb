"""Ops on shapes."""

import numpy as np
from tensorflow import raw_ops as raw

from tests.tf1port.op_cases.harness import Case
from tests.tf1port.op_cases.values import integers, normal


def _sizes(given, *entries):
    """A shape put together: the batch of a placeholder and other entries."""
    batch = raw.Shape(input=given(normal(3, 4)))[0]
    return raw.Pack(values=[batch if entry == "batch" else entry for entry in entries])


def _two_unknown(given):
    shape = raw.Shape(input=given(normal(3, 4, 2), shape=[None, None, 2]))
    return raw.Pack(values=[shape[0], shape[1], 2])


CASES = [
    Case("Shape", lambda given: raw.Shape(input=given(normal(3, 4)))),
    Case("Shape-int64", lambda given: raw.Shape(
        input=given(normal(3, 4), shape=[3, 4]), out_type="int32")),
    Case("ShapeN", lambda given: raw.ShapeN(input=[given(normal(3, 4)), given(normal(2, 5, 1))])),
    Case("ShapeN-one", lambda given: raw.ShapeN(input=[given(normal(3, 4))])),
    Case("Size", lambda given: raw.Size(input=given(normal(3, 4)))),
    Case("Size-int64", lambda given: raw.Size(input=given(normal(3, 4)), out_type="int64")),
    Case("Rank", lambda given: raw.Rank(input=given(normal(3, 4)))),
    Case("Reshape", lambda given: raw.Reshape(tensor=given(normal(3, 4)), shape=[-1, 2])),
    Case("Reshape-flat", lambda given: raw.Reshape(tensor=given(normal(3, 4)), shape=[-1])),
    Case("Reshape-scalar", lambda given: raw.Reshape(
        tensor=given(normal(1, 1)), shape=np.zeros(0, "int32"))),
    Case("Reshape-known", lambda given: raw.Reshape(tensor=given(normal(3, 4)), shape=[2, 3, 2])),
    Case("Reshape-parts", lambda given: raw.Reshape(
        tensor=given(normal(3, 4)), shape=_sizes(given, "batch", 2, 2))),
    Case("Reshape-parts-minus-one", lambda given: raw.Reshape(
        tensor=given(normal(3, 4)), shape=_sizes(given, "batch", -1, 2))),
    Case("Reshape-two-unknown", lambda given: raw.Reshape(
        tensor=given(normal(6, 4)), shape=_two_unknown(given))),
    Case("Reshape-of-shape", lambda given: raw.Reshape(
        tensor=given(normal(6, 2)), shape=raw.Shape(input=given(normal(3, 4))))),
    Case("Reshape-fed", lambda given: raw.Reshape(
        tensor=given(normal(6, 2)), shape=given(np.array([2, 3, 2], "int32"), shape=[3]))),
    Case("Reshape-int64", lambda given: raw.Reshape(
        tensor=given(normal(6, 2)), shape=np.array([3, -1]))),
    Case("Reshape-empty", lambda given: raw.Reshape(
        tensor=given(normal(0, 4)), shape=_sizes(given, 0, 2, 2))),
    *(Case(f"ExpandDims-{axis}", lambda given, axis=axis: raw.ExpandDims(
        input=given(normal(3, 4)), axis=axis)) for axis in (0, 1, 2, -1, -3)),
    Case("ExpandDims-vector", lambda given: raw.ExpandDims(input=given(normal(3, 4)), axis=[1])),
    Case("ExpandDims-number", lambda given: raw.ExpandDims(input=np.int64(3), axis=0)),
    *(Case(f"Squeeze-{axis}", lambda given, axis=axis: raw.Squeeze(
        input=given(normal(3, 1, 4, 1)), axis=axis)) for axis in ([1], [-1], [1, 3], [-1, 1])),
    Case("Squeeze-all", lambda given: raw.Squeeze(
        input=given(normal(3, 1, 4, 1), shape=[3, 1, 4, 1]))),
    Case("Squeeze-none", lambda given: raw.Squeeze(input=given(normal(3, 4), shape=[3, 4]))),
    Case("Squeeze-batch", lambda given: raw.Squeeze(input=given(normal(1, 4)), axis=[0])),
    Case("Squeeze-unknown", lambda given: raw.Squeeze(
        input=given(normal(3, 1, 4), shape=[None, None, 4]), axis=[-2])),
    Case("Transpose", lambda given: raw.Transpose(x=given(normal(3, 4, 5)), perm=[1, 0, 2])),
    Case("Transpose-2d", lambda given: raw.Transpose(x=given(normal(3, 4)), perm=[1, 0])),
    Case("ConjugateTranspose", lambda given: raw.ConjugateTranspose(
        x=given(normal(3, 4, 5)), perm=[2, 0, 1])),
    Case("BroadcastTo", lambda given: raw.BroadcastTo(input=given(normal(3, 4)), shape=[2, 3, 4])),
    Case("BroadcastTo-parts", lambda given: raw.BroadcastTo(
        input=given(normal(1, 4), shape=[1, 4]), shape=_sizes(given, "batch", 4))),
    Case("BroadcastTo-shape", lambda given: raw.BroadcastTo(
        input=given(normal(4), shape=[4]), shape=raw.Shape(input=given(normal(3, 4))))),
    Case("Tile", lambda given: raw.Tile(input=given(normal(3, 4)), multiples=[2, 3])),
    Case("Tile-parts", lambda given: raw.Tile(
        input=given(normal(1, 4), shape=[1, 4]), multiples=_sizes(given, "batch", 1))),
    Case("Tile-fed", lambda given: raw.Tile(
        input=given(normal(3, 4)), multiples=given(np.array([2, 1], "int32"), shape=[2]))),
    Case("Fill", lambda given: raw.Fill(dims=[2, 3], value=given(np.float64(1.5)))),
    *(Case(f"Fill-{value}", lambda given, value=value: raw.Fill(
        dims=_sizes(given, "batch", 2), value=given.constant(value)))
      for value in (0.0, 1.0, 0.1, -2.0, -np.inf)),
    Case("Fill-bool", lambda given: raw.Fill(dims=_sizes(given, "batch"), value=True)),
    Case("Fill-int64", lambda given: raw.Fill(dims=_sizes(given, "batch"), value=np.int64(7))),
    Case("Fill-shape", lambda given: raw.Fill(
        dims=raw.Shape(input=given(normal(3, 4))), value=np.int32(0))),
    Case("Fill-fed", lambda given: raw.Fill(
        dims=given(np.array([2, 3], "int32"), shape=[2]), value=given.constant(0.0))),
    Case("Fill-scalar", lambda given: raw.Fill(
        dims=np.zeros(0, "int32"), value=given.constant(0.5))),
    Case("Range", lambda given: raw.Range(start=0, limit=5, delta=1)),
    Case("Range-size", lambda given: raw.Range(
        start=0, limit=raw.Shape(input=given(normal(3, 4)))[0], delta=1)),
    Case("Range-step", lambda given: raw.Range(start=0, limit=7, delta=2)),
    Case("Range-down", lambda given: raw.Range(start=5, limit=-1, delta=-1)),
    Case("Range-from", lambda given: raw.Range(start=given(np.int32(2)), limit=7, delta=1)),
    Case("Range-int64", lambda given: raw.Range(
        start=np.int64(0), limit=given(np.int64(7)), delta=np.int64(1))),
    Case("Range-floats", lambda given: raw.Range(
        start=given.constant(0.0), limit=given.constant(1.0), delta=given.constant(0.25))),
    Case("Empty", lambda given: raw.Empty(shape=[2, 3], dtype=given.dtype, init=True)),
    Case("Reshape-ints", lambda given: raw.Reshape(
        tensor=given(integers(0, 9, 3, 4)), shape=[-1])),
]  # fmt: skip
