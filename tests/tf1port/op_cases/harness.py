"""Single TF1 ops, what a session makes of them, and what their translation makes of them.

All cases of a dtype stand in one graph and in one Keras layer, for the sake of time.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
import tensorflow as tf
import tensorflow.compat.v1 as tf1

from tf1port.keras_model.op_table import Operand, Operation, translate
from tf1port.keras_model.op_table.writing import number, row


@dataclass(frozen=True)
class Case:
    """An op under test: `make` builds it from what it is given, and returns its outputs."""

    id: str
    make: Callable[["Given"], Any]
    dtypes: tuple[str, ...] = ("float32", "float64")  # that the op has a kernel of
    rounds: bool = False  # sums of another order, or factors of another


@dataclass
class Given:
    """Makes the placeholders of a case: floats of one dtype, the batch unknown."""

    dtype: str
    scope: str
    fed: dict[str, tuple[Any, np.ndarray]] = field(default_factory=dict)
    floats: bool = False  # whether it was given any: else it is the same in all dtypes

    def __call__(self, array, *, shape="batch"):
        """A placeholder that the array is fed to; shape: [None, …], or the one that is given."""
        array = self.constant(array)
        if shape == "batch":
            shape = [None, *array.shape[1:]] if array.ndim else []
        name = f"{self.scope}_{len(self.fed)}"
        tensor = tf1.placeholder(array.dtype, shape, name=name)
        self.fed[name] = tensor, array
        return tensor

    def constant(self, array):
        """The array, in the dtype of the case if it is one of floats."""
        array = np.asarray(array)
        if array.dtype.kind != "f":
            return array
        self.floats = True
        return array.astype(self.dtype)


@dataclass
class Written:
    """The expressions of a case, and the constants that they name."""

    texts: list[str]
    constants: dict[str, np.ndarray]


def first(outputs):
    """The first output of an op, of which a raw op returns one or a tuple."""
    return outputs if tf.is_tensor(outputs) else outputs[0]


def operation(op, operands):
    """An op of a graph as the table wants it."""
    node = op.node_def
    return Operation(
        op=node.op,
        name=node.name,
        attrs={key: _plain(value) for key, value in node.attr.items()},
        operands=tuple(operands),
        outputs=len(op.outputs),
        out_dtypes=tuple(tensor.dtype.base_dtype.name for tensor in op.outputs),
        out_shapes=tuple(_shape(tensor) for tensor in op.outputs),
    )


def _plain(value):
    kind = value.WhichOneof("value")
    content = getattr(value, kind)
    if kind == "type":
        return tf.dtypes.as_dtype(content).name
    if kind == "list":
        return list(content.i)
    return content.decode() if kind == "s" else content


def _shape(tensor):
    return None if tensor.shape.rank is None else tuple(tensor.shape.as_list())


class Writer:
    """Writes the ops of a case, from its placeholders on, as one expression per output."""

    def __init__(self):
        self.constants = {}

    def outputs(self, op):
        """The text of each output."""
        written = translate(operation(op, [self.operand(tensor) for tensor in op.inputs]))
        return [template.format(f"({written.call})") for template in written.outputs]

    def operand(self, tensor):
        """An input of an op: a placeholder by name, a constant, or what other ops make."""
        value = tf.get_static_value(tensor) if tensor.op.type == "Const" else None
        parts = None if value is not None else self._parts(tensor)
        text = row(parts) if parts is not None else self._text(tensor, value)
        return Operand(text, tensor.dtype.base_dtype.name, _shape(tensor), value, parts)

    def _text(self, tensor, value):
        if tensor.op.type == "Placeholder":
            return tensor.op.name
        if value is None:
            return f"({self.outputs(tensor.op)[tensor.value_index]})"
        if value.ndim == 0:
            text = number(value, value.dtype.name)
            return f"({text})" if text.startswith("-") else text
        name = f"constant_{len(self.constants)}"
        self.constants[name] = value
        return name

    def _parts(self, tensor):
        """The entries of a shape and of a shape put together, as the converter knows them."""
        op = tensor.op
        if op.type == "Shape":
            sizes = op.inputs[0].shape.as_list()
            text = self.operand(op.inputs[0]).text
            return tuple(
                f"ops.shape({text})[{axis}]" if size is None else size
                for axis, size in enumerate(sizes)
            )
        if op.type == "Pack" and op.inputs[0].shape.rank == 0:
            operands = [self.operand(one) for one in op.inputs]
            return tuple(int(o.value) if o.value is not None else o.text for o in operands)
        return None


class Translated(keras.layers.Layer):
    """A layer of all expressions of some cases; what one of them raises is kept as its result."""

    def __init__(self, written, **keywords):
        super().__init__(autocast=False, **keywords)
        self.written = written
        self.errors = {}

    def call(self, inputs):
        names = {"ops": keras.ops, "keras": keras, **inputs}
        return {key: self._evaluated(key, one, names) for key, one in self.written.items()}

    def _evaluated(self, key, written, names):
        constants = {k: keras.ops.convert_to_tensor(v) for k, v in written.constants.items()}
        try:
            results = [eval(text, {**names, **constants}) for text in written.texts]
            return [keras.ops.convert_to_tensor(result) for result in results]
        except Exception as error:
            self.errors[key] = error
            return [keras.ops.zeros((0, 0, 0))]


@dataclass
class Compared:
    """A case as TF's session has it, and as its translation has it."""

    texts: list[str]
    expected: list[np.ndarray]
    static: list[tf.TensorShape]
    actual: list[np.ndarray]
    symbolic: list[tuple[int | None, ...]]
    error: Exception | None


