"""A call of a constructor, to be executed or written as source: one description for both."""

import importlib
from dataclasses import dataclass

WIDTH = 100  # of a line of source


@dataclass(frozen=True)
class Call:
    """A constructor by its full name, such as keras.layers.LSTM, and its keyword arguments.

    Arguments are plain values, Calls or lists of Calls.
    """

    function: str
    arguments: dict[str, object]

    def make(self):
        """Executes the call; returns the object."""
        module, _, name = self.function.rpartition(".")
        arguments = {key: _constructed(value) for key, value in self.arguments.items()}
        return getattr(importlib.import_module(module), name)(**arguments)

    def lines(self, *, indent, before="", after=""):
        """The source of the call as lines, with something before and after it."""
        pad = " " * indent
        line = pad + before + _text(self) + after
        if len(line) <= WIDTH:
            return [line]
        lines = [f"{pad}{before}{self._short}("]
        for key, value in self.arguments.items():
            lines += _argument(key, value, indent=indent + 4)
        return [*lines, f"{pad}){after}"]

    @property
    def text(self):
        """The source of the call on one line."""
        return _text(self)

    @property
    def imports(self):
        """The import lines that the source needs."""
        result = {_import(self.function)}
        for value in self.arguments.values():
            for item in value if isinstance(value, list) else [value]:
                result |= item.imports if isinstance(item, Call) else set()
        return result

    @property
    def _short(self):
        return self.function if self.function.startswith("keras.") else _leaf(self.function)


def _constructed(value):
    if isinstance(value, list):
        return [_constructed(item) for item in value]
    return value.make() if isinstance(value, Call) else value


def _text(value):
    if isinstance(value, Call):
        arguments = ", ".join(f"{key}={_text(item)}" for key, item in value.arguments.items())
        return f"{value._short}({arguments})"
    if isinstance(value, list):
        return "[" + ", ".join(_text(item) for item in value) + "]"
    return literal(value) if isinstance(value, str) else repr(value)


def literal(text, quotes='"'):
    """A text as source, in some quotes where nothing in it has to be escaped."""
    plain = text.isprintable() and '"' not in text and "\\" not in text
    return f"{quotes}{text}{quotes}" if plain else ascii(text)


def docstring(text):
    """A text as the source of a docstring."""
    return literal(text, '"""')


def _argument(key, value, *, indent):
    """The lines of one argument on lines of its own."""
    start = f"{key}="
    if isinstance(value, Call):
        return value.lines(indent=indent, before=start, after=",")
    if isinstance(value, list) and len(" " * indent + start + _text(value) + ",") > WIDTH:
        inner = [line for item in value for line in _item(item, indent=indent + 4)]
        return [" " * indent + start + "[", *inner, " " * indent + "],"]
    return [" " * indent + start + _text(value) + ","]


def _item(value, *, indent):
    """The lines of one item of a list on lines of its own."""
    if isinstance(value, Call):
        return value.lines(indent=indent, after=",")
    return [" " * indent + _text(value) + ","]


def _import(function):
    if function.startswith("keras."):
        return "import keras"
    module, _, name = function.rpartition(".")
    return f"from {module} import {name}"


def _leaf(function):
    return function.rpartition(".")[2]
