"""Which classes of Keras run code or read files that their configuration names."""

import inspect
from collections import deque

import keras

# What a constructor takes that is code, or the path of a file: a SavedModel, a vocabulary.
_CODE = {"filepath", "function", "call_fn", "init_fn", "module", "vocabulary", "fn"}
# What an option may name by a configuration of its own.
_PARTS = ("initializers", "regularizers", "constraints")


def runs_code(name):
    """Whether a class of keras.layers, by its name, runs code or reads files given to it."""
    # Keras takes a path as well, such as layers.TFSMLayer of the module keras.
    last = name.rpartition(".")[2] if isinstance(name, str) else ""
    found = getattr(keras.layers, last, None)
    return isinstance(found, type) and bool(_CODE & inspect.signature(found).parameters.keys())


def foreign_classes(config):
    """The names of layers in a configuration that run code or read files, in order.

    Args:
        config: as keras.Model.get_config gives it, or a part of it.
    """
    names = (one["class_name"] for one in configurations(config))
    return list(dict.fromkeys(name for name in names if runs_code(name)))


def configurations(value):
    """All that Keras would make an object of: dicts with a class_name, wherever they are."""
    found, queue = [], deque([value])
    while queue:
        one = queue.popleft()
        if isinstance(one, dict):
            found += [one] if "class_name" in one else []
            queue.extend(one.values())
        elif isinstance(one, list | tuple):
            queue.extend(one)
    return found


def is_part(config):
    """Whether a configuration within an option is of an initializer, a regularizer or the like."""
    names = (getattr(getattr(keras, part), str(config["class_name"]), None) for part in _PARTS)
    return any(isinstance(name, type) for name in names)
