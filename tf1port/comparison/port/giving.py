"""What a user gives on the command line, in a map: data by placeholder, values of placeholders."""

import dataclasses
from typing import Any

from tf1port.comparison.port.port_map import PortMap
from tf1port.conversion.given import Given
from tf1port.errors import UserError
from tf1port.tf1.graph.pruning import full_name


def with_given(port_map: PortMap, given: Given) -> PortMap:
    """The map with the given values of placeholders in [feed], and the given data in [data].

    Raises:
        UserError: the data has not all inputs, or the labels, or is of a form that is not taken.
    """
    feed = {name.removesuffix(":0"): value for name, value in given.constants.items()}
    known = {full_name(name) for name in feed}
    sections = {
        section: {n: v for n, v in getattr(port_map, section).items() if full_name(n) not in known}
        for section in ("feed", "feed_training")
    }
    sections["feed"] |= feed
    if given.path:
        arrays = _arrays(port_map, given)
        sections["data"] = {**port_map.data, "file": given.path, "arrays": arrays}
    return dataclasses.replace(port_map, **sections)


def _arrays(port_map: PortMap, given: Given) -> dict[str, Any]:
    """The data in the model's layout, by its inputs, and `labels`: lengths are no masks yet."""
    inputs = port_map.inputs.items()
    arrays = {name: source.to_keras(_of(given, source.name)) for name, source in inputs}
    arrays["labels"] = _labels(port_map, given)
    return arrays


def _labels(port_map, given):
    source = port_map.labels
    if source is None or source.sparse:
        raise UserError(
            "--data needs dense labels, named in [graph] of the map: give labels that are sparse, "
            "or for the loss alone, in the file of its [data]"
        )
    labels = source.to_keras(_of(given, source.name))
    return labels.argmax(axis=-1) if source.one_hot else labels


def _of(given, name):
    array = given.arrays.get(full_name(name))
    if array is None:
        known = ", ".join(sorted(name.removesuffix(":0") for name in given.arrays))
        raise UserError(f"{given.path} has no array {name}: it has {known}")
    return array
