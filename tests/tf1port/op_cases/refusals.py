"""Ops that the table has but does not translate as they stand, each with its reason."""

import numpy as np
from tensorflow import raw_ops as raw

from tests.tf1port.op_cases.values import integers, normal


def _axis(given):
    return given(np.int32(1))


CASES = [
    (lambda given: raw.Sum(input=given(normal(3, 4)), axis=_axis(given)),
     "with axes that the graph computes"),
    (lambda given: raw.ArgMax(input=given(normal(3, 4)), dimension=_axis(given)),
     "with an axis that the graph computes"),
    (lambda given: raw.ConcatV2(values=[given(normal(3, 4))] * 2, axis=_axis(given)),
     "with an axis that the graph computes"),
    (lambda given: raw.Mean(input=given(integers(0, 9, 3, 4)), axis=[0]), "of int32, which rounds"),
    (lambda given: raw.MatMul(a=given(integers(0, 9, 3, 4)), b=given(integers(0, 9, 4, 3))),
     "of int32, which Keras computes in floats"),
    (lambda given: raw.Round(x=given(integers(0, 9, 3))), "of int32"),
    (lambda given: raw.Squeeze(input=given(normal(3, 1))),
     "without axes of a tensor whose sizes are not all known"),
    (lambda given: raw.Conv2D(
        input=given(normal(2, 7, 6, 3)), filter=given(normal(3, 3, 3, 4)), padding="SAME",
        strides=[1, 2, 2, 1], dilations=[1, 2, 2, 1]),
     "with strides and dilations, which Keras does not combine"),
    (lambda given: raw.MaxPool(
        input=given(normal(2, 6, 6, 4)), ksize=[1, 1, 1, 2], strides=[1, 1, 1, 2],
        padding="VALID"), "over the batch or the channels"),
    (lambda given: raw.Conv2DBackpropInput(
        input_sizes=[2, 5, 8, 3], filter=given(normal(3, 2, 3, 4), shape=[3, 2, 3, 4]),
        out_backprop=given(normal(2, 3, 4, 4)), strides=[1, 2, 2, 1], padding="SAME"),
     "whose output has a size that Keras does not give it"),
    (lambda given: raw.FusedBatchNorm(
        x=given(normal(2, 3, 4, 5)), scale=given(normal(5)), offset=given(normal(5)),
        mean=[], variance=[], is_training=True), "in training, whose statistics are the batch's"),
    (lambda given: raw.GatherV2(
        params=given(normal(3, 4)), indices=given(integers(0, 4, 3, 2, 2)), axis=1, batch_dims=1),
     "with batch_dims=1 and indices of rank 3"),
    (lambda given: raw.SplitV(
        value=given(normal(3, 4), shape=[None, None]), size_splits=[-1, 2, 0], axis=1,
        num_split=3), "with a part of no size"),
    (lambda given: raw.Transpose(x=given(normal(3, 4)), perm=given(np.array([1, 0], "int32"))),
     "with axes that the graph computes"),
    (lambda given: raw.Shape(input=given(normal(3), shape=None)),
     "of a tensor of unknown rank"),
    (lambda given: raw.SpaceToDepth(
        input=given(normal(2, 3, 4, 4)), block_size=2, data_format="NCHW"), "of NCHW"),
    (lambda given: raw.UnsortedSegmentSum(
        data=given(normal(3, 4)), segment_ids=given(integers(0, 3, 3, 4)), num_segments=3),
     "with segments of more than rows"),
    (lambda given: raw.RealDiv(x=given(integers(1, 9, 3)), y=given(integers(1, 9, 3))),
     "of int32 has no kernel"),
    (lambda given: raw.DepthwiseConv2dNative(
        input=given(normal(2, 7, 6, 3)), filter=given(normal(3, 3, 3, 4)), padding="SAME",
        strides=[1, 1, 2, 1]), "with strides that are not the same for all axes"),
    (lambda given: raw.Conv2DBackpropInput(
        input_sizes=[2, 6, 8, 3], filter=given(normal(3, 2, 3, 4), shape=[3, 2, 3, 4]),
        out_backprop=given(normal(2, 6, 8, 4)), strides=[1, 1, 1, 1], padding="SAME",
        dilations=[1, 2, 2, 1]), "with explicit paddings or dilations"),
    (lambda given: raw.MaxPool(
        input=given(normal(2, 6, 6, 4)), ksize=[1, 2, 2, 1], strides=[1, 2, 2, 1],
        padding="EXPLICIT", explicit_paddings=[0, 0, 1, 1, 0, 0, 0, 0]),
     "with explicit paddings"),
    (lambda given: raw.GatherNd(
        params=given(normal(3, 4)), indices=given(integers(0, 3, 2, 2), shape=[2, None])),
     "with an unknown number of indices per entry"),
    (lambda given: raw.GatherNd(
        params=given(normal(3, 4)), indices=given(integers(0, 3, 2, 0))),
     "with an unknown number of indices per entry"),
    (lambda given: raw.SparseSoftmaxCrossEntropyWithLogits(
        features=given(normal(3, 4), shape=[None, None]), labels=given(integers(0, 4, 3))),
     "of an unknown number of classes"),
    (lambda given: raw.LRN(input=given(normal(2, 3, 3, 4), shape=[None] * 4)),
     "of an unknown number of channels"),
    (lambda given: raw.Tile(input=given(normal(3)), multiples=given(integers(1, 3, 1))),
     "with repeats of unknown length"),
    (lambda given: raw.Exp(x=given(normal(3).astype("complex64"))),
     "of complex64 is not translated"),
    (lambda given: raw.Shape(input=given(normal(3, 4)))[None], "that adds an axis to a shape"),
    (lambda given: raw.Shape(input=given(normal(3, 4)))[None, :1],
     "that adds an axis to a shape"),
]  # fmt: skip
