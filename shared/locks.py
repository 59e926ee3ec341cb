"""One training at a time in a run's folder."""

import os
import weakref
from contextlib import suppress

try:
    import fcntl
except ImportError:  # Windows: nothing there keeps two trainings out of one folder
    fcntl = None  # type: ignore[assignment]

NAME = ".lock"


class Lock:
    """Holds a folder until `release()`, or until the object or the process is gone.

    The system drops the lock with the process, however that ends: the file that a killed one
    leaves behind locks nothing.

    Raises:
        BlockingIOError: another Lock holds the folder, in this process or in another one.
        OSError: the folder cannot be written.
    """

    def __init__(self, folder):
        self._path = os.path.join(str(folder), NAME)
        self._descriptor = _acquire(self._path)
        self.release = weakref.finalize(self, _release, self._path, self._descriptor)

    @property
    def holds(self):
        """Whether the folder is still the one that was locked: not removed, nor another one."""
        return self._descriptor is None or _is_at(self._path, self._descriptor)


def _acquire(path):
    """A descriptor of the file `path`, locked; None where the system has no such locks."""
    if fcntl is None:
        return None
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise
        except OSError:
            pass  # a file system without locks, as some of networks are
        if _is_at(path, descriptor):
            return descriptor
        os.close(descriptor)  # its holder removed it just before letting go of it


def _release(path, descriptor):
    if descriptor is None:
        return
    if _is_at(path, descriptor):  # the folder may have been moved
        with suppress(OSError):
            os.remove(path)  # before the lock is gone, so that it is nobody else's
    os.close(descriptor)


def _is_at(path, descriptor):
    """Whether `path` still leads to the open file."""
    try:
        return os.path.samestat(os.stat(path), os.fstat(descriptor))
    except OSError:
        return False
