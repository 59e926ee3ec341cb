"""For all tests: no network, no cache of the user's; and one short training per side."""

import os
import random
import socket
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import settings

from shared import weights
from shared.config import CONFIGS
from tests.support.sampling import (  # noqa: F401 (pytest finds its hooks here)
    pytest_addoption,
    pytest_collection_modifyitems,
)

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

# The same examples in every run, and no limit on the time of one: the machine may be busy.
settings.register_profile("steady", derandomize=True, deadline=None)
settings.load_profile("steady")


@pytest.fixture(scope="session", autouse=True)
def offline(tmp_path_factory):
    """A download is refused at once, and the Keras cache is empty."""
    with pytest.MonkeyPatch.context() as patch, socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # bound but not listening: connections are refused
        patch.setenv("MNIST_URL", "http://127.0.0.1:%d/mnist.npz" % closed.getsockname()[1])
        patch.setenv("KERAS_HOME", str(tmp_path_factory.mktemp("keras")))
        patch.setenv("no_proxy", "127.0.0.1")
        yield


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup():
    """Weights that a test draws without a seed are the same ones in every run.

    Keras' and tf_keras' initializers ignore the graph seed, but draw from Python's stream. Before
    all fixtures, for those of a module draw as well.
    """
    random.seed(0)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """A file's tests stay on one worker, those of all files here beside on the same one.

    For those share the runs of `trained` and `resumed`, which every worker would train for itself.
    """
    from xdist.scheduler import LoadFileScheduling

    class Scheduling(LoadFileScheduling):
        def _split_scope(self, nodeid):
            file = super()._split_scope(nodeid)
            return "runs" if os.path.dirname(file) == "tests" else file

    # In the order of their names, those that start processes and take longest are not the last.
    config.option.loadscopereorder = False
    return Scheduling(config, log)


class Sides:
    """Starts the command lines of both sides at once, as a user's shell would."""

    def __init__(self, folder):
        self.folder = folder
        self.packages = {"legacy": "legacy_tf1", "modern": "modern_tf2"}

    def run(self, *words, code=None):
        """Runs `python -m PACKAGE WORDS` on each side; `code` takes the package's place.

        Returns a CompletedProcess per side. `{package}` and `{side}` are filled in.
        """
        program = ["-m", "{package}"] if code is None else ["-c", code]
        return self.wait({side: self._command(side, [*program, *words]) for side in self.packages})

    def wait(self, commands):
        """Runs one command per side at once."""
        started = {side: self._start(command) for side, command in commands.items()}
        return {side: self._finish(process) for side, process in started.items()}

    def _command(self, side, words):
        names = {"side": side, "package": self.packages[side]}
        return [sys.executable, *(word.format(**names) for word in words)]

    def _start(self, command):
        # What the two packages set for themselves must not come from this process.
        ours = {"TF_USE_LEGACY_KERAS", "KERAS_BACKEND", "TF_CPP_MIN_LOG_LEVEL"}
        environment = {name: value for name, value in os.environ.items() if name not in ours}
        path = os.path.dirname(sys.executable) + os.pathsep + environment.get("PATH", "")
        return subprocess.Popen(
            command,
            cwd=str(self.folder),
            env=dict(environment, PYTHONPATH=ROOT, PATH=path, PYTHONIOENCODING="utf-8"),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )

    def _finish(self, process):
        try:
            output, errors = process.communicate(timeout=240)
        finally:
            process.kill()
        return subprocess.CompletedProcess(process.args, process.returncode, output, errors)


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """A run of each side from the same weights: `folder`/legacy and `folder`/modern.

    Its 546 steps per epoch make a log line within the first epoch and a short second one.
    """
    sides = Sides(tmp_path_factory.mktemp("runs"))
    flags = ["--data", "digits", "--window", "8", "--batch-size", "50", "--steps", "600"]
    stream = np.random.RandomState(0)
    shapes = CONFIGS["window-rnn"]().weight_shapes()
    initial = {
        name: stream.uniform(-0.2, 0.2, size=shape).astype(np.float32)
        for name, shape in shapes.items()
    }
    weights.save(sides.folder / "init.npz", initial)
    flags += ["--init", str(sides.folder / "init.npz")]
    done = sides.run("train", "window-rnn", *flags, "--out", "{side}")
    assert [process.returncode for process in done.values()] == [0, 0], done
    return SimpleNamespace(
        folder=sides.folder, sides=sides, flags=flags, initial=initial, processes=done
    )


# A SIGINT out of the 250th step; the modern side notes it after the 300th, when Keras is back.
_INTERRUPTED = """
import os, signal, sys
from shared.step_log import StepLog
from {package}.__main__ import main

add = StepLog.add

def add_and_interrupt(log, losses, accuracies):
    add(log, losses, accuracies)
    if log.step >= 250:
        os.kill(os.getpid(), signal.SIGINT)

StepLog.add = add_and_interrupt
sys.exit(main())
"""


@pytest.fixture(scope="session")
def resumed(trained):
    """The same training, interrupted and resumed: `folder`/legacy again, `folder`/modern again."""
    words = ["train", "window-rnn", *trained.flags, "--out", "{side} again"]
    stopped = trained.sides.run(*words, code=_INTERRUPTED)
    results = {
        side: (trained.folder / (side + " again") / "result.json").read_text() for side in stopped
    }
    commands = {
        side: process.stdout.splitlines()[-1].partition("continue with: ")[2]
        for side, process in stopped.items()
    }
    done = trained.sides.wait({side: ["sh", "-c", commands[side]] for side in commands})
    return SimpleNamespace(stopped=stopped, results=results, processes=done)
