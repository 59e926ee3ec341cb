"""Moves between space, batch and depth, and grids made larger."""

from tf1port.keras_model.op_table.operation import Operation, Rule, Writer
from tf1port.keras_model.op_table.writing import call, constant, integers, rank, row, size, tensor


def _plus(entry: str | int, more: int) -> str | int:
    if isinstance(entry, int):
        return entry + more
    return f"{entry} + {more}" if more else entry


def _over(entry: str | int, by: int) -> str | int:
    if isinstance(entry, int):
        return entry // by
    if by == 1:
        return entry
    return f"({entry}) // {by}" if " " in entry else f"{entry} // {by}"


def _space_to_batch(operation: Operation) -> str:
    """Padded, cut into blocks, and each place of a block made an example of its own."""
    x = operation.operands[0]
    blocks = integers(operation, 1, "a block")
    pads = [tuple(int(p) for p in pair) for pair in constant(operation, 2, "paddings")]
    count, spatial = rank(operation), range(1, len(blocks) + 1)
    rest = range(len(blocks) + 1, count)
    sizes = [_over(_plus(size(x, axis), sum(pads[axis - 1])), blocks[axis - 1]) for axis in spatial]
    pairs = [(0, 0), *pads, *[(0, 0)] * len(rest)]
    padded = call("pad", tensor(x), row(pairs)) if any(map(any, pads)) else tensor(x)
    tail = [size(x, axis) for axis in rest]
    cut = [entry for pair in zip(sizes, blocks, strict=True) for entry in pair]
    order = [*(2 * i for i in spatial), 0, *(2 * i - 1 for i in spatial)]
    order += range(2 * len(blocks) + 1, count + len(blocks))
    text = call("reshape", padded, row([-1, *cut, *tail]))
    return call("reshape", call("transpose", text, row(order)), row([-1, *sizes, *tail]))


def _batch_to_space(operation: Operation) -> str:
    """The way back: examples put into the places of their blocks, and the crops cut off."""
    x = operation.operands[0]
    blocks = integers(operation, 1, "a block")
    crops = [tuple(int(entry) for entry in pair) for pair in constant(operation, 2, "crops")]
    count, spatial = rank(operation), range(1, len(blocks) + 1)
    sizes = [size(x, axis) for axis in spatial]
    tail = [size(x, axis) for axis in range(len(blocks) + 1, count)]
    batch = len(blocks)
    order = [batch, *(entry for i in spatial for entry in (batch + i, i - 1))]
    order += range(2 * batch + 1, count + batch)
    text = call("reshape", tensor(x), row([*blocks, -1, *sizes, *tail]))
    joined = [_times(n, block) for n, block in zip(sizes, blocks, strict=True)]
    text = call("reshape", call("transpose", text, row(order)), row([-1, *joined, *tail]))
    cuts = [f"{before or ''}:{-after or ''}" for before, after in crops]
    return text if not any(map(any, crops)) else f"{text}[:, {', '.join(cuts)}]"


def _times(entry: str | int, by: int) -> str | int:
    return entry * by if isinstance(entry, int) else f"{entry} * {by}"


def _depth(name: str) -> Writer:
    def rule(operation: Operation) -> str:
        data_format = operation.attrs.get("data_format", "NHWC")
        if data_format != "NHWC":
            raise operation.refuse(f"of {data_format}")
        block = operation.attrs["block_size"]
        return call(name, tensor(operation.operands[0]), block, data_format='"channels_last"')

    return rule


RULES: dict[str, Rule] = {
    "SpaceToBatchND": _space_to_batch,
    "BatchToSpaceND": _batch_to_space,
    "SpaceToDepth": _depth("space_to_depth"),
    "DepthToSpace": _depth("depth_to_space"),
}
