"""Convolutions and pooling."""

import numpy as np
from tensorflow import raw_ops as raw
from tensorflow.errors import UnimplementedError

from tests.tf1port.op_cases.harness import Case
from tests.tf1port.op_cases.values import normal

BOTH, SINGLE = ("float32", "float64"), ("float32",)
IMAGE = (2, 7, 6, 3)


def _conv(name, kernel=(3, 2, 3, 4), strides=(1, 1, 1, 1), padding="SAME", *, dtypes=BOTH, **attrs):
    return Case(f"Conv2D-{name}", lambda given: raw.Conv2D(
        input=given(normal(*IMAGE)), filter=given(normal(*kernel), shape=kernel),
        strides=list(strides), padding=padding, **attrs), dtypes, rounds=True)  # fmt: skip


def _depthwise(name, strides=(1, 1, 1, 1), padding="SAME", *, dtypes=BOTH, **attrs):
    return Case(f"DepthwiseConv2dNative-{name}", lambda given: raw.DepthwiseConv2dNative(
        input=given(normal(*IMAGE)), filter=given(normal(3, 2, 3, 2), shape=[3, 2, 3, 2]),
        strides=list(strides), padding=padding, **attrs), dtypes, rounds=True)  # fmt: skip


def _transposed(name, sizes, gradient, strides, padding):
    def make(given):
        kernel = given(normal(3, 2, 3, 4), shape=[3, 2, 3, 4])
        return raw.Conv2DBackpropInput(
            input_sizes=list(sizes),
            filter=kernel,
            out_backprop=given(normal(*gradient)),
            strides=list(strides),
            padding=padding,
        )

    return Case(f"Conv2DBackpropInput-{name}", make, rounds=True)


_KEYS = {"MaxPool": "input", "AvgPool": "value"}


def _pool(op, name, window=(1, 2, 3, 1), strides=(1, 2, 1, 1), padding="SAME"):
    return Case(f"{op}-{name}", lambda given: getattr(raw, op)(
        **{_KEYS[op]: given(normal(*IMAGE))}, ksize=list(window), strides=list(strides),
        padding=padding), rounds=True)  # fmt: skip


def _conv_of_rows(given):
    """TF1's conv1d: a convolution of images of one row."""
    rows = raw.ExpandDims(input=given(normal(2, 6, 3)), axis=1)
    kernel = given(normal(1, 3, 3, 4), shape=[1, 3, 3, 4])
    return raw.Squeeze(input=raw.Conv2D(
        input=rows, filter=kernel, strides=[1, 1, 1, 1], padding="SAME"), axis=[1])  # fmt: skip


CASES = [
    _conv("same"),
    _conv("valid", padding="VALID"),
    _conv("strides", strides=(1, 2, 3, 1)),
    _conv("strides-valid", strides=(1, 2, 2, 1), padding="VALID"),
    _conv("dilated", dilations=[1, 2, 2, 1]),
    _conv("dilated-one-way", dilations=[1, 1, 2, 1], padding="VALID"),
    _conv("explicit", padding="EXPLICIT", explicit_paddings=[0, 0, 2, 1, 0, 3, 0, 0]),
    _conv("pointwise", kernel=(1, 1, 3, 4)),
    Case("Squeeze-conv1d", _conv_of_rows, rounds=True),
    Case("Conv3D", lambda given: raw.Conv3D(
        input=given(normal(2, 5, 4, 4, 3)),
        filter=given(normal(2, 2, 3, 3, 4), shape=[2, 2, 3, 3, 4]),
        strides=[1, 1, 2, 1, 1], padding="SAME"), rounds=True),
    _conv("NCHW", (3, 2, 7, 4), (1, 1, 2, 1), dtypes=SINGLE, data_format="NCHW"),
    _depthwise("same"),
    _depthwise("valid", padding="VALID"),
    _depthwise("strides", strides=(1, 2, 2, 1)),
    _depthwise("dilated", dilations=[1, 2, 2, 1], dtypes=SINGLE),
    _depthwise("explicit", padding="EXPLICIT", explicit_paddings=[0, 0, 2, 1, 0, 3, 0, 0]),
    Case("Conv2DBackpropInput-NCHW", lambda given: raw.Conv2DBackpropInput(
        input_sizes=[2, 3, 6, 8], filter=given(normal(3, 2, 3, 4), shape=[3, 2, 3, 4]),
        out_backprop=given(normal(2, 4, 3, 4)), strides=[1, 1, 2, 2], padding="SAME",
        data_format="NCHW"), SINGLE, rounds=True),
    _transposed("same", (2, 6, 8, 3), (2, 3, 4, 4), (1, 2, 2, 1), "SAME"),
    _transposed("valid", (2, 7, 8, 3), (2, 3, 4, 4), (1, 2, 2, 1), "VALID"),
    *(_pool(op, "same") for op in ("MaxPool", "AvgPool")),
    *(_pool(op, "valid", padding="VALID") for op in ("MaxPool", "AvgPool")),
    *(_pool(op, "square", (1, 2, 2, 1), (1, 2, 2, 1)) for op in ("MaxPool", "AvgPool")),
    *(_pool(op, "overlapping", (1, 3, 3, 1), (1, 1, 1, 1)) for op in ("MaxPool", "AvgPool")),
    Case("MaxPoolV2", lambda given: raw.MaxPoolV2(
        input=given(normal(*IMAGE)), ksize=[1, 2, 2, 1], strides=[1, 2, 2, 1], padding="VALID")),
    *(Case(op, lambda given, op=op: getattr(raw, op)(
        input=given(normal(2, 5, 4, 4, 3)), ksize=[1, 2, 2, 2, 1], strides=[1, 2, 1, 2, 1],
        padding="SAME"), SINGLE, rounds=True) for op in ("MaxPool3D", "AvgPool3D")),
    *(Case(f"{op}-NCHW", lambda given, op=op: getattr(raw, op)(
        **{_KEYS[op]: given(normal(*IMAGE))}, ksize=[1, 1, 2, 3], strides=[1, 1, 2, 1],
        padding="SAME", data_format="NCHW"), SINGLE, rounds=True) for op in ("MaxPool", "AvgPool")),
    Case("DepthwiseConv2dNative-NCHW", lambda given: raw.DepthwiseConv2dNative(
        input=given(normal(2, 3, 7, 6)), filter=given(normal(3, 2, 3, 2), shape=[3, 2, 3, 2]),
        strides=[1, 1, 2, 2], padding="SAME", data_format="NCHW"), SINGLE, rounds=True),
    Case("MaxPool-negative", lambda given: raw.MaxPool(
        input=given(-np.abs(normal(*IMAGE)) - 1), ksize=[1, 3, 3, 1], strides=[1, 2, 2, 1],
        padding="SAME")),
]  # fmt: skip


def _has_onednn():
    """Whether TensorFlow uses oneDNN, which it does on CPUs with AVX-512 alone by default."""
    images, kernel = (np.ones(shape, "float32") for shape in ([1, 1, 2, 2], [1, 1, 1, 1]))
    try:
        raw.Conv2D(input=images, filter=kernel, strides=[1] * 4, padding="SAME", data_format="NCHW")
    except UnimplementedError:
        return False
    return True


def _is_of_onednn(case):
    """Whether TensorFlow has a CPU kernel of oneDNN's alone for an op."""
    return case.id.endswith("-NCHW") or case.id == "DepthwiseConv2dNative-dilated"


if not _has_onednn():
    CASES = [case for case in CASES if not _is_of_onednn(case)]
