"""How the written source names what it computes, and how it puts statements together."""

import numpy as np
import pytest

from tf1port.keras_model import naming
from tf1port.keras_model.program import Constant, Input, Leaf, Op, Value, Weight
from tf1port.keras_model.statements import RETURN, Statement, as_lines, inlined
from tf1port.keras_model.value_names import of_op

X = Value(Input("x:0", "x"), "float32", (None, 4))
TIME = Value(Leaf("time"), "int32", ())
GATES = Value(Weight("v", "rnn/gru_cell/gates/kernel"), "float32", (4, 8))
TWO = Value(Constant(np.array(2.0)), "float32", ())


def op(kind, scope, *inputs, **attrs):
    return Op(kind, attrs, inputs, ("float32",), ((None, 4),), scope)


def name(kind, scope, *inputs, layer="", role="", is_weighting=False, **attrs):
    names = {"x": "x", "time": "time"}
    return of_op(
        op(kind, scope, *inputs, **attrs),
        lambda value: names.get(value.producer.scope, ""),
        layer=layer,
        role=role,
        is_weighting=is_weighting,
    )


@pytest.mark.parametrize(
    ("expected", "actual"),
    [
        ("probabilities", name("Softmax", "probabilities", X)),
        ("probabilities", name("Softmax", "Softmax_3", X)),
        ("weights", name("Softmax", "Softmax", X, is_weighting=True)),
        ("attention_weights", name("Softmax", "attention/Softmax", X, is_weighting=True)),
        ("scaled_x", name("Mul", "mul_3", X, TWO)),
        ("product", name("Mul", "mul_3", X, X)),
        ("concatenated", name("ConcatV2", "rnn/concat_1", X, X)),
        ("context", name("ConcatV2", "rnn/context", X, X)),
        ("transposed_x", name("Transpose", "transpose", X)),
        ("step_2", name("StridedSlice", "rnn/strided_slice", X, step=2)),
        ("gates", name("MatMul", "rnn/while/rnn/gru_cell/MatMul", X, GATES)),
        ("forget", name("Sigmoid", "rnn/while/rnn/mgu/forget/Sigmoid", X, layer="rnn/while/mgu")),
        ("x", name("Sigmoid", "rnn/while/rnn/mgu/Sigmoid", X, layer="rnn/while/mgu")),
        ("new_state", name("Add", "rnn/while/rnn/mgu/add", X, X, role="new_state")),
        ("is_over", name("GreaterEqual", "rnn/while/GreaterEqual", TIME, X)),
        ("x_mask", name("SequenceMask", "a/sequence_mask", X, X)),
    ],
)
def test_values_are_named_by_meaning(expected, actual):
    assert actual == expected


def lines(*statements, keep=()):
    return as_lines(inlined([Statement(*statement) for statement in statements], set(keep)), 0)


def test_what_is_used_once_is_written_where_it_is_used():
    assert lines(("a", "ops.exp(x)"), ("b", "a + 1"), (RETURN, "b")) == ["return ops.exp(x) + 1"]


def test_what_is_used_twice_has_a_name():
    expected = ["a = ops.exp(x)", "return a + a"]
    assert lines(("a", "ops.exp(x)"), (RETURN, "a + a")) == expected


def test_a_name_is_no_attribute_and_no_keyword_and_no_text():
    """A value may be called as an op of Keras is, as an argument of one, or as an equation."""
    statements = [
        ("softmax", "ops.exp(x)"),
        ("axis", "ops.log(x)"),
        ("bj", "x * x"),
        ("y", 'ops.einsum("bj,bj->b", ops.softmax(softmax, axis=1), axis) + bj'),
    ]
    (line,) = lines(*statements, keep=["y"])
    assert line == (
        'y = ops.einsum("bj,bj->b", ops.softmax(ops.exp(x), axis=1), ops.log(x)) + (x * x)'
    )


def test_a_long_expression_is_returned_without_a_name():
    long = f"ops.concatenate([{', '.join(f'number_{i}' for i in range(12))}], axis=1)"
    text = "\n".join(lines(("joined", long), (RETURN, "joined")))
    assert text.startswith("return ops.concatenate(")
    assert max(map(len, text.splitlines())) <= 100


def test_a_long_sum_has_a_line_for_each_term():
    terms = [f"ops.exp(number_{i}, axis=1)" for i in range(5)]
    expected = ["total = (", f"    {terms[0]}", *(f"    + {term}" for term in terms[1:]), ")"]
    assert lines(("total", " + ".join(terms)), keep=["total"]) == expected


@pytest.mark.parametrize(
    ("expected", "variables"),
    [
        ("embedding", ["embedding"]),
        ("encoder/lstm_cell: kernel, bias", ["encoder/lstm_cell/kernel", "encoder/lstm_cell/bias"]),
        ("rnn: gates/kernel, bias", ["rnn/gates/kernel", "rnn/bias"]),
        ("w, b", ["w", "b"]),
        ("a_import_os", ["a\nimport os"]),
    ],
)
def test_a_comment_names_the_variables(expected, variables):
    assert naming.in_comment(variables) == expected
