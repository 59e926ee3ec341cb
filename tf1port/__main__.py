"""The command line of the tool: python -m tf1port COMMAND ...

Started like this, or as `tf1port COMMAND`, it runs the command in a process of its own with limits
(tf1port.isolation); `main` runs it in the calling process.
"""

import json
import os
import sys

from tf1port import api, terminal
from tf1port.command_line import as_typed, check, parser, report_folder, reporting
from tf1port.errors import printable
from tf1port.results import Checked

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # TensorFlow looks at it when it is imported


def main(argv=None):
    """Runs one command in this process.

    Returns:
        0; 1 where the sides differ, 2 for bad input, 3 where they are not proved equal, 4 for an
        internal error.
    """
    return reporting(lambda: _run(argv))


def _run(argv):
    arguments = parser().parse_args(argv)
    check(arguments)
    if arguments.command == "scan":
        return _scan(arguments)
    commands = {"inspect": _inspect, "convert": _convert, "verify": _verify, "compare": _compare}
    commands |= {"map": _map, "load": _load, "explain": _explain}
    result, *wrote = commands[arguments.command](arguments)
    if arguments.json:  # json.dumps escapes control characters in names
        print(json.dumps(result.to_json(), indent=1))
    else:
        shown = "\n".join([_text(result), *map(printable, wrote)])
        print(terminal.painted(shown, sys.stdout))
    if arguments.command == "explain":
        return result.exit_code
    return result.outcome.exit_code if hasattr(result, "outcome") else 0


def _text(result):
    """A result as text, fitted to the terminal where there is one."""
    if hasattr(result, "to_text"):
        return result.to_text(terminal.columns(sys.stdout))
    return str(result)


def _explain(arguments):
    return [api.explain(" ".join(arguments.words) if arguments.words else None)]


def _inspect(arguments):
    return [api.inspect(arguments.checkpoint)]


def _convert(arguments):
    if arguments.reverse:
        options = {"rest": arguments.rest, "trust": arguments.trust}
        return [api.reverse(arguments.checkpoint, arguments.to, **options)]
    options = {"stateful": arguments.stateful, **_reading(arguments)}
    converted = api.convert(arguments.checkpoint, arguments.to, **options)
    if not arguments.check:
        return [converted]
    verification = api.verify(arguments.checkpoint, arguments.to, **_reading(arguments))
    return [Checked(converted, verification)]


def _verify(arguments):
    options = {"steps": arguments.steps, "seed": arguments.seed, **_given(arguments)}
    options |= _reading(arguments)
    return [api.verify(arguments.checkpoint, arguments.keras_file, **options)]


def _given(arguments):
    """What the user feeds."""
    from tf1port.conversion import given

    return {"data": arguments.data, "feed": given.parsed(arguments.feed)}


def _map(arguments):
    options = {"overwrite": arguments.overwrite, **_own_model(arguments)}
    return [api.draft_map(arguments.checkpoint, arguments.keras_file, arguments.to, **options)]


def _load(arguments):
    files = (arguments.checkpoint, arguments.keras_file, arguments.map, arguments.to)
    return [api.load_weights(*files, partial=arguments.partial, **_own_model(arguments))]


def _own_model(arguments):
    """How to read a model of the user's own."""
    return {"trust": arguments.trust, "imports": getattr(arguments, "import")}


def _scan(arguments):
    options = {name: getattr(arguments, name) for name in ("exclude", "ignore", "select")}
    found = api.scan(arguments.paths, **options)
    if arguments.fix:
        changes, failed = found.fixes()
        print(changes, end="")
        for one in failed:
            print(printable(str(one)), file=sys.stderr)
        return 2 if failed else found.exit_code
    if arguments.format == "json" or arguments.json:
        print(json.dumps(found.to_json(), indent=1))
    elif arguments.format == "sarif":
        print(json.dumps(found.to_sarif(), indent=1))
    else:
        print(found.to_markdown() if arguments.format == "markdown" else found)
    return found.exit_code


def _reading(arguments):
    """How to read a checkpoint."""
    names = ("trust", "averages", "forget_bias", "activation", "map", "outputs")
    return {name: getattr(arguments, name) for name in names}


def _compare(arguments):
    from tf1port.comparison.report import files

    names = ("load_weights", "trust", "seed", "steps")
    options = {name: getattr(arguments, name) for name in names}
    options["imports"] = getattr(arguments, "import")
    options |= _given(arguments)
    only = [*(arguments.only or "").split(","), arguments.dtype or ""]
    options["only"] = [word for word in only if word]
    port = api.load_port(arguments.legacy, arguments.modern, arguments.map, **options)
    if arguments.controls:
        return [api.controls(port)]
    name = os.path.splitext(os.path.basename(arguments.modern))[0]
    folder = files.writable(report_folder(arguments))
    command = as_typed(arguments, "tf1port", "compare")
    shown = None if arguments.json else _show_check
    comparison = api.prove(port, name=name, command=command, on_check=shown)
    return [comparison, f"wrote {comparison.write(folder)}"]


def _show_check(entry):
    """Prints a row of the table on standard error."""
    from tf1port.comparison.report.terminal import check_lines
    from tf1port.progress import line

    line(terminal.painted(printable(check_lines([entry])[-1]), sys.stderr))


if __name__ == "__main__":
    from tf1port import isolation

    sys.exit(isolation.main())
