"""Two runs over one sequence, forwards and backwards, as one Bidirectional layer of Keras."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from tf1port.keras_model.program import Constant, Layer, Op, Producer, Use, Value, in_order
from tf1port.keras_model.program_blocks import users_of

_SEQUENCE, _H = 0, 1  # the ports of a Use


class _Pair(NamedTuple):
    """Two uses of recurrent layers, and the op that concatenates what they give.

    last_only: it concatenates their final states h, not their sequences.
    """

    op: Op
    forward: Use
    backward: Use
    last_only: bool

    @property
    def uses(self) -> tuple[Use, Use]:
        """Both, forwards first."""
        return self.forward, self.backward


def merge(values: Sequence[Value]) -> None:
    """Replaces the layers of such runs, in place.

    Args:
        values: the outputs of the model. What they are computed from is changed: a value that was
            an output of one of the layers, or of their concatenation, is one of the new layer.
    """
    order = in_order(values)
    users = users_of(order, values)
    counts = Counter(id(producer.layer) for producer in order if isinstance(producer, Use))
    replaced: dict[tuple[int, int], tuple[Use, int]] = {}
    for op in order:
        pair = _pair(op, users) if isinstance(op, Op) and op.op == "ConcatV2" else None
        if pair is not None and all(counts[id(use.layer)] == 1 for use in pair.uses):
            replaced |= _replacements(pair) if _are_alike(pair) else {}
    for value in _all_values(order, values):
        key = (id(value.producer), value.port)
        if key in replaced:
            value.producer, value.port = replaced[key]


def _pair(op: Op, users) -> _Pair | None:
    """The two uses whose outputs a concatenation along the last axis has; None: it has others."""
    *pieces, axis = op.inputs
    place = axis.producer.array if isinstance(axis.producer, Constant) else None
    if len(pieces) != 2 or place is None or pieces[0].shape is None:
        return None
    rank = len(pieces[0].shape)
    if int(place) % rank != rank - 1:
        return None
    first, second = pieces
    flip = second.producer
    if isinstance(flip, Op) and _is_flip(flip) and _users(users, second) == [op]:
        return _checked(op, first, flip.inputs[0], users, port=_SEQUENCE, through=flip)
    return _checked(op, first, second, users, port=_H, through=op)


def _checked(op: Op, first: Value, second: Value, users, *, port: int, through: Op) -> _Pair | None:
    """The pair of two values from one port of layers, if nothing else uses that port.

    through: the op that uses the second one. Of layers that give their final states h alone, no
    other port is used at all.
    """
    forward, backward = first.producer, second.producer
    if not isinstance(forward, Use) or not isinstance(backward, Use) or forward is backward:
        return None
    if (first.port, second.port) != (port, port) or _users(users, first) != [op]:
        return None
    if _users(users, second) != [through]:
        return None
    last_only = port == _H
    if last_only and any(users[id(use)].keys() != {_H} for use in (forward, backward)):
        return None
    return _Pair(op, forward, backward, last_only)


def _users(users, value: Value) -> list[object]:
    """The consumers of a value."""
    return list(users[id(value.producer)][value.port][1])


def _is_flip(op: Op) -> bool:
    """Whether an op reverses the steps [B, T, ...] of a sequence."""
    axes = op.inputs[1].producer if op.op == "ReverseV2" else None
    return isinstance(axes, Constant) and axes.array.tolist() == [1]


def _are_alike(pair: _Pair) -> bool:
    """Whether two uses are of the same kind of cell and size, over one sequence and its lengths."""
    forward, backward = pair.uses
    layers = forward.layer, backward.layer
    if not all(layer.cells for layer in layers):
        return False
    ways = [layer.options["go_backwards"] for layer in layers]
    kinds = [(layer.cells[0].family, layer.options["constants"]) for layer in layers]
    same_keywords = forward.keywords.keys() == backward.keywords.keys()
    widths = {value.shape[-1] for value in pair.op.inputs[:2] if value.shape is not None}
    masks = [_key(use.keywords["mask"]) for use in pair.uses if "mask" in use.keywords]
    return (
        ways == [False, True]
        and kinds[0] == kinds[1]
        and same_keywords
        and len(widths) == 1
        and len(set(masks)) < 2
        and _key(forward.positional[0]) == _key(backward.positional[0])
    )


def _key(value) -> tuple[int, int]:
    return id(value.producer), value.port


def _replacements(pair: _Pair) -> dict[tuple[int, int], tuple[Use, int]]:
    """The use of the new layer, with its port, for each value of the old ones."""
    forward, backward = pair.uses
    layer, states = _layer(pair), forward.layer.outputs - 1
    keywords = dict(forward.keywords)
    if "initial_state" in keywords:
        initial: list[Value] = []
        for given in (other.keywords["initial_state"] for other in pair.uses):
            initial += given if isinstance(given, list) else [given]
        keywords["initial_state"] = initial
    use = Use(layer, forward.positional, keywords, forward.scope)
    replaced = {(id(pair.op), 0): (use, _SEQUENCE)}
    for port in range(1, states + 1):
        replaced[id(forward), port] = (use, port)
        replaced[id(backward), port] = (use, port + states)
    return replaced


def _layer(pair: _Pair) -> Layer:
    """The layer of both directions."""
    layers = {"forward": pair.forward.layer, "backward": pair.backward.layer}
    options = {**pair.forward.layer.options, "last_only": pair.last_only}
    variables = {
        f"{direction}/{role}": name
        for direction, layer in layers.items()
        for role, name in layer.variables.items()
    }
    cells = tuple(layer.cells[0] for layer in layers.values())
    outputs = 2 * pair.forward.layer.outputs - 1
    scope = pair.forward.layer.scope
    return Layer("recurrent", options, variables, outputs=outputs, cells=cells, scope=scope)


def _all_values(order: Sequence[Producer], outputs: Sequence[Value]) -> Iterator[Value]:
    """All values of a model, those too that values are reshapes of."""
    for value in [*(value for producer in order for value in producer.operands), *outputs]:
        yield value
        if value.rows_of is not None:
            yield value.rows_of
