"""Moving averages in the place of weights, and variables that lie in parts: there and back."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow.compat.v1 as tf1

from tests.tf1port import graphs
from tests.tf1port.graphs import Case
from tf1port.__main__ import main
from tf1port.conversion import cases as verify_cases
from tf1port.numerics.tolerances import tolerance

TINY = tolerance("cell outputs", "float32").bound
AVERAGE = "/ExponentialMovingAverage"
PARTED = {
    "by names": Case("GRUCell", partitions=2, hidden=True),
    "by slices": Case(partitions=3, sliced=True),
}


@pytest.fixture(autouse=True)
def one_size(monkeypatch):
    """A single batch is enough to see a wrong model."""
    monkeypatch.setattr(verify_cases, "BATCHES", verify_cases.BATCHES[:1])
    monkeypatch.setattr(verify_cases, "STEPS", verify_cases.STEPS[:1])


def arrays(prefix):
    reader = tf.train.load_checkpoint(str(prefix))
    return {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()}


def converted(folder, case, *flags):
    """What was saved, and the model."""
    saved, target = graphs.save(case, folder), str(folder / "model.keras")
    assert main(["convert", saved.prefix, "--to", target, *flags]) == 0
    return saved, target


# parts


@pytest.fixture(
    scope="module", params=["by names", pytest.param("by slices", marks=pytest.mark.slow)]
)
def parted(request, tmp_path_factory):
    return converted(tmp_path_factory.mktemp("parted"), PARTED[request.param])


def test_parts_are_joined(parted):
    saved, target = parted
    model = keras.models.load_model(target)
    outputs = np.array(model(graphs.batch(Case(), 0)[0]))
    assert np.abs(outputs - saved.outputs).max() <= TINY
    assert len(model.optimizer.variables) == 2 + 2 * len(model.trainable_variables)
    with open(target.replace(".keras", ".json"), encoding="utf-8") as file:
        assert json.load(file)["unused"] == []


@pytest.mark.slow
def test_parts_are_verified_on_their_graph(parted, capsys):
    saved, target = parted
    assert main(["verify", saved.prefix, target]) == 0
    assert "PASS: the model matches the graph on" in capsys.readouterr().out


def test_parts_come_back_as_they_were(parted, tmp_path):
    saved, target = parted
    back = tmp_path / "back.ckpt"
    assert main(["convert", target, "--reverse", "--to", str(back)]) == 0
    restored, expected = arrays(back), arrays(saved.prefix)
    assert {n: a.shape for n, a in restored.items()} == {n: a.shape for n, a in expected.items()}
    for name, value in expected.items():  # a forget bias comes back one rounding off
        np.testing.assert_allclose(restored[name], value, rtol=0, atol=TINY, err_msg=name)


def test_a_session_restores_parts(parted, tmp_path):
    saved, target = parted
    back = str(tmp_path / "back.ckpt")
    assert main(["convert", target, "--reverse", "--to", back]) == 0
    with tf1.Graph().as_default(), tf1.Session() as session:
        tf1.train.import_meta_graph(saved.prefix + ".meta").restore(session, back)
        partition = session.run("logits/kernel/part_1:0")
    np.testing.assert_array_equal(partition, saved.values["logits/kernel/part_1"])


# averages


@pytest.fixture(scope="module")
def averaged(tmp_path_factory):
    return converted(tmp_path_factory.mktemp("averaged"), Case(averages=True), "--averages")


def test_averages_take_the_place_of_weights(averaged):
    saved, target = averaged
    model = keras.models.load_model(target)
    dense = [saved.values[f"logits/{role}{AVERAGE}"] for role in ("kernel", "bias")]
    for actual, expected in zip(model.get_layer("logits").get_weights(), dense, strict=True):
        np.testing.assert_array_equal(actual, expected)
    kernel = saved.values["rnn/basic_lstm_cell/kernel" + AVERAGE]
    assert not np.array_equal(kernel, saved.values["rnn/basic_lstm_cell/kernel"])
    actual = model.get_layer("lstm").get_weights()[0][:, : graphs.U]
    np.testing.assert_array_equal(actual, kernel[: graphs.F, : graphs.U])
    assert getattr(model, "optimizer", None) is None  # its state is the raw weights'


@pytest.mark.slow
def test_averages_are_verified_on_their_graph(averaged, capsys):
    saved, target = averaged
    assert main(["verify", saved.prefix, target, "--averages"]) == 0
    assert "PASS: the model matches the graph on" in capsys.readouterr().out
    assert main(["verify", saved.prefix, target]) == 1


def test_averages_go_back_to_where_they_came_from(averaged, tmp_path):
    saved, target = averaged
    back = tmp_path / "back.ckpt"
    assert main(["convert", target, "--reverse", "--to", str(back)]) == 0
    restored = arrays(back)
    assert all(name.endswith(AVERAGE) for name in restored)
    np.testing.assert_array_equal(
        restored["logits/kernel" + AVERAGE], saved.values["logits/kernel" + AVERAGE]
    )


def test_without_averages_the_flag_is_refused(parted, tmp_path, capsys):
    target = str(tmp_path / "model.keras")
    capsys.readouterr()
    assert main(["convert", parted[0].prefix, "--to", target, "--averages"]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "holds no moving average of" in error
    assert "leave out --averages" in error
