"""Trainings in processes of their own, forked after the imports, which take longer than they do."""

import contextlib
import os
import pathlib
import signal
import sys
import time
import traceback
from typing import NamedTuple

from shared import runs
from shared.checkpoints import Pace
from shared.errors import UserError
from shared.reporting import reporting


class End(NamedTuple):
    """How a process ended.

    Attributes:
        code: its exit code, or minus the number of the signal that ended it.
        errors: the lines that it left on standard error.
        seconds: s that it took.
    """

    code: int
    errors: list[str]
    seconds: float

    @property
    def is_clean(self):
        """Whether it was killed, or ended without a traceback and with a code that says why."""
        traced = any(line.startswith("Traceback") for line in self.errors)
        return self.code < 0 or (self.code in (0, 2, 130, 143) and not traced)


class Training:
    """A side's training of one config, with a checkpoint every few steps.

    Args:
        side: "legacy" or "modern".
        training: the side's module `training`.
        config, dataset: what is trained.
        every: steps between two checkpoints.
    """

    def __init__(self, side, training, *, config, dataset, every):
        self.side, self.training, self.config, self.dataset = side, training, config, dataset
        self.every = every

    def run(self, path, *, fault=None, kill_after=None):
        """Goes on with the run in `path`, or begins one, in a process; returns its End.

        Args:
            path: the run's folder.
            fault: called in the process before it trains.
            kill_after: s after which the process is killed; None: it is not.
        """
        start, log = time.monotonic(), pathlib.Path(f"{path}.errors")
        log.touch()  # the process may be killed before it writes a line
        process = os.fork()
        if not process:
            self._train_and_exit(path, log, fault)
        if kill_after is not None:
            time.sleep(kill_after)
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        _, status = os.waitpid(process, 0)
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
        # TensorFlow's own lines begin with a level and a date.
        errors = [line for line in lines if not line[1:5].isdigit()]
        return End(os.waitstatus_to_exitcode(status), errors, time.monotonic() - start)

    def _train_and_exit(self, path, log, fault):
        code = 70
        try:
            descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
            os.dup2(descriptor, 2)
            if fault:
                fault()
            code = reporting(lambda: self._train(path))
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(code)

    def _train(self, path):
        run = self._open(path)
        run.quiet, run.pace = True, Pace(steps=self.every, seconds=float("inf"))
        result = self.training.train(run, self.dataset)
        return 0 if result["finished"] else 128 + (run.signal or 0)

    def _open(self, path):
        model = self.config.model
        try:
            begun = runs.open_run(path, self.side, model=model).result()
        except UserError:
            begun = None
        if begun:
            return runs.resume_run(path, self.side, model=model, changes={})
        return runs.create_run(path, self.side, config=self.config, dataset=self.dataset.name)
