"""Reads the `.keras` file that a conversion made."""

import json
import os

import keras

import modern_tf2.cells  # noqa: F401  (a file may name them)
from porting.models import layer_weights
from shared.errors import UserError


def check_map(path, *, mapped):
    """Whether a model was made with a map, as it is verified.

    Raises:
        UserError: only one of the two knows a map.
    """
    try:
        with open(os.path.splitext(path)[0] + ".json", encoding="utf-8") as file:
            was = json.load(file).get("mapped", False)
    except (OSError, ValueError, AttributeError):
        return  # nothing says so
    if was and not mapped:
        raise UserError(f"{path} was made with a map: give --map to verify as well")
    if mapped and not was:
        raise UserError(f"{path} was made without a map: leave --map out")


def load(path, blueprint):
    """A `.keras` file that has the layers of a Blueprint: the model, its weights by layer and role.

    Raises:
        UserError: it has not, or it cannot be read.
    """
    if not os.path.isfile(path):
        raise UserError(f"there is no {path}: make it with python -m porting convert")
    try:
        model = keras.models.load_model(path)
        found = {s.name: layer_weights.weights(model.get_layer(s.name)) for s in blueprint.specs}
    except (ValueError, OSError, KeyError, TypeError) as error:
        line = str(error).strip().splitlines()[0]
        raise UserError(f"{path} is damaged or not of this checkpoint: {line}") from None
    return model, found
