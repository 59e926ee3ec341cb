"""Which ops a training step spends its time in: python -m bench.profile MODEL --variants NAME.

TensorFlow's own profiler, or PyTorch's: the time within the kernels of each kind of op, summed over
threads. What is between them, scheduling and Python, is the rest of a step. TensorFlow's traces an
op until it was cheap a few times: `calls per step` says how many of its calls are counted.
"""

from __future__ import annotations

import glob
import importlib
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from typing import Any, NamedTuple

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from bench import session
from bench import variants as of
from bench.runners import Runner, initial_weights
from shared import datasets, flags, startup
from shared.config import CONFIGS
from shared.errors import UserError
from shared.reporting import reporting
from shared.tables import table

STEPS = 100  # that are profiled at most, after as many that are not
ROWS = 12  # kinds of op that are shown
_OP = re.compile(r"[^:]*:(?P<kind>[A-Z_]\w*)$")  # an op's event is called `name:Kind`
_NOT_KERNELS = {"While", "If", "StatefulPartitionedCall", "PartitionedCall"}  # others run in them


class Kind(NamedTuple):
    """A kind of op: how often a step runs it, and its seconds per step."""

    name: str
    calls: float
    seconds: float


def main(argv: list[str] | None = None) -> int:
    """Prints the table. Returns 0, or 2 for bad input."""
    return reporting(lambda: _run(argv))


def make_parser() -> flags.Parser:
    """The parser of the command line."""
    text = "Show which kinds of op a training step spends its time in."
    parser = flags.Parser(prog="python -m bench.profile", description=text)
    parser.add_argument("model", choices=sorted(CONFIGS), metavar="MODEL", help=", ".join(CONFIGS))
    parser.add_argument(
        "--variants", metavar="NAME,NAME", required=True, help="rows of python -m bench"
    )
    flags.add_data_flags(parser)
    flags.add_config_flags(parser)
    return parser


def _run(argv: list[str] | None) -> int:
    arguments = make_parser().parse_args(argv)
    dataset = datasets.load(arguments.data, data_dir=arguments.data_dir)
    config = flags.new_config(arguments.model, flags.config_changes(arguments), dataset)
    variants = of.chosen(of.of_model(config), arguments.variants)
    for variant in variants:
        if variant.missing:
            raise UserError(f"{variant.name} is {variant.missing}")
        if variant.runner == "jax_scanned":
            raise UserError(f"{variant.name} is one compiled program: it has no ops to show")
    steps = session.turn_steps(config, session.Effort(steps=STEPS))
    for variant in variants:
        print("\n".join(lines(variant.name, _kinds(variant, dataset, steps))), end="\n\n")
    return 0


def _kinds(variant: of.Variant, dataset: Any, steps: int) -> list[Kind]:
    with startup.quiet():
        module = importlib.import_module(f"bench.runners.{variant.runner}")
        runner = module.build(variant.config, dataset, initial_weights(variant.config))
        runner.train(steps)
        profiled = _of_pytorch if "pytorch" in variant.runner else _of_tensorflow
        return profiled(runner, steps)


def lines(name: str, kinds: list[Kind]) -> Iterator[str]:
    """A row per kind of op, those that take longest first, and one for all others."""
    kinds = sorted(kinds, key=lambda kind: -kind.seconds)
    rest = kinds[ROWS:]
    shown = kinds[:ROWS]
    if rest:
        others = (sum(kind.calls for kind in rest), sum(kind.seconds for kind in rest))
        shown.append(Kind(f"{len(rest)} other kinds", *others))
    total = Kind("all", sum(kind.calls for kind in kinds), sum(kind.seconds for kind in kinds))
    cells = [[name, "calls per step", "us per step", "share"]]
    for kind in (*shown, total):
        share = kind.seconds / total.seconds
        cells.append([kind.name, f"{kind.calls:.1f}", f"{1e6 * kind.seconds:.1f}", f"{share:.0%}"])
    yield from table(cells, "<>>>")


def _of_tensorflow(runner: Runner, steps: int) -> list[Kind]:
    """The kernels of both sides, from the profile that TensorFlow writes."""
    import tensorflow as tf
    from tensorflow.tsl.profiler.protobuf import xplane_pb2

    options = tf.profiler.experimental.ProfilerOptions(host_tracer_level=3)
    with tempfile.TemporaryDirectory() as folder:
        with tf.profiler.experimental.Profile(folder, options=options):
            runner.train(steps)
        (path,) = glob.glob(os.path.join(folder, "**", "*.xplane.pb"), recursive=True)
        space = xplane_pb2.XSpace()
        with open(path, "rb") as file:
            space.ParseFromString(file.read())
    return by_kind(space, steps)


def by_kind(space: Any, steps: int) -> list[Kind]:
    """The kernels of an XSpace of so many steps, by kind of op."""
    calls, seconds = dict[str, int](), dict[str, float]()
    for plane in space.planes:
        names = {key: one.name for key, one in plane.event_metadata.items()}
        for event in (event for line in plane.lines for event in line.events):
            match = _OP.match(names[event.metadata_id])
            if match and match["kind"] not in _NOT_KERNELS:
                kind = match["kind"].removeprefix("_")
                calls[kind] = calls.get(kind, 0) + 1
                seconds[kind] = seconds.get(kind, 0.0) + 1e-12 * event.duration_ps
    return [Kind(kind, count / steps, seconds[kind] / steps) for kind, count in calls.items()]


def _of_pytorch(runner: Runner, steps: int) -> list[Kind]:
    """The ops of the twin, each without those that it calls."""
    from torch.profiler import ProfilerActivity, profile

    with profile(activities=[ProfilerActivity.CPU]) as profiler:
        runner.train(steps)
    return [
        Kind(event.key, event.count / steps, 1e-6 * event.self_cpu_time_total / steps)
        for event in profiler.key_averages()
    ]


if __name__ == "__main__":
    sys.exit(main())
