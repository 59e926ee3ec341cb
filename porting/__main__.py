"""The command line of the porting tools: python -m porting COMMAND ..."""

import json
import os
import shlex
import sys

from porting.command_line import parser
from shared import command_line, datasets
from shared.config import CONFIGS
from shared.errors import UserError

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # TensorFlow looks at it when it is imported


def main(argv=None):
    """Runs one command.

    Returns:
        0; 1 where the sides differ, 2 for bad input, 3 where they are not proved equal, 4 for an
        internal error.
    """
    return command_line.reporting(lambda: _run(argv))


def _run(argv):
    arguments = parser().parse_args(argv)
    if "checkpoint" in arguments:
        commands = {"inspect": _inspect, "convert": _convert, "verify": _verify}
        return commands[arguments.command](arguments)
    if arguments.command == "compare" and _is_port(arguments):
        return _compare_port(arguments)
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
        **_options(arguments),
    )
    lines = [*conversion_report.diagram(conversion), "", f"wrote {arguments.to}"]
    _print(conversion_report.report(conversion), lines, as_json=arguments.json)
    return 0


def _options(arguments):
    """How to read a checkpoint."""
    names = ("trust", "averages", "forget_bias", "activation")
    return {"head_map": arguments.map, **{name: getattr(arguments, name) for name in names}}


def _reverse(arguments):
    from porting.reverse import reverse

    if arguments.map is not None:
        raise UserError("leave --map out of --reverse: the .json beside the model knows it")

    options = {"rest": arguments.rest, "trust": arguments.trust}
    names = reverse(arguments.checkpoint, arguments.to, **options)
    lines = [*names, "", f"wrote {arguments.to}"]
    _print({"variables": names}, lines, as_json=arguments.json)
    return 0


def _verify(arguments):
    from porting import report
    from porting.comparison.outcome import EQUAL, EXIT_CODES
    from porting.comparison.progress import progress
    from porting.verify import outcome, verdict, verify

    verification = verify(
        arguments.checkpoint,
        arguments.keras_file,
        steps=arguments.steps,
        **_options(arguments),
    )
    rungs = list(progress(verification.rungs, "verify", unit=" rungs"))
    found = [{**rung._asdict(), "passed": rung.passed} for rung in rungs]
    against, unproved, notes = verification.against, verification.unproved, verification.notes
    came = outcome(rungs, unproved)
    said = verdict(rungs, unproved, verification.claim)
    lines = [*report.rung_lines(found), "", f"single cells against {against}", *notes, said]
    told = {"passed": came == EQUAL, "outcome": came, "verdict": said, "against": against}
    told |= {"notes": notes, "not_compared": unproved, "rungs": found}
    _print(report.finite(told), lines, as_json=arguments.json)
    return EXIT_CODES[came]


def _print(held, lines, *, as_json):
    print(json.dumps(held, indent=1) if as_json else "\n".join(lines))


def _is_port(arguments):
    """Whether a port of the user's own is compared; raises UserError where it is not clear."""
    own = {f"--{name}": getattr(arguments, name) for name in ("legacy", "modern", "map")}
    missing = [flag for flag, value in own.items() if value is None]
    if arguments.model is not None and len(missing) == 3:
        if arguments.only:
            raise UserError("--only goes with a port of your own, not with a MODEL: leave it out")
        return False
    if arguments.model is None and not missing:
        _check_port_flags(arguments)
        return True
    if arguments.model is not None:
        raise UserError("give MODEL or --legacy, --modern and --map, not both")
    raise UserError(f"{' and '.join(missing)} missing: give MODEL, or all of {', '.join(own)}")


def _check_port_flags(arguments):
    """Raises UserError for a flag that says something of a MODEL alone."""
    given = command_line.given(arguments).keys() - {"seed", "steps"}
    of_model = ("quick", "calibrate", "seeds")
    given |= {name for name in of_model if vars(arguments)[name]}
    for name in sorted(given):
        flag = "--" + name.replace("_", "-")
        raise UserError(f"{flag} goes with a MODEL, not with a port of your own: leave it out")


def _compare_port(arguments):
    from porting.comparison.outcome import EXIT_CODES
    from porting.ports import controls, port
    from porting.ports.batches import STEPS

    made = port.load(
        arguments.legacy,
        arguments.modern,
        arguments.map,
        carry=arguments.carry,
        trust=arguments.trust,
        seed=arguments.seed or 0,
        steps=arguments.steps or STEPS,
        only=_only(arguments),
    )
    if arguments.controls:
        return _show_controls(controls.matrix(made), as_json=arguments.json)
    name = os.path.splitext(os.path.basename(arguments.modern))[0]
    out = arguments.out or os.path.join("runs", "compare", name)
    command = _command(arguments)
    outcome = port.compare(made, out, name=name, command=command, as_json=arguments.json)
    return EXIT_CODES[outcome]


def _only(arguments):
    """The names after --only."""
    return arguments.only.split(",") if arguments.only else ()


def _compare(arguments, config, dataset):
    from porting.compare import Options, compare
    from porting.comparison.outcome import EXIT_CODES

    if arguments.json and arguments.calibrate:
        raise UserError("--calibrate prints a table: leave out --json")
    if arguments.controls:
        from porting import controls

        return _show_controls(controls.of_dataset(config, dataset), as_json=arguments.json)
    out = arguments.out or os.path.join("runs", "compare", arguments.model)
    options = Options(
        quick=arguments.quick,
        seeds=arguments.seeds,
        jobs=arguments.jobs,
        calibrate=arguments.calibrate,
        command=_command(arguments),
        json=arguments.json,
    )
    return EXIT_CODES[compare(config, dataset, out, options=options)]


def _show_controls(rows, *, as_json):
    from porting import controls, report

    _print(report.finite(rows), controls.lines(rows), as_json=as_json)
    return controls.exit_code(rows)


def _command(arguments):
    """The command line of a comparison, but for the folder that it writes to."""
    words = ["python", "-m", "porting", arguments.command]
    words += [arguments.model] if arguments.model else []
    for name, value in sorted(vars(arguments).items()):
        if name in ("command", "model", "out", "json") or value in (None, False):
            continue
        if arguments.model is None and name in ("data", "jobs"):  # of the project's models alone
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
