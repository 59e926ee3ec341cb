"""Which processes there are, by their numbers (Linux)."""

import os
import time

from shared import parent


def wait_for(condition, seconds=120):
    """Waits until `condition()` is true; an AssertionError where it takes too long."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def is_alive(number):
    """Whether there is a process of a number; one that nobody has waited for is none."""
    try:
        with open("/proc/%d/stat" % number) as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def children_of(number):
    """The numbers of the processes that a process has started."""
    try:
        with open("/proc/%d/task/%d/children" % (number, number)) as file:
            return list(map(int, file.read().split()))
    except OSError:
        return []


def sleep_with_parent(path):
    """A process of multiprocessing that ends with its parent: writes its number, and sleeps."""
    parent.end_with_parent()
    with open(path, "w") as file:
        file.write(str(os.getpid()))
    time.sleep(60)
