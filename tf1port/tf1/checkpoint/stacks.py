"""The position of a cell by its scope: its layer in a stack, its direction, its order.

The functions take a cell's scope and the scopes of all cells.
"""

import re

STACKED = re.compile(r"(?:multi_?rnn_?cell|stack_bidirectional_rnn)(?:_\d+)?/cell_?(\d+)(?=/|$)")
_DIRECTION = re.compile("(?<![a-z])([fb]w|(for|back)ward)(?![a-z])", re.IGNORECASE)
_OPPOSITE = {"fw": "bw", "bw": "fw", "forward": "backward", "backward": "forward"}


def order(scope):
    """A sorting key: stacks by name, layers from below, forwards before backwards."""
    lower = re.sub(r"(?<![a-z])bw(?![a-z])", "fw~", scope.lower())
    return natural(lower.replace("backward", "forward~"))


def direction(scope, scopes):
    """Of the last fw, bw, forward or backward in a scope; forward is one only beside backward."""
    for match in reversed(list(_DIRECTION.finditer(scope))):
        word = match[1].lower()
        twin = scope[: match.start()].lower() + _OPPOSITE[word] + scope[match.end() :].lower()
        if len(word) == 2 or twin in {other.lower() for other in scopes}:
            return "fw" if word in ("fw", "forward") else "bw"
    return None


def layer(scope, scopes):
    """The number in `cell_N`; where stacks lie within a stack, the position in all of it."""
    numbers = _numbers(scope)
    if len(numbers) < 2:
        return numbers[0] if numbers else None
    stack = STACKED.split(scope.lower())[0]
    beside = {_numbers(other) for other in scopes if other.lower().startswith(stack)}
    return sorted(beside).index(numbers)


def _numbers(scope):
    return tuple(int(number) for number in STACKED.findall(scope.lower()))


def natural(name):
    """A sorting key by which cell_10 follows cell_9."""
    return [int(word) if word.isdigit() else word for word in re.split(r"(\d+)", name)]
