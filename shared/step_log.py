"""The log of a training: the same lines at the same steps on both sides."""

import sys
import threading
import time
from contextlib import contextmanager

import numpy as np
from tqdm import tqdm

from shared import batches
from shared.errors import UserError

# tqdm's own lock is one between processes: where a process of a cluster ends at once, Python warns
# after the error line that it has leaked.
tqdm.set_lock(threading.RLock())


class StepLog:
    """Keeps every step's loss and accuracy and says a line every `log_every` steps of an epoch.

    Tests are due after each epoch, and `final_tests` of them at even distances over the last tenth
    of the run, the last one after its last step.

    Attributes:
        step: steps done so far, over all epochs.
        losses, accuracies: [total_steps] float32, filled up to `step`.
        lines: one dict per log line: epoch, step, loss, accuracy, min_accuracy, seconds_per_step.
        tests: one dict per test: epoch, step, loss, accuracy, min_accuracy.
    """

    def __init__(self, config, write_line, final_tests=1):
        self.config = config
        self.write_line = write_line
        self.step = 0
        self.losses = np.zeros(config.total_steps, np.float32)
        self.accuracies = np.zeros(config.total_steps, np.float32)
        self.lines = []
        self.tests = []
        self.train_seconds = 0.0
        self._line_start = 0  # the step after which the current line begins
        self._clock = (0.0, 0)  # time and step from which the current line is timed
        self._warm = False  # whether the first call, which traces or compiles, is over
        self._due = _tests_due(config, final_tests)
        self._bar = None

    def restore(self, run, step):
        """Goes back to what `run` had recorded when it had done `step` steps."""
        losses, accuracies = run.steps()
        result = run.result()
        if len(losses) < step:
            raise UserError("%s records fewer than %d steps: train again" % (run.path, step))
        if step > self.config.total_steps:
            raise UserError(
                "%s is at step %d already: give more --steps or --epochs" % (run.path, step)
            )
        self.step = step
        self.losses[:step], self.accuracies[:step] = losses[:step], accuracies[:step]
        self.lines = [line for line in result["train"] if line["step"] <= step]
        self.tests = [test for test in result["test"] if test["step"] <= step]
        self.train_seconds = _train_seconds(result, step)
        self._line_start = self.lines[-1]["step"] if self.lines else 0
        if self.finished:
            raise UserError("%s is finished: give more --steps or --epochs to continue" % run.path)
        run.cut_log(len(self.lines) + len(self.tests))  # a killed run says more than it keeps

    def skip_to(self, step):
        """Begins after a step, where another process has the records of those before it."""
        self.step = step
        while self._line_end() <= step < self.config.total_steps:
            self._line_start = self._line_end()

    @property
    def test_due(self):
        """Whether the steps done so far are to be tested and were not yet."""
        return self.step in self._due and (not self.tests or self.tests[-1]["step"] < self.step)

    @property
    def finished(self):
        """Whether all steps and the last test are done."""
        return self.step == self.config.total_steps and not self.test_due

    @property
    def epoch(self):
        """The epoch of the next step, counted from 0."""
        return self.step // self.config.steps_per_epoch

    @property
    def step_in_epoch(self):
        """Steps that the current epoch has done."""
        return self.step % self.config.steps_per_epoch

    @property
    def next_test(self):
        """The step after which the next test is due: in the current epoch, or at its end."""
        return min((n for n in self._due if n > self.step), default=self.config.total_steps)

    @contextmanager
    def showing(self, quiet):
        """While entered, one bar over all steps, with what is left of the time; none if quiet."""
        silent = quiet or not sys.stderr.isatty()
        with tqdm(total=self.config.total_steps, unit="step", disable=silent) as self._bar:
            yield
        self._bar = None

    def start(self):
        """Starts the clock: call it before the first step of an epoch, or after a test."""
        self._clock = (time.perf_counter(), self.step)
        self._started = self._clock[0]
        if self._bar is not None and not self._bar.n:
            self._bar.initial = self._bar.n = self.step  # what a resumed run had done took no time

    def stop(self):
        """Stops the clock: call it after the last step before a test."""
        self.train_seconds += time.perf_counter() - self._started

    def add(self, losses, accuracies):
        """Records the next steps: losses [n] and accuracies [n] of n consecutive batches.

        Raises:
            UserError: a loss is not finite; the message names its step and its images.
        """
        end = self.step + len(losses)
        self.losses[self.step : end] = losses
        self.accuracies[self.step : end] = accuracies
        wrong = np.flatnonzero(~np.isfinite(self.losses[self.step : end]))
        if len(wrong):
            step = self.step + int(wrong[0])
            raise UserError(
                "the loss is %s at step %d (%s): lower --learning-rate (last checkpoint kept)"
                % (losses[wrong[0]], step + 1, self._images(step))
            )
        while self.step < end:
            self.step = min(end, self._line_end())
            if self.step == self._line_end():
                self._add_line(end)
        if self._bar is not None:
            self._bar.update(end - self._bar.n)
        if not self._warm:
            self._warm, self._clock = True, (time.perf_counter(), end)

    def add_test(self, losses, accuracies):
        """Records a test after the step reached: losses [n], accuracies [n] of its batches."""
        epoch = -(-self.step // self.config.steps_per_epoch)
        test = dict(epoch=epoch, step=self.step, **statistics(losses, accuracies))
        self.tests.append(test)
        self.write_line("epoch %(epoch)d  step %(step)5d  test  " % test + _NUMBERS % test)
        return test

    def summary(self):
        """The part of result.json that the log knows."""
        seconds = [s for s in (line["seconds_per_step"] for line in self.lines) if s is not None]
        return {
            "steps": self.step,
            "finished": self.finished,
            "train_seconds": self.train_seconds,
            "seconds_per_step": float(np.median(seconds)) if seconds else None,
            "train": self.lines,
            "test": self.tests,
        }

    def _images(self, step):
        """Which images of the training split the step after the first `step` steps saw."""
        epoch, number = divmod(step, self.config.steps_per_epoch)
        images = sorted(batches.train_plan(self.config, epoch).indices[number].tolist())
        if 1 < len(images) == images[-1] - images[0] + 1:
            return "images %d to %d" % (images[0], images[-1])
        return "images %s" % ", ".join(map(str, images))

    def _line_end(self):
        """The step at which the current line is due."""
        config = self.config
        epoch_start = self._line_start - self._line_start % config.steps_per_epoch
        line = (self._line_start - epoch_start) // config.log_every + 1
        epoch_end = epoch_start + config.steps_per_epoch
        return min(epoch_start + line * config.log_every, epoch_end, config.total_steps)

    def _add_line(self, end):
        steps = slice(self._line_start, self.step)
        epoch = self._line_start // self.config.steps_per_epoch + 1
        numbers = statistics(self.losses[steps], self.accuracies[steps])
        line = dict(epoch=epoch, step=self.step, **numbers)
        line["seconds_per_step"] = self._seconds_per_step(end)
        self.lines.append(line)
        self._line_start = self.step
        seconds = line["seconds_per_step"]
        timing = "" if seconds is None else "  %.5f s/step" % seconds
        self.write_line("epoch %(epoch)d  step %(step)5d  train " % line + _NUMBERS % line + timing)

    def _seconds_per_step(self, end):
        """Seconds per step since the clock was set; None where only the first call was seen."""
        now = time.perf_counter()
        before, step = self._clock
        self._clock = (now, end)
        return (now - before) / (end - step) if self._warm and end > step else None


def _train_seconds(result, step):
    """Seconds that were spent on the first `step` steps, as far as result.json knows."""
    of_step = {
        checkpoint["step"]: checkpoint["train_seconds"]
        for checkpoint in result.get("checkpoints", [])
    }
    return of_step.get(step, result["train_seconds"])


def _tests_due(config, final_tests):
    """The steps after which a test is due."""
    total = config.total_steps
    epochs = range(config.steps_per_epoch, total, config.steps_per_epoch)
    last = range(total, 0, -max(1, total // (10 * final_tests)))
    return {*epochs, *last[:final_tests]}


_NUMBERS = "loss %(loss).4f  accuracy %(accuracy).4f  min %(min_accuracy).4f"


def statistics(losses, accuracies):
    """Mean loss, mean accuracy and smallest accuracy of batches [n]: a dict of floats."""
    return {
        "loss": float(np.mean(losses, dtype=np.float64)),
        "accuracy": float(np.mean(accuracies, dtype=np.float64)),
        "min_accuracy": float(np.min(accuracies)),
    }
