"""The proof of this project's own pairs: python -m equivalence MODEL (make compare)."""

import argparse
import json
import os
import sys

from modern_tf2.__main__ import start
from shared import datasets, flags
from shared.config import CONFIGS
from shared.errors import UserError
from shared.reporting import reporting
from tf1port import errors
from tf1port.command_line import as_typed

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # TensorFlow looks at it when it is imported

EXAMPLES = """examples:
  python -m equivalence dense --data digits --quick
  python -m equivalence row-lstm --data-dir mnist --seeds 5 --jobs 2
  python -m equivalence window-rnn --data digits --quick --json > report.json
  python -m equivalence nested-rnn --controls"""


def main(argv=None):
    """Proves a model's two sides equal.

    Returns:
        0; 1 where they differ, 2 for bad input, 3 where they are not proved equal, 4 for an
        internal error.
    """
    return reporting(lambda: _run(argv))


def _run(argv):
    arguments = make_parser().parse_args(argv)
    changes = flags.config_changes(arguments)
    CONFIGS[arguments.model](**changes)  # refuse a wrong flag before anything is loaded
    dataset = datasets.load(arguments.data, data_dir=arguments.data_dir)
    config = flags.new_config(arguments.model, changes, dataset)
    try:
        return _compare(arguments, config, dataset)
    except errors.UserError as error:  # tf1port's own class
        raise UserError(str(error)) from None


def make_parser():
    """The parser of the command line."""
    parser = flags.Parser(
        prog="python -m equivalence",
        description="Train both sides on the same batches and prove them equal; exit 1 if they "
        "differ, 3 if that is not proved.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("model", choices=sorted(CONFIGS), metavar="MODEL", help=", ".join(CONFIGS))
    parser.add_argument("--out", metavar="DIR", help="(default: runs/compare/MODEL)")
    parser.add_argument(
        "--quick", action="store_true", help="train neither side to its end: under a minute"
    )
    parser.add_argument(
        "--seeds", type=int, metavar="N", help="trainings of each side for check 9; 0 for none"
    )
    parser.add_argument(
        "--jobs", type=int, default=2, metavar="N", help="of them at a time (default: 2)"
    )
    parser.add_argument(
        "--controls", action="store_true", help="only try known mistakes; exit 1 if one is missed"
    )
    parser.add_argument(
        "--calibrate", action="store_true", help="print what the tolerances leave on this machine"
    )
    parser.add_argument("--json", action="store_true", help="the same for programs")
    flags.add_data_flags(parser)
    flags.add_config_flags(parser)
    return parser


def _compare(arguments, config, dataset):
    start()

    from equivalence.compare import Options, compare
    from tf1port.numerics.outcome import EXIT_CODES

    if arguments.json and arguments.calibrate:
        raise UserError("--calibrate prints a table: leave out --json")
    if arguments.controls:
        return _controls(config, dataset, as_json=arguments.json)
    out = arguments.out or os.path.join("runs", "compare", arguments.model)
    options = Options(
        quick=arguments.quick,
        seeds=arguments.seeds,
        jobs=arguments.jobs,
        calibrate=arguments.calibrate,
        command=as_typed(arguments, "equivalence", arguments.model),
        json=arguments.json,
    )
    return EXIT_CODES[compare(config, dataset, out, options=options)]


def _controls(config, dataset, *, as_json):
    from equivalence.controls.matrix import of_dataset
    from tf1port.comparison.controls import matrix
    from tf1port.comparison.report import terminal

    rows = of_dataset(config, dataset)
    text = json.dumps(terminal.finite(rows), indent=1) if as_json else "\n".join(matrix.lines(rows))
    print(text)
    return matrix.exit_code(rows)


if __name__ == "__main__":
    sys.exit(main())
