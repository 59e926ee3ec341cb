"""Whether anything else uses the machine: load average, other processes' time, steal.

Linux's /proc says it; elsewhere nothing is known, and the warning is that.
"""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Iterator
from typing import NamedTuple

STAT, LOADAVG = "/proc/stat", "/proc/loadavg"
MOST_LOAD = 0.5  # processes that ran or waited, mean of a minute, before the first measurement
MOST_OTHERS = 0.05  # share of all cores' time that other processes may take
MOST_STEAL = 0.01  # share that the host may take from a virtual machine


class Ticks(NamedTuple):
    """Seconds of all cores since the machine started, and of this process with its children."""

    total: float
    busy: float
    steal: float
    own: float


class Load(NamedTuple):
    """Shares of all cores' time in a span."""

    others: float
    steal: float


def parse_stat(text: str, *, own: float, hertz: float) -> Ticks:
    """The first line of /proc/stat: user, nice, system, idle, iowait, irq, softirq, steal."""
    user, nice, system, idle, waiting, irq, softirq, steal = (
        int(word) / hertz for word in text.split("\n")[0].split()[1:9]
    )
    busy = user + nice + system + irq + softirq
    return Ticks(busy + idle + waiting + steal, busy, steal, own)


def between(first: Ticks, last: Ticks) -> Load:
    """The shares in the span from one reading to another."""
    total, busy, steal, own = (after - before for before, after in zip(first, last, strict=True))
    if total <= 0:
        return Load(0.0, 0.0)
    return Load(max(0.0, busy - own) / total, steal / total)


def read() -> Ticks | None:
    """A reading; None where there is no /proc."""
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    own = sum(usage.ru_utime + usage.ru_stime for usage in usages)
    try:
        with open(STAT, encoding="ascii") as file:
            return parse_stat(file.read(), own=own, hertz=os.sysconf("SC_CLK_TCK"))
    except OSError:
        return None


def load_average() -> float | None:
    """The load average of the last minute; None where there is no /proc."""
    try:
        with open(LOADAVG, encoding="ascii") as file:
            return float(file.read().split()[0])
    except OSError:
        return None


class Watch:
    """From its making on: the load before it and since then."""

    def __init__(self, seconds: float = 1.0):
        self.average, first = load_average(), read()
        time.sleep(seconds)
        self.first = read()
        self.before = between(first, self.first) if first and self.first else None

    def at_start(self) -> list[str]:
        """The warnings that can be said before the first measurement."""
        return list(warnings(self.average, self.before, self.before and Load(0.0, 0.0)))

    def summary(self) -> dict[str, object]:
        """What bench.json says of the load; all worker processes have to be closed."""
        last = read()
        during = between(self.first, last) if self.first and last else None
        return {
            "average_before": self.average,
            "before": self.before and self.before._asdict(),
            "during": during and during._asdict(),
            "warnings": list(warnings(self.average, self.before, during)),
        }


def warnings(average: float | None, before: Load | None, during: Load | None) -> Iterator[str]:
    """Why the figures may not be those of the machine; nothing where it was quiet."""
    if average is None or before is None or during is None:
        yield "whether the machine was quiet is not known: it has no /proc/stat"
        return
    if average > MOST_LOAD:
        yield f"the load average was {average:.2f} before: wait until it is below {MOST_LOAD}"
    for when, load in (("before", before), ("during", during)):
        if load.others > MOST_OTHERS:
            yield f"other processes took {load.others:.0%} of all cores {when}: wait for their end"
        if load.steal > MOST_STEAL:
            yield f"the host took {load.steal:.0%} of all cores {when} (steal): measure again later"
