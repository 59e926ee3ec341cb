"""The log: the same lines however the steps come in, and after any interruption."""

import io
import json
import math
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared import step_log
from shared.batches import train_plan
from shared.config import DenseConfig, WindowRNNConfig
from shared.errors import UserError
from shared.step_log import StepLog


def config_of(*, epoch=7, epochs=2, steps=None, log_every=3):
    """A config whose epochs have `epoch` steps."""
    return WindowRNNConfig(
        window=28,
        batch_size=1,
        train_examples=epoch,
        test_examples=1,
        epochs=epochs,
        steps=steps,
        log_every=log_every,
    )


configs = st.builds(
    config_of,
    epoch=st.integers(1, 25),
    epochs=st.integers(1, 3),
    steps=st.one_of(st.none(), st.integers(1, 80)),
    log_every=st.integers(1, 12),
)


def numbers(config):
    """A loss and an accuracy for every step of a run."""
    stream = np.random.RandomState(0)
    return stream.uniform(size=(2, config.total_steps)).astype(np.float32)


def go_on(log, *, chunk=1, until=None):
    """What both sides' training loops do, `chunk` steps at a time, up to step `until`."""
    losses, accuracies = numbers(log.config)
    while not log.finished and not (log.step == until and not log.test_due):
        if log.test_due:
            log.add_test(losses[: log.step], accuracies[: log.step])
            continue
        log.start()
        end = min(log.next_test, until or math.inf)
        while log.step < end:
            steps = slice(log.step, min(log.step + chunk, end))
            log.add(losses[steps], accuracies[steps])
        log.stop()
    return log


def record_of(log):
    """What a run's folder would hold: also lines that were printed and cut off again."""
    summary = json.loads(json.dumps(log.summary()))
    steps = log.losses[: log.step].copy(), log.accuracies[: log.step].copy()
    return SimpleNamespace(
        path="RUN", result=lambda: summary, steps=lambda: steps, kept=[], cut_log=lambda n: None
    )


def without_seconds(lines):
    return [{key: line[key] for key in line if key != "seconds_per_step"} for line in lines]


def expected_lines(config):
    """The steps of the log lines, by definition: every `log_every` of an epoch, and its end."""
    steps = range(1, config.total_steps + 1)
    epoch = config.steps_per_epoch
    done = [(step, (step - 1) % epoch + 1) for step in steps]
    return [
        step
        for step, in_epoch in done
        if in_epoch % config.log_every == 0 or in_epoch == epoch or step == config.total_steps
    ]


