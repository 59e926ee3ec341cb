"""How what convert costs grows with the size of a graph: `python -m tests.large_graphs`.

Two kinds of programs, each in several sizes: a static_rnn with lengths, all steps of which are in
the graph, and a dynamic_rnn with many dense layers, all trained. Each conversion is a process of
its own, imports and all; sizes are taken in turn, seconds and memory are medians.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
from typing import NamedTuple

from shared.tables import table
from tests.large import converting, cost

SIZES = {"steps": (196, 392, 784), "variables": (1250, 2500, 5000)}
EMPTY = ("none", 0)
UNITS, FEATURES, CLASSES = 8, 3, 4
WRITING = """
import sys
from tests.large_graphs import write
write(sys.argv[1], sys.argv[2], int(sys.argv[3]))
"""


class Size(NamedTuple):
    """A program, and where its checkpoint is."""

    kind: str
    size: int
    prefix: str

    @property
    def megabytes(self):
        """Of the graph's file; 0 where there is none."""
        return os.path.getsize(self.prefix + ".meta") / 2**20 if self.size else 0.0


def main(argv=None):
    parser = argparse.ArgumentParser(prog="python -m tests.large_graphs", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="turns of each (default: 3)")
    parser.add_argument("--json", action="store_true", help="every process instead of a table")
    arguments = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        sizes = [Size(*EMPTY, folder), *_written(folder)]
        costs = {size: [] for size in sizes}
        for _ in range(arguments.rounds):
            for size in sizes:
                costs[size].append(cost(_command(size, folder)))
        found = [(*size[:2], size.megabytes, of_size) for size, of_size in costs.items()]
    print(json.dumps(found) if arguments.json else "\n".join(lines(found)))
    return 0


def lines(found):
    """A table of medians; seconds per MB are without those of the imports."""
    rows = [("", ".meta", "seconds", "per MB", "peak")]
    start = None
    for kind, size, megabytes, costs in found:
        seconds = statistics.median(seconds for seconds, _ in costs)
        peak = statistics.median(peak for _, peak in costs)
        start = seconds if start is None else start
        name = (f"{size:,} {kind}", f"{megabytes:.1f} MB") if size else ("imports alone", "")
        rate = f"{(seconds - start) / megabytes:.2f}" if size else ""
        rows.append((*name, f"{seconds:.1f}", rate, f"{peak / 2**20:.0f} MB"))
    return table(rows, "<>>>>")


def _written(folder):
    for kind, sizes in SIZES.items():
        for size in sizes:
            prefix = os.path.join(folder, f"{kind}-{size}", "model.ckpt-0")
            cost([sys.executable, "-c", WRITING, prefix, kind, str(size)])
            yield Size(kind, size, prefix)


def _command(size, folder):
    if not size.size:
        return [sys.executable, "-c", "import tf1port.conversion.convert"]
    return converting(size.prefix, folder)


def write(prefix, kind, size):
    """Trains nothing, but writes the checkpoint of a program with an optimizer."""
    import tensorflow.compat.v1 as tf1

    from tests.tf1port.graphs import first_control_flow

    with first_control_flow(), tf1.Graph().as_default(), tf1.Session() as session:
        with tf1.variable_scope("", use_resource=False):
            logits = {"steps": _unrolled, "variables": _of_many_layers}[kind](tf1, size)
            loss = tf1.reduce_mean(tf1.square(logits - 1.0))
            tf1.train.AdamOptimizer(0.001).minimize(loss)
        session.run(tf1.global_variables_initializer())
        tf1.train.Saver().save(session, prefix)


def _unrolled(tf1, steps):
    """A static_rnn with lengths, all of whose steps are in the graph."""
    inputs = tf1.placeholder("float32", [None, steps, FEATURES], name="inputs")
    lengths = tf1.placeholder("int32", [None], name="lengths")
    cell, unrolled = tf1.nn.rnn_cell.BasicLSTMCell(UNITS), tf1.unstack(inputs, axis=1)
    outputs, _ = tf1.nn.static_rnn(cell, unrolled, dtype="float32", sequence_length=lengths)
    return tf1.layers.dense(outputs[-1], CLASSES)


def _of_many_layers(tf1, variables):
    """A dynamic_rnn and dense layers of two variables each, every one with Adam's slots."""
    inputs = tf1.placeholder("float32", [None, 6, FEATURES], name="inputs")
    outputs, _ = tf1.nn.dynamic_rnn(tf1.nn.rnn_cell.BasicLSTMCell(UNITS), inputs, dtype="float32")
    result = outputs[:, -1]
    for number in range(variables // 2):
        result += 0.01 * tf1.layers.dense(result, UNITS, tf1.nn.tanh, name=f"dense{number}")
    return tf1.layers.dense(result, CLASSES)


if __name__ == "__main__":
    sys.exit(main())
