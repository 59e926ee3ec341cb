"""How much memory a process holds, and how much it may."""

import glob
import os
from typing import Any

GB = 10**9
_BASE = 4 * GB  # of TensorFlow, Keras and a small model that is trained in two dtypes
_TIMES = 20  # what training copies of a checkpoint in float64 takes, of its size
_SHARE = 0.9  # of the machine's memory


def limit(arguments: Any) -> int:
    """The bytes that a command may hold: by its --memory-limit, or by its files and the machine."""
    if arguments.memory_limit is not None:
        return int(arguments.memory_limit * GB)
    checkpoint = getattr(arguments, "checkpoint", None) or getattr(arguments, "legacy", None)
    return int(min(_BASE + _TIMES * _size(checkpoint), _SHARE * _machine()))


def resident(pid: int) -> int:
    """The bytes that a process holds in memory; 0 where the system does not say."""
    try:
        with open(f"/proc/{pid}/statm", "rb") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):  # it has ended, or there is no /proc
        return 0


def exceeded(used: int, most: int, doing: str | None) -> str:
    """What to say of a process that holds too much."""
    at = f"{doing} takes" if doing else "it takes"
    return (
        f"{at} {used / GB:.1f} GB of memory, more than {most / GB:.2g} GB: --memory-limit gives "
        "it more"
    )


def _size(checkpoint: str | None) -> int:
    """The bytes of a checkpoint's files; of all files in a folder."""
    if not checkpoint:
        return 0
    pattern = "/*" if os.path.isdir(checkpoint) else "*"
    return sum(
        map(os.path.getsize, filter(os.path.isfile, glob.glob(glob.escape(checkpoint) + pattern)))
    )


def _machine() -> float:
    """The bytes of memory that there are: of the machine, or of the container that this runs in."""
    try:
        found = float(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    except (ValueError, OSError):
        return float("inf")
    try:
        with open("/sys/fs/cgroup/memory.max", encoding="ascii") as file:
            return min(found, float(file.read()))
    except (OSError, ValueError):  # there is no such file, or it says "max"
        return found
