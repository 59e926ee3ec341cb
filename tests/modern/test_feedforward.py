"""The Keras feed-forward models: layers, weights, layouts, files, and the command line."""

import dataclasses
import json
import os
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from modern_tf2 import feedforward
from modern_tf2.__main__ import main
from shared.config import ConvConfig, DenseConfig
from shared.errors import UserError
from tf1port.numerics.differences import difference

CONV = ConvConfig(filters_0=3, filters_1=4)
NCHW = dataclasses.replace(CONV, data_format="nchw")
CONFIGS = {"dense": DenseConfig(units=7), "nhwc": CONV, "nchw": NCHW}
every_config = pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)


@pytest.fixture
def any_layout(monkeypatch):
    """Lets a model be built that this machine may not run."""
    monkeypatch.setattr(feedforward, "check_layout", lambda config, dtype: None)


@pytest.mark.parametrize(
    ("name", "shapes"),
    [
        ("dense", {"hidden": (None, 7)}),
        (
            "nhwc",
            {
                "conv_0": (None, 24, 24, 3),
                "pool_0": (None, 12, 12, 3),
                "conv_1": (None, 10, 10, 4),
                "pool_1": (None, 5, 5, 4),
            },
        ),
        (
            "nchw",
            {
                "conv_0": (None, 3, 24, 24),
                "pool_0": (None, 3, 12, 12),
                "conv_1": (None, 4, 10, 10),
                "pool_1": (None, 4, 5, 5),
            },
        ),
    ],
)
def test_shapes(any_layout, name, shapes):
    model = feedforward.build_model(CONFIGS[name])
    outputs = feedforward.layer_outputs(model).output
    assert {key: value.shape for key, value in outputs.items()} == {**shapes, "logits": (None, 10)}
    assert model.input_shape == (None, *CONFIGS[name].input_shape)


@every_config
def test_variables_are_those_of_the_weights_file(any_layout, config):
    model = feedforward.build_model(config)
    assert {v.path: tuple(v.shape) for v in model.weights} == config.weight_shapes()
    weights = {name: np.random.rand(*shape) for name, shape in config.weight_shapes().items()}
    back = feedforward.from_variables(feedforward.to_variables(weights, config), config)
    assert difference(weights, back).max_abs == 0


def test_the_layout_is_the_configs_whatever_the_user_has_set(any_layout):
    before = keras.config.image_data_format()
    for user in ("channels_first", "channels_last"):
        keras.config.set_image_data_format(user)
        try:
            for config, layout in ((CONV, "channels_last"), (NCHW, "channels_first")):
                layers = feedforward.build_model(config).layers[1:-1]
                assert [layer.data_format for layer in layers] == [layout] * 5
        finally:
            keras.config.set_image_data_format(before)


@every_config
def test_kernels_start_as_glorot_drew_them(any_layout, config):
    keras.utils.set_random_seed(3)
    for variable in feedforward.build_model(config).weights:
        value = variable.numpy()
        if variable.path.endswith("bias"):
            assert not value.any()
        else:
            area = value.size // (value.shape[-2] * value.shape[-1])
            limit = np.sqrt(6 / (area * (value.shape[-2] + value.shape[-1])))
            assert 0.85 * limit < np.abs(value).max() <= limit


@pytest.mark.parametrize("name", ["dense", "nhwc"])
def test_file_gives_the_model_back(tmp_path, name):
    model = feedforward.build_model(CONFIGS[name])
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    images = np.random.rand(5, *CONFIGS[name].input_shape).astype("float32")
    assert difference({"a": model(images)}, {"a": loaded(images)}).max_abs == 0


def has_nchw(dtype):
    try:
        feedforward.check_layout(NCHW, dtype=dtype)
    except UserError:
        return False
    return True


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_nchw_is_refused_where_the_machine_cannot_run_it_and_only_there(dtype):
    images = np.ones((2, 1, 28, 28), dtype)
    layer = keras.layers.Conv2D(2, 3, data_format="channels_first", dtype=dtype)
    layer.build(images.shape)

    @tf.function
    def gradients():
        with tf.GradientTape() as tape:
            loss = keras.ops.sum(layer(images))
        return tape.gradient(loss, [variable.value for variable in layer.weights])

    try:
        gradients()
    except (tf.errors.InvalidArgumentError, tf.errors.UnimplementedError):
        assert not has_nchw(dtype)
    else:
        assert has_nchw(dtype)


@pytest.mark.parametrize("name", ["dense", "nhwc"])
def test_the_default_layout_is_never_refused(name):
    feedforward.check_layout(CONFIGS[name], dtype="float64")


@pytest.mark.parametrize("model", ["dense", pytest.param("conv", marks=pytest.mark.slow)])
def test_command_line(tmp_path, capsys, model):
    out = str(tmp_path / "run")
    flags = ["--data", "digits", "--steps", "40", "--batch-size", "32", "--out", out]
    assert main(["train", model, *flags]) == 0
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    assert result["train"][-1]["loss"] < 2.2
    capsys.readouterr()
    assert main(["evaluate", model, "--from", out]) == 0
    assert json.loads(capsys.readouterr().out)["loss"] == result["test"][-1]["loss"]
    assert main(["predict", model, "--from", out, "--index", "3"]) == 0
    assert "predicted: " in capsys.readouterr().out
    assert main(["export", model, "--from", out]) == 0


def test_command_line_trains_nchw_or_refuses_it_in_one_line(tmp_path, capsys):
    allowed = has_nchw("float32")
    flags = ["--data", "digits", "--steps", "2", "--data-format", "nchw"]
    assert main(["train", "conv", *flags, "--out", str(tmp_path / "run")]) == 2 * (not allowed)
    if not allowed:
        (error,) = capsys.readouterr().err.splitlines()
        assert error.startswith("error: --data-format nchw needs a GPU here")


@pytest.mark.slow
@pytest.mark.skipif(bool(tf.config.list_physical_devices("GPU")), reason="a GPU has NCHW")
@pytest.mark.parametrize("package", ["legacy_tf1", "modern_tf2"])
def test_without_onednn_nchw_is_refused_before_anything_is_trained(tmp_path, package):
    words = ["train", "conv", "--data-format", "nchw", "--data", "digits", "--out", "run"]
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    done = subprocess.run(
        [sys.executable, "-m", package, *words],
        cwd=tmp_path,
        env={**os.environ, "TF_ENABLE_ONEDNN_OPTS": "0", "PYTHONPATH": root},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines()[-1].startswith("error: --data-format nchw needs a GPU here")
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "run" / "result.json").exists()


def test_another_layout_is_no_checkpoint_of_this_one(tmp_path):
    """The weights have equal shapes: it is the input that tells the two apart."""
    from modern_tf2 import training
    from shared import runs

    run = runs.create_run(tmp_path / "run", "modern", config=CONV, dataset="digits")
    feedforward.build_model(CONV).save(run.file("model.keras"))
    assert training.restore(run).input_shape == (None, 28, 28, 1)
    if has_nchw("float32"):
        run.config = NCHW
        with pytest.raises(UserError, match="is of another config"):
            training.restore(run)