@given(configs, st.integers(1, 30))
def test_tests_come_after_each_epoch_and_the_run_and_before_its_end_as_asked(config, count):
    log = go_on(StepLog(config, lambda line: None, final_tests=count))
    total, apart = config.total_steps, max(1, config.total_steps // (10 * count))
    epochs = {step for step in range(1, total) if step % config.steps_per_epoch == 0}
    final = {total - n * apart for n in range(count) if total - n * apart > 0}
    assert [test["step"] for test in log.tests] == sorted({total} | epochs | final)
    assert [line["step"] for line in log.lines] == expected_lines(config)


@given(configs, st.integers(1, 30))
def test_a_line_ends_at_every_500_and_at_the_ends_of_epoch_and_run(config, chunk):
    log = go_on(StepLog(config, lambda line: None), chunk=chunk)
    losses, accuracies = numbers(config)
    assert [line["step"] for line in log.lines] == expected_lines(config)
    start = 0
    for line in log.lines:
        steps = slice(start, line["step"])
        assert line["epoch"] == start // config.steps_per_epoch + 1
        assert line["loss"] == np.mean(losses[steps].astype(np.float64))
        assert line["accuracy"] == np.mean(accuracies[steps].astype(np.float64))
        assert line["min_accuracy"] == min(accuracies[steps])
        start = line["step"]


def test_mnist_has_nine_lines_per_epoch():
    config = WindowRNNConfig(epochs=1)
    log = go_on(StepLog(config, lambda line: None), chunk=100)
    expected = [500, 1000, 1500, 2000, 2500, 3000, 3500, 4000, 4296]
    assert [line["step"] for line in log.lines] == expected


@given(configs, st.integers(1, 30))
def test_a_test_follows_every_epoch_and_the_end(config, chunk):
    log = go_on(StepLog(config, lambda line: None), chunk=chunk)
    losses, accuracies = numbers(config)
    epochs = range(config.steps_per_epoch, config.total_steps + 1, config.steps_per_epoch)
    assert [test["step"] for test in log.tests] == sorted({*epochs, config.total_steps})
    for number, test in enumerate(log.tests, 1):
        assert test["epoch"] == number
        assert test["loss"] == np.mean(losses[: test["step"]].astype(np.float64))
        assert test["accuracy"] == np.mean(accuracies[: test["step"]].astype(np.float64))
        assert test["min_accuracy"] == min(accuracies[: test["step"]])


@given(configs, st.integers(1, 30), st.data())
def test_an_interrupted_run_goes_on_to_the_same_record(config, chunk, data):
    whole = go_on(StepLog(config, lambda line: None), chunk=chunk)
    log = StepLog(config, lambda line: None)
    stops = data.draw(st.lists(st.integers(1, config.total_steps - 1), max_size=3)) \
        if config.total_steps > 1 else []  # fmt: skip
    for stop in sorted(set(stops)):
        record = record_of(go_on(log, chunk=chunk, until=stop))
        log = StepLog(config, lambda line: None)
        log.restore(record, stop)
        assert log.step == stop
    go_on(log, chunk=chunk)
    assert log.losses.tobytes() == whole.losses.tobytes()
    assert log.accuracies.tobytes() == whole.accuracies.tobytes()
    assert without_seconds(log.lines) == without_seconds(whole.lines)
    assert log.tests == whole.tests


def test_a_checkpoint_older_than_the_records_counts():
    config = config_of()
    whole = go_on(StepLog(config, lambda line: None))
    log = StepLog(config, lambda line: None)
    record, cuts = record_of(go_on(StepLog(config, lambda line: None))), []
    record.cut_log = cuts.append
    log.restore(record, 7)
    assert [line["step"] for line in log.lines] == [3, 6, 7]
    assert [test["step"] for test in log.tests] == [7]
    assert cuts == [4]
    assert not log.losses[7:].any()
    assert without_seconds(go_on(log).lines) == without_seconds(whole.lines)


def test_a_test_that_was_interrupted_is_due_after_resuming():
    config = config_of()
    log = StepLog(config, lambda line: None)
    losses, accuracies = numbers(config)
    log.start()
    log.add(losses[:7], accuracies[:7])
    log.stop()
    again = StepLog(config, lambda line: None)
    again.restore(record_of(log), 7)
    assert again.test_due
    assert [test["step"] for test in go_on(again).tests] == [7, 14]


def test_a_longer_run_keeps_the_lines_of_the_shorter_one():
    short = go_on(StepLog(config_of(steps=5), lambda line: None))
    log = StepLog(config_of(steps=12), lambda line: None)
    log.restore(record_of(short), 5)
    go_on(log)
    assert [line["step"] for line in log.lines] == [3, 5, 6, 7, 10, 12]
    assert [test["step"] for test in log.tests] == [5, 7, 12]


@pytest.mark.parametrize(
    ("config", "step", "message"),
    [
        (config_of(steps=5), 6, "RUN records fewer than 6 steps: train again"),
        (config_of(steps=4), 5, "RUN is at step 5 already: give more --steps or --epochs"),
        (config_of(steps=5), 5, "RUN is finished: give more --steps or --epochs to continue"),
    ],
)
def test_what_cannot_be_resumed(config, step, message):
    record, cuts = record_of(go_on(StepLog(config_of(steps=5), lambda line: None))), []
    record.cut_log = cuts.append
    with pytest.raises(UserError) as error:
        StepLog(config, lambda line: None).restore(record, step)
    assert str(error.value) == message
    assert not cuts


@pytest.mark.parametrize("chunk", [1, 2, 5])
@pytest.mark.parametrize(("wrong", "name"), [(np.nan, "nan"), (np.inf, "inf"), (-np.inf, "-inf")])
@pytest.mark.parametrize("step", [1, 4, 5])
def test_a_loss_that_is_not_finite_stops_the_run_at_its_step(chunk, wrong, name, step):
    log = StepLog(config_of(), lambda line: None)
    losses, accuracies = numbers(log.config)
    losses[step - 1] = wrong
    losses[step:] = 12345.0
    image = train_plan(log.config, epoch=0).indices[step - 1, 0]
    place = r"at step %d \(images %d\)" % (step, image)
    message = r"^the loss is %s %s: lower --learning-rate" % (name, place)
    log.start()
    calls = range(0, step, chunk)
    for start in calls[:-1]:
        log.add(losses[start : start + chunk], accuracies[start : start + chunk])
    last = slice(calls[-1], calls[-1] + chunk)
    with pytest.raises(UserError, match=message):
        log.add(losses[last], accuracies[last])
    assert log.step == calls[-1]  # none of the last call's steps is counted


def test_the_images_of_a_loss_that_is_not_finite():
    config = WindowRNNConfig(window=28, batch_size=3, train_examples=9, test_examples=3)
    log = StepLog(config, lambda line: None)
    first = train_plan(config, epoch=0).indices[0, 0]
    with pytest.raises(UserError, match=r"\(images %d to %d\)" % (first, first + 2)):
        log.add([np.nan], [0.0])
    config = DenseConfig(batch_size=3, train_examples=90, test_examples=100)
    images = ", ".join(map(str, sorted(train_plan(config, epoch=0).indices[4])))
    log = StepLog(config, lambda line: None)
    with pytest.raises(UserError, match=r"at step 5 \(images %s\)" % images):
        log.add([0.0] * 4 + [np.inf], [0.0] * 5)


def test_due_and_finished_by_hand():
    log = StepLog(config_of(epoch=2, steps=3), lambda line: None)
    seen = []
    for event in ("start", 1, 1, "test", 1, "test"):
        if event == "start":
            log.start()
        elif event == "test":
            log.add_test([1.0], [0.5])
        else:
            log.add([1.0], [0.5])
        seen.append((log.step, log.epoch, log.step_in_epoch, log.test_due, log.finished))
    assert seen == [
        (0, 0, 0, False, False),
        (1, 0, 1, False, False),
        (2, 1, 0, True, False),
        (2, 1, 0, False, False),
        (3, 1, 1, True, False),
        (3, 1, 1, False, True),
    ]


@pytest.fixture
def clock(monkeypatch):
    """A clock that only `clock.now += seconds` moves."""
    state = SimpleNamespace(now=100.0)
    monkeypatch.setattr(step_log.time, "perf_counter", lambda: state.now)
    return state


def add_timed(log, clock, *, steps, seconds):
    clock.now += seconds
    log.add([1.0] * steps, [0.5] * steps)


def seconds_of(log):
    return [line["seconds_per_step"] for line in log.lines]


def test_the_first_call_and_the_tests_are_not_timed(clock):
    log = StepLog(config_of(epoch=8, epochs=2, log_every=4), lambda line: None)
    log.start()
    add_timed(log, clock, steps=2, seconds=64.0)  # traces
    add_timed(log, clock, steps=2, seconds=1.0)
    add_timed(log, clock, steps=2, seconds=4.0)
    add_timed(log, clock, steps=2, seconds=4.0)
    log.stop()
    clock.now += 1000.0
    log.add_test([1.0], [0.5])
    log.start()
    add_timed(log, clock, steps=4, seconds=8.0)
    add_timed(log, clock, steps=4, seconds=16.0)
    log.stop()
    assert seconds_of(log) == [0.5, 2.0, 2.0, 4.0]
    assert log.train_seconds == 64 + 1 + 4 + 4 + 8 + 16
    assert log.summary()["seconds_per_step"] == 2.0


def test_a_line_without_a_second_call_has_no_time(clock):
    log = StepLog(config_of(epoch=4, log_every=4), lambda line: None)
    log.start()
    add_timed(log, clock, steps=4, seconds=64.0)
    assert seconds_of(log) == [None]
    assert log.summary()["seconds_per_step"] is None


def test_lines_of_one_call_share_its_time(clock):
    log = StepLog(config_of(epoch=20, log_every=3), lambda line: None)
    log.start()
    add_timed(log, clock, steps=2, seconds=64.0)
    add_timed(log, clock, steps=10, seconds=5.0)
    assert seconds_of(log) == [0.5, None, None, None]


def test_a_resumed_run_has_a_first_call_of_its_own(clock):
    log = StepLog(config_of(epoch=8, log_every=4), lambda line: None)
    log.start()
    add_timed(log, clock, steps=2, seconds=64.0)
    log.stop()
    again = StepLog(log.config, lambda line: None)
    again.restore(record_of(log), 2)
    again.start()
    add_timed(again, clock, steps=1, seconds=32.0)
    add_timed(again, clock, steps=1, seconds=0.5)
    again.stop()
    assert seconds_of(again) == [0.5]
    assert again.train_seconds == 64 + 32 + 0.5


def test_what_is_said(clock):
    said = []
    log = StepLog(config_of(epoch=4, log_every=2), said.append)
    log.start()
    add_timed(log, clock, steps=2, seconds=64.0)
    clock.now += 0.5
    log.add([0.5, 1.25], [0.125, 0.5])
    log.add_test([2.0, 3.0], [1.0, 0.5])
    assert said == [
        "epoch 1  step     2  train loss 1.0000  accuracy 0.5000  min 0.5000",
        "epoch 1  step     4  train loss 0.8750  accuracy 0.3125  min 0.1250  0.25000 s/step",
        "epoch 1  step     4  test  loss 2.5000  accuracy 0.7500  min 0.5000",
    ]


def test_the_summary():
    log = go_on(StepLog(config_of(epoch=4, epochs=1), lambda line: None))
    summary = log.summary()
    assert (summary["steps"], summary["finished"]) == (4, True)
    assert (summary["train"], summary["test"]) == (log.lines, log.tests)
    assert sorted(log.tests[0]) == ["accuracy", "epoch", "loss", "min_accuracy", "step"]
    assert sorted(log.lines[0]) == [*sorted(log.tests[0])[:4], "seconds_per_step", "step"]
    assert not go_on(StepLog(config_of(), lambda line: None), until=5).summary()["finished"]


def test_means_of_float32_are_taken_in_float64():
    values = np.full(100_001, 0.1, np.float32)
    assert step_log.statistics(values, values) == {
        "loss": float(np.float32(0.1)),
        "accuracy": float(np.float32(0.1)),
        "min_accuracy": float(np.float32(0.1)),
    }


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(("quiet", "shown"), [(False, True), (True, False)])
def test_one_bar_goes_over_the_whole_training(monkeypatch, quiet, shown):
    monkeypatch.setattr(sys, "stderr", Terminal())
    config = config_of()
    log = StepLog(config, lambda line: None)
    with log.showing(quiet):
        go_on(log, chunk=5)
    assert ("%d/%d" % (config.total_steps, config.total_steps) in sys.stderr.getvalue()) is shown
    assert sys.stderr.getvalue().count("\n") == int(shown)


def test_what_a_resumed_run_had_done_takes_no_time(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    log = StepLog(config_of(), lambda line: None)
    log.step = 7
    with log.showing(False):
        log.start()
        assert (log._bar.initial, log._bar.n) == (7, 7)


@given(configs, st.integers(0, 80))
def test_a_log_that_begins_later_has_the_same_lines_and_tests(config, step):
    step = min(step, config.total_steps - 1)
    whole = go_on(StepLog(config, lambda line: None))
    later = StepLog(config, lambda line: None)
    later.skip_to(step)
    go_on(later)
    ends = [line["step"] for line in whole.lines]
    assert [line["step"] for line in later.lines] == [end for end in ends if end > step]
    tests = [test["step"] for test in whole.tests]
    assert [test["step"] for test in later.tests] == [test for test in tests if test >= step]
