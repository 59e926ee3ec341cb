"""Hook of MkDocs: each notebook in docs/ is a page as well, its outputs below its code.

mkdocs-jupyter would do it with styles and scripts that are loaded from elsewhere.
"""

import json
import re
from pathlib import Path

from mkdocs.structure.files import File

DOCS = Path(__file__).parents[1]


def on_files(files, config):
    """Adds a page for every notebook; the notebook itself is on the site too."""
    for file in [file for file in files if file.src_uri.endswith(".ipynb")]:
        cells = json.loads((DOCS / file.src_uri).read_text(encoding="utf-8"))["cells"]
        uri = file.src_uri.replace(".ipynb", ".md")
        files.append(File.generated(config, uri, content=page(cells, Path(uri).stem)))
    return files


def page(cells, name):
    """Cells as Markdown, with a link to the notebook itself after the title."""
    title, *rest = (part for cell in cells for part in _parts(cell))
    first, _, text = title.partition("\n")
    link = f'<a href="{name}.ipynb" download>The notebook as a file</a>'
    return "\n\n".join([first, link, text.strip(), *rest]) + "\n"


def _parts(cell):
    source = "".join(cell["source"])
    if cell["cell_type"] == "markdown":
        yield source
        return
    yield _fenced(source, "python")
    for output in cell["outputs"]:
        if text := "".join(output["text"]).strip("\n"):
            yield _fenced(text, "text")


def _fenced(text, language):
    fence = max(re.findall("~{3,}", text), default="~~", key=len) + "~"
    return f"{fence}{language}\n{text}\n{fence}"
