"""A first map of a port, drafted from a checkpoint with its graph and a Keras model."""

import os
import tomllib
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import keras

from tf1port.comparison.drafting.feeds import Feeds, draft_feeds
from tf1port.comparison.drafting.lines import Line, Note, Section, document
from tf1port.comparison.drafting.loose import match_loose
from tf1port.comparison.drafting.matching import Match, Matched, match, repeated
from tf1port.comparison.drafting.opened import Opened
from tf1port.comparison.drafting.parts import Part, find_parts, loose_variables
from tf1port.comparison.drafting.places import Place, find_places
from tf1port.comparison.port.making import head_of
from tf1port.comparison.port.port_map import parse_map
from tf1port.comparison.sides.places import Places
from tf1port.comparison.sides.protocol import NotOffered
from tf1port.comparison.sides.weight_map import WeightMap
from tf1port.errors import UserError
from tf1port.keras_model.loading import import_modules, open_model

_CANDIDATES = 5  # of a kind that are listed as comments
_NO_GRAPH = "there is no .meta beside the checkpoint: placeholders, logits and loss are not known"


class Draft(NamedTuple):
    """A drafted map.

    Attributes:
        text: of the file.
        places: how many layers and cells of the model have weights.
        matches: of these. sections: all lines by section.
        left_in_model: the places that nothing was found for, a line each.
        left_in_checkpoint: the variables that no layer has, a line each.
        complete: whether the graph was there to draft from.
    """

    text: str
    places: int
    matches: list[Match]
    sections: dict[str, Section]
    left_in_model: list[str]
    left_in_checkpoint: list[str]
    complete: bool

    @property
    def unsure(self) -> list[str]:
        """What may be wrong, a line each."""
        lines = [one for section in self.sections.values() for one in section]
        entries = [one for one in lines if isinstance(one, Line) and one.unsure]
        notes = [one.text for one in lines if isinstance(one, Note) and one.unsure]
        return [f"{one.key}: {one.unsure}" for one in entries] + notes


def draft(
    checkpoint: str,
    keras_file: str | keras.Model,
    *,
    trust: bool = False,
    imports: Sequence[str] = (),
) -> Draft:
    """Drafts a map.

    Args:
        checkpoint: as for tf1port.tf1.checkpoint.reader.open_checkpoint; its `.meta` says what
            the graph is fed.
        keras_file: path of a `.keras` file, or a keras.Model that is built.
        trust: also take a graph whose ops run Python or touch files, and layers that do.
        imports: modules, or paths of Python files, that register the model's own classes.

    Raises:
        UserError: one of the two is missing or damaged, or the model has no weights yet.
    """
    opened = Opened(checkpoint, trust=trust)
    model: Any = keras_file
    if not isinstance(model, keras.Model):
        import_modules(imports)
        model = open_model(keras_file, trust=trust)
    places = find_places(model)
    if not places:
        raise UserError(f"{model.name} has no weights: call the model once, then save it")
    matches, places_left, parts_left = _matched(opened, places)
    feeds = draft_feeds(opened, model)
    left = _left_in_checkpoint(opened, matches)
    sections = _sections(opened, model, matches, feeds)
    in_model = [_described(place, parts_left) for place in places_left]
    sections["layers"] += [Note(f"without a scope: {line}") for line in in_model]
    sections["layers"] += [Note(f"in no layer of the model: {line}") for line in left]
    name = keras_file if isinstance(keras_file, str) else model.name
    text = "\n".join([*document(_head(checkpoint, name), sections), ""])
    tomllib.loads(text)  # a draft that is none is a fault of this program
    complete = opened.program is not None
    return Draft(text, len(places), matches, sections, in_model, left, complete)


def _head(checkpoint: str, name: str) -> Iterator[str]:
    yield f"What corresponds in {os.path.basename(checkpoint)} and {os.path.basename(name)}."
    yield "A draft by shapes, names and order: look at what is marked unsure."


