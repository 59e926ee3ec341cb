"""Errors of the user, as one line."""

_LONGEST = 1000  # characters of a line: a name in a file may have any number of them


class UserError(Exception):
    """Bad input; the message is one line: what was expected, what came, what to do."""


def line(error: object) -> str:
    """The message of an error in printable form, without its middle where it is very long."""
    text = printable(str(error))
    half = _LONGEST // 2
    return text if len(text) <= _LONGEST else f"{text[:half]} … {text[-half:]}"


def printable(text: str) -> str:
    """A third party's text in printable form: on one line, with control characters escaped."""
    return text if text.isprintable() else ascii(text)[1:-1]
