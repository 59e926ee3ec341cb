"""The command line of `python -m tf1port`: commands, flags, examples; exceptions as exit codes."""

import argparse
import functools
import os
import shlex
import sys
import traceback

from tf1port import __version__, limits
from tf1port.errors import UserError, line, printable

INTERRUPTED = 130  # what a shell reports after Ctrl-C
CLOSED = 141  # what a shell reports where nobody reads on
INTERNAL = 4
TRACEBACK = "TF1PORT_TRACEBACK"  # set in the environment, an internal error shows where it was

# What stands below the flags of a command's --help.
EXAMPLES = {
    "compare": """
  python -m tf1port compare --legacy model.ckpt-100 --modern model.keras --map map.toml
  python -m tf1port compare --legacy … --modern … --map map.toml --load-weights
  python -m tf1port compare --legacy … --modern … --map … --only variables,outputs --json""",
    "inspect": """
  python -m tf1port inspect model.ckpt-100
  python -m tf1port inspect train_dir          (its newest checkpoint)
  python -m tf1port inspect model.ckpt-100 --json | jq .cells""",
    "convert": """
  python -m tf1port convert model.ckpt-100 --to model.keras
  python -m tf1port convert model.ckpt-100 --to model.keras --check
  python -m tf1port convert model.ckpt-100 --to averaged.keras --averages
  python -m tf1port convert model.h5 --to model.keras       (a file of Keras 2)
  python -m tf1port convert no_meta.ckpt --to cells.keras --forget-bias 1.0 --activation tanh
  python -m tf1port convert model.keras --reverse --to back.ckpt --rest model.ckpt-100""",
    "verify": """
  python -m tf1port verify model.ckpt-100 model.keras
  python -m tf1port verify model.ckpt-100 model.keras --steps 20
  python -m tf1port verify model.ckpt-100 averaged.keras --averages
  python -m tf1port verify model.ckpt-100 model.keras --json | jq .passed""",
    "map": """
  python -m tf1port map model.ckpt-100 model.keras
  python -m tf1port map model.ckpt-100 model.keras --to port.toml --overwrite
  python -m tf1port map model.ckpt-100 own.keras --import my_layers.py
  python -m tf1port map model.ckpt-100 model.keras --json | jq .unsure""",
    "load": """
  python -m tf1port load model.ckpt-100 model.keras --map map.toml --to trained.keras
  python -m tf1port load model.ckpt-100 own.keras --map m.toml --to t.keras --import my_layers.py
  python -m tf1port load model.ckpt-100 model.keras --map map.toml --to trained.keras --partial""",
    "explain": """
  python -m tf1port explain                       (the list)
  python -m tf1port explain P36
  python -m tf1port explain clip by global norm
  python -m tf1port explain "Key rnn/basic_lstm_cell/kernel not found in checkpoint"
  python -m tf1port explain adam epsilon --json | jq '.matches[].id'""",
    "scan": """
  python -m tf1port scan train.py models/ notebooks/
  python -m tf1port scan . --select S1            (what is recurrent)
  python -m tf1port scan . --exclude 'tests/*' --format sarif > scan.sarif
  python -m tf1port scan . --json | jq '.order[0]'
  python -m tf1port scan models --fix | patch -p0""",
}


class Parser(argparse.ArgumentParser):
    """Reports a wrong flag as one line, without the usage text."""

    def parse_known_args(self, args=None, namespace=None):
        """As of argparse, but the parser of a command reports what it does not know itself."""
        known, unknown = super().parse_known_args(args, namespace)
        if unknown:
            self.error(f"unrecognized arguments: {' '.join(unknown)}")
        return known, unknown

    def error(self, message):
        raise UserError(f"{message} ({self.prog} --help lists the flags)")


