"""What became of the inputs of a reader: a row of the table, and its faults."""

import collections
import re
import time

from tests.fuzz import worker

LEAST = 4  # inputs, the intact one among them, however long they take
HEAD = ["reader", "inputs", "read", "refused", "ended", "faults", "s", "MB"]


class Row:
    """What became of the inputs of a reader, from the number `first` on."""

    def __init__(self, name, first=0):
        self.name, self.first, self.kinds = name, first, collections.Counter()
        self.faults, self.ends = [], collections.Counter()
        self.seconds, self.memory = 0.0, 0

    def add(self, outcome):
        """Counts an Outcome."""
        self.kinds[outcome.kind] += 1
        self.seconds = max(self.seconds, outcome.seconds)
        self.memory = max(self.memory, outcome.memory)
        if outcome.kind == worker.FAULT or (not outcome.number and outcome.kind != worker.READ):
            self.faults.append(outcome)
        if outcome.kind == worker.ENDED:
            self.ends[outcome.words] += 1

    def cells(self):
        """The row of the table."""
        counts = [self.kinds[kind] for kind in (worker.READ, worker.REFUSED, worker.ENDED)]
        numbers = [self.kinds.total(), *counts, len(self.faults)]
        return [self.name, *map(str, numbers), f"{self.seconds:.1f}", f"{self.memory / 1e6:.0f}"]

    def lines(self):
        """The faults, one of each kind, with its count and the number of the first input."""
        groups = {}
        for fault in self.faults:
            groups.setdefault(re.sub(r"0x\w+|\d+|'.*?'|/tmp\S*", "#", fault.words)[:90], []).append(
                fault
            )
        for group in groups.values():
            first = group[0]
            yield f"{self.name}: {len(group)} ×, input {first.number}: {first.words}"
        for words, count in self.ends.items():
            yield f"{self.name}: {count} × ended by {words}"


def row_of(reader, root, *, seed, numbers, seconds=None):
    """Makes the intact input of a reader and reads those of some numbers; a Row.

    seconds: after which no further one is read, but LEAST of them are; None: all are.
    """
    root = root / re.sub(r"\W+", "-", reader.name)
    worker.made(reader, root / "intact")
    row, start = Row(reader.name, numbers.start), time.monotonic()
    for outcome in worker.outcomes(reader, root, seed=seed, numbers=numbers):
        row.add(outcome)
        enough = sum(row.kinds.values()) >= LEAST
        if enough and seconds is not None and time.monotonic() - start > seconds:
            break
    return row
