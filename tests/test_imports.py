"""Who may import whom, package by package and floor by floor, and which TensorFlow.

{equivalence, bench} → {tf1port, legacy_tf1, modern_tf2}, {legacy_tf1, modern_tf2} → shared. The
tool imports nothing of the demonstration, and each of its floors only what is below it.
"""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

OURS = {"shared", "legacy_tf1", "modern_tf2", "tf1port", "equivalence", "bench", "tests"}
MAY_IMPORT = {
    "shared": {"shared"},
    "legacy_tf1": {"legacy_tf1", "shared"},
    "modern_tf2": {"modern_tf2", "shared"},
    "tf1port": {"tf1port"},
    "equivalence": {"equivalence", "tf1port", "legacy_tf1", "modern_tf2", "shared"},
    "bench": {"bench", "equivalence", "tf1port", "legacy_tf1", "modern_tf2", "shared"},
}
# Of the tool, from the top down; what stands in none of them is above all or, LEAVES, below all.
FLOORS = [
    "comparison",
    "verification",
    "conversion",
    "keras_model",
    "tf1",
    "scanning",
    "pitfalls",
    "cells",
    "numerics",
]
LEAVES = ["errors", "files", "limits", "progress", "reading", "tables", "terminal", "versions"]
FILES = {package: sorted((ROOT / package).rglob("*.py")) for package in MAY_IMPORT}


def uses(source, package):
    """Dotted names of all that a module imports anywhere, and of what it takes from there.

    `import tensorflow as tf` and later `tf.compat.v1.Session` count as one more name,
    "tensorflow.compat.v1.Session".
    """
    tree = ast.parse(source)
    aliases = dict(pair for node in ast.walk(tree) for pair in _imports(node, package))
    return set(aliases.values()) | {
        name for node in ast.walk(tree) for name in (*_taken(node, aliases), *_by_call(node))
    }


def _imports(node, package):
    """Pairs of an imported thing's name in the module and its full name."""
    if isinstance(node, ast.Import):
        for alias in node.names:
            yield alias.asname or alias.name, alias.name
    if isinstance(node, ast.ImportFrom):
        module = ".".join(filter(None, [package if node.level else "", node.module]))
        for alias in node.names:
            yield alias.asname or alias.name, f"{module}.{alias.name}"


def _taken(node, aliases):
    """The full name of an attribute of an imported thing."""
    if isinstance(node, ast.Attribute):
        first, *rest = ast.unparse(node).split(".")
        if first in aliases:
            yield ".".join([aliases[first], *rest])


def _by_call(node):
    """Modules named in `import_module("…")` and `__import__("…")`."""
    if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(
        ("import_module", "__import__")
    ):
        yield from (word.value for word in node.args if isinstance(word, ast.Constant))


def within(name, *modules):
    return any(f"{name}.".startswith(f"{module}.") for module in modules)


def faults(source, package):
    """The names that a module of the package must not use."""
    found = uses(source, package)
    foreign = OURS - MAY_IMPORT[package]
    wrong = {name for name in found if within(name, *foreign)}
    return wrong | {name for name in found if FORBIDDEN[package](name)}


def _no_framework(name):
    return within(name, "tensorflow", "keras", "tf_keras", "tensorboard")


def _not_tf1(name):
    """Anything of TensorFlow but tensorflow.compat.v1, which has no contrib in 2.x."""
    other = within(name, "tensorflow") and not within(name, "tensorflow.compat.v1")
    return other or ".contrib" in name or within(name, "keras", "tf_keras")


def _not_public_tf2(name):
    private = "tensorflow.compat", "tensorflow.python", "tensorflow.keras", "keras.src"
    return within(name, "tf_keras", "keras.legacy", *private)


FORBIDDEN = {
    "shared": _no_framework,
    "legacy_tf1": _not_tf1,
    "modern_tf2": _not_public_tf2,
    **dict.fromkeys(("tf1port", "equivalence", "bench"), lambda name: False),
}


def floor(name):
    """How far down a module of the tool is; the command line and the plugin are above all."""
    part = name.split(".")[1] if name.startswith("tf1port.") else ""
    if part in LEAVES:
        return len(FLOORS)
    return FLOORS.index(part) if part in FLOORS else -1


def upward(source, module):
    """The names of the tool's own that a module uses from a floor above its own."""
    found = uses(source, module.rpartition(".")[0])
    return {name for name in found if within(name, "tf1port") and floor(name) < floor(module)}


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_there_is_something_to_look_at(package):
    assert len(FILES[package]) > 2


