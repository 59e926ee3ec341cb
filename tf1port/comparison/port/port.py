"""A port to be proved: two sides in each dtype, the batches, and the ladder over them."""

import functools
import os
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import keras

from tf1port.comparison import running
from tf1port.comparison.ladder import bands as bands_
from tf1port.comparison.ladder import checks
from tf1port.comparison.ladder.entries import Compared
from tf1port.comparison.port import giving
from tf1port.comparison.port.batches import STEPS
from tf1port.comparison.port.bounds import check
from tf1port.comparison.port.making import Making, loaded_copy
from tf1port.comparison.port.port_map import load_map
from tf1port.comparison.report import summary
from tf1port.comparison.report.form import Report, Timings
from tf1port.comparison.sides.program import Program
from tf1port.comparison.sides.protocol import NotApplicable, NotOffered, Side
from tf1port.conversion import given as given_
from tf1port.errors import UserError
from tf1port.keras_model.loading import import_modules, open_model

__all__ = ["Port", "loaded_copy", "load", "prove", "check"]

_BY_NAME = "not named by --only"
_NOT_CLAIMED = "the port was not asked for it"
_NO_ACCURACIES = "no accuracies of independent trainings: [accuracies] of the map takes them"


class Port(NamedTuple):
    """Two sides to be compared, and how.

    Attributes:
        legacy, modern: functions from a dtype to a Side (tf1port.comparison.sides.protocol) before
            its first step.
        exact: such a function of a modern side with TF1's powers of beta (D8), or None.
        batches: list of (inputs, labels), as both sides accept them, one per training step.
        dtypes: of "float32" and "float64". With both, the legacy side's own rounding is measured,
            and a gap of eight times that passes.
        facts: {name: value} for the report.
        missing: {dtype: NotOffered}: why a side cannot run in a dtype. Of a dtype that is neither
            here nor in `dtypes` nothing is claimed.
        only: names of the checks, and of the dtypes, that are claimed; empty: all.
        accuracies: final accuracies of independent trainings, two and more by side, "legacy" and
            "modern", and "margin", within which they are to be equivalent; None: no check 9.
    """

    legacy: Callable[[str], Side]
    modern: Callable[[str], Side]
    batches: Sequence[tuple[Any, Any]]
    dtypes: tuple[str, ...] = checks.DTYPES
    exact: Callable[[str], Side] | None = None
    facts: dict[str, Any] = {}  # noqa: RUF012  (a default of NamedTuple, never changed)
    missing: dict[str, NotOffered] = {}  # noqa: RUF012
    only: tuple[str, ...] = ()
    accuracies: dict[str, Any] | None = None

    @property
    def checks(self):
        """The numbers of the checks that are claimed."""
        named = checks.selected(self.only)
        return tuple(n for n in checks.ALL if checks.name(n) in named) or checks.ALL

    @property
    def claimed(self):
        """The dtypes that are claimed."""
        named = checks.selected(self.only)
        return tuple(dtype for dtype in checks.DTYPES if dtype in named) or checks.DTYPES

    def modern_in(self, dtype):
        """The function to the modern side that is compared with legacy in a dtype.

        In float64 Keras' own powers of beta differ from TF1's within one step of Adam, if the
        checkpoint is of a later step (D8).
        """
        return self.exact if self.exact is not None and dtype == "float64" else self.modern

    def twin(self, dtype):
        """The legacy side in the other dtype; None where there is only one."""
        others = [dtype_ for dtype_ in self.dtypes if dtype_ != dtype]
        return self.legacy(others[0]) if others else None


