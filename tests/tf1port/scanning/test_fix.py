"""`tf1port scan --fix`: what is rewritten, what stays and is marked, and that it can be applied."""

import ast
import inspect
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import tf1port
from tests.tf1port.scanning import corpus
from tf1port.__main__ import main
from tf1port.scanning.fixing.rules import RULES

ROOT = Path(__file__).parents[3]
HEAD = "import tensorflow.compat.v1 as tf\n"


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def fixed(text):
    """The program after the diff was applied to it, in the current folder."""
    Path("x.py").write_text(text, encoding="utf-8")
    changes, failed = tf1port.scan(["x.py"]).fixes()
    assert failed == []
    Path("x.diff").write_text(changes, encoding="utf-8")
    if changes:
        subprocess.run(["patch", "--quiet", "--strip=0", "--input=x.diff"], check=True)
    return Path("x.py").read_text(encoding="utf-8")


def code(text):
    """The statements of a program, without the import of Keras; without comments or blanks."""
    found = ast.unparse(ast.parse(text)).splitlines()
    return [line for line in found if not line.startswith("import")]


def marks(text):
    start = "# TODO tf1port: "
    lines = [line.strip() for line in text.splitlines()]
    return [line.removeprefix(start) for line in lines if line.startswith(start)]


CELL = "recurrent_initializer='glorot_uniform'"
LAYER = f"keras.layers.RNN(cell=keras.layers.GRUCell(units=8, reset_after=False, {CELL}), "
LAYER += "return_sequences=True, return_state=True)"
MASKED = LAYER.removesuffix(")") + ", zero_output_for_mask=True)"
GRU_CALL = "tf.nn.rnn_cell.GRUCell(8)"


def mask(x, lengths="n"):
    steps = f"keras.ops.cumsum(keras.ops.ones_like({x}[:, :, 0], dtype='int32'), axis=1)"
    return f"mask=keras.ops.less_equal({steps}, keras.ops.reshape({lengths}, [-1, 1]))"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("y = tf.layers.dense(x, 3, tf.nn.relu)",
         "y = keras.layers.Dense(units=3, activation=tf.nn.relu)(x)"),
        ("y = tf.layers.dense(units=3, inputs=x, name='a')",
         "y = keras.layers.Dense(units=3, name='a')(x)"),
        ("y = tf.layers.dense(tf.layers.flatten(x), n)",
         "y = keras.layers.Dense(units=n)(keras.layers.Flatten()(x))"),
        ("y = tf.layers.dense(x, 3, kernel_initializer=tf.zeros_initializer())",
         "y = keras.layers.Dense(units=3, kernel_initializer=keras.initializers.Zeros())(x)"),
        ("y = tf.layers.conv2d(x, 8, (3, 3), padding='same')",
         "y = keras.layers.Conv2D(filters=8, kernel_size=(3, 3), padding='same')(x)"),
        ("e = tf.losses.sparse_softmax_cross_entropy(y, logits=z)",
         "e = keras.losses.SparseCategoricalCrossentropy(from_logits=True)(y, z)"),
        ("o = tf.train.AdamOptimizer()",
         "o = keras.optimizers.Adam(learning_rate=0.001, epsilon=1e-08)"),
        ("o = tf.train.AdamOptimizer(rate, beta2=0.99, epsilon=1e-6)",
         "o = keras.optimizers.Adam(learning_rate=rate, beta_2=0.99, epsilon=1e-06)"),
        ("o = tf.train.MomentumOptimizer(0.1, 0.9, use_nesterov=True)",
         "o = keras.optimizers.SGD(learning_rate=0.1, momentum=0.9, nesterov=True)"),
        ("t = tf.train.GradientDescentOptimizer(0.1).minimize(e)",
         "t = keras.optimizers.SGD(learning_rate=0.1).minimize(e)"),
        ("i = tf.random_uniform_initializer(-1)",
         "i = keras.initializers.RandomUniform(minval=-1, maxval=1.0)"),
        ("outputs, state = tf.nn.dynamic_rnn(tf.nn.rnn_cell.GRUCell(8), x, dtype=tf.float32)",
         f"outputs, *state = {LAYER}(x)"),
        ("o, self.s = tf.nn.dynamic_rnn(tf.nn.rnn_cell.GRUCell(8), x, n, time_major=False)",
         f"o, *self.s = {MASKED}(x, {mask('x')})"),
        (f"o, s = tf.nn.dynamic_rnn({GRU_CALL}, f(x), None, time_major=True)",
         f"o, *s = {LAYER}(keras.ops.swapaxes(f(x), 0, 1))\n"
         "o = keras.ops.swapaxes(o, 0, 1)"),
        (f"self.o, s = tf.nn.dynamic_rnn({GRU_CALL}, x, time_major=self.major)  # [T, B, 8]",
         f"self.o, *s = {LAYER}(keras.ops.swapaxes(x, 0, 1) if self.major else x)\n"
         "self.o = keras.ops.swapaxes(self.o, 0, 1) if self.major else self.o"),
        (f"o, s = tf.nn.dynamic_rnn({GRU_CALL}, x, n, time_major=major)",
         f"o, *s = {MASKED}(keras.ops.swapaxes(x, 0, 1) if major else x, "
         f"{mask('(keras.ops.swapaxes(x, 0, 1) if major else x)')})\n"
         "o = keras.ops.swapaxes(o, 0, 1) if major else o"),
        ("def f(x):\n    n = tf.fill([tf.shape(x)[0]], size.steps)\n"
         f"    o, s = tf.nn.dynamic_rnn({GRU_CALL}, x, n)",
         f"\ndef f(x):\n    n = size.steps\n    o, *s = {MASKED}(x, {mask('x')})"),
        (f"o, s = tf.nn.dynamic_rnn({GRU_CALL}, x, tf.fill([b], 5))",
         f"o, *s = {MASKED}(x, {mask('x', 5)})"),
        ("x = tf.placeholder(tf.float32, [None, 4, n], name='x')\n"
         "y = tf.layers.flatten(tf.transpose(tf.tanh(x), [0, 2, 1]))",
         "x = keras.Input(shape=[4, n], dtype=tf.float32, name='x')\n"
         "y = keras.layers.Flatten()(keras.ops.transpose(keras.ops.tanh(x), axes=[0, 2, 1]))"),
        ("x = tf.placeholder(tf.float32, [None, *shape, 3])\ny = tf.layers.flatten(x)",
         "x = keras.Input(shape=[*shape, 3], dtype=tf.float32)\ny = keras.layers.Flatten()(x)"),
        ("x = tf.placeholder('int64', (None,))\ny = tf.layers.flatten(x)",
         "x = keras.Input(shape=[], dtype='int64')\ny = keras.layers.Flatten()(x)"),
        ("cell = tf.nn.rnn_cell.MultiRNNCell([tf.contrib.rnn.BasicLSTMCell(n) for n in sizes])\n"
         "o, s = tf.nn.dynamic_rnn(cell, x)",
         "cell = keras.layers.StackedRNNCells("
         f"cells=[keras.layers.LSTMCell(units=n, {CELL}) for n in sizes])\n"
         "o, *s = keras.layers.RNN(cell=cell, return_sequences=True, return_state=True)(x)"),
    ],
)  # fmt: skip
def test_what_is_rewritten(here, before, after):
    text = fixed(HEAD + before)
    assert code(text) == after.splitlines()
    assert "import keras\n" in text


