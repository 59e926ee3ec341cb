"""What a third party chose - names, graphs, models - runs nothing and touches nothing."""

import ast
import shutil

import pytest

from porting.__main__ import main
from porting.models.expressions import Call
from tests.porting import graphs
from tests.porting.graphs import Case

SHARD = ".data-00000-of-00001"


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """The prefix of a checkpoint with a plain graph."""
    return graphs.save(Case(optimizer=""), tmp_path_factory.mktemp("plain")).prefix


@pytest.mark.parametrize("name", ['a"""\nevil = 1\n"""', 'a"""; evil = 1; """', 'a"', "a\u202e"])
def test_a_name_of_a_file_is_no_code(plain, tmp_path, name):
    for ending in (".index", ".meta", SHARD):
        shutil.copy(plain + ending, tmp_path / (name + ending))
    assert main(["convert", str(tmp_path / name), "--to", str(tmp_path / "made.keras")]) == 0
    source = (tmp_path / "made.py").read_text()
    tree = ast.parse(source)
    kinds = [type(statement) for statement in tree.body]
    assert kinds == [ast.Expr, ast.Import, ast.FunctionDef]
    assert ast.get_docstring(tree, clean=False) == f"The Keras model of the TF1 checkpoint {name}."
    assert "\u202e" not in source


@pytest.mark.parametrize("name", ['"', '" + evil + "', "\\", "\n", "\"'"])
def test_a_text_in_source_is_that_text(name):
    call = Call("keras.layers.Dense", {"units": 1, "name": name})
    (argument,) = [k.value for k in ast.parse(call.text).body[0].value.keywords if k.arg == "name"]
    assert ast.literal_eval(argument) == name
