"""Reads `.keras` files."""

import json
import os
import warnings

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
    model = open_model(path)
    try:
        found = {s.name: layer_weights.weights(model.get_layer(s.name)) for s in blueprint.specs}
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path} is not of this checkpoint: {_line(error)}") from None
    return model, found


def open_model(path):
    """The model of a `.keras` file.

    Raises:
        UserError: there is none, it is damaged, or it needs a class that is not registered.
    """
    if not os.path.isfile(path):
        raise UserError(
            f"there is no {path}: give a .keras file, as python -m porting convert writes it"
        )
    try:
        with warnings.catch_warnings():  # of an optimizer that was saved before its first step
            warnings.filterwarnings("ignore", "Skipping variable loading for optimizer")
            return keras.models.load_model(path)
    except (ValueError, OSError, KeyError, TypeError) as error:
        raise UserError(f"{path} is damaged or no .keras file: {_line(error)}") from None


def _line(error):
    return str(error).strip().splitlines()[0]