GRU = "cell = tf.nn.rnn_cell.GRUCell(8)\n"


@pytest.mark.parametrize(
    ("before", "mark"),
    [
        ("y = tf.layers.dense(x, 3, reuse=True)", "tf.layers.dense stays: reuse is given"),
        ("y = tf.layers.dense(*args)", "tf.layers.dense stays: its arguments are in a list"),
        ("y = tf.layers.dense(x, **more)", "tf.layers.dense stays: its arguments are in a list"),
        ("y = tf.layers.dense(units=3)", "tf.layers.dense stays: inputs is not given"),
        ("y = tf.layers.dense(x,  # rows\n 3)", "tf.layers.dense stays: there are comments in"),
        ("e = tf.losses.mean_squared_error(y, x, weights=w)",
         "tf.losses.mean_squared_error stays: weights is given"),
        ("w = tf.get_variable('w', [2], initializer=tf.zeros_initializer())",
         "tf.zeros_initializer stays: it is given to a call that stays"),
        ("cell = tf.nn.rnn_cell.BasicLSTMCell(8, forget_bias=0.0)", "S102: "),
        ("cell = tf.nn.rnn_cell.LSTMCell(8, use_peepholes=True)", "S121: "),
        (GRU + "both = tf.nn.dynamic_rnn(cell, x)", "S140: "),
        (GRU + "a, b = tf.nn.dynamic_rnn(cell, x, time_major=f(x))", "S143: "),
        (GRU + "a, b = tf.nn.dynamic_rnn(cell, f(x), time_major=major)",
         "tf.nn.dynamic_rnn stays: its inputs have no name"),
        (GRU + "a[0], b = tf.nn.dynamic_rnn(cell, x, time_major=True)",
         "tf.nn.dynamic_rnn stays: its outputs are time-major and have no name"),
        ("x = tf.placeholder(tf.float32, [None, 3])", "S301: "),
        ("x = tf.placeholder(tf.float32, [None, 3])\n" + GRU + "y, s = cell(x, s)", "S301: "),
        (GRU + "a, b = tf.nn.dynamic_rnn(cell, x, initial_state=s)", "S142: "),
        (GRU + "a, b = tf.nn.dynamic_rnn(cell, f(x), sequence_length=n)", "S141: "),
        (GRU + "cell = tf.nn.rnn_cell.DropoutWrapper(cell, 0.5)", "S114: "),
        (GRU + "y, s = cell(x, s)", "S159: "),
        ("with tf.Session() as sess:\n    pass", "S302: "),
    ],
)  # fmt: skip
def test_what_is_not_safe_stays_and_is_marked(here, before, mark):
    text = fixed(HEAD + before)
    assert code(text) == code(before)
    assert any(one.startswith(mark) for one in marks(text)), marks(text)