def load(
    checkpoint: str,
    keras_file: str | keras.Model,
    map_file: str,
    *,
    load_weights: bool = False,
    trust: bool = False,
    seed: int = 0,
    steps: int = STEPS,
    only: Sequence[str] = (),
    imports: Sequence[str] = (),
    data: str | None = None,
    feed: Mapping[str, Any] | None = None,
) -> Port:
    """The Port of a TF1 checkpoint with its graph to a Keras model of one's own.

    Args:
        checkpoint: as for tf1port.tf1.checkpoint.reader.open_checkpoint; its `.meta` lies beside
        it.
        keras_file: path of a `.keras` file, or a keras.Model.
        map_file: path of the TOML file of tf1port.comparison.port.port_map.
        load_weights: load the checkpoint's weights and optimizer state into the model first: only
            its code is proved then.
        trust: also accept a graph whose ops run Python or access files.
        seed: of random batches.
        steps: of training.
        only: as of a Port.
        imports: modules, or paths of Python files, that register the model's own classes.
        data, feed: as for tf1port.conversion.given.read; of the data examples [N, ...].

    Raises:
        UserError: one of the three is missing or damaged, or does not fit the others.
    """
    only = checks.selected(only)
    port_map = load_map(map_file)
    model = keras_file
    if not isinstance(model, keras.Model):
        import_modules(imports)
        model = open_model(keras_file, trust=trust)
    program = Program(checkpoint, trust=trust)
    given = given_.read(data, feed or {}, program.graph)
    port_map = giving.with_given(port_map, given)
    making = Making(program, model, port_map, seed=seed, steps=steps)
    if load_weights:
        making.load_weights()
    making.settle()
    dtypes, missing = _dtypes(making)
    adam = making.first.config.optimizer == "adam"
    return Port(
        legacy=making.legacy,
        modern=making.modern,
        batches=making.batches,
        dtypes=dtypes,
        exact=functools.partial(making.modern, powers="tf1") if adam else None,
        facts={
            "batches": os.path.basename(given.path or port_map.data.get("file", "random")),
            "feed": dict(feed or {}),
            "seed": seed,
            "load_weights": load_weights,
        },
        missing=missing,
        only=only,
        accuracies=port_map.accuracies,
    )


def prove(
    port: Port,
    *,
    name: str = "port",
    command: str = "",
    on_check: Callable[[Compared], None] | None = None,
) -> Report:
    """Runs the ladder in every dtype of a Port.

    Args:
        port: the two sides to be compared.
        name, command: its name in the report, and the command that reproduces it.
        on_check: called with each entry that was compared, as soon as it is.
    """
    began = time.perf_counter()
    claimed = [dtype for dtype in port.dtypes if dtype in port.claimed]
    ladders = {dtype: _run(port, dtype, on_check) for dtype in claimed}
    trained = _bands(port.accuracies) if 9 in port.checks else None
    entries = [entry for ladder in ladders.values() for entry in ladder["checks"]]
    entries += _left_out(port)
    if trained:
        entries.append(bands_.compared(trained))
    begin = summary.facts(
        name,
        f"{port.facts.get('batches', 'given')} batches",
        mode="port",
        command=command,
        seed=port.facts.get("seed", 0),
        config=port.facts,
    )
    timings: Timings = {
        "checks": summary.seconds_of_checks(ladders),
        "total": time.perf_counter() - began,
        "seconds_per_step": {},
        "peak_memory_bytes": {},
    }
    return summary.report(begin, entries, ladders=ladders, bands=trained, timings=timings)


def _left_out(port):
    """Entries of the report for checks that are not claimed, and for dtypes that a side lacks."""
    unclaimed = [number for number in checks.ALL if number not in port.checks]
    entries = [checks.left_out(number, _BY_NAME, needed=False) for number in unclaimed]
    for dtype in checks.DTYPES:
        if dtype not in port.claimed:
            entries += checks.without(port.checks, dtype, _BY_NAME, needed=False)
        elif dtype not in port.dtypes:
            why = port.missing.get(dtype, NotApplicable(_NOT_CLAIMED))
            needed = why.needed or dtype in port.only
            entries += checks.without(port.checks, dtype, str(why), needed=needed)
    if 9 in port.checks and not port.accuracies:
        entries.append(checks.left_out(9, _NO_ACCURACIES, needed=checks.name(9) in port.only))
    return entries


def _bands(accuracies):
    """`bands` of the report; None without accuracies."""
    if not accuracies:
        return None
    sides = {side: accuracies[side] for side in ("legacy", "modern")}
    seeds = list(range(max(map(len, sides.values()))))
    test = bands_.judged(sides, margin=accuracies["margin"])
    return {"seeds": seeds, "tests": None, **test, "band": None}


def _run(port, dtype, on_check):
    modern = port.modern_in(dtype)
    return running.run(
        lambda: (port.legacy(dtype), modern(dtype)),
        port.batches,
        dtype=dtype,
        compare=check,
        beside=lambda: {
            "twin": port.twin(dtype),
            "exact": modern(dtype) if modern is port.exact else None,
        },
        only=port.checks,
        seed=port.facts.get("seed", 0),
        on_check=on_check,
    )


def _dtypes(making):
    """The dtypes in which the graph runs here, and why it does not run in another."""
    if making.first.dtype == "float64":
        return ("float64",), {"float32": NotApplicable("the checkpoint is of float64")}
    try:
        making.legacy("float64")
    except UserError as error:
        return ("float32",), {"float64": NotOffered(str(error))}
    return checks.DTYPES, {}
