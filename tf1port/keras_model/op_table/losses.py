"""Cross-entropies per example, which TF computes together with their gradient."""

from tf1port.keras_model.op_table.operation import Operation, Rule, Translation
from tf1port.keras_model.op_table.writing import call, shape, tensor


def _sparse(operation: Operation) -> Translation:
    """Of logits [B, C] and labels [B], the numbers of their classes."""
    logits, labels = map(tensor, operation.operands)
    classes = shape(operation)[-1]
    if classes is None:
        raise operation.refuse("of an unknown number of classes")
    text = call("sparse_categorical_crossentropy", labels, logits, from_logits=True)
    dtype = operation.operands[0].dtype
    one_hot = call("one_hot", labels, classes, dtype=f'"{dtype}"')
    return Translation(text, ("{}", f"(ops.softmax({logits}) - {one_hot})"))


def _dense(operation: Operation) -> Translation:
    """Of logits [B, C] and labels [B, C], probabilities."""
    logits, labels = map(tensor, operation.operands)
    text = call("categorical_crossentropy", labels, logits, from_logits=True)
    return Translation(text, ("{}", f"(ops.softmax({logits}) - {labels})"))


RULES: dict[str, Rule] = {
    "SparseSoftmaxCrossEntropyWithLogits": _sparse,
    "SoftmaxCrossEntropyWithLogits": _dense,
}
