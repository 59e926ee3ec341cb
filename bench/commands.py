"""The command `train` of both sides as processes: a run from start to end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from typing import Any

from bench.session import Row
from bench.variants import Variant
from shared import parent

WHOLE, MEMORY = "whole train run", "peak memory, whole train run"
PACKAGES = {"legacy": "legacy_tf1", "modern": "modern_tf2"}
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def measure(
    variants: list[Variant], changes: dict[str, Any], *, data: list[str], rounds: int
) -> list[Row]:
    """Wall-clock time, start-up and test included, and peak memory, the sides in turn.

    Args:
        variants: those with a command line are measured.
        changes: the hyper-parameters on the command line, by field name.
        data: the flags of the dataset.
        rounds: runs of each.
    """
    sides = [v for v in variants if v.side is not None and v.missing is None]
    values: dict[str, list[tuple[float, float]]] = {variant.name: [] for variant in sides}
    notes: dict[str, str] = {}
    for _ in range(rounds):
        for variant in sides:
            own = {**changes}
            if hasattr(variant.config, "kernel"):
                own["kernel"] = variant.config.kernel
            try:
                values[variant.name].append(_run(variant, own, data))
            except subprocess.CalledProcessError as error:
                notes[variant.name] = f"failed: exit code {error.returncode}"
    return [
        Row(quantity, name, unit, [pair[index] for pair in pairs], notes.get(name))
        for index, (quantity, unit) in enumerate(((WHOLE, "s"), (MEMORY, "bytes")))
        for name, pairs in values.items()
    ]


def _run(variant: Variant, changes: dict[str, Any], data: list[str]) -> tuple[float, float]:
    """Seconds and bytes of one run, whose folder is removed."""
    flags = [f"--{name.replace('_', '-')}={value}" for name, value in changes.items()]
    with tempfile.TemporaryDirectory() as folder:
        out = os.path.join(folder, "run")
        package = PACKAGES[str(variant.side)]
        command = [sys.executable, "-m", package, "train", variant.config.model, "--out", out]
        start = time.perf_counter()
        command += [*flags, *data]
        with parent.start(command, cwd=ROOT, stdout=subprocess.DEVNULL) as process:
            code = process.wait()
        seconds = time.perf_counter() - start
        if code:
            raise subprocess.CalledProcessError(code, command)
        with open(os.path.join(out, "result.json"), encoding="utf-8") as file:
            return seconds, json.load(file)["peak_memory_bytes"]
