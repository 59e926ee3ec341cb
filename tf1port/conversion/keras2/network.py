"""How the layers of a Keras 2 model are connected: inputs, layers, their calls, outputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tf1port.conversion.keras2 import layers
from tf1port.conversion.keras2.hdf5 import Keras2File
from tf1port.errors import UserError
from tf1port.keras_model import naming
from tf1port.keras_model.expressions import Call

_FUNCTIONAL = ("Model", "Functional")
_WITH_EMBEDDING = "int32"  # of ids; Keras 2 writes the dtype of the embedding's table


@dataclass(frozen=True)
class Tensor:
    """An output of a layer: the layer's name, which of its calls, which of that call's outputs."""

    layer: str
    node: int = 0
    index: int = 0


@dataclass(frozen=True)
class Input:
    """An input of the model: batch_shape with None where a size is free, dtype."""

    name: str
    batch_shape: tuple[int | None, ...]
    dtype: str


@dataclass(frozen=True)
class Layer:
    """A layer: its class and configuration in Keras 2, its Call in Keras 3."""

    name: str
    class_name: str
    config: Mapping[str, Any]
    call: Call


@dataclass(frozen=True)
class Node:
    """A call of a layer on tensors, with keyword arguments, tensors or lists of them among them."""

    layer: Layer
    number: int
    tensors: Sequence[Tensor]
    keywords: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Network:
    """A model: its inputs, its layers, the calls of them in an order that they can run in."""

    name: str
    inputs: list[Input]
    layers: list[Layer]
    nodes: list[Node]
    outputs: list[Tensor]


def network(file: Keras2File) -> Network:
    """The network of a file. Raises UserError where Keras 3 has no counterpart of a part."""
    class_name, config = file.model.get("class_name"), file.model.get("config")
    if class_name == "Sequential":
        return _sequential(config)
    if class_name in _FUNCTIONAL and isinstance(config, dict):
        return _functional(config)
    raise UserError(
        f"{file.path} is a model of the class {class_name}: expected Sequential, or a functional "
        "Model; a class of one's own has no configuration to read"
    )


def _sequential(config: Any) -> Network:
    """The network of a Sequential model: a list of layers, in older files without a dict."""
    entries = config if isinstance(config, list) else config["layers"]
    name = "model" if isinstance(config, list) else str(config.get("name", "model"))
    given = None if isinstance(config, list) else config.get("build_input_shape")
    first, *rest = entries
    if first["class_name"] == "InputLayer":
        if not rest:
            raise UserError("the model has no layer")
        start = _input(first["config"], rest[0]["class_name"])
    else:
        shape = first["config"].get("batch_input_shape") or given
        start = _input({**first["config"], "batch_input_shape": shape}, first["class_name"])
        rest = entries
    masked = _has_masks(rest)
    made = [_layer(entry, number, masked=masked) for number, entry in enumerate(rest)]
    taken = {layer.name for layer in made}
    name_of_input = start.name if start.name not in taken else f"{start.name}_input"
    start = Input(name_of_input, start.batch_shape, start.dtype)
    sources = [start.name, *(layer.name for layer in made)]
    nodes = [Node(layer, 0, [Tensor(source)]) for layer, source in zip(made, sources, strict=False)]
    return Network(name, [start], made, nodes, [Tensor(sources[-1])])


def _functional(config: Mapping[str, Any]) -> Network:
    inputs, made, waiting = [], [], []
    masked = _has_masks(config["layers"])
    for number, entry in enumerate(config["layers"]):
        if entry["class_name"] == "InputLayer":
            users = _users(config["layers"], entry["config"]["name"])
            kinds = "Embedding" if users == {"Embedding"} else ""
            inputs.append(_input(entry["config"], kinds))
            continue
        layer = _layer(entry, number, masked=masked)
        made.append(layer)
        waiting += [_node(layer, n, node) for n, node in enumerate(entry["inbound_nodes"])]
    order = [name for name, *_ in map(_reference, _listed(config["input_layers"]))]
    inputs.sort(key=lambda one: order.index(one.name) if one.name in order else len(order))
    outputs = [Tensor(*_reference(item)) for item in _listed(config["output_layers"])]
    nodes = _in_order(waiting, {Tensor(one.name) for one in inputs})
    return Network(str(config.get("name", "model")), inputs, made, nodes, outputs)


def _input(config: Mapping[str, Any], user: str) -> Input:
    """The input of a configuration that is taken by a layer of a class."""
    shape = config.get("batch_input_shape") or config.get("batch_shape")
    name = str(config.get("name", "inputs"))
    if not isinstance(shape, (list, tuple)):
        raise UserError(
            f"{name}: the file does not say the shape of the model's input: build the model by "
            "model.build(shape), or call it once, before model.save"
        )
    if config.get("sparse") or config.get("ragged"):
        raise UserError(f"{name} is a sparse or ragged input, which convert does not know")
    dtype = layers.dtype_name(config.get("dtype", "float32"), name)
    dtype = _WITH_EMBEDDING if user == "Embedding" and "int" not in dtype else dtype
    sizes = tuple(None if size is None else int(size) for size in shape)
    return Input(name, sizes, dtype)


def _has_masks(entries: Sequence[Mapping[str, Any]]) -> bool:
    return any(e["class_name"] == "Masking" or e["config"].get("mask_zero") for e in entries)


def _layer(entry: Mapping[str, Any], number: int, *, masked: bool) -> Layer:
    """A layer. Where there are masks, ops on them have names of their own, such as concatenate."""
    class_name, config = str(entry["class_name"]), dict(entry["config"])
    if class_name in (*_FUNCTIONAL, "Sequential"):
        raise UserError(
            f"{config.get('name')} is a model within the model, which convert does not take apart: "
            "give each a file of its own"
        )
    name = str(config.setdefault("name", entry.get("name", f"layer_{number}")))
    keras_name = name.replace("/", "_")  # in Keras 3's names it separates scopes
    keras_name = naming.layer_names().new(keras_name) if masked else keras_name
    call = layers.call(class_name, {**config, "name": keras_name})
    return Layer(name, class_name, config, call)


def _node(layer: Layer, number: int, node: Any) -> Node:
    """A call from the file: a list of [layer, call, output, keywords] for each tensor."""
    if isinstance(node, dict):
        raise UserError(
            f"{layer.name} is of Keras 3's own format: keras.models.load_model reads it"
        )
    keywords: dict[str, Any] = {}
    for item in _listed(node):
        keywords |= item[3] if len(item) > 3 else {}
    tensors = [Tensor(*_reference(item)) for item in _listed(node)]
    translated = {key: _keyword(value) for key, value in keywords.items()}
    return Node(layer, number, tensors, {k: v for k, v in translated.items() if v is not None})


def _keyword(value: Any) -> Any:
    """The value of a keyword: tensors where it names any."""
    if _is_reference(value):
        return Tensor(*_reference(value))
    if isinstance(value, list):
        return [_keyword(item) for item in value]
    return value


def _is_reference(value: Any) -> bool:
    return (
        isinstance(value, list)
        and len(value) in (3, 4)
        and isinstance(value[0], str)
        and all(isinstance(number, int) for number in value[1:3])
    )


def _reference(item: Any) -> tuple[str, int, int]:
    if not _is_reference(list(item)):
        raise UserError(f"the model is connected by {item!r}: expected a layer's name and numbers")
    return str(item[0]), int(item[1]), int(item[2])


def _listed(value: Any) -> list[Any]:
    """A list of references; a single one stands alone in some files."""
    return [value] if _is_reference(value) else list(value)


def _users(entries: Sequence[Mapping[str, Any]], name: str) -> set[str]:
    """The classes of the layers that take the output of a layer."""
    return {
        str(entry["class_name"])
        for entry in entries
        for node in entry.get("inbound_nodes", [])
        for item in (_listed(node) if isinstance(node, list) else [])
        if item[0] == name
    }


def _in_order(waiting: list[Node], known: set[Tensor]) -> list[Node]:
    """The calls, each after those whose outputs it takes."""
    done = {(tensor.layer, tensor.node) for tensor in known}
    ordered: list[Node] = []
    while waiting:
        ready = [node for node in waiting if all(key in done for key in _needed(node))]
        if not ready:
            names = ", ".join(sorted({node.layer.name for node in waiting})[:3])
            raise UserError(f"the model is not connected: {names} take what no layer gives")
        ordered += ready
        done |= {(node.layer.name, node.number) for node in ready}
        waiting = [node for node in waiting if (node.layer.name, node.number) not in done]
    return ordered


def _needed(node: Node) -> list[tuple[str, int]]:
    values = [*node.tensors]
    for value in node.keywords.values():
        values += value if isinstance(value, list) else [value]
    tensors = [value for value in values if isinstance(value, Tensor)]
    return [(tensor.layer, tensor.node) for tensor in tensors]
