"""What a terminal gets and a file does not: colour, and rows that fit its width.

NO_COLOR turns colour off, FORCE_COLOR turns it on where there is no terminal.
"""

from __future__ import annotations

import os
import re
from typing import TextIO

COLUMNS = "TF1PORT_COLUMNS"  # environment variable: the width that a command's parent writes to

_RED, _GREEN, _YELLOW, _END = "\033[31m", "\033[32m", "\033[33m", "\033[0m"
_COLOURS = [
    (re.compile(r"^PASS(?=: )", re.M), _GREEN),
    (re.compile(r"^FAIL(?=: )|(?<= )FAILS(?= |$)", re.M), _RED),
    (re.compile(r"^NOT PROVED(?=: )|^INCOMPLETE(?=, )", re.M), _YELLOW),
]


def coloured(stream: TextIO) -> bool:
    """Whether what is written to a stream may have colour."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR", "0") not in ("", "0"):
        return True
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def painted(text: str, stream: TextIO) -> str:
    """Text with its verdicts in colour, where the stream may have it."""
    if coloured(stream):
        for pattern, colour in _COLOURS:
            text = pattern.sub(rf"{colour}\g<0>{_END}", text)
    return text


def columns(stream: TextIO) -> int | None:
    """The width of a stream's terminal; None where it is none, and rows may be of any length."""
    if given := os.environ.get(COLUMNS, ""):
        return int(given) if given.isdigit() else None
    try:
        return os.get_terminal_size(stream.fileno()).columns if stream.isatty() else None
    except (OSError, ValueError):  # a stream that has no file, or whose terminal is gone
        return None


def shortened(text: str, width: int) -> str:
    """Text of at most `width` characters: what is too long is cut out of the middle of its name.

    An index in brackets stays whole, and what stands after it goes first: `encoder/c[3, 4], 8 rows`
    is `enc…/c[3, 4]`. Where the index alone is wider, the row is.
    """
    if len(text) <= width:
        return text
    name, bracket, rest = text.partition("[")
    index = bracket + rest.partition("]")[0] + "]" if bracket else ""
    room = width - len(index)
    if len(name) > room:
        left = max(room - 1, 2) // 2
        right = max(room - 1 - left, 1)
        name = f"{name[:left]}…{name[-right:]}"
    return name + index
