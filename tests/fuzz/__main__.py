"""Reads damaged and crafted inputs by every reader of the product; make test-fuzz.

Prints a table; ends 1 where an input made a traceback, took too long or too much memory, ended the
process of a reader that has none of its own, or left a file behind.
"""

import argparse
import collections
import os
import re
import sys
import tempfile
import time
from pathlib import Path

os.environ.update(TF_CPP_MIN_LOG_LEVEL="3", CUDA_VISIBLE_DEVICES="")

from shared.tables import table
from tests.fuzz import worker
from tests.fuzz.readers import READERS

HEAD = ["reader", "inputs", "read", "refused", "ended", "faults", "s", "MB"]


class Row:
    """What became of the inputs of a reader."""

    def __init__(self, name):
        self.name, self.kinds = name, collections.Counter()
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


def row_of(reader, root, *, seed, numbers):
    """Makes the intact input of a reader and reads those of some numbers; a Row."""
    root = root / re.sub(r"\W+", "-", reader.name)
    worker.made(reader, root / "intact")
    row = Row(reader.name)
    for outcome in worker.outcomes(reader, root, seed=seed, numbers=numbers):
        row.add(outcome)
    return row


def main(argv=None):
    """Reads the inputs; returns 1 if there was any fault."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--inputs", type=int, metavar="N", help="of each (default: by its speed)")
    parser.add_argument("--seed", type=int, default=0, metavar="N")
    parser.add_argument("--only", metavar="READER,…", help="readers by their names")
    parser.add_argument("--number", type=int, metavar="N", help="this input alone")
    parser.add_argument("--keep", metavar="DIR", help="with --number: where its files are left")
    parser.add_argument("--list", action="store_true", help="the names of the readers")
    arguments = parser.parse_args(argv)
    if arguments.list:
        print("\n".join(reader.name for reader in READERS))
        return 0
    names = arguments.only.split(",") if arguments.only else [one.name for one in READERS]
    unknown = set(names) - {one.name for one in READERS}
    if unknown:
        parser.error(f"there is no reader {min(unknown)}: --list names them")
    rows = []
    with tempfile.TemporaryDirectory(prefix="fuzz-") as root:
        for reader in (one for one in READERS if one.name in names):
            start = time.monotonic()
            numbers = range(1 + (arguments.inputs or reader.inputs))
            if arguments.number is not None:
                numbers = range(arguments.number, arguments.number + 1)
            rows.append(row_of(reader, Path(root), seed=arguments.seed, numbers=numbers))
            print(f"{reader.name}: {time.monotonic() - start:.0f} s", file=sys.stderr, flush=True)
            if arguments.keep:
                _keep(reader, Path(root), arguments)
    print("\n".join(table([HEAD, *(row.cells() for row in rows)], "<>>>>>>>")))
    for row in rows:
        print("\n".join(row.lines()), end="\n" if row.faults or row.ends else "")
    return 1 if any(row.faults for row in rows) else 0


def _keep(reader, root, arguments):
    files = worker.contents(root / re.sub(r"\W+", "-", reader.name) / "intact")
    one = worker.input_of(reader, files, seed=arguments.seed, number=arguments.number or 0)
    worker.write(one, Path(arguments.keep))


if __name__ == "__main__":
    sys.exit(main())