LAYERS = "y = tf.layers.flatten(x)"


@pytest.mark.parametrize(
    ("before", "kept", "mark"),
    [
        ("x = tf.placeholder(tf.float32, shape)", "x = tf.placeholder(tf.float32, shape)",
         "S301: "),
        ("x = tf.placeholder(tf.float32, [8, 3])", "x = tf.placeholder(tf.float32, [8, 3])",
         "S301: "),
        ("x = tf.placeholder(tf.float32, [*shape, 3])",
         "x = tf.placeholder(tf.float32, [*shape, 3])", "S301: "),
        ("x = tf.placeholder(tf.float32, [None, 3])\nz = tf.cumsum(x, axis=1)",
         "z = tf.cumsum(x, axis=1)", "tf.cumsum stays: P114: "),
        ("x = tf.placeholder(tf.float32, [None, 3])\nz = tf.squeeze(x, squeeze_dims=[1])",
         "z = tf.squeeze(x, squeeze_dims=[1])", "tf.squeeze stays: squeeze_dims is given"),
        ("x = tf.placeholder(tf.float32, [None, 3])\nz = tf.transpose(perm=[1, 0])",
         "z = tf.transpose(perm=[1, 0])", "tf.transpose stays: a is not given"),
    ],
)  # fmt: skip
def test_what_is_not_safe_stays_beside_layers(here, before, kept, mark):
    text = fixed(f"{HEAD}{before}\n{LAYERS}")
    assert kept in code(text)
    assert any(one.startswith(mark) for one in marks(text)), marks(text)


@pytest.mark.parametrize(
    "use",
    ["return n", "n = n + 1", "g(lambda: n)", "for n in b: pass", "def g():\n        return n"],
)
def test_lengths_with_another_use_stay_a_tensor(here, use):
    fill = "n = tf.fill([b], 5)"
    run = f"o, s = tf.nn.dynamic_rnn({GRU_CALL}, x, n)"
    text = fixed(f"{HEAD}def f(x, b):\n    {fill}\n    {run}\n    {use}\n")
    assert f"    {fill}" in code(text)
    assert f"    o, *s = {MASKED}(x, {mask('x')})" in code(text)


@pytest.mark.parametrize(
    ("before", "mark"),
    [
        ("x = tf.placeholder(tf.float64, [None, 3])\n" + LAYERS, "P5: "),
        ("x = tf.placeholder('float16', [None, 3])\n" + LAYERS, "P5: "),
        (f"o, s = tf.nn.dynamic_rnn({GRU_CALL}, x, dtype=tf.float64)", "P5: "),
        (f"o, s = tf.nn.dynamic_rnn({GRU_CALL}, x, time_major=major)", "P87: "),
        (f"o, s = tf.nn.dynamic_rnn({GRU_CALL}, x, n)", "P89: "),
        ("e = tf.losses.mean_squared_error(y, x)", "of a model it is model.compile"),
    ],
)
def test_what_is_rewritten_and_may_surprise_is_marked(here, before, mark):
    assert any(one.startswith(mark) for one in marks(fixed(HEAD + before)))
    plain = before.replace("float64", "float32").replace("float16", "float32")
    plain = plain.replace(", time_major=major", "").replace(", n)", ")")
    if plain != before:
        assert not any(one.startswith(mark) for one in marks(fixed(HEAD + plain)))


def test_what_is_to_be_thought_of_stands_above_the_statement(here):
    text = fixed(
        HEAD + "def f(x, n):\n    # cells\n    cell = tf.nn.rnn_cell.GRUCell(8)  # of 8\n"
        "    o, s = tf.nn.dynamic_rnn(cell, x, n)\n    return o[:, -1]\n"
    )
    assert text.splitlines()[text.splitlines().index("    # cells") :] == [
        "    # cells",
        "    # TODO tf1port: TF1's gates begin with a bias of 1, those of Keras with 0",
        "    cell = keras.layers.GRUCell(units=8, reset_after=False, "
        'recurrent_initializer="glorot_uniform")  # of 8',
        "    # TODO tf1port: the states are those of Keras: of an LSTM [h, c] (P26)",
        "    # TODO tf1port: P89: TF1's lengths end here; the mask of Keras goes on, to the layers "
        "and losses behind it",
        "    o, *s = keras.layers.RNN(cell=cell, return_sequences=True, return_state=True, "
        "zero_output_for_mask=True)(x, "
        'mask=keras.ops.less_equal(keras.ops.cumsum(keras.ops.ones_like(x[:, :, 0], dtype="int32"),'
        " axis=1), keras.ops.reshape(n, [-1, 1])))",
        "    # TODO tf1port: S151: return_sequences=False; of padded sequences with a mask",
        "    return o[:, -1]",
    ]


