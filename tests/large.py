"""What converting a large checkpoint costs, beside reading it: `python -m tests.large`.

A synthetic checkpoint of a stacked LSTM with Adam's slots is written to a temporary folder, with
and without its `.meta`. Each command runs in a process of its own, imports and all, in turn with
the others; seconds are medians, memory is the largest that a process ever used. A process counts
what its parent used when it was started, so that this one imports nothing large.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from typing import NamedTuple

from shared.tables import table

LAYERS, OUTPUTS = 2, 10
WRITING = """
import sys
from tests.large import write
write(sys.argv[1], size=int(sys.argv[2]), layers=int(sys.argv[3]))
"""
READING = """
import sys, tensorflow as tf
reader = tf.train.load_checkpoint(sys.argv[1])
for name in reader.get_variable_to_shape_map():
    reader.get_tensor(name)
"""
GIVEN = ("--forget-bias", "1.0", "--activation", "tanh")


class Cost(NamedTuple):
    """Of one process: seconds, and the most bytes that it used."""

    seconds: float
    peak: int


def main(argv=None):
    parser = argparse.ArgumentParser(prog="python -m tests.large", description=__doc__)
    parser.add_argument("--megabytes", type=int, default=1024, help="(default: 1024)")
    parser.add_argument("--rounds", type=int, default=3, help="turns of each (default: 3)")
    parser.add_argument("--layers", type=int, default=LAYERS, help=f"(default: {LAYERS})")
    parser.add_argument("--json", action="store_true", help="every process instead of a table")
    arguments = parser.parse_args(argv)
    folder = tempfile.mkdtemp()
    try:
        size = arguments.megabytes * 2**20
        prefix = os.path.join(folder, "model.ckpt-7")
        cost([sys.executable, "-c", WRITING, prefix, str(size), str(arguments.layers)])
        commands = {
            "read": reading(prefix),
            "convert": converting(prefix, folder),
            "convert, no .meta": converting(without_graph(prefix), folder, *GIVEN),
        }
        costs = {name: [] for name in commands}
        for _ in range(arguments.rounds):
            for name, command in commands.items():
                costs[name].append(cost(command))
        text = json.dumps({"size": size, "costs": costs}) if arguments.json else None
        print(text or "\n".join(lines(costs, size)))
    finally:
        shutil.rmtree(folder)
    return 0


def lines(costs, size):
    """A table of medians, seconds relative to reading and memory relative to the size."""
    read = statistics.median(cost.seconds for cost in costs["read"])
    rows = [("", "seconds", "of read", "peak", "of size")]
    for name, found in costs.items():
        seconds = statistics.median(cost.seconds for cost in found)
        peak = statistics.median(cost.peak for cost in found)
        times = (f"{seconds:.1f}", f"{seconds / read:.2f}")
        rows.append((name, *times, f"{peak / 2**20:.0f} MB", f"{peak / size:.2f}"))
    return table(rows, "<>>>>")


def write(prefix, *, size, layers):
    """Writes a checkpoint of about so many bytes and its `.meta`."""
    import numpy as np
    import tensorflow as tf

    units = int((size / (3 * 32 * layers)) ** 0.5)  # per layer 8 units², and twice that in slots
    stream = np.random.default_rng(0)
    with tf.Graph().as_default():
        variables = _graph(prefix, units=units, layers=layers)
    names = list(variables)
    arrays = [_value(name, shape, stream) for name, shape in variables.items()]
    tf.raw_ops.SaveV2(
        prefix=prefix, tensor_names=names, shape_and_slices=[""] * len(names), tensors=arrays
    )


def _graph(prefix, *, units, layers):
    """Exports the graph; returns the shapes of its variables by name."""
    import tensorflow.compat.v1 as tf1

    from tests.tf1port.graphs import first_control_flow

    with first_control_flow(), tf1.variable_scope("", use_resource=False):
        cells = [tf1.nn.rnn_cell.BasicLSTMCell(units) for _ in range(layers)]
        stack = tf1.nn.rnn_cell.MultiRNNCell(cells)
        x = tf1.placeholder("float32", [None, None, units])
        outputs, _ = tf1.nn.dynamic_rnn(stack, x, dtype="float32")
        made = tf1.layers.dense(outputs[:, -1], OUTPUTS, name="logits")
        loss = tf1.reduce_mean(tf1.square(made))
        step = tf1.train.get_or_create_global_step()
        tf1.train.AdamOptimizer(0.001).minimize(loss, global_step=step)
        tf1.train.Saver().export_meta_graph(prefix + ".meta")
        return {variable.op.name: variable.shape for variable in tf1.global_variables()}


def _value(name, shape, stream):
    import numpy as np

    if name == "global_step":
        return np.int64(7)
    if not shape.rank:
        return np.float32(0.9**8 if name == "beta1_power" else 0.999**8)
    return stream.random(shape.as_list(), dtype="float32")


def without_graph(prefix):
    """The same checkpoint by another name, beside which there is no `.meta`."""
    for ending in (".index", ".data-00000-of-00001"):
        os.link(prefix + ending, prefix.replace("model", "alone") + ending)
    return prefix.replace("model", "alone")


def reading(prefix):
    """The command that reads all of a checkpoint as TensorFlow does."""
    return [sys.executable, "-c", READING, prefix]


def converting(prefix, folder, *flags):
    """The command that converts a checkpoint, whose files go into a folder."""
    target = os.path.join(folder, "out.keras")
    return [sys.executable, "-m", "tf1port", "convert", prefix, "--to", target, *flags]


def cost(command):
    """Runs a command in a process of its own: its Cost."""
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} failed")
    return Cost(seconds, usage.ru_maxrss * 1024)  # Linux counts in kilobytes


if __name__ == "__main__":
    sys.exit(main())
