"""`tf1port scan` as one uses it: paths, settings, output, exit codes, order of work."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import tf1port
from tests.tf1port.forms import fits
from tf1port.__main__ import main
from tf1port.scanning import order
from tf1port.scanning.report.form import Report

ROOT = Path(__file__).parents[3]
CELL = "import tensorflow as tf\ncell = tf.nn.rnn_cell.GRUCell(3)\n"
LIGHT = """
import sys
from tf1port import isolation
code = isolation.main(["scan", *sys.argv[1:]])
heavy = {"tensorflow", "keras", "numpy", "libcst", "matplotlib", "scipy"} & set(sys.modules)
assert not heavy, heavy
sys.exit(code)
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def write(name, text=CELL):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    return write


def notebook(*cells):
    return json.dumps({"cells": [{"cell_type": kind, "source": text} for kind, text in cells]})


def places(*paths, **options):
    findings = tf1port.scan(paths, **options).report["findings"]
    return [(one["path"], one["line"], one["id"]) for one in findings]


def printed(capsys, *words):
    code = main(["scan", *words])
    return code, capsys.readouterr().out


def test_nothing_of_keras_3_is_found():
    found = tf1port.scan([str(ROOT / "modern_tf2")])
    assert (found.report["places"], found.exit_code) == (0, 0)
    assert str(found) == f"nothing of TF1 or Keras 2 in {found.report['files']} files"


def test_every_recurrent_idiom_of_the_tf1_side_is_found():
    found = tf1port.scan([str(ROOT / "legacy_tf1")], select=["S1"]).report["findings"]
    names = [(Path(one["path"]).name, one["id"]) for one in found]
    assert sorted(names) == sorted(
        [
            *[
                ("window_rnn.py", id)
                for id in ["S101", "S112", "S140", "S141", "S143", "S151", "S151"]
            ],
            *[("row_lstm.py", id) for id in ["S103", "S105", "S120", "S140"]],
            *[("nested_rnn.py", id) for id in ["S111", "S140"]],
            *[("synchronized.py", id) for id in ["S154", "S157"]],
        ]
    )


def test_it_is_light(here):
    path = here("x.py")
    words = [sys.executable, "-c", LIGHT, str(path)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, "")
    assert "S104" in done.stdout


def test_files_of_folders_each_once(here):
    here("a/x.py")
    here("a/.hidden/x.py")
    here("a/node_modules/x.py")
    here("a/environment/pyvenv.cfg", "")
    here("a/environment/x.py")
    here("a/x.txt")
    here("a/sub/y.py")
    assert places("a", "a/x.py") == [("a/sub/y.py", 2, "S104"), ("a/x.py", 2, "S104")]
    assert places("a/.hidden", "a/x.txt")[1] == ("a/x.txt", 2, "S104")


def test_a_notebook_is_one_program(here):
    here(
        "x.ipynb",
        notebook(
            ("markdown", "# tf.placeholder"),
            ("code", ["%matplotlib inline\n", "!pip install x\n", "import tensorflow as tf"]),
            ("code", "%%bash\nls tf.placeholder(1)"),
            ("code", "%%time\nfiles = !ls\ncell?\nfor i in range(3):\n  %time f()\n  x = 1"),
            ("code", "print 'broken'"),
            ("code", "\ncell = tf.nn.rnn_cell.GRUCell(3)"),
        ),
    )  # fmt: skip
    found = tf1port.scan(["x.ipynb"])
    (one,) = found.report["findings"]
    assert (one["cell"], one["line"], one["column"], one["id"]) == (6, 2, 8, "S104")
    (bad,) = found.report["not_read"]
    assert bad["reason"].startswith("cell 5 is Python 2, run 2to3 on it first")
    assert "x.ipynb:cell 6:2:8  S104 GRU cell" in str(found)


