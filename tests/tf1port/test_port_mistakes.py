"""Wrong ports that a few batches do not show: each was once called equal."""

import keras
import pytest

from tests.tf1port import ported
from tests.tf1port.ported import GRAPH, INPUTS, LAYERS, Program, adam, model, prove, save

# isort: split
import tensorflow.compat.v1 as tf1

pytestmark = pytest.mark.slow


def clipping_cell():
    return tf1.nn.rnn_cell.LSTMCell(ported.U, cell_clip=50.0, name="basic_lstm_cell")


def later_decay():
    step = tf1.train.get_or_create_global_step()
    return tf1.train.piecewise_constant(step, [100_000], [0.01, 0.001])


@keras.saving.register_keras_serializable("tests")
class Decaying(keras.optimizers.Adam):
    """An Adam with a decay of its own."""

    def update_step(self, gradient, variable, learning_rate):
        super().update_step(gradient, variable, learning_rate)
        self.assign_sub(variable, 0.001 * variable)


KEPT = LAYERS + INPUTS + GRAPH + "[feed]\nkeep = 1.0\n[feed_training]\nkeep = 0.9\n"
SWITCHED = LAYERS + INPUTS + GRAPH + "[feed]\ntraining = false\n[feed_training]\ntraining = true\n"
MISTAKES = {
    "dropout rate for what is kept, fed": (
        Program(keep="fed"),
        lambda: model(rate=0.9),
        KEPT,
        ("loss", ""),
    ),
    "dropout rate for what is kept, constant": (
        Program(keep=0.9),
        lambda: model(rate=0.9),
        SWITCHED,
        ("loss", ""),
    ),
    "dropout that the graph has not": (
        Program(),
        lambda: model(rate=0.5),
        LAYERS + INPUTS + GRAPH,
        ("loss", ""),
    ),
    "no cell clip": (
        Program(cell=clipping_cell),
        model,
        LAYERS + INPUTS + GRAPH,
        ("constants of cells", "cell_clip of lstm is None, not 50"),
    ),
    "clip norm": (
        Program(clip=500.0),
        lambda: model(optimizer=adam(global_clipnorm=5000.0)),
        LAYERS + INPUTS + GRAPH,
        ("optimizer", "global_clipnorm is 5000, not 500"),
    ),
    "no later decay": (
        Program(rate=later_decay),
        model,
        LAYERS + INPUTS + GRAPH,
        ("optimizer", "learning rate after 100001 steps is 0.01, not 0.001"),
    ),
    "a later decay where nothing counts": (
        Program(counts=False),
        lambda: model(optimizer=adam(schedule(90_000))),
        LAYERS + INPUTS + GRAPH,
        ("optimizer", "learning rate after 90001 steps is 0.001, not 0.01"),
    ),
    "another later decay": (
        Program(rate=later_decay),
        lambda: model(optimizer=adam(schedule(90_000))),
        LAYERS + INPUTS + GRAPH,
        ("optimizer", "learning rate after 90001 steps is 0.001, not 0.01"),
    ),
    "a decay of an optimizer of one's own": (
        Program(),
        lambda: model(optimizer=Decaying(0.01, epsilon=1e-8)),
        LAYERS + INPUTS + GRAPH,
        ("stepped weights", ""),
    ),
}


def schedule(boundary):
    return keras.optimizers.schedules.PiecewiseConstantDecay([boundary], [0.01, 0.001])


@pytest.mark.sampled(3)
@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_that_hides_is_found(name, tmp_path):
    """In float32, whose bounds are the wider ones."""
    program, port, text, (quantity, cause) = MISTAKES[name]
    only = (*ported.CHECKS[:5], "float32")
    found = prove(tmp_path, save(tmp_path, program), port(), text=text, only=only)
    assert found["outcome"] == "different"
    assert found["breaks"]["quantity"] == quantity
    assert cause in found["verdict"]
