"""The one exception whose message is for the user."""


class UserError(Exception):
    """Bad input: its message is one line: what was expected, what came, what to do.

    The command lines print it on standard error and leave with exit code 2.
    """
