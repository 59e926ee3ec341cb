"""The tool by itself: built as a wheel, installed away from the checkout, and used there."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PREFIX = ROOT / "tests" / "goldens" / "window_rnn" / "model.ckpt-200"
ALONE = """
import sys
import tf1port.__main__
code = tf1port.__main__.main(sys.argv[1:])
ours = {name.partition(".")[0] for name in sys.modules}
assert not ours & {"legacy_tf1", "modern_tf2", "shared", "equivalence", "bench", "tests"}, ours
assert "site" in tf1port.__file__, tf1port.__file__
sys.exit(code)
"""
UNCHANGED = """
import os, sys
before = dict(os.environ)
import tensorflow as tf, keras
state = lambda: (
    tf.compat.v1.control_flow_v2_enabled(), tf.keras.__name__, tf.keras.__version__,
    keras.config.floatx(), keras.config.epsilon(), tf.executing_eagerly(),
)
before, environment = state(), dict(os.environ)
import tf1port, tf1port.pytest_plugin
import tf1port.conversion.convert, tf1port.verification.verify, tf1port.comparison.port.port
import tf1port.comparison.controls.port, tf1port.conversion.reverse, tf1port.comparison.report.files
assert state() == before, (state(), before)
assert dict(os.environ) == environment
"""
SUITE = """
import pytest

@pytest.fixture(scope="session")
def port():
    raise ValueError("it is asked for")

def test_port(port_check):
    port_check.assert_equal()
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A folder that holds the installed wheel and nothing else."""
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    build = ["wheel", "--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", folder]
    copy = folder / "copy"  # setuptools writes beside what it builds
    copied = ["pyproject.toml", "README.md", "LICENSE"]
    (copy / "tf1port").mkdir(parents=True)
    for name in copied:
        (copy / name).write_bytes((ROOT / name).read_bytes())
    for path in (ROOT / "tf1port").rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts:
            target = copy / path.relative_to(ROOT)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
    subprocess.run([*pip, *build, copy], check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    site = folder / "site"
    install = ["install", "--no-deps", "--no-index", "--target", site, wheel]
    subprocess.run([*pip, *install], check=True, capture_output=True)
    return site


def run(site, folder, *words):
    environment = {**os.environ, "PYTHONPATH": str(site), "TF_CPP_MIN_LOG_LEVEL": "3"}
    environment.pop("TF_USE_LEGACY_KERAS", None)
    command = [sys.executable, "-P", *words]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


@pytest.mark.slow
def test_the_commands_run_without_the_checkout(site, tmp_path):
    for words in (
        ["explain", "P36"],
        ["inspect", str(PREFIX)],
        ["convert", str(PREFIX), "--to", "model.keras"],
        ["verify", str(PREFIX), "model.keras"],
    ):
        done = run(site, tmp_path, "-c", ALONE, *words)
        assert done.returncode == 0, done.stderr
    assert "PASS: the model matches the graph" in done.stdout
    done = run(site, tmp_path, "-m", "tf1port", "inspect", str(PREFIX))  # in a process of its own
    assert done.returncode == 0, done.stderr
    assert str(PREFIX) in done.stdout
    done = run(site, tmp_path, str(site / "bin" / "tf1port"), "inspect", "missing.ckpt")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr


@pytest.mark.slow
def test_importing_it_changes_nothing_of_tensorflow_or_keras(site, tmp_path):
    done = run(site, tmp_path, "-c", UNCHANGED)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_pytest_finds_the_plugin_by_itself(site, tmp_path):
    (tmp_path / "test_port.py").write_text(SUITE, encoding="utf-8")
    done = run(site, tmp_path, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--co", ".")
    assert "test_port[float32-variables]" in done.stdout, done.stdout + done.stderr
