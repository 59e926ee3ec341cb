"""The command `train` with --strategy: on several devices, or as one process of a cluster."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from contextlib import contextmanager, redirect_stdout, suppress
from typing import Any, Callable, NamedTuple, Optional

from shared import cluster, local_processes, runs
from shared.config import check_range
from shared.errors import UserError
from shared.files import remove

MAX_WORKERS = 512


class Strategy(NamedTuple):
    """A way to train on more than one device.

    Attributes:
        train: `train(run, dataset, *, workers, initial_weights)` in one process, or
            `train(run, dataset, *, cluster, initial_weights)` in each process of a cluster.
        is_cluster: whether there are several processes, which TF_CONFIG describes.
        serve: `serve(cluster)`, what a parameter server runs; None: there is none.
    """

    train: Callable[..., Any]
    is_cluster: bool
    serve: Optional[Callable[..., Any]] = None


def add_flags(parser, strategies):
    """Adds --strategy and --workers."""
    parser.add_argument(
        "--strategy",
        choices=sorted(strategies),
        help="train on several devices, or as the process of a cluster that TF_CONFIG says",
    )
    parser.add_argument(
        "--workers",
        type=int,
        metavar="N",
        help="parts of each batch; without TF_CONFIG, start so many processes here to try it out",
    )


def check(arguments):
    """Raises UserError where the flags do not fit together."""
    if arguments.workers is None:
        return
    if not arguments.strategy:
        raise UserError("--workers belongs to --strategy: pass both flags")
    check_range("--workers", arguments.workers, 1, MAX_WORKERS)


def find_cluster(strategy, workers):
    """The Cluster of TF_CONFIG; None where it is not set.

    Raises:
        UserError: TF_CONFIG is not valid, or has another number of workers.
    """
    found = cluster.from_environment(servers=strategy.serve is not None)
    if found and workers not in (None, found.workers):
        raise UserError(
            "--workers is %d, but %s has %d workers: leave out --workers"
            % (workers, cluster.VARIABLE, found.workers)
        )
    if not found and workers is None:
        raise UserError(
            "no %s: set it for each process, or pass --workers N to start N processes here"
            % cluster.VARIABLE
        )
    return found


def run_locally(package, argv, *, strategy, workers):
    """Runs the same command in a process for each task of a local cluster; returns an exit code."""
    clusters = cluster.local(workers, servers=0 if strategy.serve is None else 1)
    return local_processes.run([sys.executable, "-m", package, *argv], clusters)


def check_config(config, *, workers):
    """Raises UserError where workers cannot share the batches of a config."""
    cluster.check_shards(config, workers or 1)


@contextmanager
def process(out, one, *, resume):
    """Yields the run's folder of a process: the chief's is `out`.

    The others need one as well, and have a copy that is removed in the end; they print nothing.

    Args:
        out: the folder of the run.
        one: the Cluster.
        resume: whether it has the run already; then every process has to see it.
    """
    if one.is_chief:
        yield out
        return
    path = tempfile.mkdtemp(prefix="worker-")
    try:
        if resume:
            _copy(out, path)
        with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere):
            yield path
    finally:
        remove(path)


def leave(code):
    """Ends a process of a cluster: TensorFlow's server cannot be stopped and may hang the end."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _copy(out, path):
    """Copies the records and checkpoints of a run, as far as they are there."""
    for name in runs.recorded_files(out):
        with suppress(OSError):  # what is missing is found missing by what reads the copy
            shutil.copy(os.path.join(out, name), os.path.join(path, name))
