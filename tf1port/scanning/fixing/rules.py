"""Calls of TF1 and the calls of Keras 3 that compute the same, as data.

A rule is applied where a call has no argument but those that it knows. TF1's defaults that differ
from those of Keras are written out.
"""

from __future__ import annotations

from dataclasses import dataclass, field

OPS = "keras.ops."  # what begins so is called with its first argument by position


@dataclass(frozen=True)
class Rule:
    """How a call is rewritten.

    Attributes:
        signature: the names of TF1's arguments in their order.
        to: what is called instead.
        takes: TF1's arguments that are passed on, by the keyword that they get.
        inputs: TF1's arguments of the layer's own call: `Dense(n)(inputs)`; empty: there is none.
        defaults: keywords that are written out where the call does not give them.
        drops: arguments without a meaning in Keras 3.
        only_as: arguments that must have this value, written so, and are then left out.
        note: what is to be thought of; it is written above the statement.
    """

    signature: tuple[str, ...]
    to: str
    takes: dict[str, str]
    inputs: tuple[str, ...] = ()
    defaults: dict[str, str] = field(default_factory=dict)
    drops: frozenset[str] = frozenset()
    only_as: dict[str, str] = field(default_factory=dict)
    note: str = ""

    @property
    def needs(self) -> tuple[str, ...]:
        """The arguments without which nothing is written."""
        first = tuple(self.takes)[:1] if self.to.startswith(OPS) else ()
        return self.inputs or first


def _rule(
    signature: str,
    to: str,
    takes: str,
    *,
    inputs: str = "",
    defaults: str = "",
    drops: str = "",
    only_as: str = "",
    note: str = "",
) -> Rule:
    """A Rule from words with spaces between: `old=new` in takes, `name=value` in the others."""
    return Rule(
        tuple(signature.split()),
        "keras." + to,
        _pairs(takes),
        tuple(inputs.split()),
        _pairs(defaults),
        frozenset(drops.split()),
        _pairs(only_as),
        note,
    )


def _pairs(words: str) -> dict[str, str]:
    """`a=b c` as {"a": "b", "c": "c"}."""
    split = (word.partition("=") for word in words.split())
    return {name: value if equals else name for name, equals, value in split}


_CELL = 'recurrent_initializer="glorot_uniform"'
_DENSE = "use_bias kernel_initializer bias_initializer kernel_regularizer bias_regularizer"
_LAYER = "activity_regularizer kernel_constraint bias_constraint trainable name reuse"
_CONVOLUTION = (
    f"inputs filters kernel_size strides padding data_format dilation_rate activation {_DENSE}"
)
_POOLING = "inputs pool_size strides padding data_format name"
_LOSS = "labels logits weights scope loss_collection reduction"
_ADAM = "learning_rate beta1 beta2 epsilon use_locking name"

_CELLS = {
    "BasicRNNCell": _rule(
        "num_units activation reuse name dtype", "layers.SimpleRNNCell",
        "num_units=units activation name", defaults=_CELL, drops="reuse",
    ),
    "BasicLSTMCell": _rule(
        "num_units forget_bias state_is_tuple activation reuse name dtype", "layers.LSTMCell",
        "num_units=units activation name", defaults=_CELL, drops="reuse",
        only_as="forget_bias=1.0 state_is_tuple=True",
        note="P3: a checkpoint's bias is without the forget bias, and that of Keras with it",
    ),
    "LSTMCell": _rule(
        "num_units use_peepholes cell_clip initializer num_proj", "layers.LSTMCell",
        "num_units=units activation name", defaults=_CELL, drops="reuse",
        only_as="forget_bias=1.0 state_is_tuple=True use_peepholes=False cell_clip=None",
        note="P3: a checkpoint's bias is without the forget bias, and that of Keras with it",
    ),
    "GRUCell": _rule(
        "num_units activation reuse kernel_initializer bias_initializer name dtype",
        "layers.GRUCell", "num_units=units activation name",
        defaults=f"reset_after=False {_CELL}", drops="reuse",
        note="TF1's gates begin with a bias of 1, those of Keras with 0",
    ),
    "MultiRNNCell": _rule(
        "cells state_is_tuple", "layers.StackedRNNCells", "cells", only_as="state_is_tuple=True",
    ),
}  # fmt: skip

