"""verify notices what is changed in a model that was translated: none of these may pass."""

import json
import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest

from tests.tf1port.programs import normalized, sequences, stacks
from tests.tf1port.programs.program import converted, loaded, running, verified
from tf1port.__main__ import main
from tf1port.conversion.translation import recurrent_layers


@pytest.fixture(scope="module")
def between(tmp_path_factory):
    """A prefix and the model of it: a dense layer and a scale between two cells."""
    with running(stacks.dense_between, tmp_path_factory.mktemp("between")) as run:
        return run.prefix, converted(run.prefix)


@pytest.fixture(scope="module")
def tagger(tmp_path_factory):
    """A prefix and the model of it: two directions with lengths."""
    with running(stacks.tagger, tmp_path_factory.mktemp("tagger")) as run:
        return run.prefix, converted(run.prefix)


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """A prefix and the model of it: convolutions with a batch normalization."""
    with running(normalized.normalized_images, tmp_path_factory.mktemp("images")) as run:
        return run.prefix, converted(run.prefix)


def configured(source, target, change):
    """A `.keras` file with another configuration: `change` takes it as a dict."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name == "config.json":
                config = json.loads(content)
                change(config)
                assert json.dumps(config) != json.dumps(json.loads(content)), "nothing is changed"
                content = json.dumps(config).encode()
            new.writestr(name, content)
    return str(target)


def replaced(part, wanted, value):
    """Another number in the place of each that is `wanted`, wherever it stands."""
    items = part.items() if isinstance(part, dict) else enumerate(part)
    for key, one in items:
        if isinstance(one, (dict, list)):
            replaced(one, wanted, value)
        elif isinstance(one, float) and one == wanted:
            part[key] = value


def layer(config, name):
    """The configuration of a layer."""
    return next(one for one in config["config"]["layers"] if one["config"].get("name") == name)


def half(config):
    """The scale between the two cells."""
    replaced(config["config"]["layers"], 0.5, 0.25)


def directions(config):
    """The layer that reads from the start and from the end: the other way round."""
    both = layer(config, "bidirectional_lstm")["config"]
    for direction, backwards in (("layer", True), ("backward_layer", False)):
        both[direction]["config"]["go_backwards"] = backwards


def activation(config):
    """The ReLU between the cells, which is never negative where it matters."""
    layer(config, "between")["config"]["activation"] = "softplus"


def epsilon(config):
    """An option of the optimizer that Keras has another default for."""
    config["compile_config"]["optimizer"]["config"]["epsilon"] = 1e-7


def dense_gradients(config):
    """D20: the norm that makes the embedding's gradients dense."""
    config["compile_config"]["optimizer"]["config"]["global_clipnorm"] = None


def momentum(config):
    """The share of a moving average that stays, which shows in training alone."""
    layer(config, "batch_normalization_layer")["config"]["momentum"] = 0.9


CHANGES = {half: "between", activation: "between", epsilon: "between", directions: "tagger"}
CHANGES |= {dense_gradients: "tagger", momentum: "images"}


@pytest.mark.slow
@pytest.mark.sampled(3)
@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_a_changed_configuration_does_not_pass(change, request, tmp_path, capsys):
    prefix, target = request.getfixturevalue(CHANGES[change])
    code, report = verified(prefix, configured(target, tmp_path / "m.keras", change), capsys)
    assert code == 1, report["verdict"]


def test_a_changed_weight_does_not_pass(between, tmp_path, capsys):
    prefix, target = between
    model = loaded(target)
    kernel = model.get_layer("between").kernel
    kernel.assign(np.array(kernel) * np.float32(1 + 1e-3))
    keras.saving.save_model(model, tmp_path / "m.keras")
    code, report = verified(prefix, str(tmp_path / "m.keras"), capsys)
    assert code == 1
    assert any(not r["passed"] and r["quantity"] == "weights" for r in report["checks"])


@pytest.mark.slow
def test_a_changed_average_does_not_pass(images, tmp_path, capsys):
    prefix, target = images
    model = loaded(target)
    average = model.get_layer("batch_normalization_layer").moving_variance
    average.assign(np.array(average) * np.float32(1 + 1e-3))
    keras.saving.save_model(model, tmp_path / "m.keras")
    assert verified(prefix, str(tmp_path / "m.keras"), capsys)[0] == 1


@pytest.mark.slow
def test_a_changed_rate_does_not_pass(between, tmp_path, capsys):
    prefix, target = between
    model = loaded(target)
    model.optimizer.learning_rate = 0.02
    keras.saving.save_model(model, tmp_path / "m.keras")
    assert verified(prefix, str(tmp_path / "m.keras"), capsys)[0] == 1


@pytest.mark.slow
def test_unchanged_they_pass(between, tagger, images, capsys):
    for prefix, target in (between, tagger, images):
        assert verified(prefix, target, capsys)[0] == 0


@pytest.mark.slow
def test_the_model_of_another_checkpoint_does_not_pass(between, tmp_path, capsys):
    with running(sequences.encoder_from_the_end, tmp_path) as run:
        prefix, target = run.prefix, between[1]
    capsys.readouterr()
    assert main(["verify", prefix, target]) == 2
    assert "is not of this checkpoint" in capsys.readouterr().err


def test_a_changed_source_does_not_pass(between, tmp_path, capsys):
    """The model is loaded with the layers of the source: one that was edited is not what passed."""
    prefix, file = between
    copied = tmp_path / "model.keras"
    copied.write_bytes(Path(file).read_bytes())
    source = Path(file).with_suffix(".py").read_text()
    copied.with_suffix(".py").write_text(source.replace("* 0.5", "* 0.25"))
    code, report = verified(prefix, str(copied), capsys)
    assert code == 3
    assert [line for line in report["not_compared"] if "model.py, which was changed" in line]


def test_a_translation_that_computes_something_else_is_not_written(tmp_path, monkeypatch, capsys):
    """States taken for zeros: the graph as it stands says otherwise, before anything is written."""
    monkeypatch.setattr(recurrent_layers, "is_zero", lambda *_: True)
    with running(sequences.learned_state, tmp_path) as run:
        capsys.readouterr()
        assert main(["convert", run.prefix, "--to", str(tmp_path / "wrong.keras")]) == 2
    assert "computes something else than convert reads of it" in capsys.readouterr().err
    assert not [*tmp_path.glob("wrong*")]
