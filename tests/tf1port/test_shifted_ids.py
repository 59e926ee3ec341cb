"""Ids to which a number is added before rows are looked up: random ones stay within the table."""

import numpy as np
import pytest

from tests.tf1port.programs.program import converted, map_of, running, verified

# isort: split
import tensorflow.compat.v1 as tf1

ROWS, STEPS = 11, 5


def program(*shifted):
    """Tables of ROWS rows, each of which is looked up at ids that are shifted in one way."""
    ids = tf1.placeholder(tf1.int32, [None, STEPS], name="ids")
    tables = [tf1.get_variable(f"table_{n}", [ROWS, 3]) for n in range(len(shifted))]
    pairs = zip(tables, shifted, strict=True)
    rows = tf1.concat([tf1.nn.embedding_lookup(table, shift(ids)) for table, shift in pairs], -1)
    _, state = tf1.nn.dynamic_rnn(tf1.nn.rnn_cell.GRUCell(4), rows, dtype=tf1.float32)
    logits = tf1.layers.dense(state, 2, name="logits")
    fed = np.array([[2, 3, 4, 2, 2], [3, 2, ROWS - 4, 5, 6]])
    return {ids: fed}, tf1.reduce_mean(tf1.square(logits), name="loss")


SHIFTED = {
    "for the padding": [lambda ids: ids + 1],
    "before the table": [lambda ids: ids - 2],
    "the other way round": [lambda ids: 3 + ids],
    "twice, as int64": [lambda ids: tf1.cast(ids + 1, tf1.int64) + 1],
    "of each table": [lambda ids: ids - 2, lambda ids: ids, lambda ids: ids + 3],
}


FAST = ("for the padding", "of each table")
PARAMS = [pytest.param(name, marks=[pytest.mark.slow] * (name not in FAST)) for name in SHIFTED]


@pytest.mark.sampled(3)
@pytest.mark.parametrize("name", PARAMS)
def test_shifted_ids_are_carried_and_proved(name, tmp_path, capsys):
    with running(lambda: program(*SHIFTED[name]), tmp_path) as run:
        target = converted(run.prefix)
        assert map_of(target)["complete"], map_of(target)["left_out"]
        code, report = verified(run.prefix, target, capsys, "--steps", "3")
    assert code == 0, report["verdict"]
