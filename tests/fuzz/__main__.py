"""Reads damaged and crafted inputs by every reader of the product; make test-fuzz.

Prints a table; ends 1 where an input made a traceback, took too long or too much memory, ended the
process of a reader that has none of its own, or left a file behind.
"""

import argparse
import os
import re
import sys
import tempfile
import time
from pathlib import Path

os.environ.update(TF_CPP_MIN_LOG_LEVEL="3", CUDA_VISIBLE_DEVICES="")

from shared.tables import table
from tests.fuzz import page, worker
from tests.fuzz.readers import READERS
from tests.fuzz.rows import HEAD, row_of


def main(argv=None):
    """Reads the inputs; returns 1 if there was any fault."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--inputs", type=int, metavar="N", help="of each (default: by its speed)")
    parser.add_argument("--seconds", type=float, metavar="S", help="of each, at most")
    parser.add_argument("--seed", type=int, default=0, metavar="N")
    parser.add_argument("--only", metavar="READER,…", help="readers by their names")
    parser.add_argument("--number", type=int, metavar="N", help="this input alone")
    parser.add_argument("--keep", metavar="DIR", help="with --number: where its files are left")
    parser.add_argument("--page", action="store_true", help="write docs/faults.md, if it is more")
    parser.add_argument(
        "--more", action="store_true", help="with --page: go on at the number where the page's end"
    )
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
            numbers = _numbers(reader, arguments)
            options = {"seed": arguments.seed, "seconds": arguments.seconds}
            rows.append(row_of(reader, Path(root), numbers=numbers, **options))
            seconds = time.monotonic() - start
            line = f"{' '.join(rows[-1].cells()[:6])} ({seconds:.0f} s in all)"
            print("\n".join([line, *rows[-1].lines()]), file=sys.stderr, flush=True)
            if arguments.keep:
                _keep(reader, Path(root), arguments)
            if arguments.page:
                every = [one.name for one in READERS]
                text = page.written(page.PAGE.read_text(encoding="utf-8"), rows, every)
                page.PAGE.write_text(text, encoding="utf-8")
    print("\n".join(table([HEAD, *(row.cells() for row in rows)], "<>>>>>>>")))
    return 1 if any(row.faults for row in rows) else 0


def _numbers(reader, arguments):
    """Those of the inputs to read, a range."""
    if arguments.number is not None:
        return range(arguments.number, arguments.number + 1)
    first = 0
    if arguments.more:
        first = page.counted(page.PAGE.read_text(encoding="utf-8"), reader.name)
    return range(first, 1 + (arguments.inputs or reader.inputs))


def _keep(reader, root, arguments):
    files = worker.contents(root / re.sub(r"\W+", "-", reader.name) / "intact")
    one = worker.input_of(reader, files, seed=arguments.seed, number=arguments.number or 0)
    worker.write(one, Path(arguments.keep))


if __name__ == "__main__":
    sys.exit(main())
