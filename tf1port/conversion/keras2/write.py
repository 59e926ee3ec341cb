"""Writes what a Keras 2 file becomes, after its model was compared with what Keras 2 computes."""

from __future__ import annotations

import dataclasses
import json

import keras

from tf1port.conversion.keras2 import checks, original
from tf1port.conversion.keras2.convert import Keras2Conversion, read_conversion, report
from tf1port.errors import UserError
from tf1port.files import replacing_all
from tf1port.keras_model import saving

_UNCOMPARED = "it was not compared with Keras 2: pip install tf_keras, then verify"


def convert(path: str, target: str) -> Keras2Conversion:
    """Writes `target` (`.keras`), its source (`.py`) and, last, its map (`.json`).

    Raises:
        UserError: the file is not known, its model computes something else than Keras 2 does, or
            `target` cannot be written.
    """
    saving.check_keras_name(target)
    stem = target.removesuffix(".keras")
    paths = [target, stem + ".py", stem + ".json"]
    for one in paths:
        saving.check_target(one)
    conversion = read_conversion(path)
    model = conversion.model()
    conversion = _compared(conversion, model)
    try:
        with replacing_all(paths) as (keras_file, source_file, map_file):
            saving.save(model, keras_file)
            with open(source_file, "w", encoding="utf-8") as file:
                file.write(conversion.source)
            with open(map_file, "w", encoding="utf-8") as file:
                json.dump(report(conversion), file, indent=1)
    except OSError as error:
        raise UserError(f"cannot write {target}: {error.strerror or error}") from None
    return conversion


def _compared(conversion: Keras2Conversion, model: keras.Model) -> Keras2Conversion:
    """The conversion with a note on what was not compared. Raises UserError if it differs."""
    if not original.is_installed():
        return dataclasses.replace(conversion, notes=[*conversion.notes, _UNCOMPARED])
    unproved: list[str] = []
    for check in checks.end_to_end(conversion, model, unproved):
        if not check.passed:
            raise UserError(
                f"Keras 3 computes something else than Keras 2 of {conversion.file.path}: it "
                f"differs by {check.max_abs:.2g} at {check.place}"
            )
    return dataclasses.replace(conversion, notes=[*conversion.notes, *unproved])
