"""What the inputs of a Keras model are among a graph's placeholders, and what else it is fed."""

from typing import Any, NamedTuple

import keras
import numpy as np

from tf1port.comparison.drafting.lines import Line, Note, Section
from tf1port.comparison.drafting.opened import Opened
from tf1port.conversion.interface import Placeholder, shape_text
from tf1port.tf1.graph.dependencies import entry
from tf1port.tf1.graph.unrolls import MOVING

_SPARSE = ("indices", "values", "shape")  # as tf.sparse_placeholder names its parts
_KINDS = {"b": "whole", "i": "whole", "u": "whole"}
_NO_MODEL_NAMES = "the model has no names for its inputs"


class Input(NamedTuple):
    """An input of a model; shape: with None for what is open."""

    name: str
    shape: tuple[int | None, ...]
    dtype: str


class Option(NamedTuple):
    """A placeholder that an input may be: what the map has for it; why it is unsure."""

    placeholder: Placeholder
    entry: Any
    unsure: str | None = None


class Feeds(NamedTuple):
    """The sections of a map on what is fed."""

    inputs: Section
    labels: Section
    feed: Section
    feed_training: Section


def draft_feeds(opened: Opened, model: keras.Model) -> Feeds:
    """The Feeds of a checkpoint and a model."""
    placeholders = opened.interface.placeholders
    of_outputs = [one for one in placeholders if one.leads_to == "outputs"]
    data = [one for one in of_outputs if one.shape != ()]
    inputs, used = _inputs(opened, model_inputs(model), data)
    labels, labelled = _labels(placeholders, model)
    left = [one for one in data if one.name not in used]
    inputs += [Note(f"no input of the model takes {one.described}", unsure=True) for one in left]
    flags = _flags(opened)
    scalars = [one for one in of_outputs if one.shape == ()]
    feed = [line for one in scalars for line in _constant(one, flags)]
    rest = [one for one in placeholders if one.leads_to in ("loss", "training")]
    rest = [one for one in rest if one.name not in labelled]
    training = [line for one in scalars for line in _in_training(one)]
    training += [line for one in rest for line in _only_training(one)]
    return Feeds(inputs, labels, feed, training)


def model_inputs(model: keras.Model) -> list[Input]:
    """The inputs of a functional model; none of one that does not name them."""
    try:
        tensors = list(model.inputs or [])
    except AttributeError:
        return []
    dtypes = [keras.backend.standardize_dtype(one.dtype) for one in tensors]
    return [Input(t.name, tuple(t.shape), dtype) for t, dtype in zip(tensors, dtypes, strict=True)]


# Inputs


def _inputs(
    opened: Opened, inputs: list[Input], data: list[Placeholder]
) -> tuple[Section, set[str]]:
    """The lines of [inputs], and the names of the placeholders in them."""
    if not inputs:
        unsure = _NO_MODEL_NAMES if len(data) > 1 else None
        named = [Line(one.name.rpartition("/")[2], one.name, unsure) for one in data]
        return [*named], {one.name for one in data}
    lengths, time_major = _of_cells(opened)
    options = {
        one.name: [option for p in data for option in _options(one, p, lengths, time_major)]
        for one in inputs
    }
    lines: Section = []
    used: set[str] = set()
    for one in inputs:
        free = [option for option in options[one.name] if option.placeholder.name not in used]
        if not free:
            shape = shape_text(one.shape)
            lines.append(Note(f"no placeholder fits {one.name} {shape} {one.dtype}", unsure=True))
            continue
        best, unsure = _best(one, free, options)
        used.add(best.placeholder.name)
        lines.append(Line(one.name, best.entry, unsure))
    return lines, used


def _best(one, free, options):
    """The Option of an input, with why it is unsure: its own name decides between several."""
    sure = [option for option in free if option.unsure is None] or free
    named = [o for o in sure if o.placeholder.name.rpartition("/")[2] == one.name]
    best = (named or sure)[0]
    rivals = [name for name, of in options.items() if name != one.name and _has(of, best)]
    if best.unsure or named:
        return best, best.unsure
    if len(sure) > 1:
        return best, f"{len(sure)} placeholders fit: {_names(sure)}"
    return best, f"it fits {', '.join(rivals)} as well" if rivals else None


def _has(options, best):
    return any(o.placeholder == best.placeholder and o.unsure is None for o in options)


def _names(options):
    return ", ".join(option.placeholder.name for option in options)


def _options(one, placeholder, lengths, time_major):
    """What an input may be of a placeholder."""
    whole = [_kind(dtype) == "whole" for dtype in (one.dtype, placeholder.dtype)]
    is_lengths = placeholder.name in lengths
    rank = None if placeholder.shape is None else len(placeholder.shape)
    if one.dtype == "bool" and placeholder.dtype.startswith("int") and rank is not None:
        if rank == len(one.shape) - 1:
            yield Option(placeholder, {"lengths": placeholder.name})
        return
    if is_lengths and (rank or 1) == len(one.shape) == 1:
        yield Option(placeholder, {"lengths": placeholder.name})
        return
    if is_lengths or (whole[0] and not whole[1]):
        return
    doubt = None if whole[0] == whole[1] else f"the model takes {one.dtype} there"
    if placeholder.name in time_major and rank is not None and rank > 1:
        axes = [1, 0, *range(2, rank)]
        if _fits([placeholder.shape[axis] for axis in axes], one.shape):
            entry_ = {"placeholder": placeholder.name, "transpose": axes}
            yield Option(placeholder, entry_, doubt)
    elif placeholder.shape is None:
        yield Option(placeholder, placeholder.name, "the graph does not say its shape")
    elif _fits(placeholder.shape, one.shape):
        yield Option(placeholder, placeholder.name, doubt)


