"""What a variable may be, where names and shapes do not settle it."""

import itertools
import operator
import re

from tf1port.tf1.checkpoint.cell_names import sizes

_NUMBERS = (
    (r"learning_?rate|(^|/)lr$", "a learning rate"),
    (r"keep_?prob|dropout", "a dropout rate"),
    (r"avg|average|ema|moving", "a running average of a number, such as the loss"),
    (r"step|epoch|iter|count", "a counter of the program's own"),
    (r"", "a number of the program's own, such as a learning rate or a counter"),
)


def hint(name, shapes, *, cells, others):
    """One line on what the variable could be.

    Args:
        shapes: {name: tuple} of all variables.
        cells: list of tf1port.tf1.checkpoint.cell_names.Cell, those found in the checkpoint.
        others: the names that are in no other group.
    """
    scope, _, leaf = name.rpartition("/")
    shape = shapes[name]
    if leaf in ("biased", "local_step"):
        return "a variable of a running average, for its bias correction"
    if f"{scope}/recurrent_kernel" in shapes:
        return "of a tf.keras recurrent layer, whose gates are in Keras' order already"
    if not shape:
        return next(text for pattern, text in _NUMBERS if re.search(pattern, name.lower()))
    if len(shape) == 1:
        return _vector(name, shapes, others)
    return _matrix(shape, shapes, cells) if len(shape) == 2 else _tensor(shape)


def _vector(name, shapes, others):
    fitting = [
        other for other in others if len(shapes[other]) > 1 and shapes[other][-1:] == shapes[name]
    ]
    nearest = max(fitting, key=lambda other: _likeness(name, other), default=None)
    return f"a bias, perhaps beside {nearest}" if nearest else "a bias or an initial state"


def _likeness(name, other):
    """How long a beginning two names share; between equals the shorter name wins."""
    shared = itertools.takewhile(lambda pair: operator.eq(*pair), zip(name, other, strict=False))
    return len(list(shared)), -len(other)


def _matrix(shape, shapes, cells):
    rows, columns = shape
    sized = [(cell.scope, _sizes(cell, shapes)) for cell in cells]
    known = [(scope, size) for scope, size in sized if size]
    for scope, size in known:
        if columns == size.features and rows != size.outputs:
            return f"a dense kernel or an embedding before {scope} (its {columns} features)"
    for scope, size in reversed(known):
        if rows == size.outputs:
            return f"a dense kernel over {scope} (its {rows} outputs)"
        if rows == 2 * size.outputs:
            return f"a dense kernel over {scope} (its {size.outputs} outputs in two directions)"
    return "a dense kernel, an embedding or a saved state"


def _sizes(cell, shapes):
    return sizes(cell.family, {role: shapes[name] for role, name in cell.variables.items()})


def _tensor(shape):
    kind = {3: "the kernel of a conv1d", 4: "the kernel of a conv2d"}.get(len(shape))
    return f"{kind} or a saved state" if kind else "a saved state"