def test_the_page_shows_what_is_written(here):
    page = (ROOT / "docs" / "scanning.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```diff\n(.*?)```", page, re.DOTALL)
    before, after = ("".join(re.findall(rf"^\{sign}(.*\n)", block, re.M)) for sign in "-+")
    assert fixed(HEAD + before).endswith(after)


@pytest.mark.parametrize("name", corpus.ALL)
def test_every_program_stays_one(here, name):
    before = corpus.ALL[name]
    text = fixed(before)
    ast.parse(text)
    if not any(mark for mark in marks(text)) and "keras" not in text:
        assert text == before


def test_a_notebook_and_a_file_that_is_not_parsed_are_said(here, capsys):
    Path("x.ipynb").write_text(
        '{"cells": [{"cell_type": "code", "source": "import tensorflow as tf\\ntf.Session()"}]}'
    )
    Path("y.py").write_text(HEAD + "tf.layers.flatten(x)\n")
    assert main(["scan", "--fix", "x.ipynb", "y.py"]) == 2
    printed = capsys.readouterr()
    assert printed.err.startswith("x.ipynb: is not rewritten: it is a notebook")
    assert "+keras.layers.Flatten()(x)\n" in printed.out


@pytest.mark.parametrize("line", ["[a for* b in c]\n", "with a as*b, c: pass\n"])
def test_a_program_that_is_parsed_and_not_compiled_is_named(here, capsys, line):
    Path("x.py").write_text(HEAD + line + "tf.layers.flatten(x)\n")
    Path("y.py").write_text(HEAD + "tf.layers.flatten(x)\n")
    assert main(["scan", "--fix", "x.py", "y.py"]) == 2
    printed = capsys.readouterr()
    assert printed.err == "x.py: is not rewritten: libcst cannot read it\n"
    assert "+keras.layers.Flatten()(x)\n" in printed.out


def test_nothing_to_fix_is_nothing(here, capsys):
    Path("y.py").write_text("import keras\n")
    assert main(["scan", "--fix", "y.py"]) == 0
    assert capsys.readouterr().out == ""


# The signatures of TF1's cells and layers are those of its own Keras.
SIGNATURES = """
import inspect, json, sys
import tensorflow.compat.v1 as tf
found = {}
for name in sys.argv[1:]:
    value = tf
    for word in name.split(".")[1:]:
        value = getattr(value, word)
    found[name] = {
        key: one.default if isinstance(one.default, (int, float, str)) else None
        for key, one in inspect.signature(value).parameters.items()
    }
print(json.dumps(found))
"""
NAMES = [name for name in RULES if not name.startswith("tf.contrib")]


@pytest.fixture(scope="module")
def signatures():
    """The defaults of the arguments of each name of TF1."""
    environment = {**os.environ, "TF_USE_LEGACY_KERAS": "1", "CUDA_VISIBLE_DEVICES": ""}
    words = [sys.executable, "-c", SIGNATURES, *NAMES]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_rule_speaks_of_arguments_that_are_there(signatures, name):
    rule, old = RULES[name], list(signatures[name])
    assert list(rule.signature) == old[: len(rule.signature)]
    assert {*rule.takes, *rule.inputs, *rule.only_as} <= {*old}


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_rule_writes_arguments_of_keras(name):
    import keras

    rule, new = RULES[name], keras
    for word in rule.to.split(".")[1:]:
        new = getattr(new, word)
    known = {"name"}  # of the base class
    for one in [one.__init__ for one in new.__mro__] if isinstance(new, type) else [new]:
        known |= set(inspect.signature(one).parameters)
    assert {*rule.takes.values(), *rule.defaults} <= known


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_defaults_that_are_written_out_are_those_of_tf1(signatures, name):
    rule, old = RULES[name], signatures[name]
    back = {new: key for key, new in rule.takes.items()}
    for key, value in rule.defaults.items():
        if key in back and old[back[key]] is not None:
            assert old[back[key]] == ast.literal_eval(value)
    for key, value in rule.only_as.items():
        if key in old and old[key] is not None:
            assert old[key] == ast.literal_eval(value)
