"""Runs docs/guide/notebook.ipynb and writes it with its outputs, without what changes each time.

.venv/bin/python docs/site/notebook.py
"""

import os
import re
import sys
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient

ROOT = Path(__file__).parents[2]
NOTEBOOK = ROOT / "docs" / "guide" / "notebook.ipynb"
SECONDS = 600  # that one cell may take


def executed(folder):
    """The notebook with its outputs, run in a folder by a kernel of this Python.

    Raises:
        nbclient.exceptions.CellExecutionError: a cell raises.
    """
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    resources = {"metadata": {"path": str(folder)}}
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    NotebookClient(notebook, timeout=SECONDS, resources=resources).execute(env=environment)
    for cell in notebook.cells:
        cell.metadata = {}
        if cell.cell_type == "code":
            cell.execution_count = None
            cell.outputs = [kept for kept in map(_kept, cell.outputs) if kept]
    notebook.metadata = {"kernelspec": notebook.metadata.kernelspec}
    return notebook


def _kept(output):
    """What is printed, without this Python's path; what is on standard error is left out."""
    if output.output_type != "stream" or output.name != "stdout":
        return None
    output.text = re.sub(r"[ \t]+$", "", output.text, flags=re.M)
    output.text = output.text.replace(sys.executable, "python")
    return output


def main():
    """Writes the notebook."""
    with tempfile.TemporaryDirectory() as folder:
        nbformat.write(executed(folder), NOTEBOOK)


if __name__ == "__main__":
    main()
