"""Compares a model that was translated op by op with the checkpoint's own graph."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from types import ModuleType
from typing import Any

import keras
import numpy as np

from tf1port.conversion.given import NOTHING, Given
from tf1port.conversion.translation.checks import end_to_end
from tf1port.conversion.translation.in_parts import QUANTITY, in_parts
from tf1port.conversion.translation.sides import Weights
from tf1port.conversion.translation.translated import Translated, read_translated
from tf1port.errors import UserError
from tf1port.keras_model import program_build
from tf1port.keras_model.loading import check_outputs, is_stateful, load, registered_names
from tf1port.numerics import comparison
from tf1port.tf1.graph.training_ops import NoTraining
from tf1port.verification.layers import layers_checks
from tf1port.verification.optimizer import optimizer_checks
from tf1port.verification.translated_training import training_checks

AGAINST = "the graph as it stands"


def read_converted(
    path: str, keras_file: str, *, trust: bool = False, outputs: Sequence[str] = ()
) -> tuple[Translated, keras.Model, dict[str, dict[str, np.ndarray]]]:
    """The translation of a checkpoint, the model of a `.keras` file of it, its weights.

    The layers of the file are loaded from the source that the translation writes now, not from the
    source beside the file.

    Raises:
        UserError: either is missing or damaged, or the model is of another checkpoint.
    """
    stateful = is_stateful(keras_file)
    conversion = read_translated(path, trust=trust, outputs=outputs, stateful=stateful)
    conversion.checkpoint.check()
    check_outputs(keras_file, conversion.outputs.values(), conversion.graph.named)
    module = program_build.load_source(conversion.source)
    _check_layers(keras_file, module, path)
    model, weights = load(keras_file, conversion.program, trust=trust)
    return conversion, model, weights


def _check_layers(keras_file: str, module: ModuleType, path: str) -> None:
    """Refuses a file with layers that convert would not write from the graph now."""
    written = {
        keras.saving.get_registered_name(item)
        for item in vars(module).values()
        if isinstance(item, type)
    }
    registered = registered_names(keras_file)
    unknown = sorted(
        name for name in registered - written if keras.saving.get_registered_object(name) is None
    )
    if unknown:
        raise UserError(
            f"{keras_file} has other layers ({', '.join(unknown)}) than convert writes of {path} "
            "now: it is of another checkpoint or another version, so convert it again"
        )


def source_changed(conversion: Translated, keras_file: str) -> list[str]:
    """A line where the source beside a file is not what convert writes from the graph.

    A user's program loads the file with the layers of that source, which are not compared.
    """
    path = os.path.splitext(keras_file)[0] + ".py"
    try:
        with open(path, encoding="utf-8") as file:
            is_same = file.read() == conversion.source
    except (OSError, UnicodeDecodeError):
        return []  # there is none: the layers come from elsewhere
    return [] if is_same else [f"{path}, which was changed since convert wrote it"]


def checks(
    conversion: Translated,
    model: keras.Model,
    weights: Weights,
    unproved: list[str],
    learned: list[str],
    notes: list[str],
    *,
    steps: int = 0,
    seed: int = 0,
    given: Given = NOTHING,
) -> dict[str, Iterator[comparison.Check]]:
    """The comparisons by group.

    Args:
        unproved: lines are appended on outputs that were not compared; `learned`: on the training;
            `notes`: on what cannot be.
    """
    options: dict[str, Any] = {"steps": steps, "seed": seed, "given": given}
    return {
        "weights": _weights(conversion, weights),
        "outputs": end_to_end(
            conversion, model, weights, unproved, seed=seed, given=given, untaken=(unproved, notes)
        ),
        "states": _states(conversion, model, weights, unproved, seed),
        "layers": _layers(conversion, model),
        "training": _training(conversion, model, weights, learned, **options),
    }


def _weights(conversion: Translated, weights: Weights) -> Iterator[comparison.Check]:
    expected = {
        f"{spec.name}/{role}": value
        for spec in conversion.program.specs
        for role, value in spec.weights.items()
    }
    actual = {
        f"{name}/{role}": value
        for name, arrays in weights.items()
        for role, value in arrays.items()
    }
    yield comparison.check("weights", expected, actual, dtype=conversion.program.dtype)


def _states(
    conversion: Translated, model: keras.Model, weights: Weights, unproved: list[str], seed: int
) -> Iterator[comparison.Check]:
    """A sequence in parts, of a model that hands its states on."""
    if not conversion.program.states:
        return
    try:
        yield from in_parts(conversion, model, weights, seed=seed)
    except UserError as reason:
        unproved.append(f"{QUANTITY}: {reason}")


def _layers(conversion: Translated, model: keras.Model) -> Iterator[comparison.Check]:
    source = program_build.load_source(conversion.source)
    yield from layers_checks(conversion.program.specs, model, source=source)


def _training(
    conversion: Translated,
    model: keras.Model,
    weights: Weights,
    learned: list[str],
    *,
    steps: int,
    seed: int,
    given: Given,
) -> Iterator[comparison.Check]:
    yield from optimizer_checks(conversion, model, learned)
    try:
        options: dict[str, Any] = {"steps": steps, "seed": seed, "given": given}
        yield from training_checks(conversion, model, weights, **options)
    except (NoTraining, UserError) as reason:
        learned.append(f"gradients and steps are not compared: {reason}")
