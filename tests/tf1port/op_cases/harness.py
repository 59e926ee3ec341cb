"""A TF1 op under test, and the expressions that the table makes of it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

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
    outputs: int | None = None  # that are compared; None: all


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
    """The expressions of a case, the constants that they name, whether they need a layer."""

    texts: list[str]
    constants: dict[str, np.ndarray]
    needs_layer: bool


def first(outputs):
    """The first output of an op, of which a raw op returns one or a tuple."""
    return outputs if tf.is_tensor(outputs) else outputs[0]


def operation(op, operands, node):
    """An op of a graph as the table wants it."""
    return Operation(
        op=node.op,
        name=node.name,
        attrs={key: _plain(value) for key, value in node.attr.items()},
        operands=tuple(operands),
        outputs=len(op.outputs),
        out_dtypes=tuple(tensor.dtype.base_dtype.name for tensor in op.outputs),
        out_shapes=tuple(_shape(tensor) for tensor in op.outputs),
    )


def _without_defaults(op):
    """The node of an op without the attributes that are as the op's definition has them."""
    node = tf1.NodeDef.FromString(op.node_def.SerializeToString())
    for attribute in op.op_def.attr:
        value = node.attr.get(attribute.name)
        if attribute.HasField("default_value") and value == attribute.default_value:
            del node.attr[attribute.name]
    return node


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

    def __init__(self, *, defaults=True):
        self.constants = {}
        self.needs_layer = False
        self.defaults = defaults  # whether attributes that are as defined are written out

    def outputs(self, op):
        """The text of each output."""
        node = op.node_def if self.defaults else _without_defaults(op)
        operands = [self.operand(tensor) for tensor in op.inputs]
        translation = translate(operation(op, operands, node))
        self.needs_layer |= translation.needs_layer or any(operand.entries for operand in operands)
        return [template.format(f"({translation.call})") for template in translation.outputs]

    def operand(self, tensor):
        """An input of an op: a placeholder by name, a constant, or what other ops make."""
        value = tf.get_static_value(tensor) if tensor.op.type == "Const" else None
        entries = None if value is not None else self._entries(tensor)
        text = row(entries) if entries is not None else self._text(tensor, value)
        return Operand(text, tensor.dtype.base_dtype.name, _shape(tensor), value, entries)

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

    def _entries(self, tensor):
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
            operands = [self.operand(tensor) for tensor in op.inputs]
            return tuple(int(o.value) if o.value is not None else o.text for o in operands)
        return None
