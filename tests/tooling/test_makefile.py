"""The Makefile, the locks and the tree as a whole: what a fresh clone relies on."""

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
MAKE = shutil.which("make")

# An interpreter that says it is another version: it runs the code it is handed with -c, only.
FAKE_PYTHON = """#!/bin/sh
exec "{python}" -c 'import sys
sys.version_info = ({version}, 0, "final", 0)
exec(sys.argv[2])' "$@"
"""
# Enough of uv to make and fill an environment, unless a file named broken lies in the tree.
FAKE_UV = """#!/bin/sh
echo "$1 $2" >> calls
for last; do :; done
case "$1 $2" in
"venv --quiet") mkdir -p "$last/bin" && ln -s "{python}" "$last/bin/python";;
"pip install") test ! -e broken;;
esac
"""


def write_script(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


def link_tools(folder, *names):
    for name in names:
        (folder / name).symlink_to(shutil.which(name))


def write_python(path, version):
    version = version.replace(".", ", ")
    return write_script(path, FAKE_PYTHON.format(python=sys.executable, version=version))


@pytest.fixture
def tree(tmp_path):
    """A copy of the Makefile and the locks, in a folder with a space in its name."""
    folder = tmp_path / "a clone"
    folder.mkdir()
    for name in (
        "Makefile",
        *(f"requirements{kind}.lock" for kind in ("", "-jax", "-tf1", "-docs", "-audit")),
    ):
        shutil.copy(ROOT / name, folder)
    return folder


@pytest.fixture
def make(tree, tmp_path):
    """Runs make in the copy, with nothing on PATH but what the test puts into `bin`.

    The uv there fails, so that a broken Makefile never comes to install anything.
    """
    if MAKE is None:
        pytest.skip("make is not installed")
    write_script(tmp_path / "bin" / "uv", "#!/bin/sh\nexit 3\n")
    env = {"HOME": str(tmp_path / "home"), "PATH": str(tmp_path / "bin")}

    def run(*words):
        return subprocess.run(
            [MAKE, "--no-print-directory", "-C", tree.name, *words],
            cwd=tree.parent,
            env=env,
            capture_output=True,
            text=True,
            timeout=60,
        )

    return run


def complaint(done):
    """The one line that a failed make says itself, next to make's own."""
    assert done.returncode == 2
    (line,) = [line for line in done.stderr.splitlines() if not line.startswith("make")]
    return line


def phony_targets():
    text = (ROOT / "Makefile").read_text()
    return re.search(r"^\.PHONY: (.*)$", text, re.M).group(1).split()


def test_help_describes_every_target(make, tmp_path):
    link_tools(tmp_path / "bin", "awk", "echo")
    listed = re.findall(r"^  (\S+) +\S.*$", make().stdout, re.M)
    assert listed
    assert sorted(listed) == sorted(phony_targets())
    assert make("help").stdout == make().stdout


@pytest.mark.parametrize("target", ["golden", "test-tf1", "python37"])
def test_missing_python37_is_one_line(make, tree, tmp_path, target):
    write_script(
        tmp_path / "bin" / "python3.7", "#!/bin/sh\necho 'not in this shim' >&2\nexit 127\n"
    )
    line = complaint(make(target))
    assert "Python 3.7" in line
    assert "PYTHON37=" in line
    assert not (tree / ".venv-tf1").exists()


def test_named_python37_of_another_version_is_one_line(make, tmp_path):
    other = write_python(tmp_path / "bin" / "python3.8", "3.8")
    assert str(other) in complaint(make("golden", f"PYTHON37={other}"))


def test_python37_is_found_behind_a_failing_shim(make, tmp_path):
    write_script(tmp_path / "bin" / "python3.7", "#!/bin/sh\nexit 127\n")
    found = write_python(tmp_path / "home/.pyenv/versions/3.7.1/bin/python3.7", "3.7")
    assert make("python37").stdout.strip() == str(found)


@pytest.mark.parametrize("version", ["2.7", "3.10", "3.14"])
def test_wrong_python_is_one_line(make, tree, tmp_path, version):
    write_python(tmp_path / "bin" / "python3", version)
    line = complaint(make("test"))
    assert f"Python {version}," in line
    assert "PYTHON=" in line
    assert not (tree / ".venv").exists()


def test_python_that_does_not_run_is_one_line(make):
    assert "PYTHON=nowhere does not run" in complaint(make("test", "PYTHON=nowhere"))


def test_supported_versions_are_those_of_the_makefile(make, tmp_path):
    python = Requirement(f"python{PYPROJECT['project']['requires-python']}")
    for minor in range(8, 16):
        fake = write_python(tmp_path / f"python3.{minor}", f"3.{minor}")
        accepted = "making .venv" in make(".venv", f"PYTHON={fake}").stdout
        assert accepted == python.specifier.contains(f"3.{minor}")


def test_interrupted_installation_is_redone(make, tree, tmp_path):
    link_tools(tmp_path / "bin", "rm", "mkdir", "mv", "ln")
    write_script(tmp_path / "bin" / "uv", FAKE_UV.format(python=sys.executable))
    (tree / "broken").touch()

    assert make(".venv", f"PYTHON={sys.executable}").returncode == 2
    assert not (tree / ".venv/.made").exists()
    (tree / "broken").unlink()
    assert make(".venv", f"PYTHON={sys.executable}").returncode == 0
    calls = (tree / "calls").read_text()
    assert calls.split("\n")[:-1] == ["venv --quiet", "pip install"] * 2

    assert make(".venv").returncode == 0
    assert (tree / "calls").read_text() == calls


@pytest.mark.parametrize("stamped", [True, False])
def test_outdated_environment_is_kept_and_filled(make, tree, tmp_path, stamped):
    link_tools(tmp_path / "bin", "mv")
    write_script(tmp_path / "bin" / "uv", '#!/bin/sh\necho "$@" >> calls\n')
    write_script(tree / ".venv/bin/python", f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    if stamped:
        (tree / ".venv/.made").touch()
        os.utime(tree / ".venv/.made", (0, 0))

    assert make(".venv", f"PYTHON={sys.executable}").returncode == 0
    (call,) = (tree / "calls").read_text().splitlines()
    assert call.endswith("--python .venv/bin/python -r requirements.lock")
    assert make("--question", ".venv").returncode == 0


def pins(lock):
    """Name → version, of every line that is not a comment."""
    lines = [line for line in (ROOT / lock).read_text().splitlines() if not line.startswith("#")]
    matches = [re.fullmatch(r"([a-z0-9-]+)==([^\s;]+)( ; .+)?", line) for line in lines]
    assert None not in matches, f"{lock}: a line is no exact pin"
    return {match.group(1): match.group(2) for match in matches}


@pytest.mark.parametrize(
    ("lock", "required"),
    [
        (
            "requirements.lock",
            PYPROJECT["project"]["dependencies"]
            + PYPROJECT["dependency-groups"]["demo"]
            + PYPROJECT["dependency-groups"]["dev"],
        ),
        ("requirements-jax.lock", ["keras", "jax"]),
        ("requirements-tf1.lock", PYPROJECT["dependency-groups"]["tf1"]),
        ("requirements-docs.lock", PYPROJECT["dependency-groups"]["docs"]),
        ("requirements-audit.lock", ["pip-audit"]),
    ],
)
def test_lock_pins_every_direct_dependency(lock, required):
    pinned = pins(lock)
    for requirement in map(Requirement, required):
        version = pinned.get(canonicalize_name(requirement.name))
        assert version is not None, f"{lock}: {requirement} is missing"
        assert requirement.specifier.contains(version), f"{lock}: {requirement} is {version}"


# Put together here, so that this file does not hold what it looks for.
TRACES = [
    "py" + "pi.org",
    "python" + "hosted",
    "index" + "-url",
    *(f"/{n}/" for n in ("work", "root", "home", "Users")),
]


def tracked_files():
    done = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        pytest.skip("not a git work tree")
    return [ROOT / name for name in done.stdout.split("\0") if name and (ROOT / name).is_file()]


def test_files_name_no_registry_and_no_absolute_path():
    found = []
    for path in tracked_files():
        data = path.read_bytes()
        if b"\0" in data:
            continue
        text = data.decode(errors="replace")
        found += [f"{path.relative_to(ROOT)}: {trace}" for trace in TRACES if trace in text]
    assert not found


def python37_files():
    folders = ("legacy_tf1", "shared", "tests/shared", "tests/legacy", "tests/goldens")
    files = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]
    return files + list((ROOT / "tests").glob("*.py"))


def test_legacy_side_parses_as_python37():
    files = python37_files()
    assert files
    for path in files:
        ast.parse(path.read_text(), filename=str(path), feature_version=(3, 7))
