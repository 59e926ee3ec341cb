"""The two sides are mirrors: the same files, functions, signatures, first lines and headings."""

import ast
import io
import re
import tokenize
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FILES = {
    side: {path.relative_to(ROOT / side).as_posix() for path in (ROOT / side).rglob("*.py")}
    for side in ("legacy_tf1", "modern_tf2")
}

# Where the sides may differ, with the number of the deviation in docs/differences.md that says why:
# file, kind, name of the function; the name is "" where a whole file is on one side only.
EXEMPT = {
    ("training.py", "only legacy", "session_config"): "D1",
    ("training.py", "signature", "restore"): "D1",
    ("training.py", "signature", "assign"): "D1",
    ("training.py", "only modern", "recorded"): "D6",
    ("input_pipeline.py", "only modern", "joined_test_batches"): "D6",
    ("distributed.py", "only legacy", "serve"): "D21",
    ("distributed.py", "only modern", "train_mirrored"): "D21",
    ("__main__.py", "only legacy", "serve"): "D21",
    ("__main__.py", "only modern", "mirror"): "D21",
    ("parameter_server.py", "only legacy", ""): "D21",
    ("synchronized.py", "only legacy", ""): "D22",
    ("kernels.py", "only modern", ""): "D14",
    ("fused.py", "only modern", ""): "D24",
    ("__main__.py", "only modern", "kernel"): "D14",
}


def public_functions(source):
    """The module's public functions by name, in their order."""
    return {
        node.name: node
        for node in ast.parse(source).body
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        and not node.name.startswith("_")
    }


def signature(function):
    """Argument names with their kinds and defaults; annotations are no part of it."""
    for node in ast.walk(function.args):
        if isinstance(node, ast.arg):
            node.annotation = None
    return ast.unparse(function.args)


def summary(function):
    """The first line of the docstring."""
    return (ast.get_docstring(function) or "").split("\n")[0]


def headings(source):
    """Comments like `# 2. recurrent stack`, in their order."""
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    comments = [token.string for token in tokens if token.type == tokenize.COMMENT]
    return [comment for comment in comments if re.match(r"# \d+\. ", comment)]


def differences(legacy, modern):
    """Where two modules are no mirrors: pairs of a kind and a name."""
    one, other = public_functions(legacy), public_functions(modern)
    common = [name for name in one if name in other]
    found = {("only legacy", name) for name in one.keys() - other.keys()}
    found |= {("only modern", name) for name in other.keys() - one.keys()}
    for name in common:
        if signature(one[name]) != signature(other[name]):
            found.add(("signature", name))
        if summary(one[name]) != summary(other[name]):
            found.add(("first line", name))
    if common != [name for name in other if name in one]:
        found.add(("order", ", ".join(common)))
    if headings(legacy) != headings(modern):
        found.add(("headings", ", ".join(headings(legacy))))
    return found


def read(side, name):
    return (ROOT / side / name).read_text(encoding="utf-8")


def test_both_sides_have_the_same_files():
    legacy, modern = FILES.values()
    found = {(name, "only legacy", "") for name in legacy - modern}
    found |= {(name, "only modern", "") for name in modern - legacy}
    assert found == {exemption for exemption in EXEMPT if not exemption[2]}
    assert len(legacy & modern) > 5


@pytest.mark.parametrize("name", sorted(FILES["legacy_tf1"] & FILES["modern_tf2"]))
def test_twin_modules_mirror_each_other(name):
    exempt = {(kind, what) for file, kind, what in EXEMPT if file == name}
    # Equal, not less: an exemption that is no longer needed has to go.
    assert differences(read("legacy_tf1", name), read("modern_tf2", name)) == exempt


def test_exemptions_are_of_files_that_exist():
    assert {file for file, _, _ in EXEMPT} <= FILES["legacy_tf1"] | FILES["modern_tf2"]


@pytest.mark.parametrize("number", sorted(set(EXEMPT.values())))
def test_every_exemption_is_a_documented_deviation(number):
    text = (ROOT / "docs" / "differences.md").read_text(encoding="utf-8")
    assert re.search(rf"\b{number}\b", text)


@pytest.mark.parametrize("name", sorted(FILES["legacy_tf1"] & FILES["modern_tf2"]))
def test_public_functions_have_a_first_line(name):
    for side in FILES:
        functions = public_functions(read(side, name)).values()
        assert [f.name for f in functions if name != "__main__.py" and not summary(f)] == []


TWIN = '''
def train(run, dataset, *, steps=None):
    """Trains."""
    # 1. inputs
    # why, at the trap
    x = 1  # 2. logits

def test(run): pass

def _private(): pass

class Model:
    def build(self): pass
'''


@pytest.mark.parametrize(
    ("old", "new", "difference"),
    [
        ("def test(run): pass", "", ("only legacy", "test")),
        ("class Model:", "def more(): pass\nclass Model:", ("only modern", "more")),
        ("(run, dataset", "(dataset, run", ("signature", "train")),
        ("dataset, *, steps", "dataset, steps", ("signature", "train")),
        ("steps=None", "steps=0", ("signature", "train")),
        ("steps=None", "steps", ("signature", "train")),
        ("def test(run)", "def test(*run)", ("signature", "test")),
        ("Trains.", "Tests.", ("first line", "train")),
        ('    """Trains."""\n', "", ("first line", "train")),
        ("# 1. inputs", "# 1. outputs", ("headings", "# 1. inputs, # 2. logits")),
        ("# 2. logits", "# logits", ("headings", "# 1. inputs, # 2. logits")),
    ],
)
def test_a_difference_is_found(old, new, difference):
    assert TWIN.count(old) == 1
    assert differences(TWIN, TWIN.replace(old, new)) == {difference}


def test_another_order_is_found():
    one, other = "def a(): pass\n", "def b(): pass\n"
    assert differences(one + other, other + one) == {("order", "a, b")}


def test_annotations_classes_and_private_functions_may_differ():
    other = TWIN.replace("run, dataset", "run: Run, dataset: Dataset").replace("_private", "_mine")
    assert differences(TWIN, other.replace("Model", "Network")) == set()
