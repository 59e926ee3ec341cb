"""Text that the tool reads: programs and notebooks to scan, settings, maps, --feed, FILE.json."""

import contextlib
import io
import json
import tomllib
import zlib
from functools import partial
from pathlib import Path

from tests.fuzz import damage
from tests.fuzz.readers.demonstration import one_file
from tests.fuzz.worker import Reader, printed
from tf1port import __main__ as commands
from tf1port.command_line import reporting
from tf1port.comparison.port.port_map import load_map
from tf1port.conversion import given, head_map
from tf1port.scanning import settings

PROGRAM = '''import tensorflow as tf
from tensorflow.contrib import rnn as r

def model(x, n):
    """A model."""
    cells = [tf.nn.rnn_cell.BasicLSTMCell(u, forget_bias=1.0) for u in (3, 4)]
    cell = tf.nn.rnn_cell.MultiRNNCell(cells, state_is_tuple=True)
    outputs, (c, h) = tf.nn.dynamic_rnn(cell, x, sequence_length=n, dtype=tf.float32)
    return tf.layers.dense(outputs[:, -1], 10, activation=tf.nn.relu)  # tf1port: ignore[S102]

class A(object):
    @property
    def f(self): return lambda *a, **k: r.LSTMCell(*a, **k)

with tf.Session() as s, tf.variable_scope("x", reuse=tf.AUTO_REUSE):
    s.run(tf.global_variables_initializer(), feed_dict={"a:0": [1, 2.5e3], **{}})
    for i in range(10):
        try:
            print(f"{i!r:>{10}}", tf.reduce_mean(model(i, None), keep_dims=True))
        except tf.errors.OutOfRangeError as e:
            raise
'''
WORDS = ("tf", "import", "tf.contrib.rnn", "from", "*", "as", "\t", "\\\n", "lambda", "yield",
         "async def f(): await tf", "match x:", "keras", "(", ")", "\f", "\r", "\x00",
         "# -*- coding: x -*-\n", "\ufeff", "%%time\n", "!ls", "print 'x'",
         "tf1port: ignore[", "1" * 5000)  # fmt: skip
SETTINGS = '[tool.tf1port.scan]\nexclude = ["tests/*"]\nignore = ["S512"]\nselect = ["S1"]\n'
PORT_MAP = """
[layers]
lstm = "rnn/basic_lstm_cell"
"encoder/forward" = "bidirectional_rnn/fw/gru_cell"
logits = { kernel = "w_out", bias = "b_out" }
conv = { kernel = { variable = "filters", transpose = [2, 1, 0] } }
upper = { cell = "lstm", scope = "my/scope" }
lower = { cell = "lstm", gates = "ifou", kernel = "wx", recurrent_kernel = "wh", bias = "b" }
gru = { cell = "gru", gates = "zrh", kernel = ["wz", "wr", "wh"], bias = ["bz", "br", "bh"] }
[inputs]
readings = "x"
mask = { lengths = "n" }
h = { placeholder = "states", index = [0, 1] }
c = { placeholder = "state", columns = [0, 128] }
[graph]
labels = { sparse = "y", padding = -1 }
logits = "scores/BiasAdd"
[outputs]
hidden = "hidden/Relu"
[feed]
is_training = false
[feed_training]
keep_prob = 0.9
[data]
file = "batches.npz"
batch_size = 8
[accuracies]
legacy = [0.941, 0.937, 0.943]
modern = [0.939, 0.944, 0.940]
margin = 0.01
"""
HEAD_MAP = """takes = "last"
[[after]]
layer = "Dense"
name = "logits"
options = {units = 10, kernel_initializer = {class_name = "Zeros", config = {}}}
output = "head/add:0"
weights = {kernel = {variable = "W", transpose = [1, 0]}, bias = "b"}
"""


def written(name, text):
    """A function that writes a text into a folder."""
    return lambda folder: (folder / name).write_text(text)


