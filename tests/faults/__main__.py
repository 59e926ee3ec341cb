"""Drives faults into trainings of both sides and prints what became of them: make test-faults.

Every training that is hit is resumed, and has to end in the bytes of one that nothing hit: losses,
accuracies, log lines, weights and optimizer state.
"""

import argparse
import dataclasses
import importlib
import io
import os
import pathlib
import random
import signal
import sys
import tempfile
import zipfile

import h5py

from shared import datasets, locks, runs
from shared.config import CONFIGS, for_dataset
from shared.tables import table
from tests.faults import kinds
from tests.faults.processes import Training
from tests.support.killed import records

SIDES = {"legacy": "legacy_tf1.training", "modern": "modern_tf2.training"}
PARTS = ("results", "checkpoints", "log", "steps", "files", "values")
STEPS, EVERY = 60, 7  # of a training, and between two checkpoints


@dataclasses.dataclass
class Row:
    """What became of one kind of fault.

    Attributes:
        fault, side: which, and where.
        trials: how often it was tried.
        equal: how many ended in the bytes of the training that nothing hit.
        anew: how many had to begin anew, as nothing was saved yet.
        lost: s of work that a resumed one lost, at most.
        unclean: what was wrong with a process's end: a traceback, a wrong exit code.
    """

    fault: str
    side: str
    trials: int = 0
    equal: int = 0
    anew: int = 0
    lost: float = 0.0
    unclean: list[str] = dataclasses.field(default_factory=list)

    @property
    def passed(self):
        """Whether nothing was lost and every process ended as it should."""
        return self.equal == self.trials and not self.unclean

    def cells(self):
        """The row of the printed table."""
        lost = f"{self.lost:.1f}" if self.lost else "-"
        counts = [str(n) for n in (self.trials, self.equal, self.anew)]
        return [self.side, self.fault, *counts, lost, str(len(self.unclean))]


class Trials:
    """The faults of one side, in folders below `root`."""

    def __init__(self, training, root, stream):
        self.training, self.root, self.stream = training, pathlib.Path(root), stream
        self.side, self.number = training.side, 0
        whole = self._folder("whole")
        end = training.run(whole)
        assert end.code == 0, end
        self.seconds, self.expected = end.seconds, self._state(whole)

    def killed(self, count):
        """SIGKILL at random moments."""
        row = Row("kill -9 at a random moment", self.side)
        for _ in range(count):
            path = self._folder("killed")
            self.training.run(path, kill_after=self.stream.uniform(0, self.seconds))
            self._finish(row, path)
        return row

    def killed_while_writing(self, count):
        """SIGKILL as a file gets its name."""
        row = Row("kill -9 within a write", self.side)
        for number in range(1, count + 1):
            path = self._folder("write")
            self.training.run(path, fault=kinds.kill_at_write(number))
            self._finish(row, path)
        return row

    def signalled(self, name, *numbers, codes, count):
        """A signal, or several, at random moments."""
        row = Row(name, self.side)
        for _ in range(count):
            path = self._folder("signal")
            after = self.stream.uniform(0.2, 0.8) * self.seconds
            end = self.training.run(path, fault=kinds.signals(*numbers, after=after))
            self._end(row, end, codes)
            self._finish(row, path)
        return row

    def disk_full(self, count):
        """A disk that is full in the middle, and larger afterwards."""
        row = Row("disk full", self.side)
        for _ in range(count):
            path = self._folder("full")
            whole = sum(f.stat().st_size for f in self._folder("whole").rglob("*") if f.is_file())
            size = int(whole * self.stream.uniform(0.3, 0.9))
            with kinds.small_disk(str(path), size) as grow:
                self._end(row, self.training.run(path), (2,))
                grow(10 * whole)
                self._finish(row, path)
        return row

    def file_limit(self, count):
        """Files that cannot grow beyond a size (ulimit -f)."""
        row = Row("file size limited", self.side)
        for _ in range(count):
            path = self._folder("limit")
            size = self.stream.randint(2_000, 60_000)
            self._end(row, self.training.run(path, fault=kinds.no_space(size)), (2,))
            self._finish(row, path)
        return row

    def damaged(self, count):
        """The newest checkpoint of a killed training is damaged."""
        rows = []
        for name, how in kinds.DAMAGE.items():
            row = Row(f"checkpoint {name}", self.side)
            for _ in range(count):
                path = self._folder("damaged")
                self.training.run(path, fault=kinds.kill_at_write(self.stream.randint(12, 24)))
                kinds.damage(how, runs.open_run(path, self.side, model=self._model))
                self._finish(row, path)
            rows.append(row)
        return rows

    def others(self, count):
        """A folder that disappears, a stale lock, a clock that goes back."""
        gone, stale, clock = (
            Row(name, self.side) for name in ("folder removed", "stale lock", "clock going back")
        )
        for _ in range(count):
            path = self._folder("removed")
            after = self.stream.uniform(0.3, 0.7) * self.seconds
            end = self.training.run(path, fault=kinds.folder_removed(path, after))
            self._end(gone, end, (0, 2))
            self._finish(gone, path)
            path = self._folder("stale")
            self.training.run(path, kill_after=self.stream.uniform(0.5, 1) * self.seconds)
            path.mkdir(exist_ok=True)
            kinds.stale_lock(path)
            self._finish(stale, path)
            path = self._folder("clock")
            self._end(clock, self.training.run(path, fault=kinds.clock_going_back), (0,))
            self._finish(clock, path, finished=True)
        return [gone, stale, clock]

    @property
    def _model(self):
        return self.training.config.model

    def _folder(self, name):
        if name == "whole":
            return self.root / self.side / name
        self.number += 1
        (self.root / self.side).mkdir(exist_ok=True)
        return self.root / self.side / f"{name}-{self.number}"

    def _end(self, row, end, codes):
        if end.code not in codes or not end.is_clean:
            row.unclean.append(f"exit code {end.code}: {' | '.join(end.errors[-3:])}")

    def _finish(self, row, path, *, finished=False):
        """Resumes a training to its end, and compares that with the one that nothing hit."""
        saved = path / "result.json"
        row.trials += 1
        if saved.exists():
            row.lost = max(row.lost, _last_write(path) - saved.stat().st_mtime)
        else:
            row.anew += 1
        if not finished and not self._is_finished(path):
            self._end(row, self.training.run(path), (0,))
        state = self._state(path) if saved.exists() else None
        row.equal += state == self.expected
        if state != self.expected:
            parts = [name for name in PARTS if state is None or state[name] != self.expected[name]]
            row.unclean.append(f"{path.name} differs in {', '.join(parts)}")

    def _is_finished(self, path):
        try:
            return runs.open_run(path, self.side, model=self._model).result()["finished"]
        except Exception:
            return False

    def _state(self, path):
        """The records of a finished run and the bytes of its newest checkpoint's values."""
        newest = runs.open_run(path, self.side, model=self._model).checkpoint()
        parts = [*records(path), _values(newest)]
        parts[4] = [name for name in parts[4] if name != locks.NAME]
        return dict(zip(PARTS, parts, strict=True))


