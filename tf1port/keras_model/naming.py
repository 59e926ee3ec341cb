"""Names for what a graph calls "decoder/rnn/while/lstm_cell/MatMul_1:0"."""

from __future__ import annotations

import builtins
import keyword
import re
from collections.abc import Iterable

_GENERIC = re.compile(
    r"(multi_rnn_cell|rnn|while|cell(_\d+)?|(basic_)?(rnn|lstm|gru)(_block)?_cell(_\d+)?|bidirectional_rnn"
    r"|basic_(rnn|lstm)|tensordot|matmul|biasadd|add|kernel|bias|weights?|embedding_lookup"
    r"|read|readvariableop|gates|candidate|projection|dynamic_rnn|embeddings?_matrix)(_\d+)?$"
)
_ENDINGS = re.compile(r"_(w|b|weights?|bias(es)?|kernel|matrix)$")
# What the source itself calls so, and arguments that Keras gives a meaning to.
_TAKEN = {"keras", "ops", "model", "mask", "training", "self", "inputs", "build_model"}
_TAKEN |= set(dir(builtins))


def identifier(text: str) -> str:
    """A text as a Python name in lower case."""
    text = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", text)
    name = re.sub(r"\W+", "_", text, flags=re.ASCII).strip("_").lower() or "x"
    name = f"x_{name}" if name[0].isdigit() else name
    return f"{name}_" if keyword.iskeyword(name) or name in _TAKEN else name


def class_name(text: str) -> str:
    """A text as the name of a class."""
    return "".join(part.capitalize() for part in identifier(text).split("_") if part)


def of_node(scope: str) -> str:
    """A name for what a node makes: the last part of its own name."""
    return identifier(scope.rpartition("/")[2])


def of_layer(variables: list[str], otherwise: str) -> str:
    """A name for a layer: of the scope of its variables that says the most."""
    parts = variables[0].split("/") if variables else []
    for part in reversed(parts):
        plain = identifier(_ENDINGS.sub("", part))
        if not _GENERIC.match(plain):
            return plain
    return otherwise


class Names:
    """Names that differ from each other."""

    def __init__(self, used: Iterable[str] = ()) -> None:
        self._used: set[str] = {*_TAKEN, *used}

    def new(self, wanted: str) -> str:
        """The wanted name, with a number where it is in use."""
        name, number = wanted, 2
        while name in self._used:
            name, number = f"{wanted}_{number}", number + 1
        self._used.add(name)
        return name