_LAYERS = {
    "tf.layers.dense": _rule(
        f"inputs units activation {_DENSE} {_LAYER}", "layers.Dense",
        f"units activation {_DENSE} name", inputs="inputs", drops="trainable",
    ),
    "tf.layers.conv1d": _rule(
        f"{_CONVOLUTION} {_LAYER}", "layers.Conv1D",
        f"filters kernel_size strides padding activation {_DENSE} name", inputs="inputs",
    ),
    "tf.layers.conv2d": _rule(
        f"{_CONVOLUTION} {_LAYER}", "layers.Conv2D",
        f"filters kernel_size strides padding activation {_DENSE} name", inputs="inputs",
    ),
    "tf.layers.max_pooling2d": _rule(
        _POOLING, "layers.MaxPooling2D", "pool_size strides padding name", inputs="inputs",
    ),
    "tf.layers.average_pooling2d": _rule(
        _POOLING, "layers.AveragePooling2D", "pool_size strides padding name", inputs="inputs",
    ),
    "tf.layers.flatten": _rule("inputs name", "layers.Flatten", "name", inputs="inputs"),
}  # fmt: skip

_COMPILED = "of a model it is model.compile(loss=…): it is not called on tensors of Keras"
_LOSSES = {
    "tf.losses.sparse_softmax_cross_entropy": _rule(
        _LOSS, "losses.SparseCategoricalCrossentropy", "", inputs="labels logits",
        defaults="from_logits=True", drops="scope",
        note=_COMPILED,
    ),
    "tf.losses.softmax_cross_entropy": _rule(
        "onehot_labels logits weights label_smoothing scope", "losses.CategoricalCrossentropy",
        "label_smoothing", inputs="onehot_labels logits", defaults="from_logits=True",
        drops="scope", note=_COMPILED,
    ),
    "tf.losses.sigmoid_cross_entropy": _rule(
        "multi_class_labels logits weights label_smoothing scope", "losses.BinaryCrossentropy",
        "", inputs="multi_class_labels logits", defaults="from_logits=True", drops="scope",
        note=_COMPILED,
    ),
    "tf.losses.mean_squared_error": _rule(
        "labels predictions weights scope", "losses.MeanSquaredError", "",
        inputs="labels predictions", drops="scope", note=_COMPILED,
    ),
}  # fmt: skip

_OPTIMIZERS = {
    "tf.train.GradientDescentOptimizer": _rule(
        "learning_rate use_locking name", "optimizers.SGD", "learning_rate name",
        drops="use_locking",
    ),
    "tf.train.MomentumOptimizer": _rule(
        "learning_rate momentum use_locking name use_nesterov", "optimizers.SGD",
        "learning_rate momentum use_nesterov=nesterov name", drops="use_locking",
    ),
    "tf.train.AdamOptimizer": _rule(
        _ADAM, "optimizers.Adam", "learning_rate beta1=beta_1 beta2=beta_2 epsilon name",
        defaults="learning_rate=0.001 epsilon=1e-8", drops="use_locking",
    ),
    "tf.train.RMSPropOptimizer": _rule(
        "learning_rate decay momentum epsilon use_locking centered name", "optimizers.RMSprop",
        "learning_rate decay=rho momentum epsilon centered name",
        defaults="rho=0.9 epsilon=1e-10", drops="use_locking",
        note="TF1's mean square begins at 1, that of Keras at 0",
    ),
    "tf.train.AdagradOptimizer": _rule(
        "learning_rate initial_accumulator_value use_locking name", "optimizers.Adagrad",
        "learning_rate initial_accumulator_value name",
        defaults="initial_accumulator_value=0.1 epsilon=0.0", drops="use_locking",
    ),
}  # fmt: skip

