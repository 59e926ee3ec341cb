"""How the cost of a training step grows: one hyper-parameter in several sizes."""

from __future__ import annotations

import dataclasses
from typing import Any, NamedTuple

from bench import session
from bench.variants import Variant, chosen, of_model
from shared.config import Config
from shared.errors import UserError

PIXELS = 784  # of an image
SIZES = {
    "batch": (32, 128, 512, 2048, 4096),
    "window": (7, 14, 21, 28),
    "units": (31, 64, 128, 256, 512),
    "layers": (1, 2, 3, 4),
    "steps": (28, 112, 392, 784),
}
AXES = {
    "batch": "examples per step",
    "window": "rows that the model sees",
    "units": "units per cell",
    "layers": "stacked cells",
    "steps": "time steps; all have the same 784 pixels",
}
LIMIT = 120.0  # s until the first step; what takes longer is left out at that size


class Point(NamedTuple):
    """One size, and the rows that were measured at it."""

    size: int
    rows: list[session.Row]


def check(config: Config, sweep: str) -> None:
    """Raises UserError where a model has no such hyper-parameter."""
    if not configs(config, sweep):
        raise UserError(f"--sweep is {sweep}: {config.model} has one size of it alone")


def configs(config: Config, sweep: str) -> dict[int, Config]:
    """The config in each size that its model and dataset allow."""
    made = {size: _sized(config, sweep, size) for size in SIZES[sweep]}
    return {size: of_size for size, of_size in made.items() if of_size is not None}


def measure(
    config: Config, sweep: str, *, names: str | None, data: tuple[str, str | None], rounds: int
) -> list[Point]:
    """The points of a sweep; `names`: see variants.chosen, but None means both sides' alone."""
    effort = session.Effort(starts=1, rounds=rounds, limit=LIMIT, only_training=True)
    return [
        Point(size, _training(_variants(of_size, names), data=data, effort=effort))
        for size, of_size in configs(config, sweep).items()
    ]


def _variants(config: Config, names: str | None) -> list[Variant]:
    found = chosen(of_model(config), names)
    return found if names else [variant for variant in found if variant.side]


def _training(variants: Any, *, data: tuple[str, str | None], effort: session.Effort) -> Any:
    rows = session.measure(variants, data=data, effort=effort)
    return [row for row in rows if row.quantity == session.TRAIN]


def _sized(config: Any, sweep: str, size: int) -> Config | None:
    """None where the model has no such field, or no dataset of this size can have such batches."""
    fields = {field.name for field in dataclasses.fields(config)}
    changes = {"batch": {"batch_size": size}, "steps": _shape(fields, size)}
    own = changes.get(sweep, {sweep: size})
    if not own.keys() <= fields or (sweep == "steps" and not _is_recurrent(config)):
        return None
    try:
        return dataclasses.replace(config, **own)
    except UserError:
        return None


def _shape(fields: set[str], steps: int) -> dict[str, int]:
    shape = {"rows": steps, "features": PIXELS // steps}
    return {**shape, "window": steps} if "window" in fields else shape


def _is_recurrent(config: Config) -> bool:
    return len(config.input_shape) == 2 and hasattr(config, "units")
