"""Names for values as a person would call them: after layers, scopes, and what an op does.

A name that the program's author gave an op is kept. One that TensorFlow gave it ("mul_3") says
nothing: then the scope, the operand or the kind of the op names the value.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from tf1port.keras_model import naming
from tf1port.keras_model.program import Constant, Input, Leaf, Op, Use, Value, Weight

NameOf = Callable[[Value], str]  # of an operand; empty: it has none
WEIGHTS, CONTEXT = "weights", "context"  # of attention
_MOVING = {"ExpandDims", "Squeeze", "Reshape", "Transpose", "StridedSlice"}
_LONGEST = 32  # characters of a name that is derived from another one
# Names that TensorFlow's functions give their ops, beside the kinds of the ops themselves.
_DEFAULTS = {
    *("add", "sub", "mul", "truediv", "div", "floordiv", "concat", "split", "stack", "unstack"),
    *("transpose", "zeros", "ones", "to_float", "to_int32", "to_int64", "to_double", "matmul"),
    *("embedding_lookup", "rank", "range", "where", "tensor_array_stack", "map", "moments"),
    *("batchnorm", "xw_plus_b", "boolean_mask", "args", "cond", "while", "rnn", "x"),
    *("tensordot", "gather", "reverse_sequence", "reverse", "perm", "scan", "foldl"),
}
_GENERIC_SCOPE = re.compile(
    r"(multi_rnn_cell|rnn|while|cell|(basic_)?(rnn|lstm|gru)(_block)?_cell|bidirectional_rnn|fw|bw"
    r"|dynamic_rnn|bidirectional|map|scan|\w*zero_?state|cond|call|model|gradients|conv[123]_?d"
    r"|\w*pooling[123]_?d)(_?\d+)?$"
)
# The value is what its operand is, in another form or after an activation.
_SAME = {
    *("Cast", "ExpandDims", "Squeeze", "Identity", "StopGradient", "Split", "SplitV", "Unpack"),
    *("Sigmoid", "Tanh", "Relu", "Relu6", "Elu", "Selu", "Softplus", "Softsign", "LeakyRelu"),
    *("BiasAdd", "BiasAddV1", "PreventGradient"),
}
_PREFIXES = {
    "Transpose": "transposed",
    "ReverseV2": "reversed",
    "ReverseSequence": "reversed",
    **dict.fromkeys(("MaxPool", "AvgPool", "MaxPoolV2"), "pooled"),
    "Tile": "tiled",
    "BroadcastTo": "tiled",
    "Pad": "padded",
    "PadV2": "padded",
}
_WORDS = {
    **dict.fromkeys(("Concat", "ConcatV2"), "concatenated"),
    **dict.fromkeys(("Add", "AddV2", "AddN"), "total"),
    **dict.fromkeys(("Select", "SelectV2"), "selected"),
    **dict.fromkeys(("Gather", "GatherV2", "GatherNd"), "gathered"),
    **dict.fromkeys(("MatMul", "BatchMatMul", "BatchMatMulV2", "Mul"), "product"),
    **dict.fromkeys(("RealDiv", "Div", "FloorDiv"), "quotient"),
    **dict.fromkeys(("Greater", "Less", "GreaterEqual", "LessEqual"), "condition"),
    **dict.fromkeys(("Equal", "NotEqual", "LogicalAnd", "LogicalOr", "LogicalNot"), "condition"),
    "Pack": "stacked",
    "Sub": "difference",
    "SquaredDifference": "squares",
    "Square": "squares",
    "Abs": "magnitude",
    "Pow": "power",
    "Mean": "mean",
    "Max": "largest",
    "Min": "smallest",
    "Softmax": "probabilities",
    "LogSoftmax": "log_probabilities",
    "ArgMax": "predictions",
    "OneHot": "one_hot",
}


def of_use(use: Use, port: int = 0) -> str:
    """A name for an output of a layer."""
    assert use.layer.spec is not None
    name = use.layer.spec.name
    if use.layer.kind == "Embedding":
        ids = use.positional[0].producer
        return f"embedded_{naming.of_node(ids.scope)}" if isinstance(ids, Input) else name
    if not use.layer.cells:
        return name.removesuffix("_layer")  # which only a layer needs, see naming.layer_names
    options = use.layer.spec.recurrent_options
    if port and options.get("return_state"):
        return of_state(use, port)
    return f"{name}_outputs" if options["return_sequences"] else f"{name}_output"


def of_state(use: Use, port: int) -> str:
    """A name for a final state of a recurrent layer."""
    assert use.layer.spec is not None
    count = (use.layer.outputs - 1) // len(use.layer.cells)
    direction = ("forward_", "backward_")[(port - 1) // count] if len(use.layer.cells) > 1 else ""
    return f"{use.layer.spec.name}_{direction}{'hc'[(port - 1) % count]}"


def of_op(
    op: Op, name_of: NameOf, *, layer: str = "", role: str = "", is_weighting: bool = False
) -> str:
    """A name for the output of an op.

    Args:
        name_of: the name of an operand.
        layer: the scope of the layer that the op is part of, which names nothing within it.
        role: what the output is in that layer. is_weighting: something is multiplied by it.
    """
    own = _own(op) or role
    if own:
        return own
    operands = [value for value in op.inputs if not isinstance(value.producer, Constant)]
    operand = name_of(operands[0]) if operands else ""
    scope = _scope(op, layer)
    if op.op in _SAME:
        return scope or operand or naming.identifier(op.op)
    if op.op in _PREFIXES:
        return _prefixed(_PREFIXES[op.op], operand)
    if op.op == "MatMul" and (scope or _of_kernel(op)):
        return scope or _of_kernel(op)
    if op.op in ("SequenceMask", "Less") and "sequence_mask" in naming.identifier(op.scope):
        return _mask(operand)
    word = _word(op, operands, operand, is_weighting=is_weighting)
    is_said = scope in word or len(scope) + len(word) > _LONGEST
    return word if is_said or not scope else f"{scope}_{word}"


def _own(op: Op) -> str:
    """The name that the program's author gave an op; empty: TensorFlow named it."""
    last = re.sub(r"(_\d+)+$", "", op.scope.rpartition("/")[2])
    name = naming.identifier(last) if last else ""
    is_default = name.strip("_") in _DEFAULTS or name.strip("_") == _plain(op.op)
    return "" if is_default or last in (op.op, op.op.removesuffix("V2")) else name


