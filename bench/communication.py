"""What a step of many workers would cost on the network: python -m bench.communication MODEL.

A model, not a measurement: bytes from the sizes of the variables, latency and rate measured between
two processes' sockets on this machine, or given for another network.
"""

import math
import multiprocessing
import socket
import statistics
import sys
import time

from shared import flags
from shared.config import CONFIGS
from shared.errors import UserError
from shared.reporting import reporting

WORKERS = (2, 8, 64, 512)
_PINGS, _BYTES = 2000, 1 << 26


def main(argv=None):
    """Prints the table; returns 0, or 2 for bad input."""
    return reporting(lambda: _run(argv))


def make_parser():
    """The parser of the command line."""
    text = "Model the seconds that workers spend on the network in a training step."
    parser = flags.Parser(prog="python -m bench.communication", description=text)
    parser.add_argument("model", choices=sorted(CONFIGS), metavar="MODEL", help=", ".join(CONFIGS))
    parser.add_argument("--latency", type=float, metavar="S", help="one way (default: measured)")
    parser.add_argument("--rate", type=float, metavar="BYTES", help="per s (default: measured)")
    return parser


def bytes_per_step(config):
    """The bytes of all gradients: float32, of the variables that are trained."""
    shapes = config.weight_shapes().items()
    return 4 * sum(math.prod(shape) for name, shape in shapes if "/moving_" not in name)


def all_reduce_seconds(size, *, workers, latency, rate):
    """A ring all-reduce of `size` bytes: each of 2 (N - 1) turns sends an N-th of them."""
    return 2 * (workers - 1) * (latency + size / workers / rate)


def server_seconds(size, *, workers, latency, rate):
    """One parameter server: weights to each worker and gradients back, all over its one link."""
    return 2 * (latency + workers * size / rate)


def measure():
    """Latency, s one way, and rate, bytes per s, between two processes of this machine."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = server.getsockname()
        context = multiprocessing.get_context("spawn")
        other = context.Process(target=_answer, args=(address,), daemon=True)
        other.start()
        server.settimeout(60)
        connection, _ = server.accept()
    with connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        latency = statistics.median(_round_trip(connection, 1) for _ in range(_PINGS)) / 2
        rate = 2 * _BYTES / _round_trip(connection, _BYTES)
    other.join(60)
    return latency, rate


def lines(config, *, latency, rate):
    """The table as lines of text."""
    size = bytes_per_step(config)
    yield f"a model: {size} bytes of gradients; {latency:.2e} s one way, {rate:.2e} bytes per s"
    yield f"{'workers':>8} {'all-reduce, s':>14} {'one parameter server, s':>24}"
    for workers in WORKERS:
        network = {"workers": workers, "latency": latency, "rate": rate}
        ring, server = all_reduce_seconds(size, **network), server_seconds(size, **network)
        yield f"{workers:>8} {ring:>14.6f} {server:>24.6f}"


def _run(argv):
    arguments = make_parser().parse_args(argv)
    given = {"--latency": arguments.latency, "--rate": arguments.rate}
    for flag, value in given.items():
        if value is not None and not 0 < value < math.inf:
            raise UserError(f"{flag} is {value}: give a finite value above 0")
    latency, rate = given.values()
    if latency is None or rate is None:
        measured = measure()
        latency, rate = latency or measured[0], rate or measured[1]
    print("\n".join(lines(CONFIGS[arguments.model](), latency=latency, rate=rate)))
    return 0


def _round_trip(connection, size):
    """The seconds in which so many bytes go out and come back, a block at a time."""
    block = bytes(min(size, 1 << 16))
    start = time.perf_counter()
    for _ in range(size // len(block)):
        connection.sendall(block)
        _receive(connection, len(block))
    return time.perf_counter() - start


def _answer(address):
    """The other process: sends back what comes."""
    with socket.create_connection(address) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while data := connection.recv(1 << 16):
            connection.sendall(data)


def _receive(connection, size):
    while size:
        data = connection.recv(size)
        if not data:
            raise ConnectionError("the other process is gone")
        size -= len(data)


if __name__ == "__main__":
    sys.exit(main())
