"""What a user did wrong, as one line."""


class UserError(Exception):
    """Bad input; the message is one line that says what is wrong and what to do about it."""