def _last_write(path):
    """The time of the last write in a folder."""
    return max((file.stat().st_mtime for file in path.rglob("*")), default=0.0)


def _values(checkpoint):
    """The bytes of a checkpoint's values, by file or by name; without TensorFlow: see Training."""
    if not checkpoint.endswith(".keras"):
        files = pathlib.Path(checkpoint).parent.glob(pathlib.Path(checkpoint).name + ".*")
        return {file.name: file.read_bytes() for file in files if file.suffix != ".meta"}
    with zipfile.ZipFile(checkpoint) as archive:
        content = io.BytesIO(archive.read("model.weights.h5"))
    values = {}

    def note(name, item):
        if isinstance(item, h5py.Dataset):
            values[name] = item[()].tobytes()

    with h5py.File(content) as file:
        file.visititems(note)
    return values


def rows_of(trials, count):
    """Drives every fault; yields Rows. `count`: trials by SIGKILL, others are a tenth of it."""
    few = max(2, count // 10)
    yield trials.killed(count)
    yield trials.killed_while_writing(min(count, 40))
    yield trials.signalled("SIGTERM", signal.SIGTERM, codes=(143, 0), count=few)
    yield trials.signalled("Ctrl-C", signal.SIGINT, codes=(130, 0), count=few)
    twice = (signal.SIGINT, signal.SIGINT)
    yield trials.signalled("Ctrl-C twice", *twice, codes=(130, 0), count=few)
    try:
        yield trials.disk_full(few)
    except OSError as error:
        print(f"disk full: not tried, {error}", file=sys.stderr)
    yield trials.file_limit(few)
    yield from trials.damaged(few)
    yield from trials.others(few)


HEAD = ["side", "fault", "trials", "equal", "begun anew", "s lost", "unclean"]


def main(argv=None):
    """Drives the faults; returns 1 if anything was lost or ended other than it should."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--side", choices=sorted(SIDES), action="append")
    parser.add_argument("--model", choices=sorted(CONFIGS), default="dense")
    parser.add_argument("--trials", type=int, default=100, metavar="N", help="by kill -9")
    parser.add_argument("--seed", type=int, default=0, metavar="N")
    arguments = parser.parse_args(argv)
    os.environ.update(TF_CPP_MIN_LOG_LEVEL="3", CUDA_VISIBLE_DEVICES="")
    found = []
    dataset = datasets.load("digits")
    config = dataclasses.replace(
        for_dataset(CONFIGS[arguments.model](epochs=9), dataset), steps=STEPS
    )
    for side in arguments.side or SIDES:
        training = importlib.import_module(SIDES[side])  # before the first process is forked
        one = Training(side, training, config=config, dataset=dataset, every=EVERY)
        with tempfile.TemporaryDirectory() as root:
            os.makedirs(os.path.join(root, side))
            trials = Trials(one, root, random.Random(arguments.seed))
            for row in rows_of(trials, arguments.trials):
                print(".", end="", file=sys.stderr, flush=True)
                found.append(row)
    print(file=sys.stderr)
    print("\n".join(table([HEAD, *(row.cells() for row in found)], "<<>>>>>")))
    for row in found:
        for line in dict.fromkeys(row.unclean):
            print(f"{row.side}, {row.fault}: {line}")
    return 0 if all(row.passed for row in found) else 1


if __name__ == "__main__":
    sys.exit(main())
