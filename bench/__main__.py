"""How fast both sides and their twins are, all in turn: python -m bench MODEL."""

import argparse
import os
import shlex
import sys

from shared import datasets, flags
from shared.config import CONFIGS, check_range
from shared.errors import UserError
from shared.files import write_json
from shared.reporting import reporting

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # TensorFlow looks at it when it is imported

from bench import against, commands, floor, pictures, quiet, report, results, session, sweeps
from bench import variants as of

QUICK = session.Effort(starts=1, rounds=3, steps=100, calls=50)


def main(argv=None):
    """Prints the tables, writes bench.json and its pictures.

    Returns 0, 1 where --against found something slower, or 2 for bad input.
    """
    return reporting(lambda: _run(argv))


def make_parser():
    """The parser of the command line."""
    text = "Measure training steps, predictions, start-up and memory, all variants in turn."
    parser = flags.Parser(prog="python -m bench", description=text)
    parser.add_argument(
        "models", nargs="+", choices=sorted(CONFIGS), metavar="MODEL", help=", ".join(CONFIGS)
    )
    parser.add_argument("--starts", type=int, metavar="N", help="processes of each (default: 3)")
    parser.add_argument(
        "--rounds", type=int, metavar="N", help="turns of each process (default: 3)"
    )
    parser.add_argument("--quick", action="store_true", help="one process, short turns, no runs")
    parser.add_argument("--variants", metavar="NAME,NAME", help="these rows alone (default: all)")
    parser.add_argument(
        "--sweep",
        action="append",
        default=[],
        choices=sorted(sweeps.SIZES),
        help="several sizes, of both sides",
    )
    parser.add_argument("--against", metavar="bench.json", help="exit 1 if slower than it was")
    parser.add_argument("--out", metavar="DIR", help="(default: runs/bench)")
    flags.add_data_flags(parser)
    flags.add_config_flags(parser)
    return parser


def _run(argv):
    argv = sys.argv[1:] if argv is None else argv
    arguments = make_parser().parse_args(argv)
    effort = _effort(arguments)
    former = results.read(arguments.against) if arguments.against else None
    for model in arguments.models:
        config = CONFIGS[model](**_changes(arguments, model))  # refuse a wrong flag at once
        of.chosen(of.of_model(config), arguments.variants)
        for sweep in arguments.sweep:
            sweeps.check(config, sweep)
    dataset = datasets.load(arguments.data, data_dir=arguments.data_dir)
    watch = quiet.Watch()
    for warning in watch.at_start():
        print(f"warning: {warning}", file=sys.stderr)
    models = [_measure(model, arguments, dataset, effort) for model in arguments.models]
    command = shlex.join(["python", "-m", "bench", *argv])
    content = results.of_session(command, watch.summary(), models)
    print("\n".join(report.lines(content)))
    _write(arguments.out or os.path.join("runs", "bench"), content)
    return _judge(former, content) if former else 0


def _effort(arguments):
    effort = QUICK if arguments.quick else session.Effort()
    for name in ("starts", "rounds"):
        value = getattr(arguments, name)
        if value is not None:
            check_range(f"--{name}", value, 1, 1000)
            effort = effort._replace(**{name: value})
    return effort


def _changes(arguments, model):
    """The hyper-parameters on the command line."""
    return flags.config_changes(argparse.Namespace(**{**vars(arguments), "model": model}))


def _measure(model, arguments, dataset, effort):
    """The entry of one model in bench.json."""
    changes = _changes(arguments, model)
    config = flags.new_config(model, changes, dataset)
    data = (dataset.name, arguments.data_dir)
    variants = of.chosen(of.of_model(config), arguments.variants)
    least = floor.measure(config) if floor.layers(config) else None
    rows = session.measure(variants, data=data, effort=effort)
    if not arguments.quick:
        flags_of_data = _data_flags(*data)
        rows += commands.measure(variants, changes, data=flags_of_data, rounds=effort.starts)
    swept = {
        sweep: sweeps.measure(
            config, sweep, names=arguments.variants, data=data, rounds=effort.rounds
        )
        for sweep in arguments.sweep
    }
    steps = session.turn_steps(config, effort)
    return results.of_model(config, dataset.name, steps=steps, floor=least, rows=rows, sweeps=swept)


def _data_flags(name, folder):
    return ["--data", name, *(["--data-dir", folder] if folder else [])]


def _write(out, content):
    """bench.json, and a picture of the training steps and of each sweep."""
    try:
        os.makedirs(out, exist_ok=True)
        write_json(os.path.join(out, "bench.json"), content)
    except OSError as error:
        raise UserError(f"cannot write to {out}: {error.strerror}") from None
    print(f"wrote {os.path.join(out, 'bench.json')}")
    pictures.write(out, content)


def _judge(former, content):
    lines, slower = against.compare(former, content)
    print("\n".join(lines))
    return 1 if slower else 0


if __name__ == "__main__":
    sys.exit(main())
