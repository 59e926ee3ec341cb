"""Ops that concatenate, split, pad and reverse tensors along axes."""

from itertools import pairwise

from tf1port.keras_model.expressions import literal
from tf1port.keras_model.op_table.operation import Operand, Operation, Rule, Translation, Writer
from tf1port.keras_model.op_table.writing import (
    call,
    constant,
    entries,
    integers,
    is_literal,
    number,
    rank,
    row,
    several,
    shape,
    size,
    tensor,
    tensors,
)


def _listed(operands: tuple[Operand, ...]) -> str:
    return f"[{', '.join(tensors(operands))}]"


def _pack(operation: Operation) -> str:
    """Numbers alone are one constant."""
    axis, operands = operation.attrs.get("axis", 0), operation.operands
    if all(is_literal(operand.text) for operand in operands):
        texts = ", ".join(operand.text for operand in operands)
        return f'ops.convert_to_tensor([{texts}], "{operands[0].dtype}")'
    return call("stack", f"[{', '.join(map(tensor, operands))}]", axis=axis or None)


def _unpack(operation: Operation) -> Translation:
    axis = operation.attrs.get("axis", 0)
    text = call("unstack", tensor(operation.operands[0]), operation.outputs, axis=axis)
    return several(text, operation.outputs)


def _concatenate(axis_first: bool) -> Writer:
    """ConcatV2 has its axis last, TF1's own Concat has it first."""

    def rule(operation: Operation) -> str:
        place = 0 if axis_first else len(operation.operands) - 1
        (axis,) = integers(operation, place, "an axis")
        operands = operation.operands[1:] if axis_first else operation.operands[:-1]
        return call("concatenate", _listed(operands), axis=axis)

    return rule


def _split(operation: Operation) -> Translation:
    (axis,), x = integers(operation, 0, "an axis"), operation.operands[1]
    if operation.outputs == 1:
        return Translation(x.text)
    return several(call("split", tensor(x), operation.outputs, axis=axis), operation.outputs)


def _split_by_sizes(operation: Operation) -> Translation:
    """Slices, whose static sizes Keras knows, unlike those of ops.split."""
    x, (axis,) = operation.operands[0], integers(operation, 2, "an axis")
    sizes = list(integers(operation, 1, "sizes"))
    if len(sizes) == 1:
        return Translation(x.text)
    total = shape(operation)[axis]
    if -1 in sizes and total is not None:
        sizes[sizes.index(-1)] = total - sum(sizes) - 1
    open_place = sizes.index(-1) if -1 in sizes else len(sizes) - 1
    if 0 in sizes[open_place + 1 :]:
        raise operation.refuse("with a part of no size")
    before = [sum(sizes[:place]) for place in range(open_place + 1)]
    after = [-sum(sizes[place:]) for place in range(open_place + 1, len(sizes))]
    bounds = [*before, *after, None]
    before_, after_ = ":, " * (axis % rank(operation)), "" if axis % rank(operation) else ", ..."
    texts = [f"{tensor(x)}[{before_}{_range(*pair)}{after_}]" for pair in pairwise(bounds)]
    return several(row(texts), len(sizes))


def _range(start: int | None, stop: int | None) -> str:
    return f"{start or ''}:{'' if stop is None else stop}"


def _paddings(operation: Operation) -> str:
    """Pairs before and after each axis; those that the graph computes, entry by entry."""
    paddings = operation.operands[1]
    if paddings.value is not None:
        return row([tuple(int(value) for value in pair) for pair in paddings.value])
    pairs = [f"({paddings.text}[{i}, 0], {paddings.text}[{i}, 1])" for i in range(rank(operation))]
    return row(pairs)


def _pad(operation: Operation) -> str:
    x, value = operation.operands[0], None
    if len(operation.operands) == 3:
        operand = operation.operands[2]
        value = operand.text if operand.value is None else number(operand.value, operand.dtype)
    return call("pad", tensor(x), _paddings(operation), constant_values=value)


def _mirror_pad(operation: Operation) -> str:
    mode = str(operation.attrs["mode"]).lower()
    return call("pad", tensor(operation.operands[0]), _paddings(operation), mode=literal(mode))


def _reverse(operation: Operation) -> str:
    """ReverseV2 names its axes; TF1's own Reverse has a bool per axis."""
    x, axes_operand = operation.operands[0], constant(operation, 1, "axes")
    axes = [
        int(axis)
        for axis in (
            axes_operand.nonzero()[0] if axes_operand.dtype == bool else axes_operand.ravel()
        )
    ]
    if not axes:
        return x.text
    return call("flip", tensor(x), axis=axes[0] if len(axes) == 1 else row(axes))


def _roll(operation: Operation) -> str:
    """Shifts may be computed; axes may not."""
    axes = integers(operation, 2, "axes")
    shifts = entries(operation, 1, "shifts")
    if len(axes) == 1:
        return call("roll", tensor(operation.operands[0]), shifts[0], axis=axes[0])
    return call("roll", tensor(operation.operands[0]), row(shifts), axis=row(axes))


def _reverse_sequence(operation: Operation) -> str:
    """Each sequence reversed within its length: an index per step, which counts down from there."""
    x, lengths = operation.operands
    count = rank(operation)
    steps, batch = (operation.attrs.get(key, 0) % count for key in ("seq_dim", "batch_dim"))
    step = f'ops.arange({size(x, steps)}, dtype="{lengths.dtype}")'
    step, length = _along(step, steps, count), _along(tensor(lengths), batch, count)
    index = f"ops.where({length} > {step}, {length} - 1 - {step}, {step})"
    return call("take_along_axis", tensor(x), index, axis=steps)


def _along(text: str, axis: int, count: int) -> str:
    """A vector along one axis of as many."""
    places = [":" if place == axis else "None" for place in range(count)]
    return f"{text}[{', '.join(places)}]"


RULES: dict[str, Rule] = {
    "Pack": _pack,
    "Unpack": _unpack,
    "ConcatV2": _concatenate(axis_first=False),
    "Concat": _concatenate(axis_first=True),
    "Split": _split,
    "SplitV": _split_by_sizes,
    **dict.fromkeys(("Pad", "PadV2"), _pad),
    "MirrorPad": _mirror_pad,
    **dict.fromkeys(("Reverse", "ReverseV2"), _reverse),
    "Roll": _roll,
    "ReverseSequence": _reverse_sequence,
}