def _plain(kind: str) -> str:
    """A kind of op as it would be named."""
    return naming.identifier(re.sub(r"V\d$", "", kind)).strip("_")


def _scope(op: Op, layer: str) -> str:
    """The innermost scope of an op that says something; empty: none does."""
    words = op.scope.split("/")[:-1]
    outer = set(layer.split("/"))
    for word in reversed(words):
        plain = naming.identifier(re.sub(r"(_\d+)+$", "", word)).strip("_")
        if word in outer or plain in outer:
            return ""
        if plain not in _DEFAULTS and not _GENERIC_SCOPE.match(plain):
            return plain
    return ""


def _of_kernel(op: Op) -> str:
    """The scope of a variable that a product is with, such as a layer's or a gate's."""
    for value in op.inputs:
        words = value.producer.scope.split("/")
        if isinstance(value.producer, Weight) and len(words) > 1:
            plain = naming.identifier(words[-2])
            return "" if plain in _DEFAULTS or _GENERIC_SCOPE.match(plain) else plain
    return ""


def _mask(operand: str) -> str:
    """A name for a mask of lengths, or for what it is computed from."""
    rows = re.sub("_?(lengths?|lens?|sizes?|sequence_mask)$", "", operand)
    return rows if rows.endswith("_mask") else f"{rows}_mask" if rows else "sequence_mask"


def _word(op: Op, operands: list[Value], operand: str, *, is_weighting: bool) -> str:
    """A name by what an op does."""
    if op.op in ("GreaterEqual", "Less") and any(_is_time(value) for value in operands):
        return "is_over" if op.op == "GreaterEqual" else "is_running"
    if op.op == "Softmax":
        return WEIGHTS if is_weighting else "probabilities"
    if op.op == "Fill":
        number = op.inputs[1].producer
        return "filled" if not isinstance(number, Constant) or number.array.any() else "zeros"
    if op.op == "Sum":
        inner = operands[0].producer if operands else None
        return _weighted(inner) if isinstance(inner, Op) and inner.op == "Mul" else "total"
    if op.op in ("BatchMatMul", "BatchMatMulV2") and _weighted(op) == CONTEXT:
        return CONTEXT
    if op.op in ("Mul", "RealDiv") and len(operands) == 1:
        return _prefixed("scaled", operand)
    if op.op == "Reshape":
        is_flat = len(op.out_shapes[0] or ()) < len(op.inputs[0].shape or ())
        return _prefixed("flat" if is_flat else "reshaped", operand)
    if op.op == "StridedSlice":
        return f"step_{op.attrs['step']}" if "step" in op.attrs else operand or "part"
    return _WORDS.get(op.op) or _plain(op.op)


def _weighted(product: Op) -> str:
    """A name for a sum of products: attention's context if a softmax gives the weights."""
    producers = [value.producer for value in product.inputs]
    for index, producer in enumerate(producers):
        while isinstance(producer, Op) and producer.op in _MOVING:
            producer = producer.inputs[0].producer
        producers[index] = producer
    is_attention = any(isinstance(other, Op) and other.op == "Softmax" for other in producers)
    return CONTEXT if is_attention else "weighted_sum"


def _prefixed(word: str, name: str) -> str:
    plain = re.sub(rf"^{word}_", "", name)
    return f"{word}_{plain}" if name and len(word) + len(name) < _LONGEST else word


def _is_time(value: Value) -> bool:
    """Whether a value is the number of a loop's step."""
    return isinstance(value.producer, Leaf) and value.producer.scope == "time"
