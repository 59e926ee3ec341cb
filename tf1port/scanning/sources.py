"""The source of a program, read and never imported: files, notebooks, and what is neither.

What cannot be read is a NotRead with one line that says why.
"""

from __future__ import annotations

import ast
import io
import json
import os
import re
import stat
import tokenize
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

MOST = 2_000_000  # bytes of source: what is longer was generated, or is data
MOST_OF_ALL = 200_000_000  # bytes of a file, with the pictures of a notebook
# A file without one of these words is not parsed: nothing in it can be found.
MENTIONS = re.compile(rb"tensorflow|keras|tflearn|sonnet|tf_slim|tensor2tensor|\btf\.")
TOO_DEEP = "an expression is too deep"
# What Python 3's parser says of Python 2.
PYTHON_2 = re.compile(
    r"Missing parentheses in call to|multiple exception types must be parenthesized|"
    r"leading zeros in decimal"
)
# What the line has of which it says something else.
LINE_OF_2 = re.compile(r"^\s*(print\s+[\"'\w]|exec\s+[\"'])|<>|\bur['\"]|\b\d+L\b|`")


@dataclass(frozen=True)
class NotRead(Exception):
    """A file, or a cell of a notebook, that could not be read.

    Attributes:
        path: of the file. reason: one line. line: where, if that is known; else 0.
    """

    path: str
    reason: str
    line: int = 0

    def __str__(self) -> str:
        return f"{self.path}{f':{self.line}' if self.line else ''}: {self.reason}"


@dataclass(frozen=True)
class Source:
    """A program.

    Attributes:
        path: of its file.
        tree: all of it.
        lines: its text. Those of a notebook are of all its cells, one after the other.
        cells: of a notebook: for each line the number of its cell and the line there.
        not_read: the cells of a notebook that could not be read.
    """

    path: str
    tree: ast.Module
    lines: list[str]
    cells: list[tuple[int, int]] | None = None
    not_read: tuple[NotRead, ...] = ()


def read(path: str) -> Source | None:
    """A program; None where it mentions no library that the scanner knows.

    Raises:
        NotRead: it is no text, too long, damaged, or not in Python 3.
    """
    content = _content(path)
    if path.endswith(".ipynb"):
        return _notebook(path, content) if MENTIONS.search(content) else None
    if b"\0" in content:
        raise NotRead(path, "holds NUL bytes: it is no source text (UTF-8 is expected)")
    if not MENTIONS.search(content):
        return None
    _check_length(path, len(content), MOST)
    text = _decoded(path, content)
    return Source(path, _parsed(path, text), _lines(text))


def _content(path: str) -> bytes:
    try:
        status = os.stat(path)
        if not stat.S_ISREG(status.st_mode):
            raise NotRead(path, "is no regular file")
        _check_length(path, status.st_size, MOST_OF_ALL)
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        raise NotRead(path, f"cannot be opened ({error.strerror or error})") from None


def _check_length(path: str, length: int, most: int) -> None:
    if length > most:
        size = f"{length / 1e6:.1f} MB"
        raise NotRead(path, f"has {size}: more than {most / 1e6:g} MB are not read, exclude it")


def _decoded(path: str, content: bytes) -> str:
    """Text as Python decodes it: by its first two lines, else UTF-8."""
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(content).readline)
        return io.TextIOWrapper(io.BytesIO(content), encoding, newline=None).read()
    except (SyntaxError, UnicodeError, LookupError):
        raise NotRead(path, "is not UTF-8: save it so, or name its encoding in line 1") from None


def _parsed(path: str, text: str, *, where: str = "") -> ast.Module:
    """Raises NotRead where the text does not parse; where: what of the file it is."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # escapes such as "\d" in their strings
            return ast.parse(text)
    except SyntaxError as error:
        why = (error.msg or "it is damaged").partition(". Did you mean")[0]
        if PYTHON_2.search(why) or LINE_OF_2.search(error.text or ""):
            reason = f"is Python 2, run 2to3 on it first ({why})"
        else:
            reason = f"is not valid Python ({why})"
        raise NotRead(path, f"{where}{reason}", 0 if where else error.lineno or 0) from None
    except (RecursionError, MemoryError):
        raise NotRead(path, f"{where}cannot be parsed ({TOO_DEEP})") from None
    except ValueError as error:  # surrogates, for one
        why = str(error).partition("\n")[0]
        raise NotRead(path, f"{where}cannot be parsed ({why})") from None


def _lines(text: str) -> list[str]:
    """Lines as ast counts them, which are not those of str.splitlines."""
    return text.split("\n")


def column(line: str, offset: int) -> int:
    """The column of a character, from 1, by its offset in bytes of UTF-8, which ast counts."""
    return len(line.encode()[:offset].decode(errors="replace")) + 1


def _notebook(path: str, content: bytes) -> Source:
    """The cells of a notebook as one program: what one imports is known in the next."""
    whole = ast.Module([], [])
    lines: list[str] = []
    cells: list[tuple[int, int]] = []
    bad: list[NotRead] = []
    for number, text in _code_cells(path, content):
        text = _without_magic(text)
        try:
            tree = _parsed(path, text, where=f"cell {number} ")
        except NotRead as error:
            bad.append(error)
            continue
        ast.increment_lineno(tree, len(lines))
        whole.body += tree.body
        own = _lines(text)
        lines += own
        cells += [(number, line) for line in range(1, len(own) + 1)]
    return Source(path, whole, lines, cells, tuple(bad))


def _code_cells(path: str, content: bytes) -> Iterator[tuple[int, str]]:
    """Pairs of the number of a cell of code, counted from 1 among all, and its text."""
    try:
        notebook = json.loads(content)
        cells = notebook["cells"] if "cells" in notebook else notebook["worksheets"][0]["cells"]
        every = [
            (number, "".join(cell["source"] if "source" in cell else cell["input"]))
            for number, cell in enumerate(cells, 1)
            if cell["cell_type"] == "code"
        ]
    except (ValueError, KeyError, TypeError, IndexError, RecursionError):
        raise NotRead(path, "is no notebook: JSON with cells is expected") from None
    if sum(len(text) for _, text in every) > MOST:
        raise NotRead(path, f"has more than {MOST / 1e6:g} MB of code, exclude it")
    yield from every


# Cell magics under which there is Python.
_PYTHON_CELL = re.compile(r"%%(time|timeit|capture|prun|debug|python3?|tensorflow_version)\b")


def _without_magic(text: str) -> str:
    """The text of a cell, with `pass` for lines of IPython's own."""
    if text.lstrip().startswith("%%") and not _PYTHON_CELL.match(text.lstrip()):
        return ""
    text = re.sub(r"^([ \t]*)(?:[%!].*|\?.*|[\w.]+\?\??[ \t]*)$", r"\1pass", text, flags=re.M)
    return re.sub(r"^([ \t]*[\w, ]+=[ \t]*)[!%].*$", r"\1None", text, flags=re.M)
