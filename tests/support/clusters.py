"""Processes of a cluster on this machine, with a time limit, each ended by its id."""

import json
import os
import signal
import time
from contextlib import ExitStack, contextmanager

import numpy as np

from shared import cluster
from tests.support.alive import children_of, is_alive, wait_for
from tests.support.forks import Forked

LIMIT = 240  # s, for everything that a test waits for
NOTICED = 60  # s in which the others see that a process is gone, and end
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


class Process:
    """One process of a cluster, with the file of what it says."""

    def __init__(self, one, words, folder, number):
        self.one, self.log = one, folder / ("process-%s.txt" % number)
        self.popen = Forked(words, folder, environment=environment(one), log=self.log)

    def wait(self, seconds=LIMIT):
        """Its exit code."""
        return self.popen.wait(seconds)

    def last_line(self):
        """The last line that it wrote."""
        lines = self.log.read_text().splitlines()
        return lines[-1] if lines else ""


def environment(one=None):
    """That of a process: TF_CONFIG for a Cluster, no GPU, nothing of this process's TensorFlow."""
    values = dict(os.environ, PYTHONPATH=ROOT, CUDA_VISIBLE_DEVICES="", TF_CPP_MIN_LOG_LEVEL="3")
    values.pop(cluster.VARIABLE, None)
    return values if one is None else dict(values, **{cluster.VARIABLE: one.config()})


@contextmanager
def started(clusters, words, folder):
    """The Process of each of the Clusters; none is left at the end."""
    with ExitStack() as stack:
        processes = []
        for number, one in enumerate(clusters):
            process = Process(one, words, folder, number)
            stack.callback(process.popen.wait)
            stack.callback(process.popen.kill)
            processes.append(process)
        yield processes


def run(words, folder, *, code=0):
    """Runs a command to its end; what it printed."""
    process = Process(None, words, folder, "alone")
    try:
        ended = process.wait()
    finally:
        process.popen.kill()
    assert ended == code, process.log.read_text()
    return process.log.read_text()


def wait_for_step(path, step, processes):
    """Waits until the records of a run have a checkpoint of that step or a later one."""
    end = time.monotonic() + LIMIT
    while time.monotonic() < end:
        failed = [process for process in processes if process.popen.poll()]
        assert not failed, failed[0].log.read_text()
        try:
            if json.loads((path / "result.json").read_text())["steps"] >= step:
                return
        except (OSError, ValueError):
            pass
        time.sleep(0.02)
    raise AssertionError("no checkpoint of step %d" % step)


def changed(expected, actual):
    """The names of the arrays that are not the same to the last bit."""
    return {name for name in expected if not np.array_equal(expected[name], actual[name])}