def _kind(dtype):
    return _KINDS.get(np.dtype(dtype).kind, "real") if dtype != "bfloat16" else "real"


def _fits(shape, other):
    pairs = zip(shape, other, strict=False)
    return len(shape) == len(other) and all(None in pair or pair[0] == pair[1] for pair in pairs)


def _of_cells(opened):
    """The names of the placeholders of lengths, and of those that have time before the batch."""
    lengths: set[str] = set()
    time_major: set[str] = set()
    if opened.program is None:
        return lengths, time_major
    graph = opened.program.graph
    for scope in opened.cells:
        layer = opened.recurrent(scope)
        run = layer and layer.run
        if not run:
            continue
        if run.lengths is not None:
            lengths.add(entry(graph, run.lengths).tensor.removesuffix(":0"))
        behind = graph.behind(run.inputs, through=MOVING | {"Cast"}) if run.inputs else []
        nodes = [graph.node(name) for name in behind]
        if run.looped and all(node is None or node.op != "Transpose" for node in nodes):
            time_major.update(name.removesuffix(":0") for name in behind)
    return lengths, time_major


# Labels


def _labels(placeholders, model):
    """The lines of `labels`, and the names of the placeholders in them."""
    data = [one for one in placeholders if one.leads_to == "loss" and one.shape != ()]
    data.sort(key=lambda one: _kind(one.dtype) != "whole")  # classes before weights
    parts = {one.name for one in placeholders}
    made: dict[str, Any] = {}
    names: set[str] = set()
    for one in data:
        stem, _, leaf = one.name.rpartition("/")
        if leaf in _SPARSE and all(f"{stem}/{part}" in parts for part in _SPARSE):
            made[stem] = {"sparse": stem, "padding": -1}
            names |= {f"{stem}/{part}" for part in _SPARSE}
        else:
            made[one.name] = _label(one, model)
            names.add(one.name)
    unsure = f"{len(made)} placeholders lead to the loss alone" if len(made) > 1 else None
    lines: Section = []
    for number, value in enumerate(made.values()):
        lines.append(Line("labels", value, None if number else unsure, candidate=number > 0))
    return lines, names if len(made) < 2 else {next(iter(made))}


def _label(one, model):
    """A placeholder of labels as a map has it: one_hot where Keras takes classes for its rows."""
    loss = model.loss
    name = loss if isinstance(loss, str) else getattr(loss, "name", getattr(loss, "__name__", ""))
    try:
        outputs = keras.tree.flatten(model.output_shape)
        shape = model.output_shape if isinstance(outputs[0], int | None) else None
    except (AttributeError, ValueError):
        shape = None
    rows = one.shape is not None and shape is not None and _fits(one.shape, shape)
    return {"one_hot": one.name} if "sparse" in str(name) and rows else one.name


# What else is fed


def _flags(opened):
    """The values that flags have outside of training, by name."""
    inference = opened.program.graph.inference if opened.program is not None else None
    flags = inference.flags if inference is not None else {}
    return {name.removesuffix(":0"): bool(value) for name, value in flags.items()}


def _constant(one, flags):
    """The line of [feed] for a number that leads to the outputs."""
    if one.dtype == "bool":
        yield Line(one.name, flags.get(one.name, False), _said(one, one.name in flags))
    elif one.dtype.startswith("float"):
        drops = any(word in one.name.lower() for word in ("rate", "drop")) and not _keeps(one)
        yield Line(one.name, 0.0 if drops else 1.0, "what drops nothing?")
    elif not one.default:
        yield Line(one.name, 0, "give the number that the program feeds")


def _keeps(one):
    return "keep" in one.name.lower()


def _said(one, known):
    return None if known else "its value in a prediction?"


def _in_training(one):
    """The line of [feed_training] for a number that leads to the outputs."""
    if one.dtype == "bool":
        yield Line(one.name, True, "its value in training?")
    elif one.dtype.startswith("float"):
        doubt = "what the program feeds in training"
        yield Line(one.name, 0.9 if _keeps(one) else 0.1, doubt, candidate=True)


def _only_training(one):
    """The line of [feed_training] for what a training alone is fed."""
    if one.dtype.startswith("float") and not one.default:
        rate = one.leads_to == "training"
        doubt = "the learning rate that the program feeds?" if rate else "a weight of the loss?"
        yield Line(one.name, 0.001 if rate else 1.0, doubt)
    elif not one.default:
        yield Note(f"a training is fed {one.described}", unsure=True)
