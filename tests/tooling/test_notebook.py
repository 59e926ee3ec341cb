"""The notebook of the guide: it runs, its outputs are current, its pins are those of the lock."""

import json
import re
import runpy
from pathlib import Path

import pytest

import tf1port
from tests.tooling.test_makefile import pins

ROOT = Path(__file__).parents[2]
NOTEBOOK = ROOT / "docs" / "guide" / "notebook.ipynb"
CELLS = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
# Numbers differ from one machine to another; what they come to does not.
VERDICT = re.compile(
    r"^(?:PASS|FAIL|not converted|unexplained|\d+ of \d+ layers|order of work)", re.M
)


def verdicts(cells):
    """The lines of the outputs that say how it went."""
    texts = ["".join(output["text"]) for cell in cells for output in cell.get("outputs", ())]
    return [line for text in texts for line in text.splitlines() if VERDICT.match(line)]


def test_its_first_cell_installs_what_the_lock_pins():
    install = next(line for line in "".join(CELLS[1]["source"]).splitlines() if "%pip" in line)
    pinned = dict(re.findall(r"([a-z_]+)==(\S+)", install))
    locked = pins("requirements.lock")
    assert set(pinned) == {"tensorflow", "keras", "tf_keras"}
    assert {name: locked[name.replace("_", "-")] for name in pinned} == pinned
    assert f'PROJECT = "tf1port-{tf1port.__version__}-py3-none-any.whl"' in "".join(
        CELLS[1]["source"]
    )


def test_its_outputs_show_each_verdict():
    found = "\n".join(verdicts(CELLS))
    for words in ("PASS: the model matches the graph", "PASS: equal on", "(P54)"):
        assert words in found


@pytest.mark.slow
def test_it_runs_and_its_outputs_are_current(tmp_path):
    executed = runpy.run_path(str(ROOT / "docs" / "site" / "notebook.py"))["executed"](tmp_path)
    assert verdicts(executed.cells) == verdicts(CELLS), "python docs/site/notebook.py"
