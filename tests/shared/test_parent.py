"""Processes whose parent is killed: none is left."""

import os
import signal
import subprocess
import sys

import pytest

from tests.support.alive import is_alive, wait_for
from tests.support.clusters import environment

CHILD = """
import os, signal, sys, time
from shared import parent
{first}
parent.end_with_starter()
signal.signal(signal.SIGTERM, lambda *_: (open("asked-%d" % os.getpid(), "w").close(), sys.exit()))
open("child-%d" % os.getpid(), "w").close()
time.sleep(600)
"""
LAUNCHER = """
import sys
from shared import cluster, local_processes
local_processes.run([sys.executable, "-c", sys.argv[1]], cluster.local(2, servers=0))
"""


def end_launcher(folder, child, number):
    """Starts two children, ends their launcher by a signal and waits until they are gone."""
    words = [sys.executable, "-W", "ignore", "-c", LAUNCHER, child]

    def children():
        names = os.listdir(str(folder))
        return [int(name[len("child-") :]) for name in names if name.startswith("child-")]

    with subprocess.Popen(words, cwd=str(folder), env=environment()) as launcher:
        wait_for(lambda: len(children()) == 2)
        launcher.send_signal(number)
        launcher.wait(60)
    wait_for(lambda: not any(map(is_alive, children())), seconds=10)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_workers_of_a_launcher_that_is_gone_are_asked_to_stop(tmp_path, number):
    end_launcher(tmp_path, CHILD.format(first=""), number)
    assert len([name for name in os.listdir(str(tmp_path)) if name.startswith("asked-")]) == 2


def test_one_that_does_not_stop_is_ended(tmp_path):
    """Though it takes no notice of the signal."""
    deaf = "parent.STOPPING = 0.1; signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])"
    end_launcher(tmp_path, CHILD.format(first=deaf), signal.SIGKILL)
    assert not [name for name in os.listdir(str(tmp_path)) if name.startswith("asked-")]


SPAWNING = """
import multiprocessing, sys
from tests.support.alive import sleep_with_parent
context = multiprocessing.get_context("spawn")
process = context.Process(target=sleep_with_parent, args=("child",), daemon=True)
process.start()
process.join()
"""


@pytest.mark.skipif(sys.version_info < (3, 8), reason="the processes are of the modern side")
def test_a_process_of_multiprocessing_ends_with_its_parent(tmp_path):
    """Though it is at work, and that was ended before it could end it."""
    words, child = [sys.executable, "-W", "ignore", "-c", SPAWNING], tmp_path / "child"
    with subprocess.Popen(words, cwd=str(tmp_path), env=environment()) as process:
        wait_for(lambda: child.exists() and child.read_text())
        process.terminate()
    wait_for(lambda: not is_alive(int(child.read_text())), seconds=10)
