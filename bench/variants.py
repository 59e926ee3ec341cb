"""What can be measured for a model: both sides with each of their kernels, and its twins."""

import dataclasses
import importlib.util
from typing import NamedTuple

from shared.config import KERNELS, Config
from shared.errors import UserError
from shared.kernel_times import SIDE_KERNELS

TWINS = ("window-rnn", "row-lstm")  # models that the other frameworks have as well
NOT_INSTALLED = "not installed: pip install '.[bench]'"


class Variant(NamedTuple):
    """One row of the tables."""

    name: str
    runner: str  # the module in bench/runners/
    config: Config
    missing: str | None = None  # why it is not measured

    @property
    def side(self) -> str | None:
        """ "legacy" or "modern"; None for what has no command line."""
        return self.runner if self.runner in SIDE_KERNELS else None


def of_model(config: Config) -> list[Variant]:
    """The variants of a config's model; the first is the legacy side as it is by default."""
    found = [*_kernels("legacy", config)]
    if config.model in TWINS:
        found.append(Variant("plain Keras", "plain_keras", config))
    found += _kernels("modern", config)
    for name, runner, package in (
        ("PyTorch", "pytorch", "torch"),
        ("PyTorch compiled", "pytorch_compiled", "torch"),
        ("JAX scanned", "jax_scanned", "jax"),
    ):
        if config.model in TWINS:
            missing = None if importlib.util.find_spec(package) else NOT_INSTALLED
            found.append(Variant(name, runner, config, missing))
    return found


def chosen(variants: list[Variant], names: str | None) -> list[Variant]:
    """Those that `names`, with commas between them, asks for; all where it is None.

    Raises:
        UserError: a name is none of a variant's.
    """
    if names is None:
        return variants
    known = [variant.name for variant in variants]
    wanted = [name.strip() for name in names.split(",")]
    for name in wanted:
        if name not in known:
            raise UserError(f"--variants has {name!r}: choose from {', '.join(known)}")
    return [variant for variant in variants if variant.name in wanted]


def _kernels(side: str, config: Config) -> list[Variant]:
    """A side with each kernel that it has for the model, the default one first."""
    made = [
        (kernel, changed)
        for kernel in KERNELS
        if kernel in SIDE_KERNELS[side] and (changed := _with_kernel(config, kernel)) is not None
    ]
    if len(made) < 2:
        return [Variant(side, side, config)]
    variants = [Variant(f"{side} {kernel}", side, changed) for kernel, changed in made]
    return sorted(variants, key=lambda variant: variant.config != config)


def _with_kernel(config: Config, kernel: str) -> Config | None:
    """The config with another kernel; None where its model does not have it."""
    if not hasattr(config, "kernel"):
        return None
    try:
        return dataclasses.replace(config, kernel=kernel)  # type: ignore[call-arg]
    except UserError:
        return None
