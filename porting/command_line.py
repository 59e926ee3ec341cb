"""The words of `python -m porting`: commands, flags, and examples below each --help."""

import argparse
import functools

from shared import command_line
from shared.config import CONFIGS

# What stands below the flags of a command's --help.
EXAMPLES = {
    "compare": """
  python -m porting compare dense --data digits --quick
  python -m porting compare row-lstm --data-dir mnist --seeds 5 --jobs 2
  python -m porting compare window-rnn --data digits --quick --json > report.json
  python -m porting compare nested-rnn --controls
  python -m porting compare --legacy model.ckpt-100 --modern model.keras --map map.toml --carry""",
    "inspect": """
  python -m porting inspect model.ckpt-100
  python -m porting inspect train_dir          (its newest checkpoint)
  python -m porting inspect model.ckpt-100 --json | jq .cells""",
    "convert": """
  python -m porting convert model.ckpt-100 --to model.keras
  python -m porting convert model.ckpt-100 --to averaged.keras --averages
  python -m porting convert no_meta.ckpt --to cells.keras --forget-bias 1.0 --activation tanh
  python -m porting convert model.keras --reverse --to back.ckpt --rest model.ckpt-100""",
    "verify": """
  python -m porting verify model.ckpt-100 model.keras
  python -m porting verify model.ckpt-100 model.keras --steps 20
  python -m porting verify model.ckpt-100 averaged.keras --averages
  python -m porting verify model.ckpt-100 model.keras --json | jq .passed""",
}


def parser():
    """The parser of the command line."""
    made = command_line.Parser(prog="python -m porting", description="Carry across and prove.")
    parsers = made.add_subparsers(dest="command", metavar="COMMAND", required=True)
    add = {name: functools.partial(_add_parser, parsers, name) for name in (*EXAMPLES, "bench")}
    compare = add["compare"](
        "train both sides on the same batches; exit 1 if they differ, 3 if that is not proved"
    )
    _add_compare_flags(compare)
    bench = add["bench"]("seconds per training step, the sides in turn")
    bench.add_argument("--rounds", type=int, default=7, help="turns of each side (default: 7)")
    inspect = add["inspect"]("say what a TF1 checkpoint holds: cells, layers, optimizer, the rest")
    convert = add["convert"](
        "make a Keras model of a TF1 checkpoint: weights, optimizer state, Python source"
    )
    verify = add["verify"](
        "run a checkpoint's own graph against its Keras model; exit 1 if they part"
    )
    _add_checkpoint_flags(inspect, convert, verify)
    for sub in (inspect, convert, verify, compare):
        sub.add_argument("--json", action="store_true", help="the same for programs")
    for sub in (compare, bench):
        sub.add_argument(
            "model",
            nargs="?" if sub is compare else None,
            choices=sorted(CONFIGS),
            metavar="MODEL",
            help=", ".join(CONFIGS),
        )
        command_line.add_data_flags(sub)
        command_line.add_config_flags(sub)
    return made


def _add_parser(parsers, name, text):
    examples = f"examples:{EXAMPLES[name]}" if name in EXAMPLES else None
    as_it_stands = argparse.RawDescriptionHelpFormatter
    return parsers.add_parser(
        name, help=text, description=text, epilog=examples, formatter_class=as_it_stands
    )


def _add_compare_flags(compare):
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
    port = compare.add_argument_group("a port of your own, in place of MODEL")
    port.add_argument("--legacy", metavar="CKPT", help="a TF1 checkpoint with its .meta")
    port.add_argument("--modern", metavar="FILE.keras", help="a compiled Keras model")
    port.add_argument("--map", metavar="MAP.toml", help="which layer is which scope")
    port.add_argument(
        "--carry", action="store_true", help="give the model the checkpoint's weights first"
    )
    port.add_argument(
        "--trust", action="store_true", help="take a graph that runs Python or touches files"
    )
    port.add_argument(
        "--only", metavar="CHECK,...", help="claim these checks or dtypes alone: variables,outputs"
    )


def _add_checkpoint_flags(inspect, convert, verify):
    convert.add_argument(
        "--to", required=True, metavar="FILE.keras", help="also FILE.py, FILE.json"
    )
    convert.add_argument(
        "--reverse", action="store_true", help="the way back: CKPT is FILE.keras, --to a prefix"
    )
    convert.add_argument(
        "--rest", metavar="CKPT", help="with --reverse: copy what else this checkpoint holds"
    )
    for sub in (inspect, convert, verify):
        sub.add_argument("checkpoint", metavar="CKPT", help="its prefix, or its folder")
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
        sub.add_argument(
            "--averages", action="store_true", help="the moving averages in place of the weights"
        )
