"""Slices, as Python writes them."""

from collections.abc import Sequence

from tf1port.keras_model.op_table.operation import Operation, Rule
from tf1port.keras_model.op_table.writing import call, entries, integers, row, shape_text, tensor

Entry = str | int


def _slice(operation: Operation) -> str:
    """From `begin`, `size` entries of each axis; -1 is up to its end."""
    begin, sizes = (entries(operation, index, "bounds") for index in (1, 2))
    if _computed(begin) and not _computed(sizes) and -1 not in sizes:
        x, start = operation.operands[:2]
        return call("slice", tensor(x), shape_text(start), row(sizes))
    axis_sizes = operation.operands[0].shape or (None,) * len(begin)
    places = [_bounds(*place) for place in zip(begin, sizes, axis_sizes, strict=True)]
    moving = [_computed(pair) for pair in zip(begin, sizes, strict=True)]
    fixed = [":" if moves else place for moves, place in zip(moving, places, strict=True)]
    if not any(moving) or set(fixed) == {":"}:
        return _subscript(operation, _shortened(places))
    # Apart, for TF no longer knows the sizes of a subscript that has a bound of a tensor in it.
    dynamic = [place if moves else ":" for moves, place in zip(moving, places, strict=True)]
    return f"{_subscript(operation, _shortened(fixed))}[{', '.join(_shortened(dynamic))}]"


def _shortened(places: Sequence[str]) -> list[str]:
    """Without the last places that take whole axes; the first stays."""
    last = max((index for index, place in enumerate(places) if place != ":"), default=0)
    return list(places[: last + 1])


def _computed(bounds: Sequence[Entry]) -> bool:
    return any(isinstance(bound, str) for bound in bounds)


def _bounds(begin: Entry, count: Entry, axis_size: int | None) -> str:
    stop = _sum(begin, count)
    to_end = count == -1 or (axis_size is not None and stop == axis_size)
    return f"{begin or ''}:{'' if to_end else stop}"


def _sum(begin: Entry, count: Entry) -> Entry:
    if isinstance(begin, int) and isinstance(count, int):
        return begin + count
    return f"{begin} + {count}" if begin != 0 else count


def _strided_slice(operation: Operation) -> str:
    """Python's own subscript, of which TF makes the same op; a mask is a bit per entry of it."""
    begin, end = (entries(operation, index, "bounds") for index in (1, 2))
    strides = integers(operation, 3, "strides")
    places = [
        _place(operation, index, *bounds)
        for index, bounds in enumerate(zip(begin, end, strides, strict=True))
    ]
    return _subscript(operation, places)


def _place(operation: Operation, index: int, begin: Entry, end: Entry, stride: int) -> str:
    def masked(mask: str) -> bool:
        return bool(operation.attrs.get(f"{mask}_mask", 0) >> index & 1)

    if masked("ellipsis"):
        return "..."
    if masked("new_axis"):
        return "None"
    if masked("shrink_axis"):
        return str(begin)
    first = "" if masked("begin") or (begin == 0 and stride > 0) else begin
    text = f"{first}:{'' if masked('end') else end}"
    return text if stride == 1 else f"{text}:{stride}"


def _subscript(operation: Operation, places: Sequence[str]) -> str:
    """The operand itself if nothing is cut; an entry of a shape is one of a Python tuple."""
    x = operation.operands[0]
    if all(place in (":", "...") for place in places):
        return x.text
    if x.entries is not None:
        if len(places) > 1 or places[0] == "None":
            raise operation.refuse("that adds an axis to a shape")
        return f"{x.text}[{places[0]}]"
    if len(places) == 1 and (":" in places[0] or places[0] == "None"):
        places = [*places, "..."]  # alone, a slice is no index of a tensor of keras.Input
    return f"{tensor(x)}[{', '.join(places)}]"


RULES: dict[str, Rule] = {"Slice": _slice, "StridedSlice": _strided_slice}
