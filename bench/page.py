"""The figures in docs/speed.md and the README, from bench.json: python -m bench.page."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np

from bench import pictures, report, results
from bench.session import MEDIAN, TRAIN, Row
from shared import flags
from shared.errors import UserError
from shared.files import replacing, write_json
from shared.reporting import reporting

DOCS = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "docs")
BEGIN, END = "<!-- what make bench-page writes -->\n", "<!-- to here -->\n"
NOTHING = """
No figures are shown here: they come from `make bench-page`, which writes them from
`runs/bench/bench.json` and refuses one that was measured while the machine was busy.

"""


def main(argv: list[str] | None = None) -> int:
    """Writes the page, its pictures and docs/speed.json, or prints the figures."""
    return reporting(lambda: _run(argv))


def make_parser() -> flags.Parser:
    """The parser of the command line."""
    text = "Write the figures of docs/speed.md from bench.json, or print the README's."
    parser = flags.Parser(prog="python -m bench.page", description=text)
    default = os.path.join("runs", "bench", "bench.json")
    parser.add_argument("file", nargs="?", default=default, help=f"(default: {default})")
    parser.add_argument(
        "--sweeps", metavar="FILE", help="another bench.json, whose sweeps are shown as well"
    )
    parser.add_argument("--figures", action="store_true", help="print the README's figures alone")
    parser.add_argument("--docs", default=DOCS, metavar="DIR", help=argparse.SUPPRESS)
    return parser


def _run(argv: list[str] | None) -> int:
    arguments = make_parser().parse_args(argv)
    content = results.read(arguments.file)
    refuse_busy(content, arguments.file)
    if arguments.sweeps:
        further = results.read(arguments.sweeps)
        refuse_busy(further, arguments.sweeps)
        content = with_sweeps(content, further)
    if arguments.figures:
        print("\n".join(figures(content)))
        return 0
    path = os.path.join(arguments.docs, "speed.md")
    with open(path, encoding="utf-8") as file:
        text = page(file.read(), content)
    write_json(os.path.join(arguments.docs, "speed.json"), content)
    pictures.write(arguments.docs, content)
    with replacing(path) as beside, open(beside, "w", encoding="utf-8") as file:
        file.write(text)
    print(f"wrote {path}")
    return 0


def with_sweeps(content: dict[str, Any], further: dict[str, Any]) -> dict[str, Any]:
    """The content with the sweeps of another bench.json, of the same models and machine.

    Raises:
        UserError: it is of another machine or other versions.
    """
    for what in ("hardware", "versions"):
        if content[what] != further[what]:
            raise UserError(f"--sweeps has a file of other {what}: measure both anew")
    swept = {model["model"]: model["sweeps"] for model in further["models"]}
    models = [
        {**model, "sweeps": model["sweeps"] | swept.get(model["model"], {})}
        for model in content["models"]
    ]
    command = f"{content['command']}\n{further['command']}"
    return {**content, "command": command, "models": models}


def refuse_busy(content: dict[str, Any], path: str) -> None:
    """Raises UserError where the machine was not quiet."""
    for warning in content["load"]["warnings"]:
        raise UserError(f"{path} is not of a quiet machine: {warning}")


def page(text: str, content: dict[str, Any] | None) -> str:
    """docs/speed.md with the figures between BEGIN and END; None: nothing was measured yet."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise UserError(f"docs/speed.md needs the lines {BEGIN.strip()} and {END.strip()}")
    figures = NOTHING if content is None else "\n".join(["", *_measured(content)]) + "\n\n"
    return before + begin + figures + end + after


def figures(content: dict[str, Any]) -> Iterator[str]:
    """Two Markdown tables: ms per training step, and per prediction of one image."""
    yield "Milliseconds per training step, medians"
    yield from _table(content, TRAIN, f"({_conditions(content)}):")
    yield ""
    yield from _table(content, MEDIAN, "One image, in milliseconds, medians of single calls:")


def _measured(content: dict[str, Any]) -> Iterator[str]:
    """The sections of the page: figures, pictures, all tables."""
    yield from figures(content)
    yield "\n![Milliseconds per training step of each variant](speed.png)"
    for model in content["models"]:
        yield f"\n### {model['model']} on {model['dataset']}\n"
        for lines in report.model_lines(model):
            yield from ("```", *lines, "```", "")
        for sweep in model["sweeps"]:
            name = f"speed-{model['model']}-{sweep}.png"
            yield f"![Time per training step over {sweep} of {model['model']}]({name})\n"
    yield "### The machine\n"
    yield from ("```", *report.machine_lines(content), "```")


def _conditions(content: dict[str, Any]) -> str:
    hardware = content["hardware"]
    command, *_ = content["command"].split("\n")  # the next one is of sweeps
    return f"`{command}`; {hardware['cores']}-core {hardware['machine']}, no GPU"


def _table(content: dict[str, Any], quantity: str, title: str) -> Iterator[str]:
    """A row per variant, a column per model; the floor last, for training steps."""
    columns = [_medians(model, quantity) for model in content["models"]]
    names = dict.fromkeys(name for column in columns for name in column)
    yield title
    yield ""
    yield "| |" + "".join(f" {model['model']} |" for model in content["models"])
    yield "|---|" + "---|" * len(columns)
    for name in names:
        cells = (f" {1e3 * column[name]:.2f} |" if name in column else " |" for column in columns)
        yield f"| {name} |" + "".join(cells)


def _medians(model: dict[str, Any], quantity: str) -> dict[str, float]:
    rows: list[Row] = report.by_quantity(results.rows(model)).get(quantity, [])
    medians = {row.variant: float(np.median(row.values)) for row in rows if row.values}
    if quantity == TRAIN and model["floor"]:
        medians["floor"] = model["floor"]["seconds"]
    return medians


if __name__ == "__main__":
    sys.exit(main())
