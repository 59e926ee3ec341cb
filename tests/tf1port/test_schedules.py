"""A learning rate that a graph computes of its step is a schedule of Keras, or constant by name."""

import json
from contextlib import nullcontext
from pathlib import Path

import keras
import numpy as np
import pytest

from tests.tf1port import graphs
from tests.tf1port.graphs import first_control_flow
from tf1port.__main__ import main
from tf1port.conversion import plan as conversion
from tf1port.keras_model import optimizer_search, schedules
from tf1port.keras_model.program_build import load_source
from tf1port.numerics.tolerances import tolerance
from tf1port.tf1.graph.index import Graph
from tf1port.tf1.graph.schedules import find_schedule

# isort: split
import tensorflow.compat.v1 as tf1

train = tf1.train
# What a program writes, and the class of Keras' that it is.
KNOWN = {
    "exponential": (lambda s: train.exponential_decay(0.1, s, 7, 0.5), "ExponentialDecay"),
    "staircase": (lambda s: train.exponential_decay(0.1, s, 7, 0.5, True), "ExponentialDecay"),
    "inverse time": (lambda s: train.inverse_time_decay(0.1, s, 3, 0.5), "InverseTimeDecay"),
    "inverse staircase": (
        lambda s: train.inverse_time_decay(0.1, s, 3, 0.5, staircase=True),
        "InverseTimeDecay",
    ),
    "polynomial": (lambda s: train.polynomial_decay(0.1, s, 9, 0.01, 2.0), "PolynomialDecay"),
    "cosine": (lambda s: train.cosine_decay(0.1, s, 9), "CosineDecay"),
    "cosine with an end": (lambda s: train.cosine_decay(0.1, s, 9, alpha=0.2), "CosineDecay"),
    "piecewise": (
        lambda s: train.piecewise_constant(s, [3, 5], [0.1, 0.02, 0.003]),
        "PiecewiseConstantDecay",
    ),
    "a choice by hand": (lambda s: tf1.where(s < 4, 0.1, 0.02), "PiecewiseConstantDecay"),
    "a condition by hand": (
        lambda s: tf1.cond(s >= 4, lambda: tf1.constant(0.1), lambda: tf1.constant(0.02)),
        "PiecewiseConstantDecay",
    ),
    "a condition in a condition": (
        lambda s: tf1.cond(
            s < 3,
            lambda: tf1.constant(0.1),
            lambda: tf1.cond(s < 6, lambda: tf1.constant(0.05), lambda: tf1.constant(0.02)),
        ),
        "PiecewiseConstantDecay",
    ),
}
UNKNOWN = ("a condition in a condition", False)  # a function compares the step, which is not read
# What looks like a schedule of Keras', and is none.
OTHERS = {
    "a floor": lambda s: tf1.maximum(train.exponential_decay(0.1, s, 7, 0.5), 0.01),
    "natural": lambda s: train.natural_exp_decay(0.1, s, 7, 0.5),
    "restarted": lambda s: train.polynomial_decay(0.1, s, 7, 0.01, cycle=True),
    "of the next step": lambda s: train.exponential_decay(0.1, s + 1, 7, 0.5),
    "stops elsewhere": lambda s: train.polynomial_decay(0.1, tf1.minimum(s, 3), 9, 0.01),
    "the step itself, chosen": lambda s: tf1.where(s < 4, tf1.cast(s, tf1.float32) * 1.0, 0.1),
    "the step, passed on": lambda s: tf1.where(s < 4, tf1.cast(s, tf1.float32), 0.1),
    "the step, in a branch": lambda s: tf1.cond(
        s < 4, lambda: tf1.cast(s, tf1.float32), lambda: tf1.constant(0.1)
    ),
    "by a remainder": lambda s: tf1.where(tf1.equal(s % 4, 0), 0.1, 0.01),
    "half of a cosine": lambda s: 0.1 * tf1.cos(tf1.cast(s, tf1.float32)),
}


STEPS = [*range(30), 100, 1000]
SAVED = 5  # the step of the checkpoint