def _matched(opened: Opened, places: list[Place]) -> Matched:
    """Known cells and layers first, then single variables; in the order of the model."""
    matches, free, parts = match(places, find_parts(opened))
    used = [name for one in matches for name in one.variables]
    tables = [name for one in matches if _is_table(one, places) for name in one.variables]
    names = loose_variables(opened, used)
    loose = match_loose(free, names, opened.checkpoint.shapes, tables)
    matches += loose
    matches += repeated(places, matches)
    order = [place.name for place in places]
    known = {one.name for one in matches}
    taken = {name for one in loose for name in one.variables}
    return Matched(
        sorted(matches, key=lambda one: order.index(one.name)),
        [place for place in free if place.name not in known],
        [part for part in parts if not taken & {*part.variables.values()}],
    )


def _is_table(one: Match, places: list[Place]) -> bool:
    return any(place.name == one.name and "embeddings" in place.shapes for place in places)


def _left_in_checkpoint(opened: Opened, matches: list[Match]) -> list[str]:
    used = [name for one in matches for name in one.variables]
    checkpoint = opened.checkpoint
    names = loose_variables(opened, used)
    return [f"{name} {list(checkpoint.shapes[name])} {checkpoint.dtypes[name]}" for name in names]


def _described(place: Place, parts: list[Part]) -> str:
    """A place in a line, with what it would have to be to match a cell of the same sizes."""
    own = {one.family: one.sizes for one in place.signatures}
    for part in parts:
        cell = part.signature
        if cell and cell.family == "gru" and own.get("cudnn_gru") == cell.sizes:
            return f"{place.described}; {part.scope} would fit GRU(..., reset_after=False)"
    return place.described


# Sections


def _sections(
    opened: Opened, model: keras.Model, matches: list[Match], feeds: Feeds
) -> dict[str, Section]:
    layers: Section = [Line(one.name, one.entry, one.unsure) for one in matches]
    inputs = feeds.inputs if opened.program else [*feeds.inputs, Note(_NO_GRAPH, unsure=True)]
    own = {"layers": layers, "inputs": inputs, "graph": list(feeds.labels)}
    found = {**own, "feed": feeds.feed, "feed_training": feeds.feed_training}
    found["graph"] += _ends(opened, model, found)
    return found


def _ends(opened: Opened, model: keras.Model, sections: dict[str, Section]) -> Section:
    """The lines of logits, loss and train: what compare itself finds, then the candidates."""
    if opened.program is None:
        return []
    interface = opened.interface
    lines: Section = []
    found = _as_compare_finds(opened, model, sections)
    candidates = {
        "logits": interface.outputs,
        "loss": interface.losses,
        "train": interface.train_ops,
    }
    for key, names in candidates.items():
        first = found.get(key)
        unsure = "the first of several" if first is None and len(names) > 1 else None
        ordered = list(dict.fromkeys([*([first] if first else []), *names]))
        for number, name in enumerate(ordered[: _CANDIDATES + 1]):
            lines.append(Line(key, name, None if number else unsure, candidate=number > 0))
    return lines


def _as_compare_finds(
    opened: Opened, model: keras.Model, sections: dict[str, Section]
) -> dict[str, str]:
    """The names that compare finds for a map of these layers and inputs; those that it does."""
    held = {
        name: {one.key: one.value for one in sections[name] if isinstance(one, Line)}
        for name in ("layers", "inputs")
    }
    try:
        port_map = parse_map(held)
        weights = WeightMap(port_map.layers, opened.program)
    except (ValueError, UserError):  # a section is empty, or an entry does not do: it is unsure
        return {}
    head = head_of(model, port_map, None)
    places = Places(opened.program, port_map, weights, opened.whole, head)
    found: dict[str, str] = {}
    for key in ("logits", "loss", "train"):
        try:
            name = getattr(places, key)
        except NotOffered:
            continue
        if name is not None:
            found[key] = name.removesuffix(":0")
    layers = [entry.name for entry in weights.entries if entry.cell is None]
    if head.layer not in layers and len(opened.interface.outputs) > 1:
        found.pop("logits", None)  # it is not what the model's own last layer makes
    return found
