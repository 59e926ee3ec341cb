"""The files that a graph is read of: a `.meta`, a SavedModel, a frozen graph."""

from __future__ import annotations

import os
from typing import Any

import tensorflow.compat.v1 as tf1
from google.protobuf.message import DecodeError
from tensorflow.core.protobuf import saved_model_pb2

from tf1port.errors import UserError
from tf1port.tf1.checkpoint.files import SAVED_MODEL
from tf1port.tf1.checkpoint.frozen import ENDING, read_graph, thawed

_SERVING = "serve"  # the tag of what is for prediction
_DEFAULT = "serving_default"


def load_graph(path: str) -> Any:
    """The GraphDef of a file.

    Collections are left alone: they may name objects of contrib that no longer exist. In a frozen
    graph variables stand in the place of the constants that they became.

    Raises:
        UserError: there is no such file, or it is none of TF1's.
    """
    if _is_frozen(path):
        return thawed(read_graph(path))
    graph_def = _meta_graph(path).graph_def
    if not graph_def.node:
        raise UserError(f"{path} holds no graph: give the .meta that a tf.train.Saver wrote")
    return graph_def


def signature_outputs(path: str, name: str = "") -> list[str]:
    """The tensors that a signature gives, of the default one or the only one; [] of no SavedModel.

    Raises:
        UserError: there is no signature of that name.
    """
    signatures = {} if _is_frozen(path) else dict(_meta_graph(path).signature_def)
    signatures = {key: one for key, one in signatures.items() if one.outputs}
    if name and name not in signatures:
        known = ", ".join(sorted(signatures)) or "none"
        raise UserError(f"{path} has no signature {name}: it has {known}")
    chosen = name or (_DEFAULT if _DEFAULT in signatures else next(iter(sorted(signatures)), ""))
    return [one.name for one in signatures[chosen].outputs.values()] if chosen else []


def _is_frozen(path: str) -> bool:
    return os.fspath(path).endswith(ENDING) and os.path.basename(path) != SAVED_MODEL


def _meta_graph(path: str) -> Any:
    saved = os.path.basename(path) == SAVED_MODEL
    found = saved_model_pb2.SavedModel() if saved else tf1.MetaGraphDef()
    try:
        with open(path, "rb") as file:
            found.ParseFromString(file.read())
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}") from None
    except DecodeError:
        kind = "SavedModel" if saved else ".meta file"
        raise UserError(f"{path} is damaged or no {kind}: export it again") from None
    if not saved:
        return found
    if not found.meta_graphs:
        raise UserError(f"{path} holds no graph: export it again")
    serving = [one for one in found.meta_graphs if _SERVING in one.meta_info_def.tags]
    return (serving or list(found.meta_graphs))[0]