def test_settings_of_pyproject_and_flags(here):
    here("pyproject.toml", '[tool.tf1port.scan]\nexclude = ["old", "b/*_x.py"]\nignore = ["S3"]\n')
    here("old/x.py")
    here("b/c_x.py")
    here("b/x.py", CELL + "tf.placeholder(1)\ntf.layers.dense(x, 3)\n")
    assert [id for _, _, id in places(".")] == ["S104", "S501"]
    assert [id for _, _, id in places(".", ignore=["S501"])] == ["S104"]
    assert [id for _, _, id in places(".", select=["S5"])] == ["S501"]
    assert places("b", exclude=["x.py"]) == []
    assert places("old/x.py") == []


@pytest.mark.parametrize(
    ("comment", "ids"),
    [
        ("", ["S104", "S301"]),
        ("# tf1port: ignore[S104]", ["S301"]),
        ("# because  # tf1port: ignore[S301, S104]", []),
        ("#tf1port:ignore", []),
        ("# tf1port: ignore[S999]", ["S104", "S301"]),
        ("# tf1port: ignored", ["S104", "S301"]),
    ],
)
def test_a_line_may_be_left_out(here, comment, ids):
    here(
        "x.py", f"import tensorflow as tf\n[tf.nn.rnn_cell.GRUCell(3), tf.placeholder()]  {comment}"
    )
    assert [id for _, _, id in places("x.py")] == ids