@pytest.mark.parametrize("package", FILES)
def test_the_arrows_go_one_way(package):
    wrong = {path: faults(path.read_text(encoding="utf-8"), package) for path in FILES[package]}
    assert wrong
    assert {path.name: found for path, found in wrong.items() if found} == {}


def test_each_floor_of_the_tool_uses_what_is_below_it():
    modules = {".".join(p.relative_to(ROOT).with_suffix("").parts): p for p in FILES["tf1port"]}
    wrong = {name: upward(path.read_text(encoding="utf-8"), name) for name, path in modules.items()}
    assert {name: found for name, found in wrong.items() if found} == {}


def test_a_floor_that_uses_what_is_above_it_is_found():
    source = "from tf1port.comparison.ladder import checks\nfrom tf1port.errors import UserError"
    assert upward(source, "tf1port.conversion.plan") == {"tf1port.comparison.ladder.checks"}
    assert upward("from tf1port.cells import maps", "tf1port.errors") == {"tf1port.cells.maps"}


@pytest.mark.parametrize(
    ("package", "source", "fault"),
    [
        ("shared", "import legacy_tf1", "legacy_tf1"),
        ("shared", "from modern_tf2.training import train", "modern_tf2.training.train"),
        ("shared", "def f():\n    from tf1port import scan", "tf1port.scan"),
        ("shared", "import tests.goldens", "tests.goldens"),
        ("shared", "def f():\n    import tensorflow as tf", "tensorflow"),
        ("shared", "import keras", "keras"),
        ("shared", "import importlib\nimportlib.import_module('keras.ops')", "keras.ops"),
        ("shared", "__import__('tensorflow')", "tensorflow"),
        ("legacy_tf1", "from modern_tf2 import window_rnn", "modern_tf2.window_rnn"),
        ("legacy_tf1", "import tensorflow as tf", "tensorflow"),
        ("legacy_tf1", "from tensorflow import compat", "tensorflow.compat"),
        ("legacy_tf1", "import tensorflow.contrib.rnn", "tensorflow.contrib.rnn"),
        (
            "legacy_tf1",
            "import tensorflow.compat.v1 as tf\ntf.contrib.rnn.LSTMCell(3)",
            "tensorflow.compat.v1.contrib.rnn.LSTMCell",
        ),
        ("legacy_tf1", "import tf_keras", "tf_keras"),
        ("modern_tf2", "import tf1port", "tf1port"),
        ("modern_tf2", "import legacy_tf1.training", "legacy_tf1.training"),
        ("modern_tf2", "import tensorflow.compat.v1 as tf", "tensorflow.compat.v1"),
        ("modern_tf2", "from tensorflow.compat import v1", "tensorflow.compat.v1"),
        ("modern_tf2", "from tensorflow.compat import v1 as t\nt.Session()",
         "tensorflow.compat.v1.Session"),
        ("modern_tf2", "import tensorflow as tf\ntf.compat.v1.Session()",
         "tensorflow.compat.v1.Session"),
        ("modern_tf2", "import tensorflow as tf\nx = [tf.compat.v1]", "tensorflow.compat.v1"),
        ("modern_tf2", "import tf_keras as keras", "tf_keras"),
        ("modern_tf2", "from tensorflow.python.ops import math_ops",
         "tensorflow.python.ops.math_ops"),
        ("modern_tf2", "from keras.src import ops", "keras.src.ops"),
        ("tf1port", "from shared.errors import UserError", "shared.errors.UserError"),
        ("tf1port", "def f():\n    import modern_tf2.cells", "modern_tf2.cells"),
        ("tf1port", "from equivalence import proof", "equivalence.proof"),
        ("equivalence", "from tests import conftest", "tests.conftest"),
    ],
)  # fmt: skip
def test_a_wrong_import_is_found(package, source, fault):
    assert fault in faults(source, package)


@pytest.mark.parametrize(
    ("package", "source"),
    [
        ("shared", "import sharedness, keras_like, numpy.typing\nfrom shared import files"),
        ("shared", "from . import files\nfrom .errors import UserError"),
        ("legacy_tf1", "import tensorflow.compat.v1 as tf\ntf.nn.rnn_cell.GRUCell(3)"),
        ("legacy_tf1", "from shared import runs\nfrom legacy_tf1 import window_rnn"),
        ("modern_tf2", "import keras\nimport tensorflow as tf\ntf.data.Dataset.range(3)"),
        ("equivalence", "import keras, tensorflow.compat.v1\nfrom legacy_tf1 import serving"),
        ("tf1port", "import keras, tensorflow.compat.v1\nfrom tf1port import errors"),
    ],
)
def test_a_right_import_is_no_fault(package, source):
    assert not faults(source, package)
