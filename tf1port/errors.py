"""What a user did wrong, as one line."""


class UserError(Exception):
    """Bad input; the message is one line that says what is wrong and what to do about it."""


def printable(text: str) -> str:
    """What a third party wrote as it may be printed: in one line, without escapes of its own."""
    return text if text.isprintable() else ascii(text)[1:-1]
