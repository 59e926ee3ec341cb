"""The command line of the tool: python -m tf1port COMMAND ..."""

import json
import os
import sys

from tf1port.command_line import as_typed, parser, reporting
from tf1port.errors import UserError, printable

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # TensorFlow looks at it when it is imported


def main(argv=None):
    """Runs one command.

    Returns:
        0; 1 where the sides differ, 2 for bad input, 3 where they are not proved equal, 4 for an
        internal error.
    """
    return reporting(lambda: _run(argv))


def _run(argv):
    arguments = parser().parse_args(argv)
    commands = {"inspect": _inspect, "convert": _convert, "verify": _verify, "compare": _compare}
    return commands[arguments.command](arguments)


def _inspect(arguments):
    from tf1port.conversion import inspect_report
    from tf1port.tf1.checkpoint.reader import inventory, open_checkpoint

    checkpoint = open_checkpoint(arguments.checkpoint)
    checkpoint.check()
    held = inspect_report.report(checkpoint, inventory(checkpoint))
    _print(held, inspect_report.lines(held), as_json=arguments.json)
    return 0


def _convert(arguments):
    if arguments.reverse:
        return _reverse(arguments)
    from tf1port.conversion import conversion_report, convert

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
    from tf1port.conversion.reverse import reverse

    if arguments.map is not None:
        raise UserError("leave --map out of --reverse: the .json beside the model knows it")

    options = {"rest": arguments.rest, "trust": arguments.trust}
    names = reverse(arguments.checkpoint, arguments.to, **options)
    lines = [*names, "", f"wrote {arguments.to}"]
    _print({"variables": names}, lines, as_json=arguments.json)
    return 0


def _verify(arguments):
    if arguments.steps < 0:
        raise UserError(f"--steps is {arguments.steps}: give 0 or more")
    from tf1port.comparison.report import terminal as report
    from tf1port.numerics.outcome import EQUAL, EXIT_CODES
    from tf1port.progress import progress
    from tf1port.verification.verify import counted, outcome, verdict, verify

    verification = verify(
        arguments.checkpoint,
        arguments.keras_file,
        steps=arguments.steps,
        **_options(arguments),
    )
    rungs = counted(list(progress(verification.rungs, "verify", unit=" rungs")))
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
    """Prints JSON, which escapes what a checkpoint's names may hold, or lines without escapes."""
    print(json.dumps(held, indent=1) if as_json else "\n".join(map(printable, lines)))


def _compare(arguments):
    if arguments.steps is not None and arguments.steps < 1:
        raise UserError(f"--steps is {arguments.steps}: give 1 or more")
    from tf1port.comparison.controls import port as controls
    from tf1port.comparison.port import port
    from tf1port.comparison.port.batches import STEPS
    from tf1port.comparison.report import terminal as report
    from tf1port.numerics.outcome import EXIT_CODES

    made = port.load(
        arguments.legacy,
        arguments.modern,
        arguments.map,
        carry=arguments.carry,
        trust=arguments.trust,
        seed=arguments.seed,
        steps=STEPS if arguments.steps is None else arguments.steps,
        only=_only(arguments),
    )
    if arguments.controls:
        from tf1port.comparison.controls import matrix

        rows = controls.matrix(made)
        _print(report.finite(rows), matrix.lines(rows), as_json=arguments.json)
        return matrix.exit_code(rows)
    name = os.path.splitext(os.path.basename(arguments.modern))[0]
    out = arguments.out or os.path.join("runs", "compare", name)
    command = as_typed(arguments, "tf1port", arguments.command)
    outcome = port.compare(made, out, name=name, command=command, as_json=arguments.json)
    return EXIT_CODES[outcome]


def _only(arguments):
    """The names after --only."""
    return arguments.only.split(",") if arguments.only else ()


if __name__ == "__main__":
    sys.exit(main())
