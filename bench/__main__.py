"""Seconds per training step and per prediction, the sides in turn: python -m bench MODEL."""

import os
import sys

from modern_tf2.__main__ import start
from shared import datasets, flags
from shared.config import CONFIGS
from shared.errors import UserError
from shared.reporting import reporting

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # TensorFlow looks at it when it is imported


def main(argv=None):
    """Prints both tables; returns 0, or 2 for bad input."""
    return reporting(lambda: _run(argv))


def _run(argv):
    arguments = make_parser().parse_args(argv)
    if arguments.rounds < 1:
        raise UserError(f"--rounds is {arguments.rounds}: give a value above 0")
    changes = flags.config_changes(arguments)
    CONFIGS[arguments.model](**changes)  # refuse a wrong flag before anything is loaded
    dataset = datasets.load(arguments.data, data_dir=arguments.data_dir)
    _print(flags.new_config(arguments.model, changes, dataset), dataset, arguments.rounds)
    return 0


def make_parser():
    """The parser of the command line."""
    text = "Measure seconds per training step and per prediction, the two sides in turn."
    parser = flags.Parser(prog="python -m bench", description=text)
    parser.add_argument("model", choices=sorted(CONFIGS), metavar="MODEL", help=", ".join(CONFIGS))
    parser.add_argument("--rounds", type=int, default=7, help="turns of each side (default: 7)")
    flags.add_data_flags(parser)
    flags.add_config_flags(parser)
    return parser


def _print(config, dataset, rounds):
    start()

    from bench import timing

    seconds = timing.training_seconds(config, dataset, rounds=rounds)
    print("\n".join(timing.lines("training step", seconds)) + "\n", flush=True)
    seconds = timing.prediction_seconds(config, dataset, rounds=rounds)
    print("\n".join(timing.lines("prediction of one image", seconds)))


if __name__ == "__main__":
    sys.exit(main())
