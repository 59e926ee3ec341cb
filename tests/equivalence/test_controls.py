"""Every known mistake is noticed by its check and its id is named; missing one is a failure."""

import dataclasses
import json

import numpy as np
import pytest

from equivalence import proof
from equivalence.controls import matrix as controls
from equivalence.legacy_side import LegacySide
from shared.config import CONFIGS, for_dataset
from tf1port.comparison.controls import matrix
from tf1port.comparison.controls.control import Control
from tf1port.comparison.ladder import checks
from tf1port.comparison.sides.protocol import State
from tf1port.comparison.sides.recorded import Recorded
from tf1port.pitfalls import catalogue, sequences, states, weights
from tf1port.pitfalls import images as image_changes

SIZES = {
    "window-rnn": {"window": 4, "units": 8, "batch_size": 32},
    "row-lstm": {"units": 8, "batch_size": 32},
    "nested-rnn": {"rows": 4, "units": 8, "slots": 3, "width": 4, "batch_size": 32},
    "dense": {"units": 9, "batch_size": 16},
    "conv": {"filters_0": 3, "filters_1": 4, "batch_size": 16},
}


def small(model, digits):
    return for_dataset(CONFIGS[model](**SIZES[model]), digits)


def short(config, digits):
    """The first batches; of a config with fewer rows, which are unrolled, the middle ones."""
    whole = dataclasses.replace(config, rows=28)
    batches = proof.first_batches(whole, digits, controls.MANY)
    if config.rows == 28:
        return batches
    rows = slice(12, 12 + config.rows)
    return [({name: x[:, rows] for name, x in images.items()}, y) for images, y in batches]


def named(name):
    return next(control for control in controls.CONTROLS if control.name == name)


def try_only(monkeypatch, *chosen):
    monkeypatch.setattr(controls, "CONTROLS", chosen)


@pytest.fixture(scope="module")
def dense(digits):
    """A model whose controls take a moment: config, weights and batches."""
    config = small("dense", digits)
    return config, proof.initial_weights(config), proof.first_batches(config, digits, 200)


@pytest.fixture(scope="module")
def rows(dense):
    """What became of one wrong port for each of the checks 1 to 5."""
    with pytest.MonkeyPatch.context() as patch:
        names = ("biases not loaded", "linear for relu", "softmax applied twice")
        names += ("gradients divided by the batch size twice", "weight decay")
        try_only(patch, *map(named, names))
        return controls.matrix(*dense)


@pytest.mark.slow
@pytest.mark.sampled(3)
@pytest.mark.parametrize("model", CONFIGS)
def test_every_mistake_is_noticed_by_its_check_and_its_id_is_named(digits, model):
    config = small(model, digits)
    batches = short(config, digits)
    rows = controls.matrix(config, proof.initial_weights(config), batches)
    assert [row for row in rows if not row["caught"]] == []
    due = {c.name: [c.pitfall.id] if c.named else [] for c in controls.of(config)}
    assert {row["name"]: row["pitfalls"] for row in rows} == due


def test_each_check_has_mistakes_that_it_must_notice_first():
    assert {control.check for control in controls.CONTROLS} == set(range(1, 9))


@pytest.mark.parametrize("model", CONFIGS)
def test_every_model_has_mistakes_for_each_check(digits, model):
    assert {control.check for control in controls.of(small(model, digits))} == set(range(1, 9))


def test_controls_have_names_and_one_line_each():
    names = [control.name for control in controls.CONTROLS]
    assert len(set(names)) == len(names) >= 20
    assert {model for control in controls.CONTROLS for model in control.models} == set(CONFIGS)
    assert [c for c in controls.CONTROLS if "\n" in c.description or not c.description] == []


