"""The command line of the porting tools: python -m porting COMMAND ..."""

import os
import sys

from shared import command_line, datasets
from shared.config import CONFIGS
from shared.errors import UserError


def main(argv=None):
    """Runs one command; returns 0, 1 where the sides part, 2 for bad input."""
    return command_line.reporting(lambda: _run(argv))


def _parser():
    parser = command_line.Parser(prog="python -m porting", description="Carry across and prove.")
    parsers = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    compare = parsers.add_parser(
        "compare", help="train both sides on the same batches; exit 1 if they part"
    )
    compare.add_argument("--out", metavar="DIR", help="(default: runs/compare/MODEL)")
    bench = parsers.add_parser("bench", help="seconds per training step, the sides in turn")
    bench.add_argument("--rounds", type=int, default=7, help="turns of each side (default: 7)")
    for sub in (compare, bench):
        sub.add_argument("model", choices=sorted(CONFIGS), metavar="MODEL", help=", ".join(CONFIGS))
        command_line.add_data_flags(sub)
        command_line.add_config_flags(sub)
    return parser


def _run(argv):
    arguments = _parser().parse_args(argv)
    changes = command_line.config_changes(arguments)
    CONFIGS[arguments.model](**changes)  # refuse a wrong flag before anything is loaded
    dataset = datasets.load(arguments.data, data_dir=arguments.data_dir)
    config = command_line.new_config(arguments.model, changes, dataset)
    return {"compare": _compare, "bench": _bench}[arguments.command](arguments, config, dataset)


def _compare(arguments, config, dataset):
    from porting.compare import compare

    out = arguments.out or os.path.join("runs", "compare", arguments.model)
    return 0 if compare(config, dataset, out) else 1


def _bench(arguments, config, dataset):
    from porting import bench

    if arguments.rounds < 1:
        raise UserError(f"--rounds is {arguments.rounds}: give a value above 0")
    seconds = bench.training_seconds(config, dataset, rounds=arguments.rounds)
    print("\n".join(bench.lines("training step", seconds)) + "\n", flush=True)
    seconds = bench.prediction_seconds(config, dataset, rounds=arguments.rounds)
    print("\n".join(bench.lines("prediction of one image", seconds)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
