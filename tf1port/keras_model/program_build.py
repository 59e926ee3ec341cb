"""The Keras model of a Program, built by executing its source: the written file is what ran."""

from __future__ import annotations

import importlib.util
import os
import tempfile
import zlib
from types import ModuleType
from typing import Any

from tf1port.errors import UserError
from tf1port.keras_model import naming
from tf1port.keras_model.layer_weights import set_weights_of
from tf1port.keras_model.op_table import Untranslated
from tf1port.keras_model.program import Program
from tf1port.keras_model.program_source import ProgramSource

_LONGEST = 200  # characters of Keras' message that are quoted


def source(program: Program, *, name: str, title: str) -> str:
    """The Python file of a Program.

    Its layers are registered under a name of the checkpoint and of the file itself, so that the
    files of two checkpoints do not replace each other's.

    Raises:
        UserError: an op has no counterpart in Keras.
    """
    try:
        text = ProgramSource(program, package="PACKAGE", title=title).text()
    except Untranslated as error:
        raise UserError(str(error)) from None
    package = f"{naming.identifier(name)}_{zlib.crc32(text.encode()):08x}"
    return text.replace('"PACKAGE"', f'"{package}"')


def load_source(text: str) -> ModuleType:
    """The module of some source, which registers its layers."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "program.py")
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        spec = importlib.util.spec_from_file_location("program", path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return module


def build(program: Program, text: str) -> Any:
    """The model that the source builds, with the weights and the state of the optimizer.

    Raises:
        UserError: Keras does not build it.
    """
    try:
        model = load_source(text).build_model()
    except Exception as error:  # any op of Keras may raise
        line = " ".join(str(error).split())[:_LONGEST]
        raise UserError(
            f"Keras does not build what is written of the graph ({type(error).__name__}: {line})"
        ) from error
    set_weights_of(model, {spec.name: spec.weights for spec in program.specs})
    if program.optimizer is not None:
        program.optimizer.restore(model)
    return model
