"""Every check of the ladder is a test in the port's own suite: see tf1port/pytest_plugin.py."""

import os

import pytest

import tf1port

pytest_plugins = ["tf1port.pytest_plugin"]

MAP = os.path.join(os.path.dirname(__file__), "map.toml")


@pytest.fixture(scope="session")
def port():
    """What legacy.py and modern.py left in a folder."""
    folder = os.environ.get("OWN_PORT", os.path.join("runs", "own_port"))
    files = (os.path.join(folder, name) for name in ("model.ckpt-100", "model.keras"))
    return tf1port.load_port(*files, MAP, load_weights=True)


def test_port(port_check):
    """One check of the ladder in one dtype."""
    port_check.assert_equal()
