"""The floor: how fast a training step could be if it did nothing but its matrix products.

FLOPs and bytes follow from the model's shapes, and the rates are measured: of products with these
very shapes on all cores, and of a copy of as many bytes as a step reads and writes. What the step
needs at least is the longer of the two times.
"""

from __future__ import annotations

import concurrent.futures
import itertools
import math
import os
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from threadpoolctl import threadpool_limits

from bench.variants import TWINS
from shared.config import Config

TURNS, TURN_FLOPS = 20, 5e7  # of a product, and of each thread in one of them


class Product(NamedTuple):
    """[rows, inner] x [inner, columns], so many times in a training step."""

    rows: int
    inner: int
    columns: int
    times: int

    @property
    def flops(self) -> int:
        """Multiplications and additions in a step."""
        return 2 * self.rows * self.inner * self.columns * self.times


class Layer(NamedTuple):
    """A recurrent layer: inputs, units, columns of its kernel, numbers that a step has to keep."""

    inputs: int
    units: int
    columns: int
    kept: int


def layers(config: Any) -> list[Layer]:
    """The recurrent layers of a model; none for a model that has no floor here."""
    if config.model not in TWINS:
        return []
    if config.model == "row-lstm":  # four gates, c and h
        return [Layer(config.features, config.units, 4 * config.units, 6 * config.units)]
    sizes = [config.features, *(config.units for _ in range(config.layers))]
    return [Layer(inputs, units, units, units) for inputs, units in itertools.pairwise(sizes)]


def products(config: Any) -> Iterator[Product]:
    """All products of a training step.

    Inputs and states are one matrix; the gradients of a layer's weights are one product over all
    steps; the images need no gradient.
    """
    batch, steps = config.batch_size, config.window
    for number, layer in enumerate(layers(config)):
        rows = layer.inputs + layer.units
        backward = rows if number else layer.units
        yield Product(batch, rows, layer.columns, steps)
        yield Product(batch, layer.columns, backward, steps)
        yield Product(rows, batch * steps, layer.columns, 1)
    yield Product(batch, config.units, config.classes, 1)
    yield Product(batch, config.classes, config.units, 1)
    yield Product(config.units, batch, config.classes, 1)


def flops(config: Config) -> int:
    """Of one training step; 0 for a model that has no floor here."""
    return sum(product.flops for product in products(config)) if layers(config) else 0


def step_bytes(config: Any) -> int:
    """Bytes that a training step reads and writes at least, in float32.

    Weights are read forwards and backwards, their gradients written and read, weights and Adam's
    two moments read and written; images are read twice, what a time step keeps written and read.
    """
    shapes = config.weight_shapes().items()
    weights = sum(math.prod(shape) for name, shape in shapes if "/moving_" not in name)
    moves = 10 if config.optimizer == "adam" else 6
    kept = config.features + sum(layer.kept for layer in layers(config))
    return 4 * (moves * weights + 2 * config.batch_size * config.window * kept)


def measure(config: Config) -> dict[str, float]:
    """FLOPs, bytes, both rates (per s) and the floor in s."""
    spent = sum(product.flops / _product_rate(product) for product in products(config))
    size = step_bytes(config)
    return of_rates(
        flops=flops(config), size=size, flop_rate=flops(config) / spent, byte_rate=_copy_rate(size)
    )


def of_rates(*, flops: int, size: int, flop_rate: float, byte_rate: float) -> dict[str, float]:
    """The entry of bench.json: what is needed, the rates, and the longer of the two times."""
    return {
        "flops": flops,
        "bytes": size,
        "flops_per_second": flop_rate,
        "bytes_per_second": byte_rate,
        "seconds": max(flops / flop_rate, size / byte_rate),
    }


def _product_rate(product: Product) -> float:
    """FLOPs per s of products of this shape, a thread on each core working on its own.

    NumPy's, whose BLAS has one thread here: spread over the cores, one small product is slower.
    """
    cores = os.cpu_count() or 1
    rows, inner, columns, _ = product
    size = 2 * rows * inner * columns
    each = max(1, int(TURN_FLOPS / size))  # products of a thread in a turn
    stream = np.random.RandomState(0)
    left = [stream.rand(rows, inner).astype(np.float32) for _ in range(cores)]
    right = [stream.rand(inner, columns).astype(np.float32) for _ in range(cores)]

    def work(core: int) -> None:
        target = np.empty((rows, columns), np.float32)
        for _ in range(each):
            np.matmul(left[core], right[core], out=target)

    with concurrent.futures.ThreadPoolExecutor(cores) as pool, threadpool_limits(1):
        return cores * each * size / _fastest(lambda: list(pool.map(work, range(cores))))


def _copy_rate(size: int) -> float:
    """Bytes read and written per s by a copy that moves `size` bytes."""
    source = np.ones(max(1, size // 8), np.float32)
    target = np.empty_like(source)
    return 2 * source.nbytes / _fastest(lambda: np.copyto(target, source))


def _fastest(function: Callable[[], object]) -> float:
    """The seconds of the fastest turn: disturbances only add to them."""

    def seconds() -> float:
        start = time.perf_counter()
        function()
        return time.perf_counter() - start

    return min(seconds() for _ in range(TURNS))
