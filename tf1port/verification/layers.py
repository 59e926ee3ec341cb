"""Compares the layers of a `.keras` file with those read from the graph, option by option, as data.

A few batches do not show a ReLU over logits that are all positive, nor outputs alone a rate of
dropout, a penalty, a constraint or a momentum.
"""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import keras
import numpy as np

from tf1port.keras_model import layer_weights
from tf1port.keras_model.blueprint import Spec
from tf1port.numerics import comparison
from tf1port.numerics.tolerances import tolerance

QUANTITY = "options of layers"
# Options that change nothing of what a layer computes or learns, and why.
INERT = {
    "name": "a label, by which the layers are found",
    "unit_forget_bias": "of initial values: the weights themselves are compared",
    "seed": "of random numbers, which are others in each run",
    "unroll": "the same operations, without a loop",
    "return_state": "final states that nothing takes",
    "build_config": "what a file says of shapes: the weights' own are compared",
    "shared_object_id": "a number that a file gives to what it has twice",
}
_INITIAL = "_initializer"  # the end of the names of options that set initial values
# What changes values in training alone; a model that was converted has none, as no graph is known
# to have them as layers of their own.
_RANDOM = (
    keras.layers.Dropout,
    keras.layers.SpatialDropout1D,
    keras.layers.AlphaDropout,
    keras.layers.GaussianDropout,
    keras.layers.GaussianNoise,
    keras.layers.ActivityRegularization,
)
_NAMED = 3  # of the options that differ


def layers_checks(
    specs: Sequence[Spec], model: keras.Model, *, source: ModuleType | None = None
) -> Iterator[comparison.Check]:
    """Yields a Check for the classes and options of all layers.

    Args:
        specs: the layers as convert writes them from the graph.
        model: as it was loaded, with a layer of each Spec's name.
        source: the module "program" of the layers' own classes.
    """
    with _importable(source):
        layers = layer_weights.layers_of(model, [spec.name for spec in specs])
        lines = [line for spec in specs for line in layer_differences(spec, layers[spec.name])]
    lines += _besides(model, {spec.name for spec in specs})
    further = [f"{len(lines) - _NAMED} more"] if len(lines) > _NAMED else []
    allowed = tolerance(QUANTITY, "float32")
    yield comparison.Check(
        QUANTITY,
        "float32",
        np.inf if lines else 0.0,
        "; ".join(lines[:_NAMED] + further) or f"{len(specs)} layers",
        allowed.bound,
        allowed.reason,
    )


@contextmanager
def _importable(source: ModuleType | None) -> Iterator[None]:
    """A module under the name that the calls in a Program have for it."""
    former = sys.modules.get("program")
    if source is not None:
        sys.modules["program"] = source
    try:
        yield
    finally:
        if source is not None:
            del sys.modules["program"]
        if former is not None:
            sys.modules["program"] = former


def layer_differences(spec: Spec, layer: keras.Layer) -> Iterator[str]:
    """A line for each option of a layer that differs."""
    expected, actual = (
        keras.saving.serialize_keras_object(item) for item in (spec.call.make(), layer)
    )
    yield from _differences(actual, expected, spec.name)


def _differences(actual: Any, expected: Any, place: str) -> Iterator[str]:
    """A line for each value that differs between two configurations, by its place in them."""
    if isinstance(actual, dict) and isinstance(expected, dict):
        # Of a class that is registered by a name of its own, the file beside may hold the source.
        skipped = {"module"} if ">" in str(expected.get("registered_name")) else set()
        for key in sorted((actual.keys() | expected.keys()) - INERT.keys() - skipped):
            if not key.endswith(_INITIAL):
                inner = place if key == "config" else f"{place}/{key}"
                yield from _differences(actual.get(key), expected.get(key), inner)
    elif isinstance(actual, (list, tuple)) and isinstance(expected, (list, tuple)):
        if len(actual) != len(expected):
            yield f"{place}: {len(actual)} in the file, {len(expected)} in the graph"
        for number, pair in enumerate(zip(actual, expected, strict=False)):
            yield from _differences(*pair, f"{place}/{number}")
    elif actual not in (expected, [expected]) or isinstance(actual, bool) != isinstance(
        expected, bool
    ):
        yield f"{place}: {_shown(actual)} in the file, {_shown(expected)} in the graph"


def _besides(model: keras.Model, converted: set[str]) -> Iterator[str]:
    """A line for each further layer that acts in training alone."""
    for layer in model.layers:
        if layer.name in converted:
            continue
        if isinstance(layer, _RANDOM):
            yield f"{layer.name}: {type(layer).__name__} in the file, no such layer in the graph"
        if getattr(layer, "activity_regularizer", None) is not None:
            yield f"{layer.name}: a penalty on its outputs in the file, none in the graph"


def _shown(value: Any) -> str:
    if isinstance(value, dict) and "class_name" in value:
        return str(value["class_name"])
    return str(value)
