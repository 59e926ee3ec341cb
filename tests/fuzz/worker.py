"""A process that reads one input after the other, forked after the imports, and what it reports.

The process is killed at an input that takes too long or too much memory; another one goes on with
the next input.
"""

import contextlib
import importlib
import io
import json
import os
import random
import re
import select
import shutil
import signal
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from tf1port import limits

SECONDS = 20.0  # that one input may take
MEMORY = 1_000_000_000  # bytes that one input may take, beyond what the process has
POLL = 0.05  # s

READ, REFUSED, ENDED, FAULT = "read", "refused", "ended", "fault"


@dataclass(frozen=True)
class Reader:
    """A reader of the product.

    Attributes:
        name: for the table.
        make: writes an intact input into a folder.
        change: a damaged copy of the files in it: (random, {relative path: bytes}) to the same.
        read: reads the input in a folder, as a command does.
        reporting: what a command's `main` has around it (tf1port's or shared's).
        isolated: the command that reads runs in a process of its own, which its parent ends where a
            step of tf1port.limits takes too long: what ends it is one line.
        writes: names of files that it may write. notes: a pattern of lines before its error.
        imports: modules whose import is no part of what the first input takes.
        seconds: that one input may take; None: SECONDS.
    """

    name: str
    make: Callable[[Path], None]
    change: Callable[[random.Random, dict[str, bytes]], dict[str, bytes]]
    read: Callable[[Path], Any]
    reporting: Callable[[Callable[[], Any]], int]
    isolated: bool = False
    writes: tuple[str, ...] = ()
    notes: str = ""
    imports: tuple[str, ...] = ()
    seconds: float | None = None
    inputs: int = 2000


class Outcome(NamedTuple):
    """What became of an input.

    Attributes:
        number: of the input. kind: READ, REFUSED, ENDED or FAULT.
        words: the line of a refusal; what is wrong with a fault.
        seconds: that it took, in s. memory: bytes that it took.
    """

    number: int
    kind: str
    words: str = ""
    seconds: float = 0.0
    memory: int = 0


