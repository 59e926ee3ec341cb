"""The written source of some programs, kept as golden files to be read and compared.

Without --write nothing in the tree changes; what differs is printed.
"""

from __future__ import annotations

import argparse
import difflib
import sys
import tempfile
from pathlib import Path

from tests.tf1port.programs import loops, sequences, stacks
from tests.tf1port.programs.program import running
from tf1port.conversion.translation.translated import read_translated

COMMAND = "python -m tests.tf1port.programs.sources --write"
FOLDER = Path(__file__).parents[2] / "goldens" / "sources"
BUILDS = {
    "char_rnn": sequences.char_rnn,
    "tagger": stacks.tagger,
    "encoder_decoder": sequences.encoder_decoder,
    "own_cell": loops.own_cell,
    "captioner": sequences.captioner,
    "translator": sequences.translator,
}


def written(name: str) -> str:
    """The source that convert writes of one of the programs."""
    return source_of_program(BUILDS[name])


def source_of_program(build, **options) -> str:
    """The source that convert writes of the program that a function builds.

    Args:
        options: of tests.tf1port.programs.program.running.
    """
    with tempfile.TemporaryDirectory() as folder, running(build, folder, **options) as run:
        return read_translated(run.prefix).source


def golden(name: str) -> Path:
    """The file of a program's source."""
    return FOLDER / f"{name}.py"


def main(argv: list[str] | None = None) -> int:
    """Compares all sources with their files, and rewrites them if asked to."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--write", action="store_true", help="rewrite the files")
    arguments = parser.parse_args(argv)
    for name in BUILDS:
        path, text = golden(name), written(name)
        before = path.read_text(encoding="utf-8") if path.exists() else ""
        lines = difflib.unified_diff(before.splitlines(), text.splitlines(), lineterm="")
        print(f"{path.name}: {'as it was' if before == text else 'changed'}", *lines, sep="\n")
        if arguments.write:
            path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
