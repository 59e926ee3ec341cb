"""The faults: what is done to a training, before it, while it runs and after it."""

import os
import pathlib
import resource
import shutil
import signal
import subprocess
import threading
import time
from contextlib import contextmanager

from shared import checkpoints, locks
from tests.support.killed import flip_a_bit, lose, truncate


def kill_at_write(number):
    """The process is killed when file `number` is about to get its name."""

    def fault():
        rename, count = os.replace, [0]

        def replace(source, target):
            count[0] += 1
            if count[0] == number:
                os.kill(os.getpid(), signal.SIGKILL)
            rename(source, target)

        os.replace = replace

    return fault


def signals(*numbers, after):
    """The process gets signals, one `after` so many seconds and the next ones at once."""

    def fault():
        def send():
            time.sleep(after)
            for number in numbers:
                os.kill(os.getpid(), number)
                time.sleep(0.001)

        threading.Thread(target=send, daemon=True).start()

    return fault


def no_space(size):
    """Whatever file is longer than `size` bytes cannot be written: what a full disk does."""

    def fault():
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    return fault


@contextmanager
def small_disk(path, size):
    """Yields a function that makes the disk under `path`, of `size` bytes, larger.

    Raises:
        OSError: this machine lets nobody mount one.
    """
    os.makedirs(path)
    _mount("-t", "tmpfs", "-o", f"size={size}", "none", path)
    try:
        yield lambda more: _mount("-o", f"remount,size={more}", path)
    finally:
        subprocess.run(["umount", path], check=True)


def _mount(*words):
    done = subprocess.run(["mount", *words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise OSError(done.stderr.strip())


def clock_going_back():
    """time.time() runs backwards."""
    start = time.time()
    time.time = lambda: 2 * start - time.clock_gettime(time.CLOCK_REALTIME)


def folder_removed(path, after):
    """The run's folder disappears while the training runs."""

    def fault():
        def remove():
            time.sleep(after)
            shutil.rmtree(path, ignore_errors=True)

        threading.Thread(target=remove, daemon=True).start()

    return fault


def damage(how, run):
    """Damages the newest checkpoint of a shared.runs.Run."""
    newest = checkpoints.recorded(run.result())[0]
    name = max(newest.files, key=lambda file: os.path.getsize(run.file(file)))
    how(pathlib.Path(run.file(name)))


def stale_lock(path):
    """The lock file of a training that is gone."""
    with open(os.path.join(path, locks.NAME), "w", encoding="utf-8"):
        pass


DAMAGE = {"truncated": truncate, "one bit flipped": flip_a_bit, "missing": lose}