def test_what_one_step_or_one_example_hides_is_left_out():
    one = CONFIGS["window-rnn"](window=1, batch_size=1)
    hidden = {c.name for c in controls.of(CONFIGS["window-rnn"]())} - {
        c.name for c in controls.of(one)
    }
    assert hidden == {
        "recurrent kernels transposed",
        "state not passed from step to step",
        "steps read backwards",
        "gradients cut between steps",
        "loss summed over the batch",
        "gradients divided by the batch size twice",
    }


KEYS = [
    "id",
    "name",
    "description",
    "check",
    "results",
    "caught",
    "not_run",
    "diagnosis",
    "pitfalls",
]


def test_rows_hold_what_the_report_asks_for(rows):
    assert [row["check"] for row in rows] == list(checks.NAMES[:5])
    for row in rows:
        assert list(row) == KEYS
        assert row["caught"] is True
        assert list(row["results"]) == list(checks.NAMES[:8])
        before = checks.NAMES.index(row["check"])
        expected = ["passes"] * before + ["fails"] + ["not reached"] * (7 - before)
        assert list(row["results"].values()) == expected
    assert json.loads(json.dumps(rows)) == rows
    assert matrix.exit_code(rows) == 0


def test_lines_show_mistakes_by_checks(rows):
    head, *body, last = matrix.lines(rows)
    assert head.split()[:5] == ["id", "known", "mistake", "variables", "outputs"]
    assert body[0].startswith("P1 ")
    assert "FAILS" in body[0]
    assert body[0].endswith("biases not loaded (P1)")
    assert last == "5 of 5 known mistakes are noticed where they have to be"


def test_a_right_port_in_the_list_is_a_fault(dense, monkeypatch):
    right = Control(catalogue.BIASES, lambda side: side, 5, models=("dense",))
    try_only(monkeypatch, right)
    (row,) = controls.matrix(*dense)
    assert not row["caught"]
    assert row["diagnosis"] is None
    assert "fails" not in row["results"].values()
    assert matrix.exit_code([row]) == 1
    assert matrix.lines([row])[1].endswith("not noticed at one step")


@pytest.mark.parametrize("check", [1, 3])
def test_a_mistake_noticed_by_another_check_is_a_fault(dense, monkeypatch, check):
    try_only(monkeypatch, dataclasses.replace(named("linear for relu"), check=check))
    (row,) = controls.matrix(*dense)
    assert row["results"]["outputs"] == "fails"
    assert not row["caught"]


def test_progress_sees_every_row(dense, monkeypatch):
    try_only(monkeypatch, named("linear for relu"), named("loss summed over the batch"))
    seen = []
    assert controls.matrix(*dense, progress=seen.append) == seen
    assert len(seen) == 2


@pytest.mark.parametrize(("model", "kernel"), [("row-lstm", "fused-cpu"), ("window-rnn", "fused")])
def test_fused_kernels_are_tried_by_way_of_another(monkeypatch, model, kernel):
    """They have no float64 or no lengths; a ladder for them would need other wrong ports."""
    used = []
    monkeypatch.setattr(controls, "Bench", lambda legacy, *rest: used.append(legacy.args[0]))
    monkeypatch.setattr(controls, "CONTROLS", ())
    config = CONFIGS[model](kernel=kernel)
    assert controls.matrix(config, {}, []) == []
    assert [config.kernel for config in used] == ["auto"]


def test_a_replay_answers_as_the_side_did(dense):
    config, start, batches = dense
    recorded = Recorded(LegacySide(config, start, dtype="float64"))
    first, second = recorded.replay(), recorded.replay()
    answers = [
        (one.weights(), one.train_steps(batches[:2]), one.weights()) for one in (first, second)
    ]
    before, losses, after = answers[0]
    assert np.array_equal(losses, answers[1][1])
    for name in before:
        assert np.array_equal(before[name], answers[1][0][name])
        assert np.array_equal(after[name], answers[1][2][name])
        assert not np.array_equal(before[name], after[name])


