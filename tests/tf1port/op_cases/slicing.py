"""Slices: those of raw ops with every mask, and those that Python's subscripts make."""

import numpy as np
from tensorflow import raw_ops as raw

from tests.tf1port.op_cases.harness import Case
from tests.tf1port.op_cases.values import normal


def _strided(start, stop, strides=None, **masks):
    text = "-".join(f"{key}{value}" for key, value in masks.items())
    return Case(f"StridedSlice-{start}-{stop}-{strides}-{text}", lambda given: raw.StridedSlice(
        input=given(normal(3, 4, 5)), begin=np.array(start, "int32"), end=np.array(stop, "int32"),
        strides=np.array(strides or [1] * len(start), "int32"),
        **{f"{key}_mask": value for key, value in masks.items()}))  # fmt: skip


def _subscript(text):
    """What TF makes of a Python subscript; n is a size that is not known, i a fed int."""

    def make(given):
        x = given(normal(3, 4, 5))
        names = {"x": x, "n": raw.Shape(input=x)[0]}
        if "i" in text:
            names["i"] = given(np.int32(2))
        return eval(text, names)

    return Case(f"StridedSlice-{text}", make)


def _slice(start, count, fed=()):
    """A slice, of which the graph does not know what is fed."""

    def make(given):
        bounds = {"begin": np.array(start, "int32"), "size": np.array(count, "int32")}
        bounds |= {name: given(bounds[name], shape=[3]) for name in fed}
        return raw.Slice(input=given(normal(3, 4, 5)), **bounds)

    return Case(f"Slice-{start}-{count}-{'-'.join(fed)}", make)


CASES = [
    _strided([0], [2]),
    _strided([1, 0], [3, 2]),
    _strided([-1], [0], shrink_axis=1),
    _strided([0, -1], [0, 0], begin=1, end=1, shrink_axis=2),
    _strided([0, 0, -2], [0, 0, 0], begin=3, end=7),
    _strided([0, 0, 3], [0, 0, 0], [1, 1, -1], begin=3, end=7),
    _strided([0, 0, 3], [0, 0, 0], [1, 1, -2], begin=7, end=3),
    _strided([0, 0], [0, 2], ellipsis=1),
    _strided([0, 1], [0, 2], ellipsis=1, shrink_axis=2),
    _strided([1, 0, 0], [2, 0, 2], ellipsis=2),
    _strided([0, 0, 0], [0, 0, 0], begin=7, end=7, new_axis=2),
    _strided([0, 0, 1], [0, 0, 2], begin=3, end=3, new_axis=2, shrink_axis=4),
    _strided([0, 0, 0], [0, 0, 0], ellipsis=1, new_axis=6),
    _strided([0], [0], new_axis=1),
    _strided([0, 1], [9, -1]),
    _strided([-9, 0], [9, 9]),
    _strided([2, 3], [1, 1]),
    _strided([0, 3], [3, 0], [2, -1]),
    _strided([1, 2, 3], [2, 3, 4], shrink_axis=7),
    _strided([1, 2, 3], [2, 3, 4], shrink_axis=5),
    _strided([1], [2], begin=1, end=1),
    _strided([0, 0, 0], [0, 0, 0], begin=7, end=7),
    _strided([1], [2], begin=1, shrink_axis=1),
    _strided([0, 0], [1, 1], new_axis=1, shrink_axis=1),
    _strided([0, 1], [0, 3], new_axis=1, ellipsis=1),
    *map(_subscript, ("x[:, -1]", "x[:, ::-1]", "x[:, i]", "x[i - 1:]", "x[:n - 1]", "x[:, :i]",
                      "x[..., -1, None]", "x[:, None]", "x[n - 1]", "x[:, 0:n]", "x[:, i:i + 1]",
                      "x[:, :, -i:]", "x[::2, 1]")),
    Case("StridedSlice-shape-entry", lambda given: raw.Shape(input=given(normal(3, 4)))[1]),
    Case("StridedSlice-shape-batch", lambda given: raw.Shape(input=given(normal(3, 4)))[0]),
    Case("StridedSlice-shape-rest", lambda given: raw.Shape(input=given(normal(3, 4, 5)))[1:]),
    Case("StridedSlice-shape-first", lambda given: raw.Shape(input=given(normal(3, 4, 5)))[:-1]),
    Case("StridedSlice-int64", lambda given: raw.StridedSlice(
        input=given(normal(3, 4)), begin=np.array([1]), end=np.array([3]), strides=np.array([1]))),
    Case("StridedSlice-fed", lambda given: raw.StridedSlice(
        input=given(normal(3, 4)), begin=given(np.array([0, 1], "int32"), shape=[2]),
        end=given(np.array([2, 3], "int32"), shape=[2]), strides=[1, 1])),
    _slice([0, 0, 0], [-1, -1, -1]),
    _slice([0, 1, 0], [-1, 2, 5]),
    _slice([1, 1, 2], [2, 3, 2]),
    _slice([0, 3, 0], [3, 0, 2]),
    _slice([0, 0, 2], [-1, 1, -1]),
    _slice([0, 1, 0], [2, 2, 5], ("begin",)),
    _slice([0, 1, 0], [2, 2, 5], ("size",)),
    _slice([0, 1, 0], [2, 2, 5], ("begin", "size")),
    Case("Slice-parts", lambda given: raw.Slice(
        input=given(normal(3, 4)), begin=[0, 0],
        size=raw.Pack(values=[raw.Shape(input=given(normal(2, 1)))[0], 2]))),
    Case("Slice-begin-parts", lambda given: raw.Slice(
        input=given(normal(3, 4)), size=[1, 2],
        begin=raw.Pack(values=[raw.Shape(input=given(normal(2, 1)))[0], 2]))),
    Case("Slice-shape", lambda given: raw.Slice(
        input=raw.Shape(input=given(normal(3, 4, 5))), begin=[1], size=[2])),
]  # fmt: skip
