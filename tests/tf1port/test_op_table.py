"""Each op that the table translates, against TensorFlow's own: values, dtype and shape.

Every op stands in a TF1 graph and runs in a session; its translation runs in a functional Keras
model as a tf.function, over a batch of unknown size.
"""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import tensorflow.compat.v1 as tf1

from tests.tf1port.op_cases import (
    arithmetic,
    convolutions,
    elementwise,
    harness,
    indexing,
    joining,
    linear_algebra,
    losses,
    normalizations,
    reductions,
    refusals,
    running,
    shapes,
    slicing,
)
from tf1port.keras_model import op_table
from tf1port.keras_model.op_table import OPS, SUBJECTS, Operation, Untranslated, translate
from tf1port.numerics.tolerances import tolerance

MODULES = (
    *(arithmetic, convolutions, elementwise, indexing, joining, linear_algebra),
    *(losses, normalizations, reductions, shapes, slicing),
)
CASES = [case for module in MODULES for case in module.CASES]
DTYPES = ("float32", "float64")


@pytest.fixture(scope="module")
def compared():
    """Both sides of all cases, by dtype and name."""
    return {dtype: running.compared(CASES, dtype) for dtype in DTYPES}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_the_translation_computes_what_the_op_does(compared, case):
    dtypes = [dtype for dtype in DTYPES if case.id in compared[dtype]]
    assert dtypes
    for dtype in dtypes:
        check(case, compared[dtype][case.id], dtype)


def check(case, both, dtype):
    """Every output, in a layer and among the tensors of keras.Input where it needs no layer."""
    if both.error is not None:
        raise AssertionError(f"{both.texts}: {both.error}") from both.error
    results = [result for result in (both.layer, both.functional) if result is not None]
    assert results
    for result in results:
        check_result(case, both, result, dtype)


def check_result(case, both, result, dtype):
    """Each output in dtype, shape and value, and the shape that is known before it runs."""
    texts = str(both.texts)
    rows = zip(result.arrays, result.shapes, both.expected, both.static, strict=True)
    for actual, shape, expected, static in [*rows][: case.outputs]:
        assert (actual.dtype, actual.shape) == (expected.dtype, expected.shape), texts
        assert static.is_compatible_with(shape), texts
        assert len(shape) == actual.ndim, texts
        if not case.rounds:
            np.testing.assert_array_equal(actual, expected, err_msg=texts)
            continue
        largest = max(1.0, np.abs(expected).max(initial=0.0))
        difference = np.abs(actual - expected).max(initial=0.0) / largest
        assert difference <= tolerance("translated op", dtype).bound, texts


def test_every_op_of_the_table_has_a_case():
    assert {_op(case) for case in CASES} == set(OPS)


def _op(case):
    """The op that a case is of, which must be the one that its name begins with."""
    with tf1.Graph().as_default():
        op = harness.first(case.make(harness.Given(case.dtypes[0], "x"))).op.type
    assert case.id.split("-")[0] == op
    return op


def test_an_attribute_of_its_default_may_be_missing():
    """A saved graph leaves them out."""
    graph = tf1.Graph()
    with graph.as_default():
        givens = [harness.Given(case.dtypes[0], f"x{index}") for index, case in enumerate(CASES)]
        ops = [
            harness.first(case.make(given)).op for case, given in zip(CASES, givens, strict=True)
        ]
        texts = [harness.Writer().outputs(op) for op in ops]
        bare = [harness.Writer(defaults=False).outputs(op) for op in ops]
    assert bare == texts


def test_what_needs_a_layer(compared):
    """What asks for sizes, what takes computed bounds, and a sum that keras.ops would get wrong."""
    both = compared["float32"]
    bound = {key for key, one in both.items() if one.functional is None}
    assert bound >= {"Shape", "Fill-fed", "Range-size", "StridedSlice-x[:, i]", "Slice-parts"}
    assert bound >= {"Reshape-fed", "Tile-fed", "OneHot-fed", "TopKV2-fed", "Roll-fed", "Pad-fed"}
    wrong = [(2, 3, 3), (3, 1)], [(2, 3, 1), (3,)], [(3, 4), (1, 1, 4)], [(2, 3, 4, 4), (4, 1)]
    assert bound >= {f"AddV2-{x}-{y}" for x, y in wrong} | {"BiasAdd-NCHW-square"}
    right = [(2, 3, 3), (3,)], [(2, 4, 3), (1, 4, 1)], [(2, 1), (2, 1)], [(2, 3, 4), (3, 1)]
    assert not bound & {f"AddV2-{x}-{y}" for x, y in right}
    assert not bound & {"Add", "AddV2", "BiasAdd-3d", "BiasAdd-NCHW", "Reshape", "Range", "Fill"}
    assert not bound & {"StridedSlice-x[:, -1]", "GatherNd-[3, 4, 5]-[2, 2]-int32-batch", "Tile"}


def test_every_op_belongs_to_one_subject():
    assert sum(map(len, SUBJECTS.values())) == len(OPS)


WRONG = {
    "FloorDiv": lambda operation: "ops.trunc({} / {})".format(*_texts(operation)),
    "Div": lambda operation: "{} // {}".format(*_texts(operation)),
    "Mod": lambda operation: "{} % {}".format(*_texts(operation)),
    "Rint": lambda operation: "ops.floor({} + 0.5)".format(*_texts(operation)),
    "ArgMax": lambda operation: f"ops.argmax({_texts(operation)[0]}, axis=1)",
    "Cumsum": lambda operation: f"ops.cumsum({_texts(operation)[0]}, axis=1)",
    "Sum": lambda operation: f"ops.sum({_texts(operation)[0]}, axis=1)",
    "StridedSlice": lambda operation: _texts(operation)[0],
    "Softmax": lambda operation: f"ops.softmax({_texts(operation)[0]}, axis=0)",
    "Select": lambda operation: "ops.where({}, {}, {})".format(*_texts(operation)),
}


def _texts(operation):
    return [operand.text for operand in operation.operands]


def test_a_wrong_rule_is_caught(monkeypatch):
    monkeypatch.setattr(op_table, "OPS", {**OPS, **WRONG})
    cases = [case for case in CASES if case.id.split("-")[0] in WRONG]
    both = running.compared(cases, "float32")
    caught = set()
    for case in cases:
        try:
            check(case, both[case.id], "float32")
        except AssertionError:
            caught.add(case.id.split("-")[0])
    assert caught == set(WRONG)


@pytest.mark.parametrize(("make", "message"), refusals.CASES)
def test_what_cannot_be_translated_says_why(make, message):
    with tf1.Graph().as_default():
        op = harness.first(make(harness.Given("float32", "x"))).op
        with pytest.raises(Untranslated) as raised:
            harness.Writer().outputs(op)
    assert str(raised.value) == f"{op.type} {message}"


def test_an_unknown_op_is_named():
    unknown = Operation("ResizeBilinear", "resize", {}, (), 1, ("float32",), (None,))
    with pytest.raises(Untranslated, match="ResizeBilinear has no counterpart"):
        translate(unknown)
    with pytest.raises(Untranslated, match="Exp of complex64"):
        translate(replace(unknown, op="Exp", out_dtypes=("complex64",)))


def test_the_table_imports_neither_tensorflow_nor_keras():
    code = (
        "import sys, tf1port.keras_model.op_table\n"
        "sys.exit(any(name in sys.modules for name in ('tensorflow', 'keras')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
