"""Normalizations that TF has as one op."""

from tf1port.keras_model.op_table.operation import Operation, Rule, Translation
from tf1port.keras_model.op_table.writing import call, number, shape, tensor


def _fused_batch_norm(operation: Operation) -> Translation:
    """As in inference, where the mean and the variance are operands; both are outputs as well."""
    if operation.attrs.get("is_training", True):
        raise operation.refuse("in training, whose statistics are the batch's")
    x, scale, offset, mean, variance = map(tensor, operation.operands)
    text = call(
        "batch_normalization",
        x,
        mean,
        variance,
        axis=1 if operation.attrs.get("data_format", "NHWC") == "NCHW" else -1,
        offset=offset,
        scale=scale,
        epsilon=number(operation.attrs.get("epsilon", 1e-4), "float32"),
    )
    further_outputs = (mean, variance, mean, variance, 'ops.zeros((0,), dtype="float32")')
    return Translation(text, ("{}", *further_outputs[: operation.outputs - 1]))


def _local_response(operation: Operation) -> str:
    """Each channel over the squares of its neighbours, which a band of ones sums."""
    x, channels = operation.operands[0], shape(operation)[-1]
    if channels is None:
        raise operation.refuse("of an unknown number of channels")
    radius = min(operation.attrs.get("depth_radius", 5), channels - 1)
    bias, alpha, beta = (
        number(operation.attrs.get(key, default), x.dtype)
        for key, default in (("bias", 1.0), ("alpha", 1.0), ("beta", 0.5))
    )
    ones = call("ones", (channels, channels), dtype=f'"{x.dtype}"')
    band = call("triu", call("tril", ones, radius), -radius)
    squares = call("matmul", call("square", tensor(x)), band)
    return f"{tensor(x)} / ({bias} + {alpha} * {squares}) ** {beta}"


RULES: dict[str, Rule] = {
    **dict.fromkeys(("FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3"), _fused_batch_norm),
    "LRN": _local_response,
}
