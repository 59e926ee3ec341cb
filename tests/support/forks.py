"""Commands in processes of their own, forked after TensorFlow's import, which takes longest."""

import atexit
import multiprocessing
import os
import runpy
import signal
import sys
import traceback
import warnings

# Libraries alone: of the project, each process imports what its own command does.
_LIBRARIES = ["tensorflow", "keras", "tf_keras", "sklearn.datasets"]


class Forked:
    """A running command; of the interface of Popen what the tests use.

    Args:
        words: of the command, as after `python`: -m MODULE or -c CODE, then its arguments.
        folder: its working folder.
        environment: its environment variables.
        log: the file to which it appends what it prints.
    """

    def __init__(self, words, folder, *, environment, log):
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(_LIBRARIES)
        given = (words, str(folder), environment, str(log))
        self._process = context.Process(target=_run, args=given, daemon=True)
        self._process.start()
        self.pid = self._process.pid

    def poll(self):
        """Its exit code, minus the number of the signal that ended it; None: it still runs."""
        return self._process.exitcode

    def wait(self, seconds=None):
        """Its exit code. Raises AssertionError if it takes longer than that."""
        self._process.join(seconds)
        assert self.poll() is not None, "it has not ended after %s s" % seconds
        return self.poll()

    def kill(self):
        """Ends it at once."""
        self.send_signal(signal.SIGKILL)

    def send_signal(self, number):
        """Sends it a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)


def _run(words, folder, environment, log):
    """Runs the command in this process, as the interpreter would."""
    for descriptor, path, flags in [
        (0, os.devnull, os.O_RDONLY),
        (1, log, os.O_WRONLY | os.O_APPEND | os.O_CREAT),
        (2, log, os.O_WRONLY | os.O_APPEND | os.O_CREAT),
    ]:
        os.dup2(os.open(path, flags, 0o666), descriptor)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    warnings.simplefilter("ignore")
    kind, what, *arguments = words
    code = 1
    try:
        sys.argv = [kind, *arguments]
        if kind == "-m":
            runpy.run_module(what, run_name="__main__", alter_sys=True)
        else:
            exec(compile(what, "<string>", "exec"), {"__name__": "__main__"})
        code = 0
    except SystemExit as end:
        code = end.code or 0
    except BaseException:
        traceback.print_exc()
    finally:
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