def reporting(command):
    """Runs `command()`; an exception becomes one line on standard error. Returns an exit code.

    That is the command's own, 2 after a UserError, INTERNAL after any other exception.
    """
    try:
        return command() or 0
    except UserError as error:
        print(f"error: {line(error)}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # `| head` has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return CLOSED
    except Exception as error:
        if os.environ.get(TRACEBACK):
            traceback.print_exc()
        print(_internal_error(error), file=sys.stderr)
        return INTERNAL


def _internal_error(error):
    """One line: what was raised, and the last line of this package that it came through."""
    own = os.path.dirname(os.path.abspath(__file__))
    frames = traceback.extract_tb(error.__traceback__)
    last = [frame for frame in frames if frame.filename.startswith(own)] or frames
    place = f"{os.path.relpath(last[-1].filename, os.path.dirname(own))}:{last[-1].lineno}"
    words = printable(f"{type(error).__name__}: {error}".partition("\n")[0].rstrip(": "))
    return f"internal error: {words} ({place}): please report it; {TRACEBACK}=1 shows all of it"


def check(arguments):
    """Raises UserError where flags are out of their range or do not go together."""
    steps, least = getattr(arguments, "steps", None), {"verify": 0, "compare": 1}
    if steps is not None and steps < least[arguments.command]:
        raise UserError(f"--steps is {steps}: give {least[arguments.command]} or more")
    for name in ("time_limit", "memory_limit"):
        value = getattr(arguments, name, None)
        if value is not None and not 0 < value < float("inf"):
            raise UserError(f"--{name.replace('_', '-')} is {value:g}: give a number above 0")
    if getattr(arguments, "reverse", False) and arguments.map is not None:
        raise UserError("leave --map out of --reverse: the .json beside the model knows it")
    if getattr(arguments, "reverse", False) and arguments.stateful:
        raise UserError("--stateful is of the way to Keras: leave out --reverse, or that")
    if getattr(arguments, "reverse", False) and arguments.check:
        raise UserError("--check compares a converted model with its graph: leave out --reverse")


def report_folder(arguments):
    """Where compare writes its report."""
    name = os.path.splitext(os.path.basename(arguments.modern))[0]
    return arguments.out or os.path.join("runs", "compare", name)


def as_typed(arguments, module, *words):
    """The command line that arguments are of, but for where and how it writes.

    Args:
        arguments: of a parser. module: that python -m runs. words: the positional ones.
    """
    found = ["python", "-m", module, *words]
    for name, value in sorted(vars(arguments).items()):
        if name in ("command", "model", "out", "json") or value is None or value is False:
            continue
        flag = "--" + name.replace("_", "-")
        many = value if isinstance(value, list) else [value]
        found += [flag] if value is True else [word for one in many for word in (flag, str(one))]
    return shlex.join(found)


def parser():
    """The parser of the command line."""
    made = Parser(prog="python -m tf1port", description="Convert TF1 recurrent code, and prove it.")
    made.add_argument("--version", action="version", version=f"tf1port {__version__}")
    parsers = made.add_subparsers(dest="command", metavar="COMMAND", required=True)
    add = {name: functools.partial(_add_parser, parsers, name) for name in EXAMPLES}
    compare = add["compare"](
        "prove a port of your own; exit 1 if the two differ, 3 if they are not proved equal"
    )
    _add_compare_flags(compare)
    inspect = add["inspect"]("say what a TF1 checkpoint holds: cells, layers, optimizer, the rest")
    convert = add["convert"](
        "make a Keras model of a TF1 checkpoint: weights, optimizer state, Python source"
    )
    verify = add["verify"](
        "run a checkpoint's own graph against its Keras model; exit 1 if they differ, 3 if they "
        "are not proved equal"
    )
    _add_scan_flags(
        add["scan"](
            "find what programs use of TF1 and Keras 2; exit 1 where anything is found, 2 where a "
            "file cannot be read"
        )
    )
    _add_explain_flags(
        add["explain"]("look up a known porting mistake by its id, by words or by an error's text")
    )
    draft = add["map"]("draft the map of a port of your own: which layer is which scope")
    load = add["load"]("load a checkpoint's weights and optimizer state into your own Keras model")
    _add_checkpoint_flags(inspect, convert, verify)
    _add_own_model_flags(draft, load)
    for sub in (inspect, convert, verify, compare, draft, load):
        sub.add_argument("--json", action="store_true", help="the same for programs")
        _add_limits(sub)
    return made


def _add_limits(sub):
    """What the process may take that does the command (tf1port.isolation)."""
    sub.add_argument(
        "--time-limit",
        type=float,
        metavar="SECONDS",
        help=f"that one run or import of the graph may take (default: {limits.SECONDS:g})",
    )
    sub.add_argument(
        "--memory-limit",
        type=float,
        metavar="GB",
        help="that it may take (default: 4 GB and 20 times the checkpoint)",
    )


def _add_parser(parsers, name, text):
    as_it_stands = argparse.RawDescriptionHelpFormatter
    return parsers.add_parser(
        name,
        help=text,
        description=text,
        epilog=f"examples:{EXAMPLES[name]}",
        formatter_class=as_it_stands,
    )


def _add_compare_flags(compare):
    compare.add_argument("--legacy", metavar="CKPT", required=True, help="with its .meta beside it")
    compare.add_argument(
        "--modern", metavar="FILE.keras", required=True, help="a compiled Keras model"
    )
    compare.add_argument(
        "--map", metavar="MAP.toml", required=True, help="which layer is which scope"
    )
    compare.add_argument("--out", metavar="DIR", help="(default: runs/compare/NAME of the model)")
    compare.add_argument(
        "--load-weights", action="store_true", help="give the model the checkpoint's weights first"
    )
    compare.add_argument(  # its name up to now
        "--carry", action="store_true", dest="load_weights", help=argparse.SUPPRESS
    )
    _add_import(compare)
    compare.add_argument(
        "--dtype", choices=("float32", "float64"), help="claim this one alone (default: both)"
    )
    compare.add_argument(
        "--controls", action="store_true", help="only try known mistakes; exit 1 if one is missed"
    )
    compare.add_argument(
        "--trust", action="store_true", help="take a graph that runs Python or touches files"
    )
    compare.add_argument(
        "--only", metavar="CHECK,...", help="claim these checks or dtypes alone: variables,outputs"
    )
    _add_given(compare)
    compare.add_argument("--steps", type=int, metavar="N", help="of training (default: 200)")


def _add_given(sub):
    sub.add_argument(
        "--data",
        metavar="FILE.npz",
        help="batches by the names of placeholders, in place of random ones",
    )
    sub.add_argument(
        "--feed",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="what a placeholder has throughout; may be given several times",
    )
    sub.add_argument("--seed", type=int, default=0, metavar="N", help="of random numbers")


def _add_own_model_flags(draft, load):
    for sub in (draft, load):
        sub.add_argument("checkpoint", metavar="CKPT", help="its prefix, or its folder")
        sub.add_argument("keras_file", metavar="MODEL.keras", help="the port: your own model")
        sub.add_argument(
            "--trust", action="store_true", help="take a graph that runs Python or touches files"
        )
        _add_import(sub)
    draft.add_argument("--to", default="map.toml", metavar="MAP.toml", help="(default: map.toml)")
    draft.add_argument("--overwrite", action="store_true", help="replace a file of that name")
    load.add_argument("--map", metavar="MAP.toml", required=True, help="which layer is which scope")
    load.add_argument("--to", metavar="FILE.keras", required=True, help="the loaded model")
    load.add_argument(
        "--partial", action="store_true", help="leave what gets nothing in the model as it is"
    )


def _add_import(sub):
    sub.add_argument(
        "--import",
        action="append",
        default=[],
        metavar="MODULE",
        dest="import",
        help="or FILE.py, which registers the model's own classes; may be given several times",
    )


def _add_scan_flags(scan):
    scan.add_argument("paths", metavar="PATH", nargs="+", help="Python files, notebooks, folders")
    scan.add_argument("--json", action="store_true", help="the same for programs")
    scan.add_argument(
        "--format", choices=("text", "json", "sarif", "markdown"), default="text", help="of output"
    )
    for flag, words in (("--select", "take these alone"), ("--ignore", "leave these out")):
        scan.add_argument(
            flag, type=_names, default=(), metavar="ID,…", help=f"{words}: S512, or S5 for S5…"
        )
    scan.add_argument(
        "--fix", action="store_true", help="print what can be rewritten, as a unified diff"
    )
    scan.add_argument(
        "--exclude", type=_names, default=(), metavar="PATTERN,…", help="of paths, or of names"
    )


def _add_explain_flags(explain):
    explain.add_argument(
        "words", metavar="ID|WORDS|ERROR", nargs="*", help="without any: the list of all"
    )
    explain.add_argument("--json", action="store_true", help="the same for programs")


def _add_checkpoint_flags(inspect, convert, verify):
    convert.add_argument(
        "--to", required=True, metavar="FILE.keras", help="also FILE.py, FILE.json"
    )
    convert.add_argument(
        "--reverse", action="store_true", help="the way back: CKPT is FILE.keras, --to a prefix"
    )
    convert.add_argument(
        "--check", action="store_true", help="verify at once: prints that too, and ends as it does"
    )
    convert.add_argument(
        "--stateful", action="store_true", help="states are inputs and outputs, to sample with"
    )
    convert.add_argument(
        "--rest", metavar="CKPT", help="with --reverse: copy what else this checkpoint holds"
    )
    for sub in (inspect, convert, verify):
        sub.add_argument(
            "checkpoint", metavar="CKPT", help="its prefix, its folder, or a .h5 file of Keras 2"
        )
    verify.add_argument("keras_file", metavar="FILE.keras", help="what convert made of it")
    verify.add_argument(
        "--steps", type=int, default=0, metavar="N", help="train both N steps from the checkpoint"
    )
    _add_given(verify)
    for sub in (convert, verify):
        sub.add_argument(
            "--forget-bias", type=float, help="where there is no .meta (TF1's default: 1.0)"
        )
        sub.add_argument("--activation", help="where there is no .meta (TF1's default: tanh)")
        sub.add_argument(
            "--map", metavar="FILE.toml", help="the layers after the cells, where none are found"
        )
        sub.add_argument(
            "--outputs",
            type=_names,
            default=(),
            metavar="TENSOR,…",
            help="what the model gives of the graph (default: what its loss is computed of)",
        )
        sub.add_argument(
            "--trust", action="store_true", help="take a graph that runs Python or touches files"
        )
        sub.add_argument(
            "--averages", action="store_true", help="the moving averages in place of the weights"
        )


def _names(text):
    """The names in a list with commas."""
    return tuple(name for name in text.split(",") if name)
