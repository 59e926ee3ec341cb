"""--data and --feed: batches and values that the user gives for a graph's placeholders."""

import json

import numpy as np
import pytest

from tests.tf1port import ported
from tests.tf1port.ported import GRAPH, INPUTS, LAYERS, C, F, Program, T, model
from tests.tf1port.test_unmapped_placeholders import program
from tf1port.__main__ import main
from tf1port.conversion import given
from tf1port.errors import UserError
from tf1port.keras_model.loading import is_translated
from tf1port.tf1.graph.files import load_graph
from tf1port.tf1.graph.index import Graph

ROWS = 9
MAP = LAYERS + INPUTS + GRAPH


@pytest.fixture(scope="module")
def programs(tmp_path_factory):
    """By name a checkpoint and what convert made of it: of layers alone, and op by op."""
    found = {}
    for name, make in {"layers": ported.build, "ops": program("rate")}.items():
        folder = tmp_path_factory.mktemp(name)
        found[name] = ported.save(folder, Program(), make=make), str(folder / "model.keras")
        assert main(["convert", found[name][0], "--to", found[name][1]]) == 0
    assert [is_translated(file) for _, file in found.values()] == [False, True]
    return found


@pytest.fixture
def data(tmp_path):
    """Inputs that no random batch has: beyond 100, so that the cells saturate; labels."""
    stream = np.random.default_rng(0)
    x = stream.uniform(100, 200, (ROWS, T, F)).astype("float32")
    path = str(tmp_path / "real.npz")
    np.savez(path, x=x, y=stream.integers(C, size=ROWS))
    return path


def told(capsys, *words):
    """The exit code and the JSON that a command prints."""
    capsys.readouterr()
    code = main([*map(str, words), "--json"])
    return code, json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("kind", ["layers", pytest.param("ops", marks=pytest.mark.slow)])
def test_verify_feeds_the_data_of_a_user(programs, data, capsys, monkeypatch, kind):
    fed = []
    value = given.Given.value

    def seen(self, name, shape, dtype):
        result = value(self, name, shape, dtype)
        fed.append((name, None if result is None else result.max()))
        return result

    monkeypatch.setattr(given.Given, "value", seen)
    words = ["verify", *programs[kind], "--data", data, "--seed", 3, "--steps", 2]
    code, found = told(capsys, *words, *(["--feed", "temperature=1.5"] if kind == "ops" else []))
    assert code == 0, found["verdict"]
    assert found["seed"] == 3
    assert "x, y: of real.npz" in found["notes"]
    places = [c["place"] for c in found["checks"] if c["quantity"] == "outputs, end to end"]
    assert any(f"{ROWS} rows, {T} steps" in place or "real.npz" in place for place in places)
    assert {name for name, most in fed if most is not None} - {"temperature:0"} == {"x:0", "y:0"}
    assert all(most > 100 for name, most in fed if name == "x:0")


def test_verify_feeds_the_values_of_a_user(programs, capsys):
    code, found = told(capsys, "verify", *programs["ops"], "--feed", "temperature=2.5")
    assert (code, found["passed"]) == (0, True)
    assert "temperature: always 2.5, as given" in found["notes"]


@pytest.mark.slow
def test_compare_feeds_what_a_user_gives(programs, data, tmp_path, capsys):
    (tmp_path / "map.toml").write_text(MAP + 'logits = "logits"\n')
    model().save(tmp_path / "port.keras")
    words = ["compare", "--legacy", programs["ops"][0], "--modern", tmp_path / "port.keras"]
    words += ["--map", tmp_path / "map.toml", "--load-weights", "--out", tmp_path / "out"]
    words += ["--only", "outputs,loss,float64", "--data", data, "--seed", 7]
    code, found = told(capsys, *words, "--feed", "temperature=1")
    assert code == 0, found["verdict"]
    assert (found["seed"], found["dataset"]) == (7, "real.npz batches")
    assert found["config"]["feed"] == {"temperature": 1}
    assert "temperature: [feed] has one value for it" in found["verdict"]
    code, found = told(capsys, *words, "--feed", "temperature=2")
    assert (code, found["breaks"]["quantity"]) == (1, "logits")


FAULTS = {
    "a wrong shape": (
        {"x": np.zeros((2, T + 1, F), "float32")},
        f"x is float32 [2, {T + 1}, {F}], the graph takes float32 [?, {T}, {F}]",
    ),
    "a wrong dtype": (
        {"x": np.zeros((2, T, F), "int64")},
        f"x is int64 [2, {T}, {F}], the graph takes float32 [?, {T}, {F}]",
    ),
    "no such placeholder": ({"z": np.zeros(2)}, "z: the graph has no tensor z"),
    "no number of an output": ({"x:": np.zeros(2)}, "x:: the graph has no tensor x:"),
    "a digit of another script": ({"x:²": np.zeros(2)}, "x:²: the graph has no tensor x:²"),
    "a control input": ({"^x": np.zeros(2)}, "the graph has no tensor ^x"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_data_that_the_graph_does_not_take_is_refused(programs, tmp_path, fault):
    arrays, words = FAULTS[fault]
    path, graph = str(tmp_path / "a.npz"), Graph(load_graph(programs["layers"][0] + ".meta"))
    np.savez(path, **arrays)
    with pytest.raises(UserError) as error:
        given.read(path, {}, graph)
    assert words in str(error.value)


def test_inputs_are_not_left_to_chance_where_there_is_data(programs, tmp_path, capsys):
    np.savez(tmp_path / "y.npz", y=np.zeros(3, "int64"))
    assert main(["verify", *programs["layers"], "--data", str(tmp_path / "y.npz")]) == 2
    error = capsys.readouterr().err
    assert "y.npz has no array x: it has y" in error
    assert error.count("\n") == 1


@pytest.mark.parametrize("word", ["keep", "=1", "keep=", "keep=much", 'keep="a"', "keep={}"])
def test_a_feed_is_a_name_and_a_value(word):
    with pytest.raises(UserError, match="give NAME=VALUE, such as"):
        given.parsed([word])


def test_values_are_numbers_flags_and_lists():
    assert given.parsed(["a=1", "b=false", "c/d:0=[0.5, 1]"]) == {
        "a": 1, "b": False, "c/d:0": [0.5, 1],
    }  # fmt: skip


def test_a_file_that_is_no_npz_is_refused(tmp_path):
    (tmp_path / "a.npz").write_text("no archive")
    with pytest.raises(UserError, match="write it with"):
        given.load(str(tmp_path / "a.npz"))
    np.save(tmp_path / "a.npy", np.zeros(2))
    with pytest.raises(UserError, match="write it with"):
        given.load(str(tmp_path / "a.npy"))
