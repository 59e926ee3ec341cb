"""The sizes of each op's outputs, as arithmetic on those of its inputs, against a session's."""

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
    normalizations,
    reductions,
    shapes,
    slicing,
)
from tf1port.conversion.translation.output_sizes import RULES
from tf1port.conversion.translation.reader import Reader
from tf1port.errors import UserError
from tf1port.keras_model.program import Dim, Input
from tf1port.tf1.graph.index import Graph

MODULES = (arithmetic, elementwise, convolutions, indexing, joining, linear_algebra)
CASES = [
    case
    for module in (*MODULES, normalizations, reductions, shapes, slicing)
    for case in module.CASES
]
OPERATORS = {
    "+": lambda terms: sum(terms),
    "*": lambda terms: int(np.prod(terms)),
    "-": lambda terms: terms[0] - terms[1],
    "//": lambda terms: terms[0] // terms[1],
}


@pytest.fixture(scope="module")
def outputs():
    """By case: (the sizes of each output, what the inputs are fed, the shape that TF computes)."""
    with tf1.Graph().as_default() as graph:
        built, fed = {}, {}
        for number, case in enumerate(CASES):
            given = harness.Given("float32", f"case_{number}")
            made = case.make(given)
            built[case.id] = [made] if tf1.is_tensor(made) else [t for t in made if t is not None]
            fed.update(given.fed)
    tensors = {case: [t for t in made if tf1.is_tensor(t)] for case, made in built.items()}
    with tf1.Session(graph=graph) as session:
        values = session.run(tensors, dict(fed.values()))
    reader = Reader(Graph(graph.as_graph_def(add_shapes=True)), {}, {})
    shapes_fed = {f"{name}:0": array.shape for name, (_, array) in fed.items()}
    found = {}
    for case, made in tensors.items():
        pairs = zip(made, values[case], strict=True)
        found[case] = [(_sizes(reader, t.name), shapes_fed, np.shape(value)) for t, value in pairs]
    return found


def _sizes(reader, tensor):
    try:
        (value,) = reader.read([tensor])
    except UserError:
        return None
    return None if value.shape is None else [value.size(axis) for axis in range(len(value.shape))]


def number(size, shapes_fed):
    """A size as a number; None where it is that of an op's result."""
    if isinstance(size, int):
        return size
    if isinstance(size, Dim):
        source = size.value.producer
        return shapes_fed[source.tensor][size.axis] if isinstance(source, Input) else None
    terms = [number(term, shapes_fed) for term in size.terms]
    return None if None in terms else OPERATORS[size.operator](terms)


def test_sizes_are_those_that_the_session_computes(outputs):
    wrong = {}
    for case, found in outputs.items():
        for sizes, shapes_fed, shape in found:
            if sizes is None:
                continue
            numbers = [number(size, shapes_fed) for size in sizes]
            filled = [n if n is None else m for n, m in zip(numbers, shape, strict=True)]
            if numbers != filled:
                wrong[case] = numbers, shape
    assert not wrong


def test_sizes_follow_from_the_inputs_of_each_op_that_has_a_rule(outputs):
    known = dict.fromkeys(RULES, False)
    for case, found in outputs.items():
        op = case.partition("-")[0]
        for sizes, shapes_fed, _ in found:
            is_known = sizes is not None and None not in [number(s, shapes_fed) for s in sizes]
            known[op] = known.get(op, False) or is_known
    assert [op for op, is_known in known.items() if op in RULES and not is_known] == []
