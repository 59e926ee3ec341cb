"""The memory that a process uses, and its limit."""

import glob
import os
from typing import Any

GB = 10**9
_BASE = 4 * GB  # of TensorFlow, Keras and a small model that is trained in two dtypes
_TIMES = 20  # times the checkpoint's size, for training copies of it in float64
_SHARE = 0.9  # of the machine's memory


def limit(arguments: Any) -> int:
    """The memory limit of a command in bytes: --memory-limit, or by its files and the machine."""
    if arguments.memory_limit is not None:
        return int(arguments.memory_limit * GB)
    checkpoint = getattr(arguments, "checkpoint", None) or getattr(arguments, "legacy", None)
    return int(min(_BASE + _TIMES * _size(checkpoint), _SHARE * _machine()))


def resident(pid: int) -> int:
    """The resident memory of a process in bytes; 0 where it is unknown."""
    try:
        with open(f"/proc/{pid}/statm", "rb") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):  # it has ended, or there is no /proc
        return 0


def exceeded(used: int, most: int, doing: str | None) -> str:
    """The message on a process that uses too much memory."""
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
    """The memory of the machine, or of the container that this runs in, in bytes."""
    try:
        physical = float(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    except (AttributeError, ValueError, OSError):  # Windows has no sysconf
        return float("inf")
    try:
        with open("/sys/fs/cgroup/memory.max", encoding="ascii") as file:
            return min(physical, float(file.read()))
    except (OSError, ValueError):  # there is no such file, or its content is "max"
        return physical
