"""The one exception whose message is for the user, and what others tell of the disk."""

import errno
import os

_OF_DISKS = (errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EFBIG, errno.EIO)


_LONGEST = 1000  # characters of a line: a name in a file may have any number of them


class UserError(Exception):
    """Bad input: its message is one line: what was expected, what came, what to do.

    The command lines print it on standard error and leave with exit code 2.
    """


def line(error):
    """The message of an error as one line of printable characters; a very long one is shortened."""
    text = str(error)
    text = text if text.isprintable() else ascii(text)[1:-1]
    half = _LONGEST // 2
    return text if len(text) <= _LONGEST else "%s … %s" % (text[:half], text[-half:])


def disk_reason(error):
    """What of the disk an exception tells of; None where it tells of something else.

    TensorFlow's own exceptions are no OSErrors, but quote the system's words.
    """
    if isinstance(error, OSError):
        return error.strerror or str(error)
    if not isinstance(error, Exception) or isinstance(error, UserError):
        return None
    return next((words for words in map(os.strerror, _OF_DISKS) if words in str(error)), None)
