"""Names for what a graph calls "decoder/rnn/while/lstm_cell/MatMul_1:0"."""

from __future__ import annotations

import builtins
import keyword
import re
from collections.abc import Iterable
from itertools import takewhile

_GENERIC = re.compile(
    r"(multi_rnn_cell|rnn|while|cell(_\d+)?|bidirectional_rnn"
    r"|(basic_|cudnn_compatible_|layer_norm_basic_)?(rnn|lstm|gru)(_block)?_cell(_\d+)?"
    r"|basic_(rnn|lstm)|tensordot|matmul|biasadd|add|kernel|bias|weights?|embedding_lookup"
    r"|read|readvariableop|gates|candidate|(input_|hidden_)?projection|dynamic_rnn|embeddings?_matrix)(_\d+)?$"
)
_ENDINGS = re.compile(r"_(w|b|weights?|bias(es)?|kernel|matrix)$")
# Names that the written source uses itself, and arguments that have a meaning in Keras.
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
    return "".join(word.capitalize() for word in identifier(text).split("_") if word)


def of_node(scope: str) -> str:
    """A name for the output of a node: the last component of its own name."""
    return identifier(scope.rpartition("/")[2])


def of_layer(variables: list[str], otherwise: str) -> str:
    """A name for a layer: the innermost scope of its variables that is not generic."""
    words = variables[0].split("/") if variables else []
    for word in reversed(words):
        plain = _ENDINGS.sub("", word.lower())
        if not _GENERIC.match(plain):
            return identifier(_ENDINGS.sub("", word))
    return otherwise


def of_directions(variables: list[str], otherwise: str) -> str:
    """A name for a layer of two directions: the innermost scope that its variables share."""
    shared = [word for word in _shared(variables) if not _GENERIC.match(word)]
    return identifier(shared[-1]) if shared else otherwise


def of_loop(scope: str, variables: list[str]) -> str:
    """A name for a loop: the innermost scope that its variables share, or its own scope."""
    shared = [word for word in _shared(variables) if not _GENERIC.match(word)]
    return identifier(shared[-1]) if shared else of_layer([scope], "steps")


def of_weights(variables: list[str]) -> dict[str, str]:
    """Names for the variables of one layer: theirs, without the scopes that they share."""
    start, names = len(_shared(variables)), Names()
    words_by_name = {
        name: [p for p in name.split("/")[start:] if p != "multi_rnn_cell"] for name in variables
    }
    return {names.new(identifier("_".join(words))): name for name, words in words_by_name.items()}


def plain(name: str) -> str:
    """A name of the graph as it may stand in a comment or a docstring."""
    return re.sub(r"[^\w/.:-]", "_", name, flags=re.ASCII)


def in_comment(variables: Iterable[str]) -> str:
    """The names of a layer's variables, the scopes that they share once."""
    names = [plain(name) for name in dict.fromkeys(variables)]
    shared = "/".join(_shared(names)) if len(names) > 1 else ""
    if not shared:
        return ", ".join(names)
    return f"{shared}: {', '.join(name.removeprefix(shared + '/') for name in names)}"


def _shared(variables: list[str]) -> list[str]:
    """The leading scopes that some variables share."""
    rows = [name.split("/")[:-1] for name in variables]
    columns = zip(*rows, strict=False)
    return [words[0] for words in takewhile(lambda words: len(set(words)) == 1, columns)]


def layer_names(used: Iterable[str] = ()) -> Names:
    """Names for layers and inputs: none that Keras gives an op by itself."""
    from keras import ops

    return Names(used, ops=[*dir(ops), "get_item"])


class Names:
    """Names that differ from each other."""

    def __init__(self, used: Iterable[str] = (), *, ops: Iterable[str] = ()) -> None:
        self._in_use: set[str] = {*_TAKEN, *used}
        self._ops = set(ops)  # which Keras calls so with any number

    @property
    def in_use(self) -> set[str]:
        """All names that are in use."""
        return set(self._in_use)

    def new(self, base: str) -> str:
        """A name that is not in use: `base`, with a number if needed."""
        if re.sub(r"(_\d+)+$", "", base) in self._ops:
            base += "_layer"
        name, number = base, 2
        while name in self._in_use:
            name, number = f"{base}_{number}", number + 1
        self._in_use.add(name)
        return name
