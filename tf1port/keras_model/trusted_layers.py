"""Which classes of Keras run code or read files that their configuration names."""

import inspect
from collections import deque

import keras

# Arguments of constructors that are code, or the path of a file: a SavedModel, a vocabulary.
_CODE = {"filepath", "function", "call_fn", "init_fn", "module", "vocabulary", "fn"}
# The modules of the classes that an option may be a configuration of.
_PARTS = ("initializers", "regularizers", "constraints")


def runs_code(name):
    """Whether a class of keras.layers, by its name, runs code or reads files given to it."""
    # Keras takes a path as well, such as layers.TFSMLayer of the module keras.
    last = name.rpartition(".")[2] if isinstance(name, str) else ""
    layer_class = getattr(keras.layers, last, None)
    return isinstance(layer_class, type) and bool(
        _CODE & inspect.signature(layer_class).parameters.keys()
    )


def foreign_classes(config):
    """The names of layers in a configuration that run code or read files, in order.

    Args:
        config: as keras.Model.get_config gives it, or a part of it.
    """
    names = (item["class_name"] for item in configurations(config))
    return list(dict.fromkeys(name for name in names if runs_code(name)))


def configurations(value):
    """All dicts with a class_name, at any depth: those that Keras would deserialize."""
    configs, queue = [], deque([value])
    while queue:
        item = queue.popleft()
        if isinstance(item, dict):
            configs += [item] if "class_name" in item else []
            queue.extend(item.values())
        elif isinstance(item, list | tuple):
            queue.extend(item)
    return configs


def is_stock_option(config):
    """Whether a configuration within an option is of an initializer, a regularizer or the like."""
    names = (getattr(getattr(keras, module), str(config["class_name"]), None) for module in _PARTS)
    return any(isinstance(name, type) for name in names)
