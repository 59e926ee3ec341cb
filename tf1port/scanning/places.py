"""The places of a program where a name of a library is used, by its full name.

`rnn.GRUCell(3)` after `from tensorflow.contrib import rnn` is a use of tf.contrib.rnn.GRUCell.
"""

from __future__ import annotations

import ast
import functools
import re
from dataclasses import dataclass

# Modules that are the same under another name: what they are called in Idiom.patterns.
_SAME = [
    (r"^tensorflow_core\b", "tensorflow"),
    (r"^tensorflow\.compat\.v[12]\b", "tensorflow"),
    (r"^tensorflow\.keras\b", "keras"),
    (r"^keras\.(api|src|_tf_keras\.keras)\b", "keras"),
    (r"^tensorflow\b", "tf"),
]
# Modules whose names stand elsewhere as well. What is imported of them keeps its name.
_PRIVATE = [
    (r"^(tf_keras|tf\.python\.keras)\b", "keras"),
    (r"^tf\.(python\.ops|models\.rnn)\.rnn_cell(_impl)?\b", "tf.nn.rnn_cell"),
    (r"^tf\.(python\.ops|models\.rnn)\.rnn\b", "tf.nn"),
    (r"^tf\.contrib\.(\w+)\.python\.(ops|layers)\.\w+\b", r"tf.contrib.\1"),
    (
        r"^keras\.layers\.(recurrent|wrappers|core|embeddings|convolutional|normalization|noise|"
        r"advanced_activations|merge|pooling|local|convolutional_recurrent|cudnn_recurrent|"
        r"recurrent_v2)\.",
        "keras.layers.",
    ),
]


@dataclass(frozen=True)
class Place:
    """A use of a name.

    Attributes:
        line, column: counted from 1 and 0, the column in bytes of UTF-8, as ast does.
        name: in full, as in Idiom.patterns; `()` after what is called on the way, `?` where it
            begins with an object that is not known.
        base: the part of `name` that an import or an assignment has given a name of its own.
        v1: it is taken from tensorflow.compat.v1; written_v1: and that is written at this place.
        call: of that name; None where it is not called.
        imported: the place is an import. alias: it is a name that was assigned, as it is.
    """

    line: int
    column: int
    name: str
    base: str
    v1: bool
    written_v1: bool
    call: ast.Call | None
    imported: bool
    alias: bool

    def argument(self, keyword: str, position: int = -1) -> ast.expr | None:
        """The argument of the call by its name, or by its position; None where it is not given."""
        if self.call is None:
            return None
        for one in self.call.keywords:
            if one.arg == keyword:
                return one.value
        before = self.call.args[: position + 1] if position >= 0 else []
        if len(before) <= position or any(isinstance(one, ast.Starred) for one in before):
            return None
        return before[position] if position >= 0 else None


@functools.lru_cache(maxsize=4096)
def imported_name(full: str) -> str:
    """The name by which Idiom.patterns know a module, or what is imported of it."""
    return _replaced(full, _SAME)


@functools.lru_cache(maxsize=4096)
def canonical(full: str) -> str:
    """The name by which Idiom.patterns know what is used."""
    return _replaced(imported_name(full), _PRIVATE)


def _replaced(name: str, replacements: list[tuple[str, str]]) -> str:
    for pattern, other in replacements:
        name = re.sub(pattern, other, name)
    return name
