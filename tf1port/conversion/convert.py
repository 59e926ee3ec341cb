"""Converts a TF1 checkpoint into a `.keras` model, with its source and a map of its variables.

The model is compared with the graph before anything is written, and refused if it differs.
"""

import json
from typing import Any

from tf1port.conversion.conversion_report import report
from tf1port.conversion.planning import planned
from tf1port.conversion.stack import Conversion
from tf1port.conversion.translation.translated import Translated
from tf1port.errors import UserError
from tf1port.files import replacing_all
from tf1port.keras_model import saving


def convert(path: str, target: str, **options: Any) -> Conversion | Translated:
    """Writes `target` (`.keras`), its source (`.py`) and, last, its map (`.json`).

    A graph that is layers before one stack of cells and layers after it is written as such; any
    other one is translated op by op, as far as its ops have counterparts in Keras.

    Takes the options of tf1port.conversion.plan.read.

    Raises:
        UserError: as `read`, or the model computes something else than the graph, or `target`
            cannot be written.
    """
    paths = _paths(target)
    made = planned(path, options)
    made.conversion.checkpoint.check()  # variables that belong to no layer as well
    try:
        with replacing_all(paths) as (keras_file, source, map_file):
            saving.save(made.model, keras_file)
            with open(source, "w", encoding="utf-8") as file:
                file.write(made.source)
            with open(map_file, "w", encoding="utf-8") as file:
                json.dump(report(made.conversion), file, indent=1)
    except OSError as error:
        raise UserError(f"cannot write {target}: {error.strerror or error}") from None
    return made.conversion


def _paths(target: str) -> list[str]:
    """The files that a conversion writes; raises UserError where they cannot be written."""
    saving.check_keras_name(target)
    stem = target.removesuffix(".keras")
    paths = [target, stem + ".py", stem + ".json"]
    for path in paths:
        saving.check_target(path)
    return paths