def toml_file(random, content):
    """TOML: its text damaged, or another value in it."""
    if random.random() < 0.01:
        return b"a = " + b"[" * damage.DEEP
    if random.random() < 0.01:
        return b"[" + b"a." * damage.DEEP + b"a]\n"
    if random.random() < 0.4:
        return damage.text_file(random, content)
    return as_toml(damage.changed(random, tomllib.loads(content.decode()))).encode(
        "utf-8", "replace"
    )


def as_toml(tree):
    """TOML of a dict: its sections, and inline tables; what TOML has no value of is left out."""
    tree = tree if isinstance(tree, dict) else {"a": tree}
    plain = [(k, v) for k, v in tree.items() if not isinstance(v, dict)]
    lines = [f"{json.dumps(k)} = {_value(v)}" for k, v in plain if v is not None]
    for key, value in tree.items():
        if isinstance(value, dict):
            lines.append(f"[{json.dumps(key)}]")
            lines += [f"{json.dumps(k)} = {_value(v)}" for k, v in value.items() if v is not None]
    return "\n".join(lines) + "\n"


def _value(value):
    if isinstance(value, dict):
        pairs = (f"{json.dumps(k)} = {_value(v)}" for k, v in value.items() if v is not None)
        return "{" + ", ".join(pairs) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_value(item) for item in value if item is not None) + "]"
    if isinstance(value, float):
        return repr(value)
    return json.dumps(value)


def notebook(folder):
    code = {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": 1}
    cells = [
        {"cell_type": "markdown", "metadata": {}, "source": ["# tensorflow"]},
        {**code, "source": PROGRAM.splitlines(keepends=True)},
        {**code, "source": "%%time\n!ls\nx = tf.placeholder(tf.float32)"},
    ]
    content = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    (folder / "a.ipynb").write_text(json.dumps(content))


def scan(folder, flag):
    """A scan prints what it could not read and goes on; exit code 1: it found something."""
    said, errors = io.StringIO(), io.StringIO()
    with contextlib.redirect_stderr(errors), contextlib.redirect_stdout(said):
        code = commands.main(["scan", str(folder), *flag])
    assert code in (0, 1, 2), (code, errors.getvalue())
    printed(errors.getvalue())
    if "--fix" not in flag:  # that is a patch, with the lines as they are
        printed(said.getvalue())


FORMATS = ([], ["--json"], ["--format", "sarif"], ["--format", "markdown"], ["--fix"])


def scan_once(folder):
    """As a user sees it, or as programs do: in one of the formats, by what is in the file."""
    (file,) = folder.iterdir()
    scan(folder, FORMATS[zlib.crc32(file.read_bytes()) % len(FORMATS)])


def read_settings(folder):
    settings.read([str(folder)])


def feed_words(random, files):
    """The text of a --feed."""
    text = "".join(random.choice(FEED) for _ in range(1 + random.randrange(6)))
    return files | {"feed": damage.text_file(random, text.encode(), FEED)}


FEED = (
    "keep",
    "=",
    "1.0",
    "[1, 2]",
    "true",
    "null",
    '"a"',
    "{}",
    "NaN",
    "x:0=",
    "1e999",
    "[[1], 2]",
)


READERS = (
    Reader("program (scan)", written("a.py", PROGRAM),
           one_file(partial(damage.text_file, words=WORDS)), scan_once, reporting, inputs=500),
    Reader("notebook (scan)", notebook, one_file(damage.json_file), scan_once, reporting,
           inputs=500),
    Reader("pyproject.toml", written("pyproject.toml", SETTINGS), one_file(toml_file),
           read_settings, reporting),
    Reader("map of a port", written("map.toml", PORT_MAP), one_file(toml_file),
           lambda folder: load_map(str(folder / "map.toml")), reporting),
    Reader("map of a head", written("map.toml", HEAD_MAP), one_file(toml_file),
           lambda folder: head_map.read_map(str(folder / "map.toml")), reporting),
    Reader("--feed", written("feed", "keep=1.0"), feed_words,
           lambda folder: given.parsed([Path(folder, "feed").read_text(errors="replace")]),
           reporting),
)  # fmt: skip