_INITIALIZERS = {
    "tf.zeros_initializer": _rule("dtype", "initializers.Zeros", "", drops="dtype"),
    "tf.ones_initializer": _rule("dtype", "initializers.Ones", "", drops="dtype"),
    "tf.constant_initializer": _rule(
        "value dtype verify_shape", "initializers.Constant", "value", drops="dtype verify_shape",
    ),
    "tf.random_uniform_initializer": _rule(
        "minval maxval seed dtype", "initializers.RandomUniform", "minval maxval seed",
        defaults="minval=0.0 maxval=1.0", drops="dtype",
    ),
    "tf.random_normal_initializer": _rule(
        "mean stddev seed dtype", "initializers.RandomNormal", "mean stddev seed",
        defaults="stddev=1.0", drops="dtype",
    ),
    "tf.truncated_normal_initializer": _rule(
        "mean stddev seed dtype", "initializers.TruncatedNormal", "mean stddev seed",
        defaults="stddev=1.0", drops="dtype",
    ),
    "tf.orthogonal_initializer": _rule(
        "gain seed dtype", "initializers.Orthogonal", "gain seed", drops="dtype",
    ),
    "tf.glorot_uniform_initializer": _rule(
        "seed dtype", "initializers.GlorotUniform", "seed", drops="dtype",
    ),
    "tf.glorot_normal_initializer": _rule(
        "seed dtype", "initializers.GlorotNormal", "seed", drops="dtype",
    ),
    "tf.variance_scaling_initializer": _rule(
        "scale mode distribution seed dtype", "initializers.VarianceScaling",
        "scale mode distribution seed", drops="dtype",
    ),
}  # fmt: skip

DYNAMIC_RNN = "tf.nn.dynamic_rnn"
_RECURRENT = {
    # Its sequence_length and time_major: tf1port/scanning/fixing/sequences.py.
    DYNAMIC_RNN: _rule(
        "cell inputs sequence_length initial_state dtype parallel_iterations swap_memory "
        "time_major scope",
        "layers.RNN", "cell", inputs="inputs", defaults="return_sequences=True return_state=True",
        drops="dtype parallel_iterations swap_memory scope",
        note="the states are those of Keras: of an LSTM [h, c] (P26)",
    ),
}  # fmt: skip

PLACEHOLDER = "tf.placeholder"
_TANH = _rule("x name", "ops.tanh", "x", drops="name")
# What a tensor of Keras goes through, where TensorFlow's own functions take none (P114): only ops
# whose dtype and defaults are the same.
_OF_KERAS_TENSORS = {
    PLACEHOLDER: _rule("dtype shape name", "Input", "shape dtype name"),
    "tf.transpose": _rule("a perm name conjugate", "ops.transpose", "a=x perm=axes", drops="name"),
    "tf.reshape": _rule(
        "tensor shape name", "ops.reshape", "tensor=x shape=newshape", drops="name",
    ),
    "tf.concat": _rule("values axis name", "ops.concatenate", "values=xs axis", drops="name"),
    "tf.expand_dims": _rule("input axis name", "ops.expand_dims", "input=x axis", drops="name"),
    "tf.squeeze": _rule("input axis name", "ops.squeeze", "input=x axis", drops="name"),
    "tf.tanh": _TANH,
    "tf.nn.tanh": _TANH,
    "tf.nn.relu": _rule("features name", "ops.relu", "features=x", drops="name"),
}  # fmt: skip

FILL = _rule("dims value name", "ops.full", "dims=shape value=fill_value", drops="name")

# What is handed to another call: it must fit that.
OBJECTS = {*_CELLS, *(name.rpartition(".")[2] for name in _INITIALIZERS)}
WITHOUT_CELLS = {**_LAYERS, **_LOSSES, **_OPTIMIZERS, **_INITIALIZERS}
WITH_CELLS = {
    **{f"tf.nn.rnn_cell.{name}": rule for name, rule in _CELLS.items()},
    **{f"tf.contrib.rnn.{name}": rule for name, rule in _CELLS.items()},
    **_RECURRENT,
    **WITHOUT_CELLS,
}
RULES = {**WITH_CELLS, **_OF_KERAS_TENSORS}
