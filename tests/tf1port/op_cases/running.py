"""Ops as TF1's session has them, and as their translations in Keras have them.

All cases of a dtype stand in one graph and in one model, for the sake of time.
"""

from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf
import tensorflow.compat.v1 as tf1

from tests.tf1port.op_cases.harness import Given, Writer, Written, first


@dataclass
class Result:
    """What a model computes of a case: arrays, and the shapes that Keras knew before."""

    arrays: list[np.ndarray]
    shapes: list[tuple[int | None, ...]]


@dataclass
class Compared:
    """A case as the session has it, and as Keras has it in a layer and among keras.Inputs."""

    texts: list[str]
    expected: list[np.ndarray]
    static: list[tf.TensorShape]
    layer: Result | None
    functional: Result | None
    error: Exception | None


class Translated(keras.layers.Layer):
    """A layer of all expressions of some cases; what one of them raises is kept aside."""

    def __init__(self, written, errors, **keywords):
        super().__init__(autocast=False, **keywords)
        self.written, self.errors = written, errors

    def call(self, inputs):
        return evaluated(self.written, inputs, self.errors)


def evaluated(written, inputs, errors):
    """The tensors of each case by its expressions; those of a Python tuple or number as well."""
    results = {}
    for key, expression in written.items():
        constants = {k: keras.ops.convert_to_tensor(v) for k, v in expression.constants.items()}
        names = {"ops": keras.ops, "keras": keras, **inputs, **constants}
        try:
            values = [eval(text, names) for text in expression.texts]
            results[key] = [_as_tensor(result) for result in values]
        except Exception as error:
            errors[key] = error
    return results


def _as_tensor(result):
    known = isinstance(result, keras.KerasTensor)
    return result if known else keras.ops.convert_to_tensor(result)


def compared(cases, dtype):
    """Runs cases in a session and in Keras over a batch of unknown size, by id.

    In float32 all stand in a layer and, where they can, among keras.Inputs, in float64 in one.
    """
    graph, feeds_by_case, ops = _graph([case for case in cases if dtype in case.dtypes], dtype)
    with tf1.Session(graph=graph) as session:
        feeds = dict(pair for pairs in feeds_by_case.values() for pair in pairs.values())
        expected = session.run({key: list(op.outputs) for key, op in ops.items()}, feeds)
    expressions_by_case, errors = _written(graph, ops)
    inline = {
        key: expressions
        for key, expressions in expressions_by_case.items()
        if not expressions.needs_layer
    }
    in_layer = (
        expressions_by_case
        if dtype == "float32"
        else {k: w for k, w in expressions_by_case.items() if k not in inline}
    )
    layer = _run(
        lambda given: Translated(in_layer, errors)(given), _joined(feeds_by_case, in_layer)
    )
    functional = _run(
        lambda given: evaluated(inline, given, errors), _joined(feeds_by_case, inline)
    )
    return {
        key: Compared(
            expressions_by_case[key].texts if key in expressions_by_case else [],
            expected[key],
            [tensor.shape for tensor in op.outputs],
            layer.get(key),
            functional.get(key),
            errors.get(key),
        )
        for key, op in ops.items()
    }


def _graph(cases, dtype):
    """A graph of all cases; by case what is fed, by the name of a placeholder, and the op."""
    graph, feeds_by_case, ops = tf1.Graph(), {}, {}
    with graph.as_default():
        for index, case in enumerate(cases):
            inputs = Given(dtype, f"x{index}")
            op = first(case.make(inputs)).op
            if inputs.floats or dtype == "float32":
                ops[case.id] = op
                feeds_by_case[case.id] = inputs.fed
    return graph, feeds_by_case, ops


def _written(graph, ops):
    """The expressions of each op, or the error."""
    expressions, errors = {}, {}
    with graph.as_default():
        for key, op in ops.items():
            writer = Writer()
            try:
                texts = writer.outputs(op)
                expressions[key] = Written(texts, writer.constants, writer.needs_layer)
            except Exception as error:
                errors[key] = error
    return expressions, errors


def _joined(feeds_by_case, keys):
    """What is fed to some cases, in one."""
    return {name: pair for key in keys for name, pair in feeds_by_case[key].items()}


def _run(make, feeds):
    """What a functional model of some outputs computes as a tf.function, by case."""
    inputs = {
        name: keras.Input(batch_shape=placeholder.shape, dtype=array.dtype.name, name=name)
        for name, (placeholder, array) in feeds.items()
    }
    tensors_by_case = make(inputs)
    flat = [tensor for tensors in tensors_by_case.values() for tensor in tensors]
    # What depends on no input is no output of a functional model.
    outputs = [tensor for tensor in flat if isinstance(tensor, keras.KerasTensor)]
    model = keras.Model(inputs, outputs)
    signature = {
        name: tf.TensorSpec(placeholder.shape, array.dtype, name=name)
        for name, (placeholder, array) in feeds.items()
    }
    run = tf.function(lambda values: model(values), input_signature=[signature])
    computed = iter(run({name: tf.constant(array) for name, (_, array) in feeds.items()}))
    arrays = iter(
        [np.asarray(next(computed) if isinstance(o, keras.KerasTensor) else o) for o in flat]
    )
    return {
        key: Result([next(arrays) for _ in tensors], [tuple(tensor.shape) for tensor in tensors])
        for key, tensors in tensors_by_case.items()
    }
