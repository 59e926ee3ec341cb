"""Errors of the user, as one line."""


class UserError(Exception):
    """Bad input; the message is one line: what was expected, what came, what to do."""


def printable(text: str) -> str:
    """A third party's text in printable form: on one line, with control characters escaped."""
    return text if text.isprintable() else ascii(text)[1:-1]
