"""What legacy_tf1 leaves behind is a TF1 checkpoint like any other: it is carried and verified."""

import pytest

from legacy_tf1.__main__ import main as legacy
from tf1port.__main__ import main

RUNS = (["window-rnn"], ["row-lstm"], ["row-lstm", "--kernel", "fused-cpu"])


@pytest.mark.slow
@pytest.mark.parametrize("words", RUNS, ids=" ".join)
def test_a_run_is_carried_whole(words, tmp_path, capsys):
    run, model = str(tmp_path / "run"), str(tmp_path / "model.keras")
    flags = ["--data", "digits", "--steps", "4", "--batch-size", "16", "--out", run]
    assert legacy(["train", *words, *flags]) == 0
    capsys.readouterr()
    assert main(["convert", run, "--to", model]) == 0
    assert "not converted: nothing" in capsys.readouterr().out
    assert "to logits [B, 10]." in (tmp_path / "model.py").read_text()
    assert main(["verify", run, model, "--steps", "3"]) == 0
    told = capsys.readouterr().out
    for quantity in ("weights", "logits of a sequence", "gradients of a batch"):
        assert f"\n{quantity} " in told
