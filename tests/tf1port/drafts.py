"""Checkpoints with graphs that were never run, for drafts of maps: quick to make."""

import tomllib

import numpy as np

from tests.tf1port import checkpoint_cases, graphs
from tests.tf1port.graphs import tf1
from tf1port.comparison.drafting.draft import draft


def saved(folder, make, *, meta=True, more=()):
    """The prefix of a checkpoint of random values for the graph that a function builds.

    Args:
        meta: whether the graph lies beside it. more: further variables, (name, shape).
    """
    folder.mkdir(exist_ok=True)
    with graphs.first_control_flow(), tf1.Graph().as_default() as graph:
        make()
        shapes = {v.op.name: v.shape.as_list() for v in tf1.global_variables()}
        types = {v.op.name: v.dtype.base_dtype.as_numpy_dtype for v in tf1.global_variables()}
        if meta:
            tf1.train.export_meta_graph(str(folder / "model.ckpt.meta"), graph=graph)
    stream = np.random.default_rng(0)
    shapes |= dict(more)
    values = {
        name: np.asarray(stream.normal(size=shape)).astype(types.get(name, "float32"))
        for name, shape in shapes.items()
    }
    return checkpoint_cases.save(folder / "model.ckpt", values)


def drafted(folder, make, model, **options):
    """The Draft of a function that builds a graph and a Keras model, and what its text holds."""
    made = draft(saved(folder, make, **options), model)
    return made, tomllib.loads(made.text)