class Trainings:
    """The trainings of one side whose final weights are compared.

    Args:
        package, strategy: of the command line.
        variables: `variables(path)`: the arrays of a run's last checkpoint, by name.
        servers: how many parameter servers there are.
        folder: where the runs are.
        model, steps: what is trained.
        options: more words of the command line.
    """

    def __init__(self, package, strategy, variables, *, servers, folder, model, steps, options=()):
        self.words = ["-m", package, "train", model, "--data", "digits", "--steps", str(steps)]
        self.words += options
        self.distributed = [*self.words, "--strategy", strategy]
        self.variables, self.servers, self.folder = variables, servers, folder
        self.steps = steps

    def one_process(self):
        """The variables that one process ends with."""
        run([*self.words, "--out", "one"], self.folder)
        return self.variables(self.folder / "one")

    def workers(self, number, *, out="workers"):
        """The variables that so many processes of a cluster end with."""
        out = "%s-%d" % (out, number)
        self._run_cluster([*self.distributed, "--out", out], number)
        return self.variables(self.folder / out)

    def launched(self, number):
        """The variables that so many workers end with, which one command starts."""
        out = "launched-%d" % number
        run([*self.distributed, "--workers", str(number), "--out", out], self.folder)
        return self.variables(self.folder / out)

    def resumed(self, out):
        """The variables that two workers end with which go on with a training."""
        self._run_cluster([*self.distributed, "--resume", "--out", out], 2)
        return self.variables(self.folder / out)

    def broken(self, code, number=2):
        """The variables that so many workers end with whose program is broken by `code`."""
        self._run_cluster(self._broken(code, "broken"), number)
        return self.variables(self.folder / "broken")

    def stopped(self, position, *, at_step, every):
        """The exit codes of the workers, one of which gets a SIGTERM, and the steps recorded."""
        clusters = cluster.local(2, servers=self.servers)
        words = [*self.distributed, "--out", str(self.folder / "stopped")]
        words += ["--checkpoint-every", str(every)]
        with started(clusters, words, self.folder) as processes:
            wait_for_step(self.folder / "stopped", at_step, processes)
            processes[position].popen.send_signal(signal.SIGTERM)
            codes = [process.wait() for process in processes]
        result = json.loads((self.folder / "stopped" / "result.json").read_text())
        return codes[self.servers :], result

    def killed(self, position, *, at_step, every):
        """The variables of a training whose process of that position is killed, then resumed.

        Also the folder's names in the end, and the last lines of the others.
        """
        clusters = cluster.local(2, servers=self.servers)
        words = [*self.distributed, "--out", str(self.folder / "killed")]
        words += ["--checkpoint-every", str(every)]
        with started(clusters, words, self.folder) as processes:
            wait_for_step(self.folder / "killed", at_step, processes)
            processes[position].popen.kill()
            processes[position].wait()
            if self.servers and position:  # whoever supervises the cluster starts it again
                again = Process(clusters[position], [*words, "--resume"], self.folder, position)
                assert again.wait() == 2, again.log.read_text()
            others = [one for one in processes if one is not processes[position]]
            codes = {one.wait(NOTICED) for one in others if not one.one.is_server}
            lines = [one.last_line() for one in others if not one.one.is_server]
        assert codes == {2}, lines
        assert (
            json.loads((self.folder / "killed" / "result.json").read_text())["steps"] < self.steps
        )
        return self.resumed("killed"), lines

    def abandoned(self, *, at_step, every):
        """The records of a training whose launcher is killed; none of its processes is left."""
        words = [*self.distributed, "--workers", "2", "--checkpoint-every", str(every)]
        launcher = Process(None, [*words, "--out", "abandoned"], self.folder, 0)
        try:
            wait_for_step(self.folder / "abandoned", at_step, [launcher])
            numbers = children_of(launcher.popen.pid)
        finally:
            launcher.popen.kill()
            launcher.popen.wait()
        assert len(numbers) == 2 + self.servers
        wait_for(lambda: not any(map(is_alive, numbers)), seconds=NOTICED)
        return json.loads((self.folder / "abandoned" / "result.json").read_text())

    def restarted(self, code):
        """The exit codes and last lines of two workers and their server, broken by `code`.

        It kills the last one, which is then started again.
        """
        words = self._broken(code, "restarted")
        clusters = cluster.local(2, servers=self.servers)
        with started(clusters, words, self.folder) as processes:
            assert processes[-1].wait() == -signal.SIGKILL, processes[-1].log.read_text()
            again = Process(clusters[-1], words, self.folder, len(clusters) - 1)
            processes = [*processes[:-1], again]
            try:
                codes = [process.wait() for process in processes]
            finally:
                again.popen.kill()
        return codes, [process.last_line() for process in processes]

    def left_alone(self, code):
        """The exit codes and last lines of two workers, broken by `code`, which kills the last."""
        words = self._broken(code, "left-alone")
        with started(cluster.local(2, servers=self.servers), words, self.folder) as processes:
            workers = processes[self.servers :]
            codes = [process.wait(NOTICED) for process in reversed(workers)][::-1]
            return codes, [process.last_line() for process in workers]

    def _run_cluster(self, words, number):
        """Runs a command in every process of a cluster with so many workers, to its end."""
        with started(cluster.local(number, servers=self.servers), words, self.folder) as processes:
            codes = [process.wait() for process in processes]
        assert not any(codes), [process.last_line() for process in processes]

    def _broken(self, code, out):
        """The command line of a process whose program is broken by `code`."""
        package, *words = self.distributed[1:]
        program = code + "\nimport sys\nfrom %s.__main__ import main\nsys.exit(main())" % package
        return ["-c", program, *words, "--out", str(self.folder / out)]
