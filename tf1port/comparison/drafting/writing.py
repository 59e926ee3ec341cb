"""Writes a drafted map as a file, and never over another one unasked."""

import os
import tomllib
from collections.abc import Sequence
from typing import Any

from tf1port.comparison.drafting.draft import draft
from tf1port.comparison.port.commands import compare_command
from tf1port.errors import UserError
from tf1port.files import replacing
from tf1port.keras_model.saving import check_target


def draft_file(
    checkpoint: str,
    keras_file: str,
    to: str,
    *,
    overwrite: bool = False,
    trust: bool = False,
    imports: Sequence[str] = (),
) -> dict[str, Any]:
    """Drafts a map and writes it; returns the fields of tf1port.results.MapDraft.

    Raises:
        UserError: as tf1port.comparison.drafting.draft.draft; or `to` exists, without `overwrite`,
            or cannot be written.
    """
    check_target(to)
    _check_new(to, overwrite)
    made = draft(checkpoint, keras_file, trust=trust, imports=imports)
    _check_new(to, overwrite)
    try:
        with replacing(to) as beside, open(beside, "w", encoding="utf-8") as file:
            file.write(made.text)
    except OSError as error:
        raise UserError(f"cannot write {to}: {error.strerror or error}") from None
    command = compare_command(
        checkpoint, keras_file, to, load_weights=True, trust=trust, imports=imports
    )
    return {
        "map_file": to,
        "content": tomllib.loads(made.text),
        "places": made.places,
        "matched": [match.name for match in made.matches],
        "unsure": made.unsure,
        "left_in_model": made.left_in_model,
        "left_in_checkpoint": made.left_in_checkpoint,
        "command": command,
    }


def _check_new(to: str, overwrite: bool) -> None:
    if os.path.lexists(to) and not overwrite:
        raise UserError(f"{to} is there already: give another --to, or --overwrite to replace it")
