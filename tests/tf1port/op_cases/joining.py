"""Ops that join, part, pad and reverse tensors."""

import numpy as np
from tensorflow import raw_ops as raw

from tests.tf1port.op_cases.harness import Case
from tests.tf1port.op_cases.values import integers, normal


def _several(given, count=3, *shape):
    return [given(normal(*(shape or (3, 4))) + index) for index in range(count)]


PADS = np.array([[0, 0], [1, 2]], "int32")
LENGTHS = np.array([0, 2, 4], "int32")

CASES = [
    *(Case(f"Pack-{axis}", lambda given, axis=axis: raw.Pack(values=_several(given), axis=axis))
      for axis in (0, 1, 2, -1)),
    Case("Pack-one", lambda given: raw.Pack(values=_several(given, 1))),
    Case("Pack-number", lambda given: raw.Pack(values=[given(np.float64(1)), given.constant(0.5)])),
    Case("Pack-numbers", lambda given: raw.Pack(values=[given.constant(.1), given.constant(.5)])),
    Case("Pack-int64", lambda given: raw.Pack(values=[given(np.int64(1)), np.int64(5)])),
    *(Case(f"Unpack-{axis}", lambda given, axis=axis: raw.Unpack(
        value=given(normal(3, 4, 5), shape=[3, None, 5]), num=3 if axis == 0 else 5, axis=axis))
      for axis in (0, 2, -1)),
    Case("Unpack-one", lambda given: raw.Unpack(value=given(normal(3, 1)), num=1, axis=1)),
    *(Case(f"ConcatV2-{axis}", lambda given, axis=axis: raw.ConcatV2(
        values=_several(given), axis=axis)) for axis in (0, 1, -1)),
    *(Case(f"Concat-{axis}", lambda given, axis=axis: raw.Concat(
        values=_several(given), concat_dim=axis)) for axis in (0, 1)),
    Case("ConcatV2-constant", lambda given: raw.ConcatV2(
        values=[given(normal(3, 4)), given.constant(np.zeros((2, 4)))], axis=0)),
    Case("ConcatV2-shapes", lambda given: raw.ConcatV2(
        values=[raw.Shape(input=given(normal(3, 4))), [7]], axis=0)),
    *(Case(f"Split-{axis}-{count}", lambda given, axis=axis, count=count: raw.Split(
        value=given(normal(3, 4, 6), shape=[3, None, 6]), axis=axis, num_split=count))
      for axis, count in ((0, 3), (2, 2), (-1, 3), (1, 2), (1, 1))),
    *(Case(f"SplitV-{axis}-{sizes}", lambda given, axis=axis, sizes=sizes: raw.SplitV(
        value=given(normal(3, 4, 6)), size_splits=np.array(sizes), axis=axis,
        num_split=len(sizes)))
      for axis, sizes in ((0, [1, 2]), (2, [1, 2, 3]), (-1, [2, -1, 1]), (1, [-1, 3]),
                          (1, [4]), (2, [0, 6]), (2, [6, 0]), (1, [1, 3, 0]), (1, [-1, 2, 0]))),
    Case("SplitV-int32", lambda given: raw.SplitV(
        value=given(normal(3, 4)), size_splits=[1, 3], axis=1, num_split=2)),
    Case("Pad", lambda given: raw.Pad(input=given(normal(3, 4)), paddings=PADS)),
    Case("Pad-int64", lambda given: raw.Pad(
        input=given(integers(0, 9, 3, 4)), paddings=PADS.astype("int64"))),
    Case("Pad-vector", lambda given: raw.Pad(input=given(normal(3)), paddings=[[1, 2]])),
    Case("Pad-fed", lambda given: raw.Pad(
        input=given(normal(3, 4)), paddings=given(PADS, shape=[2, 2]))),
    Case("PadV2", lambda given: raw.PadV2(
        input=given(normal(3, 4)), paddings=PADS, constant_values=given.constant(-1.1))),
    Case("PadV2-int64", lambda given: raw.PadV2(
        input=given(integers(0, 9, 3, 4, dtype="int64")), paddings=PADS,
        constant_values=np.int64(7))),
    Case("PadV2-fed", lambda given: raw.PadV2(
        input=given(normal(3, 4)), paddings=PADS, constant_values=given(np.float64(3.0)))),
    *(Case(f"MirrorPad-{mode}", lambda given, mode=mode: raw.MirrorPad(
        input=given(normal(3, 4)), paddings=PADS, mode=mode)) for mode in ("REFLECT", "SYMMETRIC")),
    *(Case(f"ReverseV2-{axis}", lambda given, axis=axis: raw.ReverseV2(
        tensor=given(normal(3, 4)), axis=np.array(axis, "int32")))
      for axis in ([0], [1], [-1], [0, 1], [])),
    *(Case(f"Reverse-{dims}", lambda given, dims=dims: raw.Reverse(
        tensor=given(normal(3, 4)), dims=np.array(dims)))
      for dims in ([True, False], [False, True], [True, True], [False, False])),
    *(Case(f"ReverseSequence-{seq}-{batch}-{dtype}-{size}",
           lambda given, seq=seq, batch=batch, dtype=dtype, size=size: raw.ReverseSequence(
               input=given(np.moveaxis(normal(3, 4, 5), (0, 1), (batch, seq)),
                           shape=[None, None, 5]
                           if size == "any" else "batch"),
               seq_lengths=given(LENGTHS.astype(dtype)), seq_dim=seq, batch_dim=batch))
      for seq, batch in ((1, 0), (0, 1)) for dtype in ("int32", "int64")
      for size in ("known", "any")),
    Case("Roll", lambda given: raw.Roll(input=given(normal(3, 4)), shift=1, axis=1)),
    Case("Roll-axes", lambda given: raw.Roll(
        input=given(normal(3, 4)), shift=[1, -2], axis=[0, 1])),
    Case("Roll-fed", lambda given: raw.Roll(
        input=given(normal(3, 4)), shift=given(np.int32(-1)), axis=0)),
    Case("ReverseSequence-2d", lambda given: raw.ReverseSequence(
        input=given(integers(0, 9, 3, 4)), seq_lengths=given(LENGTHS), seq_dim=1)),
]  # fmt: skip
