"""The files that a graph is read from: a `.meta`, a SavedModel, a frozen graph."""

from __future__ import annotations

import os
from typing import Any

import tensorflow.compat.v1 as tf1
from google.protobuf.message import DecodeError
from tensorflow.core.protobuf import saved_model_pb2

from tf1port.errors import UserError
from tf1port.tf1 import constants
from tf1port.tf1.checkpoint.files import SAVED_MODEL
from tf1port.tf1.checkpoint.frozen import ENDING, read_graph, thawed
from tf1port.tf1.checkpoint.reader import Checkpoint, open_checkpoint
from tf1port.tf1.graph import savers
from tf1port.tf1.graph.defaults import fill_defaults

_SERVING = "serve"  # the tag of the graph for prediction
_DEFAULT = "serving_default"


def open_program(path: Any) -> Checkpoint:
    """A checkpoint whose variables have the names of the graph beside it, if there is one.

    A Saver may have stored them under others (tf1port.tf1.graph.savers).

    Raises:
        UserError: as tf1port.tf1.checkpoint.reader.open_checkpoint; the graph's file is damaged,
            or it is not known what its Saver restores.
    """
    checkpoint = open_checkpoint(path)
    if checkpoint.meta is None or _is_frozen(checkpoint.meta):
        return checkpoint
    return checkpoint.under_names(
        savers.saved_as(load_meta_graph(checkpoint.meta), checkpoint.shapes)
    )


def load_graph(path: str) -> Any:
    """The GraphDef of a file.

    Collections are left alone: they may name objects of contrib that no longer exist. In a frozen
    graph, variables replace the constants that they were frozen to. Attributes that a node leaves
    out are filled in (tf1port.tf1.graph.defaults).

    Raises:
        UserError: there is no such file, or it has no TF1 graph.
    """
    graph_def = thawed(read_graph(path)) if _is_frozen(path) else _graph_def(path)
    fill_defaults(graph_def)
    return graph_def


def _graph_def(path: str) -> Any:
    """That of a `.meta` or a SavedModel."""
    graph_def = load_meta_graph(path).graph_def
    constants.check_size(graph_def, path)
    if not graph_def.node:
        raise UserError(f"{path} holds no graph: give the .meta that a tf.train.Saver wrote")
    return graph_def


def signature_outputs(path: str, name: str = "") -> list[str]:
    """The output tensors of a signature, of the default or only one by default; [] without any.

    Raises:
        UserError: there is no signature of that name.
    """
    signatures = {} if _is_frozen(path) else dict(load_meta_graph(path).signature_def)
    signatures = {key: signature for key, signature in signatures.items() if signature.outputs}
    if name and name not in signatures:
        known = ", ".join(sorted(signatures)) or "none"
        raise UserError(f"{path} has no signature {name}: it has {known}")
    chosen = name or (_DEFAULT if _DEFAULT in signatures else next(iter(sorted(signatures)), ""))
    return [signature.name for signature in signatures[chosen].outputs.values()] if chosen else []


def _is_frozen(path: str) -> bool:
    return os.fspath(path).endswith(ENDING) and os.path.basename(path) != SAVED_MODEL


def load_meta_graph(path: str) -> Any:
    """The MetaGraphDef of a `.meta` or a SavedModel, there the one for prediction.

    Raises:
        UserError: it cannot be read.
    """
    saved = os.path.basename(path) == SAVED_MODEL
    message = saved_model_pb2.SavedModel() if saved else tf1.MetaGraphDef()
    try:
        with open(path, "rb") as file:
            message.ParseFromString(file.read())
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}") from None
    except DecodeError:
        kind = "SavedModel" if saved else ".meta file"
        raise UserError(f"{path} is damaged or no {kind}: export it again") from None
    if not saved:
        return message
    if not message.meta_graphs:
        raise UserError(f"{path} holds no graph: export it again")
    meta_graphs = list(message.meta_graphs)
    serving = [graph for graph in meta_graphs if _SERVING in graph.meta_info_def.tags]
    return (serving or meta_graphs)[0]
