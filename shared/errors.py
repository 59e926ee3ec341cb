"""The one exception that a user is meant to see."""


class UserError(Exception):
    """Bad input: its message is one line that says what is wrong and what to do.

    The command lines print it on standard error and leave with exit code 2.
    """
