"""Random batches for the inputs of a Program, of sizes and kinds that its graph accepts."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np

from tf1port.keras_model.program import (
    ZEROS,
    Constant,
    Input,
    Loop,
    Number,
    Op,
    Program,
    Sizes,
    Use,
    Value,
    in_order,
)

SMALL, LARGE = (3, 5, 4), (6, 9, 7)  # rows, steps and what else is left open
_FLOATS = ("float16", "float32", "float64")


class BatchSizes(NamedTuple):
    """The sizes of the unknown axes of all inputs.

    rows, steps, rest: of the first two axes and of all others. time_first: the first two axes are
    swapped. apart: each input has a different number of steps. ended: all rows with lengths end
    before the last step; empty: the tensors of lengths that are all zero. as_fed: sizes that the
    graph fixes and the model leaves open are kept.
    """

    rows: int
    steps: int
    rest: int
    time_first: bool = False
    apart: bool = True
    ended: bool = False
    as_fed: bool = True
    empty: tuple[str, ...] = ()

    def __str__(self) -> str:
        ended = ", all rows ended before the last one" if self.ended else ""
        ended = ", rows of no length" if self.empty else ended
        return f"{self.rows} rows, {self.steps} steps{ended}"


class Role(NamedTuple):
    """What an integer input is.

    Attributes:
        kind: "ids", "lengths" of rows, "steps" of a loop, "sizes" (the new shape of rows) or
            "numbers".
        number: of ids, how many there are; of numbers, how many values; of sizes, its place.
        first: the smallest id.
    """

    kind: str
    number: int = 0
    first: int = 0

    def both(self, other: Role) -> Role:
        """That of an input which is both: ids that both have, else the one of fewer values."""
        if self.kind != "ids" or other.kind != "ids":
            return min(other, self, key=lambda role: role.number)
        first = max(self.first, other.first)
        end = min(self.first + self.number, other.first + other.number)
        return Role("ids", end - first, first)


def sizes(program: Program) -> Iterator[BatchSizes]:
    """The sizes to try, the most telling ones first.

    The last ones have as many steps as an input of a fixed length, which other inputs may have to
    match.
    """
    fixed = [_fed_shape(value) for value in program.inputs if not _is_state(value)]
    fixed_steps = sorted({shape[1] for shape in fixed if len(shape) > 1 and shape[1] is not None})
    for numbers in (SMALL, LARGE, *((SMALL[0], steps, SMALL[2]) for steps in fixed_steps)):
        rows = next((shape[0] for shape in fixed if shape and shape[0] is not None), numbers[0])
        for time_first, apart in itertools.product((False, True), (True, False)):
            yield BatchSizes(rows, numbers[1], numbers[2], time_first, apart)


def kinds(program: Program) -> dict[str, Role]:
    """The Role of each integer input that an op says anything of, by its tensor."""
    result = _sizes_of_rows(program)
    # The inputs that a value is computed of, and what was added to each.
    shifts_of: dict[tuple[int, int], dict[str, int]] = {}
    for value in program.inputs:
        shifts_of[id(value.producer), value.port] = {value.producer.tensor: 0}  # type: ignore[attr-defined]
    for producer in in_order([*program.outputs.values()]):
        for value in producer.operands:
            shifts = shifts_of.get((id(value.producer), value.port), {})
            for name, shift in shifts.items():
                role = _kind(producer, value, shift)
                if role is not None:
                    result[name] = role.both(result[name]) if name in result else role
            if isinstance(producer, Op) and all("int" in dtype for dtype in producer.out_dtypes):
                added = _added(producer, value)
                for port in range(len(producer.out_dtypes)):
                    here = shifts_of.setdefault((id(producer), port), {})
                    here.update({name: shift + added for name, shift in shifts.items()})
    return result


def _added(producer: Op, value: Value) -> int:
    """The number that an op adds to one of its inputs."""
    if producer.op not in ("Add", "AddV2", "Sub") or len(producer.inputs) != 2:
        return 0
    first, second = producer.inputs
    other = (second if value is first else first).producer
    if not isinstance(other, Constant) or np.size(other.array) != 1:
        return 0
    number = int(np.ravel(other.array)[0])
    if producer.op == "Sub":
        return -number if value is first else 0
    return number


def _sizes_of_rows(program: Program) -> dict[str, Role]:
    """The numbers that are fed as sizes, of which reshaped rows have several."""
    result: dict[str, Role] = {}
    for op in in_order([*program.outputs.values()]):
        vectors = [value.producer for value in op.operands]
        for vector in vectors if isinstance(op, Op) else ():
            sizes = vector.sizes if isinstance(vector, Sizes) else ()
            numbers = [size.value.producer for size in sizes if isinstance(size, Number)]
            fed = [number.tensor for number in numbers if isinstance(number, Input)]
            several = len(fed) > 1 or -1 in sizes
            for place, tensor in enumerate(fed, 1):
                if several or tensor not in result:
                    result[tensor] = Role("sizes", place if several else 0)
    return result


def _kind(producer, value: Value, shift: int) -> Role | None:
    """What an op takes an input for, to which a number was added before."""
    if isinstance(producer, Use) and producer.layer.kind == "Embedding":
        return _ids(producer.layer.options["input_dim"], shift)
    if isinstance(producer, Loop) and value is producer.length:
        return Role("steps")
    if isinstance(producer, Op) and producer.op == "SequenceMask":
        return Role("lengths")
    if isinstance(producer, Op) and producer.op == "OneHot" and value is producer.inputs[0]:
        depth = producer.inputs[1].producer  # beyond it there are rows of zeros
        return Role("ids", int(depth.array)) if isinstance(depth, Constant) else None
    if isinstance(producer, Op) and producer.op in ("Gather", "GatherV2"):
        known = (producer.inputs[0].shape or (None,))[0]
        return _ids(known, shift) if known is not None and value is producer.inputs[1] else None
    return None


def _ids(number: int, shift: int) -> Role:
    """Ids that are those of so many rows after a number is added to them; none is below 0."""
    first = max(0, -shift)
    return Role("ids", number - shift - first, first)


def with_lengths(program: Program) -> list[str]:
    """The tensors of the inputs that have the lengths of rows."""
    roles = kinds(program)
    inputs = [value for value in program.inputs if _role(value, roles).kind == "lengths"]
    return [value.producer.tensor for value in inputs]  # type: ignore[attr-defined]


def roles(program: Program) -> dict[str, Role]:
    """The Role of each integer input, by its name."""
    known = kinds(program)
    pairs = zip(program.input_names, program.inputs, strict=True)
    return {name: _role(value, known) for name, value in pairs if "int" in value.dtype}


def batch(
    program: Program, chosen: BatchSizes, stream: np.random.Generator, *, shortest: int
) -> dict[str, np.ndarray]:
    """An array for each input, by its tensor.

    Args:
        shortest: the length of the shortest row.
    """
    roles, arrays = kinds(program), {}
    steps = _steps(program, chosen)
    for value in program.inputs:
        tensor = value.producer.tensor  # type: ignore[attr-defined]
        if _is_state(value):
            arrays[tensor] = _state(value, chosen.rows, stream)
            continue
        shape = _shape(value, chosen, steps[tensor])
        longest = 0 if tensor in chosen.empty else max(min(steps.values()) - chosen.ended, 1)
        role = _role(value, roles)
        if role.kind == "sizes":
            arrays[tensor] = np.asarray(_factor(chosen.rows, role.number), value.dtype)
        else:
            arrays[tensor] = _drawn(value.dtype, shape, role, stream, (shortest, longest))
    return arrays


def _is_state(value: Value) -> bool:
    """Whether an input is a state that is handed on."""
    return bool(value.producer.state)  # type: ignore[attr-defined]


def _state(value: Value, rows: int, stream: np.random.Generator) -> np.ndarray:
    """A state [B, U]: zeros where the graph has them, else random numbers."""
    shape = tuple(rows if size is None else size for size in value.axes)
    is_zero = value.producer.state == ZEROS  # type: ignore[attr-defined]
    return (np.zeros(shape) if is_zero else stream.normal(size=shape)).astype(value.dtype)


def _fed_shape(value: Value, *, as_fed: bool = True) -> tuple[int | None, ...]:
    """The shape that the graph takes of an input, or the model."""
    fed_shape = value.producer.fed_shape if as_fed else None  # type: ignore[attr-defined]
    return fed_shape or value.shape or ()


def _factor(rows: int, place: int) -> int:
    """The size at a place of a shape [rows / d, d, 1 ...] of all rows; at place 0 their number."""
    divisor = next(d for d in range(2, rows + 1) if rows % d == 0) if rows > 1 else 1
    return {0: rows, 1: rows // divisor, 2: divisor}.get(place, 1)


def _role(value: Value, roles: Mapping[str, Role]) -> Role:
    """The Role of an input, as `kinds` has it; a vector of integers is one of lengths."""
    is_vector = len(value.shape or ()) == 1 and "int" in value.dtype
    role = roles.get(value.producer.tensor)  # type: ignore[attr-defined]
    if role is not None and (role.kind not in ("steps", "sizes") or not value.shape):
        return role  # of lengths the longest is a number of steps
    return Role("lengths") if is_vector else Role("numbers", 2)


def _steps(program: Program, chosen: BatchSizes) -> dict[str, int]:
    """The number of steps of each input."""
    result, extra = {}, 0
    for value in program.inputs:
        if _is_state(value):
            continue
        tensor = value.producer.tensor  # type: ignore[attr-defined]
        shape = _fed_shape(value, as_fed=chosen.as_fed)
        axis = 0 if chosen.time_first else 1
        known = shape[axis] if len(shape) > 1 else None
        result[tensor] = known or chosen.steps + extra
        extra += 1 if chosen.apart and len(shape) > 1 and known is None else 0
    return result


def _shape(value: Value, chosen: BatchSizes, steps: int) -> tuple[int, ...]:
    shape = _fed_shape(value, as_fed=chosen.as_fed)
    first, second = (steps, chosen.rows) if chosen.time_first else (chosen.rows, steps)
    open_ = [first, second, *[chosen.rest] * len(shape)] if len(shape) > 1 else [chosen.rows]
    return tuple(known or size for known, size in zip(shape, open_, strict=False))


def _drawn(dtype: str, shape, role: Role, stream, lengths: tuple[int, int]):
    """An array of a kind; `lengths` are those of the shortest and of the longest row."""
    if dtype in _FLOATS:
        return stream.normal(size=shape).astype(dtype)
    if dtype == "bool":
        return stream.uniform(size=shape) < 0.5
    if role.kind == "lengths":
        shortest, longest = lengths
        some = [longest, min(max(shortest, 1), longest) if shortest else 0, (longest + 1) // 2]
        return np.resize(some, shape).astype(dtype)
    if role.kind == "steps":
        return np.full(shape, lengths[1] // 2 + 1, dtype)
    return (role.first + stream.integers(max(role.number, 1), size=shape)).astype(dtype)