def test_a_replay_that_asks_in_another_order_is_refused(dense):
    config, start, batches = dense
    recorded = Recorded(LegacySide(config, start, dtype="float64"))
    recorded.replay().train_steps(batches[:1])
    with pytest.raises(RuntimeError, match="weights is asked in another order"):
        recorded.replay().weights()


def test_a_replay_that_was_restored_is_live(dense):
    config, start, batches = dense
    side = LegacySide(config, start, dtype="float64")
    recorded = Recorded(side)
    replay = recorded.replay()
    state = replay.state()
    replay.train_steps(batches[:1])
    replay.restore(state)
    assert np.array_equal(replay.weights()["hidden/bias"], state.weights["hidden/bias"])
    replay.train_steps(batches[:2])
    assert np.array_equal(replay.weights()["hidden/bias"], side.weights()["hidden/bias"])
    with pytest.raises(RuntimeError, match="another order"):
        recorded.replay().slots()


def drawn(config):
    stream = np.random.RandomState(3)
    return {name: stream.normal(size=shape) for name, shape in config.weight_shapes().items()}


CHANGES = [(model, change) for model in CONFIGS for change in weights.of(model)]


@pytest.mark.parametrize(("model", "change"), CHANGES, ids=lambda v: getattr(v, "cause", v))
def test_a_change_of_weights_changes_some_and_leaves_what_it_was_given(digits, model, change):
    before = drawn(small(model, digits))
    kept = {name: value.copy() for name, value in before.items()}
    after = change.apply(before)
    assert {n: v.shape for n, v in after.items()} == {n: v.shape for n, v in before.items()}
    assert any(not np.array_equal(after[name], before[name]) for name in before)
    for name, value in kept.items():
        assert np.array_equal(before[name], value)


@pytest.mark.parametrize(("model", "change"), CHANGES, ids=lambda v: getattr(v, "cause", v))
def test_a_change_that_moves_values_is_undone(digits, model, change):
    before = drawn(small(model, digits))
    after = change.apply(before)
    moves = sorted(np.concatenate([v.ravel() for v in after.values()])) == sorted(
        np.concatenate([v.ravel() for v in before.values()])
    )
    assert moves == change.moves
    if moves:
        back = weights.undone(change.apply, after)
        for name, value in before.items():
            assert np.array_equal(back[name], value)


@pytest.mark.parametrize("model", CONFIGS)
def test_changes_of_images_change_a_batch(digits, model):
    config = small(model, digits)
    images, _ = short(config, digits)[0]
    for change in image_changes.of(model):
        pairs = zip(*map(parts, (images, change.apply(images))), strict=True)
        assert any(not np.array_equal(before, after) for before, after in pairs)


def parts(images):
    return list(images.values()) if isinstance(images, dict) else [images]


def test_the_last_output_is_repeated_beyond_a_length():
    outputs = np.arange(12, dtype="float32").reshape(3, 4, 1)
    found = sequences.last_repeated(outputs, np.array([0, 2, 4], np.int32))
    assert found[:, :, 0].tolist() == [[0, 0, 0, 0], [4, 5, 5, 5], [8, 9, 10, 11]]
    assert found.dtype == np.float32


def test_changes_of_a_state_lose_what_they_say():
    ones = {"w": np.ones(2), "normalization/moving_mean": np.ones(2)}
    state = State(ones, {"w/m": np.ones(2)}, 7)
    own = State({name: value * 5 for name, value in ones.items()}, {}, 0)
    changed = {pitfall.name: change(state, own) for pitfall, change in states.RESUMED.items()}
    assert not changed["slots not loaded"].slots["w/m"].any()
    assert changed["step count not loaded"] == state._replace(count=0)
    assert changed["optimizer's state not loaded"].count == 0
    assert changed["nothing restored"] is own
    kept = changed["moving statistics not restored"].weights
    assert kept["normalization/moving_mean"].tolist() == [5, 5]
    assert kept["w"].tolist() == [1, 1]
