"""Which process of a cluster this one is: TF_CONFIG, and the shard of a batch that follows from it.

TF_CONFIG is the environment variable that TensorFlow's own strategies, Kubernetes operators and
Slurm resolvers use, a JSON object:

    {"cluster": {"ps": ["host:port"], "worker": ["host:port", "host:port"]},
     "task": {"type": "worker", "index": 0}}
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import re
import socket
from contextlib import ExitStack
from typing import NamedTuple

from shared.errors import UserError

VARIABLE = "TF_CONFIG"
CHIEF, WORKER, SERVER = "chief", "worker", "ps"

_ADDRESS = re.compile(r".*[^:/]:([1-9]\d{0,4})")
_FORM = '{"cluster": {"worker": ["host:port", ...]}, "task": {"type": "worker", "index": 0}}'


class Cluster(NamedTuple):
    """The processes that train together, and which of them this one is."""

    jobs: dict[str, list[str]]  # addresses, host:port, of each job: chief, worker, ps
    job: str  # of this process
    task: int  # number of this process in its job

    @property
    def trainers(self):
        """The (job, index) of each process that trains: the chief, then the others."""
        return [
            (job, index) for job in (CHIEF, WORKER) for index in range(len(self.jobs.get(job, ())))
        ]

    @property
    def workers(self):
        """How many processes train."""
        return len(self.trainers)

    @property
    def is_server(self):
        """Whether this process holds variables and does not train."""
        return self.job == SERVER

    @property
    def is_chief(self):
        """Whether this process writes the run's folder."""
        return (self.job, self.task) == self.trainers[0]

    @property
    def shard(self):
        """The part of each batch that this process trains on: its number, and of how many."""
        return self.trainers.index((self.job, self.task)), self.workers

    def config(self):
        """The value of TF_CONFIG for this process."""
        task = {"type": self.job, "index": self.task}
        return json.dumps({"cluster": self.jobs, "task": task})


def from_environment(*, servers):
    """The Cluster of TF_CONFIG; None where it is not set.

    Args:
        servers: whether the strategy has parameter servers.

    Raises:
        UserError: TF_CONFIG is not valid, or its jobs are not those of the strategy.
    """
    text = os.environ.get(VARIABLE)
    if not text:
        return None
    cluster = _parsed(text)
    allowed = {CHIEF, WORKER, SERVER} if servers else {CHIEF, WORKER}
    unknown = sorted(set(cluster.jobs) - allowed)
    if unknown:
        raise _wrong("has the job %s: this strategy has %s" % (unknown[0], _listed(allowed)))
    if servers and len(cluster.jobs.get(SERVER, ())) != 1:
        raise _wrong('must have one address for the job "ps", of the parameter server')
    if not cluster.trainers:
        raise _wrong('has no job "worker": give it the addresses of the workers')
    if len(cluster.jobs.get(CHIEF, ())) > 1:
        raise _wrong('has more than one "chief": the others are workers')
    return cluster


def local(workers, *, servers):
    """The Clusters of `workers` processes on free ports of this machine, parameter server first.

    servers: how many parameter servers there are.
    """
    ports = iter(_free_ports(workers + servers))
    sizes = {SERVER: servers, WORKER: workers}
    jobs = {
        job: ["127.0.0.1:%d" % next(ports) for _ in range(size)]
        for job, size in sizes.items()
        if size
    }
    return [Cluster(jobs, job, index) for job in jobs for index in range(len(jobs[job]))]


def check_shards(config, workers):
    """Raises UserError where workers cannot have equal shards of a batch."""
    if config.batch_size % workers:
        raise UserError(
            "--batch-size is %d, of all workers together: give a multiple of the %d workers"
            % (config.batch_size, workers)
        )


def digest(config, split, arrays=()):
    """The SHA-256, hexadecimal, of what all workers must have in common.

    Args:
        config: the model's config.
        split: shared.datasets.Split that is trained on.
        arrays: more of it, as NumPy arrays.
    """
    value = hashlib.sha256(json.dumps(dataclasses.asdict(config), sort_keys=True).encode())
    for array in (split.images, split.labels, *arrays):
        value.update(array.tobytes())
    return value.hexdigest()


def _parsed(text):
    try:
        value = json.loads(text)
        jobs, task = value["cluster"], value["task"]
        job, index = task["type"], task["index"]
    except (ValueError, KeyError, TypeError):
        raise _wrong("is not of the form %s" % _FORM) from None
    addresses = _addresses(jobs)
    if not isinstance(job, str) or job not in jobs:
        raise _wrong("has the task type %r: choose one of the cluster's %s" % (job, _listed(jobs)))
    if isinstance(index, bool) or not isinstance(index, int) or not 0 <= index < len(jobs[job]):
        last = len(jobs[job]) - 1
        raise _wrong("has the task index %r: %s has those from 0 to %d" % (index, job, last))
    if len(set(addresses)) < len(addresses):
        raise _wrong("has an address twice: each process needs its own")
    return Cluster(jobs, job, index)


def _addresses(jobs):
    """All addresses of the jobs."""
    if not isinstance(jobs, dict) or not all(
        isinstance(one, list) and one for one in jobs.values()
    ):
        raise _wrong("is not of the form %s" % _FORM)
    addresses = [address for job in jobs.values() for address in job]
    for address in addresses:
        match = _ADDRESS.fullmatch(address) if isinstance(address, str) else None
        if not match or int(match.group(1)) > 65535:
            raise _wrong("has the address %r: give host:port" % (address,))
    return addresses


def _free_ports(count):
    """Ports of this machine that were free together a moment ago."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def _listed(names):
    return ", ".join(sorted(names))


def _wrong(text):
    return UserError("%s %s" % (VARIABLE, text))