class Steps:
    """A checkpoint of the step alone."""

    def __init__(self):
        self.shapes = {"global_step": ()}

    def read(self, name):
        return np.int64(SAVED)


def rate_of(write, *, counted=1, v1=True, compute=True):
    """The Rate that is read of a learning rate, and its values at STEPS in the graph's session."""
    with first_control_flow() if v1 else nullcontext(), tf1.Graph().as_default() as graph:
        step = train.get_or_create_global_step()
        rate = write(step)
        tf1.assign_add(step, counted)
        values = {}
        with tf1.Session(config=graphs.UNOPTIMIZED) as session:
            for number in STEPS if compute else []:
                step.load(number, session)
                values[number] = float(session.run(rate))
    found = schedules.computed_rate(Graph(graph.as_graph_def()), {rate.name}, Steps())
    return found, values


@pytest.mark.parametrize(
    ("name", "v1"),
    [(name, v1) for name in KNOWN for v1 in (True, False) if (name, v1) != UNKNOWN],
)
def test_a_known_schedule_is_kerass(name, v1):
    """By value, at each step of the decay and far behind it."""
    write, kind = KNOWN[name]
    found, values = rate_of(write, v1=v1)
    assert found.call.function == f"keras.optimizers.schedules.{kind}"
    assert (found.variable, found.step, found.value) == ("global_step", SAVED, values[SAVED])
    made = found.call.make()
    bound = tolerance("learning rate", "float32").bound
    expected, actual = list(values.values()), [float(made(step)) for step in values]
    np.testing.assert_allclose(actual, expected, rtol=bound, atol=0)


@pytest.mark.parametrize("name", OTHERS)
def test_another_one_is_none(name):
    """Its rate at the checkpoint is known all the same."""
    found, values = rate_of(OTHERS[name])
    assert (found.call, found.value) == (None, values[SAVED])


def test_a_step_that_is_counted_otherwise_is_none():
    assert rate_of(KNOWN["exponential"][0], counted=2)[0].call is None


def test_a_rate_that_is_fed_is_unknown():
    assert rate_of(lambda step: tf1.placeholder(tf1.float32, []) * 2.0, compute=False)[0] is None


def test_a_formula_that_computes_something_else_is_none(monkeypatch):
    """The comparison by value stands behind the formulas."""

    def wrong(graph, tensor):
        schedule = find_schedule(graph, tensor)
        return schedule._replace(options={**schedule.options, "decay_rate": 0.50001})

    monkeypatch.setattr(schedules, "find_schedule", wrong)
    assert rate_of(KNOWN["exponential"][0])[0].call is None


# Of whole trainings: what convert writes of them, and what verify says of it.


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A function from an optimizer of graphs to a checkpoint of it and the model's file."""
    files = {}

    def of(optimizer):
        if optimizer not in files:
            folder = tmp_path_factory.mktemp("trained")
            saved = graphs.save(graphs.Case("BasicRNNCell", optimizer=optimizer), folder)
            assert main(["convert", saved.prefix, "--to", str(folder / "model.keras")]) == 0
            files[optimizer] = saved.prefix, str(folder / "model.keras")
        return files[optimizer]

    return of


def steps_of(prefix, file, capsys):
    """The exit code and the report of some steps from the checkpoint."""
    capsys.readouterr()
    code = main(["verify", prefix, file, "--steps", "5", "--json"])
    return code, json.loads(capsys.readouterr().out)


@pytest.mark.parametrize(
    ("optimizer", "kind"),
    [
        pytest.param("Adam, decayed", "ExponentialDecay", marks=pytest.mark.slow),
        ("SGD, in pieces", "PiecewiseConstantDecay"),
    ],
)
def test_training_goes_on_by_the_schedule(trained, optimizer, kind, capsys):
    prefix, file = trained(optimizer)
    model = keras.models.load_model(file)
    assert type(model.optimizer.get_config()["learning_rate"]) is dict
    assert int(model.optimizer.iterations) == graphs.TRAINED
    built = load_source(Path(file).with_suffix(".py").read_text()).build_model()
    configs = [made.optimizer.get_config()["learning_rate"] for made in (model, built)]
    assert configs[0] == configs[1]
    assert configs[0]["class_name"] == kind
    code, report = steps_of(prefix, file, capsys)
    assert (code, report["notes"]) == (0, [])


