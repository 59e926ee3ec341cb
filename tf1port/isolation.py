"""A command in a process of its own, with limits of time and memory.

A graph is code of a third party: it may never end, exhaust memory or make TensorFlow abort. So
the command that reads it runs in a child process (tf1port._worker). This one imports nothing
large, prints the child's output, and reports in one line what ended it otherwise.
"""

import contextlib
import glob
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from typing import Any

from tf1port import limits, memory, terminal
from tf1port.command_line import TRACEBACK, check, parser, report_folder, reporting
from tf1port.errors import UserError, printable

WORKER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "_worker.py")
POLL = 0.05  # s between two looks at the child's memory
GRACE = 1.0  # s beyond a step's limit, in which the child can report it itself


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command in a process of its own; returns its exit code.

    That is 2 where the child is ended by a limit, a signal or TensorFlow.
    """
    return reporting(lambda: _run(sys.argv[1:] if argv is None else list(argv)))


def _run(argv: list[str]) -> int:
    arguments = parser().parse_args(argv)
    check(arguments)
    if arguments.command in ("scan", "explain"):  # they read text, and run nothing
        from tf1port import __main__

        return __main__.main(argv)
    seconds = limits.SECONDS if arguments.time_limit is None else arguments.time_limit
    memory_limit = memory.limit(arguments)
    with _scratch() as folder, _raising_on_termination():
        child = Child(argv, folder, seconds=seconds)
        try:
            answer = child.watch(seconds=seconds, most=memory_limit)
        finally:
            child.end()
            _remove_unfinished(arguments, child.process.pid)
    printed = answer["printed"]
    sys.stdout.write(printed if arguments.json else terminal.painted(printed, sys.stdout))
    return int(answer["code"])


class Child:
    """The process that runs a command.

    Args:
        argv: the command line. folder: for its temporary files. seconds: that a step may take.
    """

    def __init__(self, argv: list[str], folder: str, *, seconds: float) -> None:
        self.log = os.path.join(folder, "log")
        self.events, writing = os.pipe()
        stderr = os.dup(2)
        request = {
            "argv": argv,
            "seconds": seconds,
            "events": writing,
            "stderr": stderr,
            "path": sys.path,
        }
        with open(self.log, "wb") as log:
            output: Any = None if os.environ.get(TRACEBACK) else log
            self.process = subprocess.Popen(
                [sys.executable, *_flags(), WORKER],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                pass_fds=(writing, stderr),
                env={
                    "CUDA_VISIBLE_DEVICES": "",
                    **os.environ,
                    "TMPDIR": folder,
                    # Its own standard output is no terminal, whatever this one's is.
                    terminal.COLUMNS: str(terminal.columns(sys.stdout) or ""),
                },
            )
        os.close(writing)
        os.close(stderr)
        self._send(request)
        self.step: str | None = None
        self.since = time.monotonic()

    def watch(self, *, seconds: float, most: int) -> dict[str, Any]:
        """The child's answer.

        Args:
            seconds: that a step may take. most: bytes of memory that the child may use.

        Raises:
            UserError: it was ended before it answered.
        """
        rest = b""
        while True:
            ready, _, _ = select.select([self.events], [], [], POLL)
            read = os.read(self.events, 2**16) if ready else b""
            if ready and not read:
                raise UserError(self._ended())
            *lines, rest = (rest + read).split(b"\n")
            for event in map(json.loads, lines):
                if "code" in event:
                    return event
                self.step, self.since = event["step"], time.monotonic()
            if self.step and time.monotonic() - self.since > self._allowed(seconds):
                raise UserError(limits.exceeded(self.step, seconds))
            used = memory.resident(self.process.pid)
            if used > most:
                raise UserError(memory.exceeded(used, most, self.step))

    def _allowed(self, seconds: float) -> float:
        return limits.allowed(self.step or "", seconds) + GRACE

    def end(self) -> None:
        """Ends the process, if it has not ended by itself."""
        if self.process.poll() is None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(timeout=POLL)  # it has answered and is about to
            self.process.kill()
        self.process.wait()
        os.close(self.events)
        if self.process.stdin:
            with contextlib.suppress(OSError):
                self.process.stdin.close()

    def _send(self, request: dict[str, Any]) -> None:
        assert self.process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # it has ended already: `watch` reports it
            self.process.stdin.write(json.dumps(request).encode() + b"\n")
            self.process.stdin.flush()

    def _ended(self) -> str:
        """Why the process ended without an answer."""
        code = self.process.wait()
        doing = f" while {self.step}" if self.step else ""
        if code == -signal.SIGABRT:
            why = f" ({reason})" if (reason := self._reason()) else ""
            return f"TensorFlow aborted{doing}{why}: the files are damaged, or made to do that"
        if code < 0:
            names = {number.value: number.name for number in signal.Signals}
            name = names.get(-code, f"signal {-code}")
            return f"{name} ended the process{doing}: it crashed, or the system was out of memory"
        why = f" ({reason})" if (reason := self._reason()) else ""
        return f"the process ended without an answer{doing}{why}: the files are not to be trusted"

    def _reason(self) -> str:
        """The last error message in the log."""
        with open(self.log, encoding="utf-8", errors="replace") as file:
            lines = [line.strip() for line in file.readlines()[-100:]]
        failures = [line for line in lines if "Check failed" in line or "Error" in line]
        return printable(failures[0].rpartition("] ")[2])[:200] if failures else ""


@contextlib.contextmanager
def _scratch() -> Iterator[str]:
    """A folder for temporary files, which is removed however the child ends."""
    folder = tempfile.mkdtemp(prefix="tf1port-")
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _raising_on_termination() -> Iterator[None]:
    """SIGTERM ends this process as Ctrl-C does: the child ends with it."""

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _flags() -> list[str]:
    """The interpreter's own flags, and -P: modules beside the worker's file are not imported."""
    return ["-P", *subprocess._args_from_interpreter_flags()]  # type: ignore[attr-defined]


def _remove_unfinished(arguments: Any, pid: int) -> None:
    """Removes unfinished files of a child that was ended (tf1port.files.replacing)."""
    target = getattr(arguments, "to", None)
    folders = [os.path.dirname(target) or "."] if target else []
    if arguments.command == "compare":
        folders.append(report_folder(arguments))
    for folder in folders:
        for path in glob.glob(os.path.join(glob.escape(folder), f".part-{pid}-*")):
            if os.path.isdir(path):
                shutil.rmtree(path, ignore_errors=True)
            else:
                with contextlib.suppress(OSError):
                    os.remove(path)
