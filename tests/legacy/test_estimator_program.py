"""The Estimator of the recipe, where TensorFlow still has Estimators: make test-tf1."""

import os
import sys

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

EXAMPLE = os.path.join(os.path.dirname(__file__), "..", "..", "examples", "estimator")


@pytest.mark.skipif(not hasattr(tf, "estimator"), reason="TensorFlow 2.16 and later have none")
def test_it_trains_evaluates_and_predicts(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "path", [os.path.abspath(EXAMPLE), *sys.path])
    import legacy_estimator

    legacy_estimator.main(str(tmp_path), 3)
    assert capsys.readouterr().out.startswith("step 3  loss ")
    assert os.path.exists(str(tmp_path / "model.ckpt-3.meta"))
    predicted = np.load(str(tmp_path / "predicted.npz"))
    assert predicted["words"].shape == (8, legacy_estimator.TIME)
    assert np.allclose(predicted["probabilities"].sum(axis=1), 1)
