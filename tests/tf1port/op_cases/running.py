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
    found = {}
    for key, one in written.items():
        constants = {k: keras.ops.convert_to_tensor(v) for k, v in one.constants.items()}
        names = {"ops": keras.ops, "keras": keras, **inputs, **constants}
        try:
            results = [eval(text, names) for text in one.texts]
            found[key] = [_as_tensor(result) for result in results]
        except Exception as error:
            errors[key] = error
    return found


def _as_tensor(result):
    known = isinstance(result, keras.KerasTensor)
    return result if known else keras.ops.convert_to_tensor(result)


def compared(cases, dtype):
    """Runs cases in a session and in Keras over a batch of unknown size, by id.

    In float32 all stand in a layer and, where they can, among keras.Inputs, in float64 in one.
    """
    graph, fed, made = _graph([case for case in cases if dtype in case.dtypes], dtype)
    with tf1.Session(graph=graph) as session:
        feeds = dict(pair for of in fed.values() for pair in of.values())
        expected = session.run({key: list(op.outputs) for key, op in made.items()}, feeds)
    written, errors = _written(graph, made)
    free = {key: one for key, one in written.items() if not one.needs_layer}
    bound = written if dtype == "float32" else {k: w for k, w in written.items() if k not in free}
    layer = _run(lambda given: Translated(bound, errors)(given), _joined(fed, bound))
    functional = _run(lambda given: evaluated(free, given, errors), _joined(fed, free))
    return {
        key: Compared(
            written[key].texts if key in written else [],
            expected[key],
            [tensor.shape for tensor in op.outputs],
            layer.get(key),
            functional.get(key),
            errors.get(key),
        )
        for key, op in made.items()
    }


def _graph(cases, dtype):
    """A graph of all cases; by case what is fed, by the name of a placeholder, and the op."""
    graph, fed, made = tf1.Graph(), {}, {}
    with graph.as_default():
        for index, case in enumerate(cases):
            given = Given(dtype, f"x{index}")
            op = first(case.make(given)).op
            if given.floats or dtype == "float32":
                made[case.id] = op
                fed[case.id] = given.fed
    return graph, fed, made


def _written(graph, made):
    """The expressions of each op, or the error."""
    written, errors = {}, {}
    with graph.as_default():
        for key, op in made.items():
            writer = Writer()
            try:
                texts = writer.outputs(op)
                written[key] = Written(texts, writer.constants, writer.needs_layer)
            except Exception as error:
                errors[key] = error
    return written, errors


def _joined(fed, keys):
    """What is fed to some cases, in one."""
    return {name: pair for key in keys for name, pair in fed[key].items()}


def _run(make, fed):
    """What a functional model of some outputs computes as a tf.function, by case."""
    inputs = {
        name: keras.Input(batch_shape=placeholder.shape, dtype=array.dtype.name, name=name)
        for name, (placeholder, array) in fed.items()
    }
    made = make(inputs)
    every = [one for some in made.values() for one in some]
    # What depends on no input is no output of a functional model.
    outputs = [one for one in every if isinstance(one, keras.KerasTensor)]
    model = keras.Model(inputs, outputs)
    signature = {
        name: tf.TensorSpec(placeholder.shape, array.dtype, name=name)
        for name, (placeholder, array) in fed.items()
    }
    run = tf.function(lambda values: model(values), input_signature=[signature])
    computed = iter(run({name: tf.constant(array) for name, (_, array) in fed.items()}))
    arrays = iter(
        [np.asarray(next(computed) if isinstance(o, keras.KerasTensor) else o) for o in every]
    )
    return {
        key: Result([next(arrays) for _ in some], [tuple(one.shape) for one in some])
        for key, some in made.items()
    }
