"""bench.json: what was measured, of what, on which machine, under which load."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import os
import platform
import time
from typing import Any

from bench.session import Row
from bench.sweeps import Point
from shared import records
from shared.config import Config
from shared.errors import UserError

SCHEMA = 1
PACKAGES = ("tensorflow", "keras", "numpy", "torch", "jax")


def of_session(command: str, load: dict[str, Any], models: list[dict[str, Any]]) -> dict[str, Any]:
    """The content of bench.json."""
    return {
        "schema": SCHEMA,
        "command": command,
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "hardware": hardware(),
        "versions": versions(),
        "load": load,
        "models": models,
    }


def of_model(
    config: Config,
    dataset: str,
    *,
    steps: int,
    floor: dict[str, float] | None,
    rows: list[Row],
    sweeps: dict[str, list[Point]],
) -> dict[str, Any]:
    """The entry of one model."""
    return {
        "model": config.model,
        "dataset": dataset,
        "config": dataclasses.asdict(config),
        "steps_per_turn": steps,
        "floor": floor,
        "rows": [row._asdict() for row in rows],
        "sweeps": {
            name: [{"size": point.size, "rows": [r._asdict() for r in point.rows]} for point in of]
            for name, of in sweeps.items()
        },
    }


def hardware() -> dict[str, Any]:
    """Processor, cores, memory and system; what is not available is None."""
    return {
        "processor": _after("/proc/cpuinfo", "model name") or platform.processor() or None,
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "memory": _after("/proc/meminfo", "MemTotal"),
        "system": platform.system(),
    }


def versions() -> dict[str, str | None]:
    """Of Python and what is measured; None where it is not installed."""
    found: dict[str, str | None] = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = None
    return found


def read(path: str) -> dict[str, Any]:
    """The content of a bench.json.

    Raises:
        UserError: the file is missing or holds something else.
    """
    try:
        content = records.read_json(path, *of_session("", {}, []))
        if content["schema"] != SCHEMA:
            raise ValueError("another schema")
        for model in content["models"]:
            _check(model)
    except FileNotFoundError:
        raise UserError(f"there is no {path}: make bench writes one") from None
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        raise UserError(f"{path} is no bench.json of this version: measure anew") from None
    return content


def rows(entry: dict[str, Any]) -> list[Row]:
    """The rows of a model's entry, or of a sweep's point."""
    return [Row(**row) for row in entry["rows"]]


def _check(model: dict[str, Any]) -> None:
    """Raises one of the exceptions that `read` expects."""
    points = [point for of in model["sweeps"].values() for point in of]
    for row in (*rows(model), *(row for point in points for row in rows(point))):
        numbers = all(isinstance(value, (int, float)) and value > 0 for value in row.values)
        if not numbers or row.unit not in ("s", "bytes"):
            raise ValueError("a row is broken")
    if not {"model", "dataset", "config", "floor", "steps_per_turn"} <= model.keys():
        raise ValueError("an entry is broken")


def _after(path: str, word: str) -> str | None:
    """What follows a word and a colon in a file of /proc."""
    try:
        with open(path, encoding="utf-8") as file:
            found = [row.partition(":")[2].strip() for row in file if row.startswith(word)]
    except OSError:
        return None
    return found[0] if found else None
