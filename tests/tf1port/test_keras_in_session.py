"""Layers of tf.keras in a session program of TensorFlow 1.15.5, saved by a Saver: carried whole."""

import os
import subprocess
from pathlib import Path

import pytest

from tf1port.__main__ import main

TF1 = Path(__file__).parents[2] / ".venv-tf1" / "bin" / "python"
PROGRAM = """
import sys
import numpy as np
import tensorflow
tf, L = tensorflow.compat.v1, tensorflow.keras.layers
stream = np.random.RandomState(0)
ids = stream.randint(1, 9, (6, 7)) * (np.arange(7) < np.array([7, 6, 5, 4, 3, 1])[:, None])
floats = stream.normal(size=[6, 7, 5])


def masked_in_both_directions(x):
    return L.Bidirectional(L.GRU(4, return_sequences=True))(L.Embedding(9, 4, mask_zero=True)(x))


def stateful(x):
    return L.LSTM(4, stateful=True, return_sequences=True)(x)


def reversed_and_reset_after(x):
    return L.GRU(4, reset_after=True, go_backwards=True)(L.Conv1D(6, 3, activation="relu")(x))


name = sys.argv[1]
value = ids if name.startswith("masked") else floats
shape = value.shape if name == "stateful" else (None,) + value.shape[1:]
x = tf.placeholder(tf.int32 if value.ndim == 2 else tf.float32, shape, name="x")
logits = L.Dense(3)(globals()[name](x))
y = tf.placeholder(tf.float32, logits.shape, name="y")
train = tf.train.AdamOptimizer(0.01).minimize(tf.reduce_mean(tf.square(logits - y)))
with tf.Session() as session:
    session.run(tf.global_variables_initializer())
    labels = stream.normal(size=[6] + logits.shape.as_list()[1:])
    session.run(train, {x: value, y: labels})
    tf.train.Saver().save(session, sys.argv[2])
"""


@pytest.mark.slow
@pytest.mark.sampled(3)
@pytest.mark.skipif(not TF1.exists(), reason="needs TensorFlow 1.15.5: make .venv-tf1/.made")
@pytest.mark.parametrize(
    "name", ["masked_in_both_directions", "stateful", "reversed_and_reset_after"]
)
def test_a_program_is_carried_whole_and_proved(name, tmp_path, capsys):
    prefix, target = str(tmp_path / "model.ckpt"), str(tmp_path / "model.keras")
    environment = {**os.environ, "PYTHONPATH": "", "TF2_BEHAVIOR": "0"}
    words = [TF1, "-c", PROGRAM, name, prefix]
    done = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-1000:]
    assert main(["convert", prefix, "--to", target, "--check"]) == 0
    assert capsys.readouterr().out.rstrip().splitlines()[-1].startswith("PASS")