def compared(cases, dtype):
    """Runs cases in a session and as a functional model over a batch of unknown size, by id."""
    cases = [case for case in cases if dtype in case.dtypes]
    graph, fed, made = tf1.Graph(), {}, {}
    with graph.as_default():
        for index, case in enumerate(cases):
            given = Given(dtype, f"x{index}")
            op = first(case.make(given)).op
            if given.floats or dtype == "float32":
                made[case.id] = op
                fed.update(given.fed)
    with tf1.Session(graph=graph) as session:
        feeds = dict(fed.values())
        expected = session.run({key: list(op.outputs) for key, op in made.items()}, feeds)
    written, errors = _written(graph, made)
    layer, symbolic, actual = _run(written, fed)
    return {
        key: Compared(
            written[key].texts if key in written else [],
            expected[key],
            [tensor.shape for tensor in op.outputs],
            actual.get(key, []),
            symbolic.get(key, []),
            errors.get(key) or layer.errors.get(key),
        )
        for key, op in made.items()
    }


def _written(graph, made):
    """The expressions of each op, or the error."""
    written, errors = {}, {}
    with graph.as_default():
        for key, op in made.items():
            writer = Writer()
            try:
                written[key] = Written(writer.outputs(op), writer.constants)
            except Exception as error:
                errors[key] = error
    return written, errors


def _run(written, fed):
    """The functional model's symbolic shapes, and what it computes as a tf.function."""
    inputs = {
        name: keras.Input(batch_shape=placeholder.shape, dtype=array.dtype.name, name=name)
        for name, (placeholder, array) in fed.items()
    }
    layer = Translated(written)
    outputs = layer(inputs)
    symbolic = {key: [one.shape for one in some] for key, some in outputs.items()}
    model = keras.Model(inputs, outputs)
    signature = {
        name: tf.TensorSpec(placeholder.shape, array.dtype, name=name)
        for name, (placeholder, array) in fed.items()
    }
    run = tf.function(lambda values: model(values), input_signature=[signature])
    results = run({name: tf.constant(array) for name, (_, array) in fed.items()})
    return layer, symbolic, {key: [one.numpy() for one in some] for key, some in results.items()}
