"""The command that records the goldens refuses what would make them something else."""

import sys

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from tests.goldens import record


def test_another_tensorflow_is_refused(monkeypatch, capsys):
    if tf.version.VERSION.startswith("1.15."):
        monkeypatch.setattr(sys.modules["tensorflow"], "__version__", "1.14.0")
    assert record.main(["--write"]) == 2
    output, errors = capsys.readouterr()
    assert output == ""
    assert errors.startswith("error: goldens are recorded under TensorFlow 1.15, not ")
    assert errors.count("\n") == 1


def test_a_model_without_goldens_is_refused(monkeypatch, capsys):
    monkeypatch.setattr(record, "_require_tensorflow_1_15", lambda: None)
    assert record.main(["no-model"]) == 2
    choice = ", ".join(record.MODELS)
    said = "error: there are no goldens of no-model: choose %s\n" % choice
    assert capsys.readouterr().err == said


@pytest.mark.parametrize("change", [0.0, 0.25])
def test_a_change_is_reported_by_how_much_and_where(tmp_path, monkeypatch, change):
    folders = {name: tmp_path / name for name in ("old", "new")}
    for name, value in (("old", 1.0), ("new", 1.0 + change)):
        folders[name].mkdir()
        np.savez(str(folders[name] / "golden.npz"), weight=np.array([1.0, value]))
    monkeypatch.setattr(record.goldens, "folder", lambda model: str(folders["old"]))
    lines = list(record.changes("window-rnn", str(folders["new"])))
    place = 1 if change else 0
    assert lines == ["window-rnn golden.npz: max-abs %.3g at weight[%d]" % (change, place)]