@pytest.mark.parametrize(
    ("files", "words", "message"),
    [
        ({}, ["nothing.py"], "nothing.py is missing: give Python files, notebooks or folders"),
        ({"a/x.txt": ""}, ["a"], "a has no Python file and no notebook (.py, .ipynb)"),
        ({"x.py": ""}, ["x.py", "--select", "X1"], "there is no idiom 'X1': give an id such as S1"),
        ({"x.py": ""}, [], "the following arguments are required: PATH"),
        ({"x.py": "", "pyproject.toml": "[tool"}, ["x.py"], "is not valid TOML"),
        ({"x.py": "", "pyproject.toml": "[tool.tf1port.scan]\nignored = 1"}, ["x.py"],
         "[tool.tf1port.scan] has 'ignored': exclude, ignore, select are known"),
        ({"x.py": "", "pyproject.toml": "[tool.tf1port.scan]\nignore = 'S1'"}, ["x.py"],
         "ignore is 'S1': give a list of strings"),
        ({"x.py": "", "pyproject.toml": "[tool.tf1port]\nscan = 3"}, ["x.py"],
         "tool.tf1port.scan is 3: give a table"),
    ],
)  # fmt: skip
def test_wrong_input_is_one_line(here, capsys, files, words, message):
    for name, text in files.items():
        here(name, text)
    assert main(["scan", *words]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_the_exit_code_says_what_was_found(here, capsys):
    here("none.py", "import numpy")
    here("some.py")
    here("broken.py", "import tensorflow as tf\ntf.placeholder(")
    assert printed(capsys, "none.py") == (0, "nothing of TF1 or Keras 2 in 1 file\n")
    assert printed(capsys, "some.py")[0] == 1
    code, text = printed(capsys, ".")
    assert code == 2
    assert "broken.py:2: is not valid Python ('(' was never closed)" in text
    assert "some.py:2:8  S104 GRU cell" in text
    assert text.endswith("1 place in 1 of 3 files: 1 converted\n")


def test_the_text_fits_80_columns(here, capsys):
    here("a_rather_long_name_of_a_module_in_a_folder.py", CELL)
    for path in (ROOT / "legacy_tf1").glob("*.py"):
        here(f"legacy/{path.name}", path.read_text(encoding="utf-8"))
    lines = printed(capsys, ".")[1].splitlines()
    assert [line for line in lines if len(line) > 80] == []
    assert len(lines) > 200


def test_json_has_all_of_it(here, capsys):
    here("x.py", CELL)
    code, text = printed(capsys, "x.py", "--json")
    report = json.loads(text)
    assert code == 1
    assert fits(report, Report)
    assert report["findings"] == [
        {
            "path": "x.py", "cell": 0, "line": 2, "column": 8, "id": "S104", "idiom": "GRU cell",
            "name": "tf.nn.rnn_cell.GRUCell", "becomes": "converted",
            "replacement": "keras.layers.GRUCell(n, reset_after=False)",
            "pitfalls": ["P7", "P8", "P36"], "effort": "small",
        }
    ]  # fmt: skip
    assert report["order"] == [{"path": "x.py", "places": 1, "effort": {"small": 1}}]
    assert report["becomes"] == {"converted": 1, "rewritten": 0, "by hand": 0}
    assert printed(capsys, "x.py", "--format", "json")[1] == text
    assert tf1port.scan(["x.py"]).to_json() == report


def test_sarif(here, capsys):
    here("a b/ü.py", CELL + 'd = "ä"; tf.Session()\n')
    here("a/x.ipynb", notebook(("code", CELL)))
    here("broken.py", "import tensorflow as tf\nx = ")
    log = json.loads(printed(capsys, ".", "--format", "sarif")[1])
    assert log["version"] == "2.1.0"
    assert log["$schema"].endswith("sarif-2.1.0.json")
    (run,) = log["runs"]
    assert set(run) == {"tool", "columnKind", "invocations", "results"}
    rules = run["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == ["S104", "S302"]
    for one in run["results"]:
        assert rules[one["ruleIndex"]]["id"] == one["ruleId"]
        assert one["level"] in ("note", "warning")
        assert one["message"]["text"]
    first, second, third = [one["locations"][0]["physicalLocation"] for one in run["results"]]
    assert first == {
        "artifactLocation": {"uri": "a%20b/%C3%BC.py"},
        "region": {"startLine": 2, "startColumn": 8},
    }
    assert second["region"] == {"startLine": 3, "startColumn": 10}  # of characters, not of bytes
    assert third == {"artifactLocation": {"uri": "a/x.ipynb"}}
    (invocation,) = run["invocations"]
    assert invocation["executionSuccessful"] is False
    (note,) = invocation["toolExecutionNotifications"]
    assert note["level"] == "error"
    assert note["locations"][0]["physicalLocation"]["region"] == {"startLine": 2}


def test_markdown(here, capsys):
    here("a|b.py", CELL)
    text = printed(capsys, ".", "--format", "markdown")[1]
    assert "1 place in 1 of 1 file: 1 converted." in text
    row = (
        r"| `a\|b.py:2:8` | S104 GRU cell | converted | keras.layers.GRUCell(n, reset_after=False) "
        "| P7 P8 P36 | small |"
    )
    assert row in text.splitlines()
    assert "| 1 | `a\\|b.py` | 1 small |" in text


def test_a_file_comes_after_what_it_imports(here):
    here("train.py", "from models import tagger\n" + CELL)
    here("models/__init__.py", "import tensorflow as tf\n")
    here("models/tagger.py", "from . import cells\nfrom .data.reader import x\n" + CELL * 5)
    here("models/cells.py", CELL + "tf.Session()\n" * 9)
    here("models/data/reader.py", "import models.cells\n" + CELL)
    assert [one["path"] for one in tf1port.scan(["."]).report["order"]] == [
        "models/cells.py", "models/data/reader.py", "models/tagger.py", "train.py",
    ]  # fmt: skip


def test_the_least_effort_comes_first_and_circles_end():
    efforts = {"a": 9, "b": 1, "c": 5}
    assert order.order(efforts, {}) == ["b", "c", "a"]
    assert order.order(efforts, {"b": {"a"}, "a": {"c", "unknown"}}) == ["c", "a", "b"]
    assert order.order(efforts, {"b": {"a"}, "a": {"b"}, "c": {"a", "b"}}) == ["b", "a", "c"]
    assert order.order(efforts, {"a": {"a"}}) == ["b", "c", "a"]


def test_the_hook_is_the_command():
    text = (ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8")
    assert re.search(r"^- id: tf1port-scan$", text, re.M)
    assert re.search(r"^  entry: tf1port scan$", text, re.M)