def made(reader: Reader, folder: Path) -> None:
    """Makes the intact input of a reader, in a process of its own: TensorFlow runs there.

    Raises:
        RuntimeError: it failed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    process = os.fork()
    if not process:
        code = 1
        try:
            reader.make(folder)
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    if os.waitpid(process, 0)[1]:
        raise RuntimeError(f"no intact input for {reader.name}")


def contents(folder: Path) -> dict[str, bytes]:
    """The files of a folder: {relative path: bytes}."""
    paths = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def input_of(
    reader: Reader, files: dict[str, bytes], *, seed: int, number: int
) -> dict[str, bytes]:
    """The input of a number; number 0 is the intact one."""
    if not number:
        return files
    stream = random.Random(f"{seed} {reader.name} {number}")
    while True:
        with contextlib.suppress(Exception):  # what is damaged twice may have no format any more
            return reader.change(stream, dict(files))


def outcomes(reader: Reader, root: Path, *, seed: int, numbers: range) -> Iterator[Outcome]:
    """Reads the inputs of some numbers. `root`: has `intact`, and is worked in."""
    files = contents(root / "intact")
    left = list(numbers)
    while left:
        worker = _Worker(reader, files, root, seed=seed, numbers=left)
        for outcome in worker.outcomes():
            yield outcome
            left = left[1:]


class _Worker:
    def __init__(
        self,
        reader: Reader,
        files: dict[str, bytes],
        root: Path,
        *,
        seed: int,
        numbers: list[int],
    ) -> None:
        self.reader, self.numbers = reader, numbers
        reading, writing = os.pipe()
        self.process = os.fork()
        if not self.process:
            os.close(reading)
            _work(reader, files, root, writing, seed=seed, numbers=numbers)
        os.close(writing)
        self.pipe = reading
        self.base = _resident(os.getpid())

    def outcomes(self) -> Iterator[Outcome]:
        """Those that the process reports, and that of the input at which it ended."""
        rest, number, since, step = b"", None, time.monotonic(), None
        try:
            while True:
                ready, _, _ = select.select([self.pipe], [], [], POLL)
                content = os.read(self.pipe, 2**16) if ready else b""
                if ready and not content:
                    if number is not None:
                        yield self._end(number, time.monotonic() - since)
                    return
                *lines, rest = (rest + content).split(b"\n")
                for line in map(json.loads, lines):
                    if isinstance(line, int):
                        number, since, step = line, time.monotonic(), None
                    elif isinstance(line, dict):
                        step = line["step"]
                    else:
                        number = None
                        yield Outcome(*line)
                ended = self._limit(number, time.monotonic() - since, step)
                if ended:
                    yield ended
                    return
        finally:
            os.close(self.pipe)
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.process, signal.SIGKILL)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(self.process, 0)

    def _end(self, number: int, seconds: float) -> Outcome:
        """The outcome of an input at which the process ended by itself."""
        code = os.waitstatus_to_exitcode(os.waitpid(self.process, 0)[1])
        words = signal.Signals(-code).name if code < 0 else f"the process ended, exit code {code}"
        return Outcome(number, ENDED if self.reader.isolated else FAULT, words, seconds)

    def _limit(self, number: int | None, seconds: float, step: str | None) -> Outcome | None:
        if number is None:
            return None
        most = self.reader.seconds or SECONDS
        if seconds > most:
            kind = ENDED if self.reader.isolated and step else FAULT
            return Outcome(number, kind, f"over {most:g} s", seconds)
        taken = _resident(self.process) - self.base
        if taken > 4 * MEMORY:
            kind = ENDED if self.reader.isolated else FAULT
            return Outcome(number, kind, f"over {4 * MEMORY / 1e9:g} GB", seconds, taken)
        return None


def _work(
    reader: Reader,
    files: dict[str, bytes],
    root: Path,
    pipe: int,
    *,
    seed: int,
    numbers: list[int],
) -> None:
    """Reads inputs and writes to a pipe the number of each, then its Outcome; never returns."""
    code = 1
    try:
        log = os.open(root / "log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(log, 1)
        os.dup2(log, 2)
        os.chdir(root)
        _without_core_file()
        for name in reader.imports:
            importlib.import_module(name)
        with os.fdopen(pipe, "w", buffering=1) as file:
            limits.configure(SECONDS, lambda step: print(json.dumps({"step": step}), file=file))
            for number in numbers:
                file.write(f"{number}\n")
                outcome = _outcome(reader, files, root / "input", seed=seed, number=number)
                file.write(json.dumps(outcome) + "\n")
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def _outcome(
    reader: Reader, files: dict[str, bytes], folder: Path, *, seed: int, number: int
) -> Outcome:
    write(input_of(reader, files, seed=seed, number=number), folder)
    before = {*folder.rglob("*")}
    errors, start, memory = io.StringIO(), time.monotonic(), _peak(reset=True)
    # Warnings as they are by default: once for each place would depend on the inputs before.
    with contextlib.redirect_stderr(errors), contextlib.redirect_stdout(io.StringIO()):
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            warnings.simplefilter("ignore", DeprecationWarning)
            code = reader.reporting(lambda: (reader.read(folder), 0)[1])
    seconds, memory = time.monotonic() - start, _peak() - memory
    words = re.sub(reader.notes, "", errors.getvalue()) if reader.notes else errors.getvalue()
    kind, words = judged(code, words)
    litter = {path.name for path in {*folder.rglob("*")} ^ before} - {*reader.writes}
    if kind != FAULT and litter:
        kind, words = FAULT, f"litter: {', '.join(sorted(litter))}"
    if kind != FAULT and memory > MEMORY:
        kind, words = FAULT, f"{memory / 1e9:.1f} GB of memory"
    return Outcome(number, kind, words, seconds, memory)


def judged(code: int, words: str) -> tuple[str, str]:
    """The kind of an outcome and its words, from the exit code and what was said of errors."""
    if code == 0 and not words:
        return READ, ""
    is_line = words.startswith("error: ") and words.count("\n") == 1 and words.endswith("\n")
    if code == 2 and is_line and words[:-1].isprintable() and len(words) < 1200:
        return REFUSED, words[:-1]
    return FAULT, f"exit code {code}: {words[:600]!a}"


def printed(text: str) -> None:
    """Raises AssertionError where a text that is printed would control a terminal."""
    assert all(line.isprintable() for line in text.split("\n")), ascii(text[:300])


def write(files: dict[str, bytes], folder: Path) -> None:
    """Writes files into a folder, which is emptied before."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


def _peak(*, reset: bool = False) -> int:
    """The most memory that this process has held, in bytes; `reset`: it counts from now on."""
    if reset:
        with open("/proc/self/clear_refs", "w", encoding="ascii") as file:
            file.write("5")
    with open("/proc/self/status", encoding="ascii", errors="replace") as file:
        line = next(line for line in file if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


def _resident(process: int) -> int:
    with contextlib.suppress(OSError, IndexError), open(f"/proc/{process}/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return 0


def _without_core_file() -> None:
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