def with_rate(file, rate, tmp_path):
    """The same model with another schedule, its count and slots kept."""
    model = keras.models.load_model(file)
    state = [np.array(variable) for variable in model.optimizer.variables]
    options = {**model.optimizer.get_config(), "learning_rate": rate}
    model.compile(type(model.optimizer).from_config(options))
    model.optimizer.build(model.trainable_variables)
    for variable, value in zip(model.optimizer.variables, state, strict=True):
        variable.assign(value)
    model.save(tmp_path / "other.keras")
    return str(tmp_path / "other.keras")


@pytest.mark.parametrize("changed", [{"decay_rate": 0.71}, {"staircase": True}])
def test_another_schedule_is_seen(trained, changed, tmp_path, capsys):
    """By its options, and by the steps of training where they are not looked at."""
    prefix, file = trained("Adam, decayed")
    own = keras.models.load_model(file).optimizer.get_config()["learning_rate"]["config"]
    other = keras.optimizers.schedules.ExponentialDecay(**{**own, **changed})
    code, report = steps_of(prefix, with_rate(file, other, tmp_path), capsys)
    failed = [check for check in report["checks"] if not check["passed"]]
    assert code == 1
    assert [check["quantity"] for check in failed] == ["optimizer", "losses of resumed steps"]
    (option,) = changed
    assert failed[0]["place"].startswith(f"learning_rate/{option}: ")


@pytest.mark.slow
def test_a_rate_as_of_no_schedule_stays_and_is_named(trained, capsys):
    prefix, file = trained("Adam, floored")
    optimizer = keras.models.load_model(file).optimizer
    expected = max(0.02 * 0.7 ** (graphs.TRAINED / 2), 1e-4)
    assert float(optimizer.learning_rate) == pytest.approx(expected)
    of_rate, of_loss = conversion.read(prefix).blueprint.optimizer.notes
    assert of_rate.startswith("learning_rate is computed in the graph, as by no schedule of Keras:")
    assert of_loss.endswith("is no loss that Keras has: compile the model with yours")
    code, report = steps_of(prefix, file, capsys)
    assert code == 3
    assert "learning_rate is computed in the graph: not compared" in report["verdict"]


def test_momentum_of_a_decaying_rate_is_named(trained, capsys):
    prefix, file = trained("Momentum, decayed")
    optimizer = conversion.read(prefix).blueprint.optimizer
    assert optimizer.schedule is not None
    assert "sums up steps in Keras" in optimizer.notes[0]
    code, report = steps_of(prefix, file, capsys)
    assert code == 3
    assert "momentum of a decaying rate" in report["verdict"]


def test_a_step_that_is_not_adams_leaves_the_rate_as_it_is(trained, monkeypatch):
    """A global step that another program counted, or that was set."""
    prefix, _ = trained("Adam, decayed")
    monkeypatch.setattr(optimizer_search, "_iterations", lambda *_: graphs.TRAINED + 1)
    optimizer = conversion.read(prefix).blueprint.optimizer
    assert (optimizer.schedule, optimizer.unknown) == (
        None,
        {"learning_rate": "is computed of global_step"},
    )


def test_the_way_back_has_the_rate_of_the_step(trained, tmp_path):
    prefix, file = trained("Momentum, decayed")
    target = str(tmp_path / "back.ckpt")
    assert main(["convert", file, "--reverse", "--to", target]) == 0
    original, back = map(tf1.train.load_checkpoint, (prefix, target))
    names = [name for name in original.get_variable_to_shape_map() if "Momentum" in name]
    bound = tolerance("momentum, round trip", "float32").bound
    for name in names:
        expected = original.get_tensor(name)
        gap = np.abs(back.get_tensor(name) - expected).max()
        assert gap <= 2 * bound * np.abs(expected).max(), name
    assert names
