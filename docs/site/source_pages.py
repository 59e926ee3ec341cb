"""Hook of MkDocs: what a page links to outside of docs/ becomes a page of the site as well.

So `../legacy_tf1/window_rnn.py` leads to the file in a checkout and to its text on the site, which
needs no server of sources. A link to what does not exist is a warning, and with --strict an error.
"""

import posixpath
import re
from pathlib import Path

from mkdocs.structure.files import File

ROOT = Path(__file__).parents[2]
LINK = re.compile(r"(?<=\]\()([^)#:\s]+)(?=[)#])")
CODE = re.compile(r"^(```|~~~).*?^\1", re.M | re.S)
LANGUAGES = {".py": "python", ".toml": "toml"}
PAGES = {}  # path in the repository of each page outside of docs/, by its address on the site


def on_files(files, config):
    """Adds a page for every file that a page, or one of these pages, links to."""
    PAGES.clear()
    for file in files.documentation_pages():
        _add_linked("docs/" + file.src_uri, files, config)
    return files


def on_page_markdown(markdown, page, **_):
    """The page's text, with its links as those of the site."""
    uri = page.file.src_uri
    return _replace_links(markdown, PAGES.get(uri, "docs/" + uri))


def _add_linked(name, files, config):
    for link in _links((ROOT / name).read_text(encoding="utf-8")):
        target = _target(link, name)
        path = ROOT / target
        if target.startswith("docs/") or _address(target) in PAGES or not path.exists():
            continue
        PAGES[_address(target)] = target
        files.append(File.generated(config, _address(target), content=_text(path, target)))
        if path.suffix == ".md":
            _add_linked(target, files, config)


def _links(markdown):
    return LINK.findall(CODE.sub("", markdown))


def _target(link, name):
    """The path in the repository that a link of the file `name` leads to."""
    return posixpath.normpath(posixpath.join(posixpath.dirname(name), link))


def _address(target):
    """Where a file of the repository stands on the site."""
    if target.startswith("docs/"):
        return target.removeprefix("docs/").replace(".ipynb", ".md")  # docs/site/notebook_page.py
    if target.endswith(".md"):
        return "source/" + target
    return f"source/{target}.md"


def _replace_links(markdown, name):
    def replaced(match):
        target = _target(match[0], name)
        return posixpath.relpath(_address(target), posixpath.dirname(_address(name)) or ".")

    # Code is left as it is: the parts between blocks of code are the others.
    parts, start = [], 0
    for block in CODE.finditer(markdown):
        parts += [LINK.sub(replaced, markdown[start : block.start()]), block[0]]
        start = block.end()
    return "".join([*parts, LINK.sub(replaced, markdown[start:])])


def _text(path, target):
    """A file as a page: Markdown as it is, source in a block of code, a folder as its files."""
    if path.suffix == ".md":
        return path.read_text(encoding="utf-8")
    head = f"---\nsearch:\n  exclude: true\n---\n# {target}\n\n"
    if path.is_dir():
        names = sorted(file.name for file in path.iterdir() if file.suffix in LANGUAGES)
        blocks = [f"## {name}\n\n{_code(path / name)}" for name in names]
        return head + "\n".join(blocks)
    return head + _code(path)


def _code(path):
    text = path.read_text(encoding="utf-8")
    return f"~~~~{LANGUAGES.get(path.suffix, 'text')}\n{text}~~~~\n"
