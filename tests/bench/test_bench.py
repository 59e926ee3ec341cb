"""python -m bench: its flags, and a tiny measurement of each part."""

import json
import multiprocessing

import pytest

from bench import __main__ as bench
from bench import session, sweeps, variants, worker
from bench.session import MEMORY, STARTUP, TRAIN, Effort
from bench.variants import Variant
from shared import datasets
from shared.config import CONFIGS, DenseConfig, RowLSTMConfig, WindowRNNConfig, for_dataset

DATA = ("digits", None)


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["no-model"], "invalid choice"),
        (["window-rnn", "--rounds", "0"], "--rounds is 0: give a value from 1 to 1000"),
        (["window-rnn", "--starts", "-1"], "--starts is -1"),
        (["window-rnn", "--variants", "legacy,toy"], "--variants has 'toy': choose from legacy"),
        (["window-rnn", "--window", "29"], "--window is 29"),
        (["row-lstm", "--sweep", "layers"], "--sweep is layers: row-lstm has one size of it"),
        (["row-lstm", "--sweep", "window"], "--sweep is window"),
        (["dense", "--sweep", "steps"], "--sweep is steps"),
        (["window-rnn", "--sweep", "depth"], "invalid choice"),
        (["window-rnn", "--against", "nowhere.json"], "there is no nowhere.json"),
        (["dense", "--kernel", "auto"], "dense has no --kernel"),
    ],
)
def test_a_wrong_flag_is_one_line(capsys, words, error):
    assert bench.main(words) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert error in err


def test_each_kernel_of_each_side_is_a_variant():
    names = [variant.name for variant in variants.of_model(RowLSTMConfig())]
    assert names[0] == "legacy generic"
    assert {f"modern {kernel}" for kernel in RowLSTMConfig.kernels} <= set(names)
    assert "legacy auto" not in names
    default = [v.config.kernel for v in variants.of_model(RowLSTMConfig()) if v.side == "modern"]
    assert default[0] == RowLSTMConfig().kernel


def test_what_is_not_installed_says_so(monkeypatch):
    monkeypatch.setattr(variants.importlib.util, "find_spec", lambda name: None)
    made = {variant.name: variant for variant in variants.of_model(WindowRNNConfig())}
    twins = [made[name] for name in ("PyTorch", "PyTorch compiled", "JAX scanned")]
    assert [twin.missing for twin in twins] == [variants.NOT_INSTALLED] * 3
    (row,) = session.measure(twins[:1], data=DATA, effort=Effort(starts=1, rounds=1))
    assert row == session.Row(TRAIN, "PyTorch", "s", [], variants.NOT_INSTALLED)


def test_models_without_twins_have_the_sides_alone():
    assert [v.name for v in variants.of_model(DenseConfig())] == ["legacy", "modern"]


def test_a_sweep_is_of_both_sides_unless_rows_are_named():
    config = WindowRNNConfig()
    sides = {variant.side for variant in sweeps._variants(config, None)}
    assert sides == {"legacy", "modern"}
    assert [variant.name for variant in sweeps._variants(config, "JAX scanned")] == ["JAX scanned"]


def test_a_sweep_has_the_sizes_that_the_dataset_allows():
    digits = for_dataset(WindowRNNConfig(), datasets.load_digits())
    assert list(sweeps.configs(digits, "batch")) == [32, 128]
    pixels = sweeps.configs(WindowRNNConfig(), "steps")[784]
    assert (pixels.window, pixels.rows, pixels.features) == (784, 784, 1)
    assert sweeps.configs(WindowRNNConfig(), "units")[512].units == 512


def test_large_models_have_short_turns():
    small, large = WindowRNNConfig(), WindowRNNConfig(batch_size=4096, units=512)
    assert session.turn_steps(small, Effort()) == 500
    assert session.turn_steps(large, Effort()) == session.FEWEST
    assert session.turn_steps(small, Effort(steps=100)) == 100


@pytest.mark.slow
def test_a_variant_that_fails_is_a_row_that_says_why():
    config = for_dataset(WindowRNNConfig(), datasets.load_digits())
    broken = [Variant("legacy", "legacy", config), Variant("broken", "no_runner", config)]
    effort = Effort(starts=1, rounds=1, steps=5, only_training=True)
    rows = session.measure(broken, data=DATA, effort=effort)
    rows = [row for row in rows if row.quantity == TRAIN]
    assert [len(row.values) for row in rows] == [1, 0]
    assert "no_runner" in rows[1].note


@pytest.mark.slow
def test_what_takes_too_long_is_given_up():
    config = for_dataset(WindowRNNConfig(), datasets.load_digits())
    with pytest.raises(worker.Failed, match="no answer in"):
        worker.Worker(Variant("legacy", "legacy", config), data=DATA, limit=0.01)


@pytest.mark.slow
def test_a_measurement_has_all_parts(monkeypatch, tmp_path, capfd):
    """Two sides, a whole run of each side, a sweep."""
    monkeypatch.setitem(sweeps.SIZES, "layers", (1, 2))
    words = ["window-rnn", "--data", "digits", "--steps", "20", "--starts", "1", "--rounds", "2"]
    words += ["--variants", "legacy,modern auto", "--sweep", "layers"]
    out = tmp_path / "out"
    assert bench.main([*words, "--out", str(out)]) == 0
    content = json.loads((out / "bench.json").read_text())
    (model,) = content["models"]
    quantities = {row["quantity"] for row in model["rows"] if row["values"]}
    assert quantities == {*session.QUANTITIES, "whole train run", "peak memory, whole train run"}
    training = [row for row in model["rows"] if row["quantity"] == TRAIN]
    assert [len(row["values"]) for row in training] == [2, 2]
    assert [point["size"] for point in model["sweeps"]["layers"]] == [1, 2]
    assert (out / "speed.png").exists()
    assert (out / "speed-window-rnn-layers.png").exists()
    assert "floor: " in capfd.readouterr().out


@pytest.mark.slow
@pytest.mark.sampled(4)
@pytest.mark.parametrize("model", sorted(set(CONFIGS) - {"window-rnn"}))
def test_each_model_can_be_measured(model):
    """Its training; of the one with most kernels all else as well."""
    config = for_dataset(CONFIGS[model](), datasets.load_digits())
    chosen = [v for v in variants.of_model(config) if v.side in ("legacy", "modern")]
    whole = model == "row-lstm"
    effort = Effort(starts=1, rounds=1, steps=5, calls=2, only_training=not whole)
    rows = session.measure(chosen, data=DATA, effort=effort)
    assert [row.note for row in rows if row.note] == []
    measured = {row.quantity for row in rows if row.values}
    assert measured == set(session.QUANTITIES if whole else [STARTUP, TRAIN, MEMORY])


def test_a_process_ends_with_the_one_that_started_it(monkeypatch):
    """Else it stays, as long as it has work."""
    asked = []
    monkeypatch.setattr(worker.parent, "end_with_parent", lambda: asked.append(1))
    ours, other = multiprocessing.Pipe()
    worker._work(other, "none", DenseConfig(), DATA)
    ours.close()
    assert asked
