"""The command line of the porting tools: python -m porting COMMAND ..."""

import json
import os
import shlex
import sys

from shared import command_line, datasets
from shared.config import CONFIGS
from shared.errors import UserError

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # TensorFlow looks at it when it is imported


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
    compare.add_argument(
        "--quick", action="store_true", help="train neither side to its end: under a minute"
    )
    compare.add_argument(
        "--seeds", type=int, metavar="N", help="trainings of each side for rung 9; 0 for none"
    )
    compare.add_argument(
        "--jobs", type=int, default=2, metavar="N", help="of them at a time (default: 2)"
    )
    compare.add_argument(
        "--controls", action="store_true", help="only try wrong ports; exit 1 if one is missed"
    )
    compare.add_argument(
        "--calibrate", action="store_true", help="print what the tolerances leave on this machine"
    )
    bench = parsers.add_parser("bench", help="seconds per training step, the sides in turn")
    bench.add_argument("--rounds", type=int, default=7, help="turns of each side (default: 7)")
    inspect = parsers.add_parser(
        "inspect",
        help="say what a TF1 checkpoint holds: cells, layers, optimizer, the rest",
        epilog="example: python -m porting inspect model.ckpt-100 --json",
    )
    convert = parsers.add_parser(
        "convert",
        help="make a Keras model of a TF1 checkpoint: weights, optimizer state, Python source",
        epilog="example: python -m porting convert model.ckpt-100 --to model.keras",
    )
    convert.add_argument(
        "--to", required=True, metavar="FILE.keras", help="also FILE.py, FILE.json"
    )
    convert.add_argument(
        "--reverse", action="store_true", help="the way back: CKPT is FILE.keras, --to a prefix"
    )
    convert.add_argument(
        "--rest", metavar="CKPT", help="with --reverse: copy what else this checkpoint holds"
    )
    verify = parsers.add_parser(
        "verify",
        help="run a checkpoint's own graph against its Keras model; exit 1 if they part",
        epilog="example: python -m porting verify model.ckpt-100 model.keras",
    )
    for sub in (inspect, convert, verify):
        sub.add_argument("checkpoint", metavar="CKPT", help="its prefix, or its folder")
        sub.add_argument("--json", action="store_true", help="the same for programs")
    verify.add_argument("keras_file", metavar="FILE.keras", help="what convert made of it")
    verify.add_argument(
        "--steps", type=int, default=0, metavar="N", help="train both N steps from the checkpoint"
    )
    for sub in (convert, verify):
        sub.add_argument(
            "--forget-bias", type=float, help="where there is no .meta (TF1's default: 1.0)"
        )
        sub.add_argument("--activation", help="where there is no .meta (TF1's default: tanh)")
        sub.add_argument(
            "--map", metavar="FILE.toml", help="the layers after the cells, where none are found"
        )
        sub.add_argument(
            "--trust", action="store_true", help="take a graph that runs Python or touches files"
        )
    for sub in (compare, bench):
        sub.add_argument("model", choices=sorted(CONFIGS), metavar="MODEL", help=", ".join(CONFIGS))
        command_line.add_data_flags(sub)
        command_line.add_config_flags(sub)
    return parser


def _run(argv):
    arguments = _parser().parse_args(argv)
    if "checkpoint" in arguments:
        commands = {"inspect": _inspect, "convert": _convert, "verify": _verify}
        return commands[arguments.command](arguments)
    changes = command_line.config_changes(arguments)
    CONFIGS[arguments.model](**changes)  # refuse a wrong flag before anything is loaded
    dataset = datasets.load(arguments.data, data_dir=arguments.data_dir)
    config = command_line.new_config(arguments.model, changes, dataset)
    return {"compare": _compare, "bench": _bench}[arguments.command](arguments, config, dataset)


def _inspect(arguments):
    from porting.checkpoint import inventory, open_checkpoint
    from porting.checkpoints import inspect_report

    checkpoint = open_checkpoint(arguments.checkpoint)
    checkpoint.check()
    held = inspect_report.report(checkpoint, inventory(checkpoint))
    _print(held, inspect_report.lines(held), as_json=arguments.json)
    return 0


def _convert(arguments):
    if arguments.reverse:
        return _reverse(arguments)
    from porting import convert
    from porting.models import conversion_report

    conversion = convert.convert(
        arguments.checkpoint,
        arguments.to,
        trust=arguments.trust,
        forget_bias=arguments.forget_bias,
        activation=arguments.activation,
        head_map=arguments.map,
    )
    lines = [*conversion_report.diagram(conversion), "", f"wrote {arguments.to}"]
    _print(conversion_report.report(conversion), lines, as_json=arguments.json)
    return 0


def _reverse(arguments):
    from porting.reverse import reverse

    if arguments.map is not None:
        raise UserError("leave --map out of --reverse: the .json beside the model knows it")

    names = reverse(arguments.checkpoint, arguments.to, rest=arguments.rest)
    lines = [*names, "", f"wrote {arguments.to}"]
    _print({"variables": names}, lines, as_json=arguments.json)
    return 0


def _verify(arguments):
    from porting import report
    from porting.comparison.progress import progress
    from porting.verify import verify

    verification = verify(
        arguments.checkpoint,
        arguments.keras_file,
        trust=arguments.trust,
        forget_bias=arguments.forget_bias,
        activation=arguments.activation,
        head_map=arguments.map,
        steps=arguments.steps,
    )
    rungs = progress(verification.rungs, "verify", unit=" rungs")
    found = [{**rung._asdict(), "passed": rung.passed} for rung in rungs]
    passed, against = all(rung["passed"] for rung in found), verification.against
    verdict = "the model computes what it does" if passed else "the model is another one"
    notes = verification.notes
    lines = [*report.rung_lines(found), "", f"held against {against}", *notes, verdict]
    told = {"passed": passed, "against": against, "notes": notes, "rungs": found}
    _print(told, lines, as_json=arguments.json)
    return 0 if passed else 1


def _print(held, lines, *, as_json):
    print(json.dumps(held, indent=1) if as_json else "\n".join(lines))


def _compare(arguments, config, dataset):
    from porting.compare import Options, compare

    if arguments.controls:
        return _controls(config, dataset)
    out = arguments.out or os.path.join("runs", "compare", arguments.model)
    options = Options(
        quick=arguments.quick,
        seeds=arguments.seeds,
        jobs=arguments.jobs,
        calibrate=arguments.calibrate,
        command=_command(arguments),
    )
    return 0 if compare(config, dataset, out, options=options) else 1


def _controls(config, dataset):
    from porting import controls

    rows = controls.of_dataset(config, dataset)
    print("\n".join(controls.lines(rows)))
    return 0 if controls.passed(rows) else 1


def _command(arguments):
    """The command line of a comparison, but for the folder that it writes to."""
    words = ["python", "-m", "porting", arguments.command, arguments.model]
    for name, value in sorted(vars(arguments).items()):
        if name in ("command", "model", "out") or value in (None, False):
            continue
        flag = "--" + name.replace("_", "-")
        words += [flag] if value is True else [flag, str(value)]
    return shlex.join(words)


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
