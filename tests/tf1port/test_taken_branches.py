"""A branch that no batch takes is not proved, one that another batch takes is compared."""

import keras
import numpy as np
import pytest

from tests.tf1port.programs.program import converted, running, verified
from tests.tf1port.programs.sequences import T, U, floats
from tests.tf1port.programs.stacks import squares
from tf1port.conversion.translation.taken_branches import TakenBranches

# isort: split
import tensorflow.compat.v1 as tf1

SOURCE = """
def call(ops, number, states):
    chosen = ops.cond(number > 0, lambda: 1.0, lambda: 2.0)
    after = ops.cond(number > 0, lambda: states, lambda: states)
    return chosen, after
"""


def called(*numbers):
    taken = TakenBranches(SOURCE)
    names = {}
    exec(compile(SOURCE, "source", "exec"), names)
    with taken:
        for number in numbers:
            names["call"](keras.ops, keras.ops.convert_to_tensor(number), [1.0])
    return taken


def test_the_branches_that_were_taken_are_known():
    original = keras.ops.cond
    assert called(1.0).untaken == [(3, "False")]
    assert called(-1.0).untaken == [(3, "True")]
    assert called().untaken[0] == (3, "either")
    assert called(1.0, -1.0).untaken == []
    assert keras.ops.cond is original


def never():
    """A branch that needs a value that no random batch has."""
    x, array = floats("x", T, 3)
    _, state = tf1.nn.dynamic_rnn(tf1.nn.rnn_cell.GRUCell(U), x, dtype=tf1.float32)
    rare = tf1.reduce_max(x) > 99.0
    state = tf1.cond(rare, lambda: state * 2.0, lambda: state + 1.0)
    return {x: array}, squares(tf1.layers.dense(state, 2, name="logits"))


@pytest.mark.slow
def test_a_branch_that_no_batch_takes_is_not_proved(tmp_path, capsys):
    with running(never, tmp_path) as run:
        target = converted(run.prefix)
    code, report = verified(run.prefix, target, capsys)
    assert code == 3
    assert "no batch takes the branch True of ops.cond in line" in report["verdict"]
    x = np.full((2, T, 3), 100.0, "float32")
    np.savez(tmp_path / "large.npz", x=x)
    code, report = verified(run.prefix, target, capsys, "--data", str(tmp_path / "large.npz"))
    assert "no batch takes the branch False" in report["verdict"]
