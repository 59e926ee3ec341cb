"""Wrong ports of the window RNN: whatever compares two sides has to see each of them."""

import numpy as np

from shared import batches, datasets
from tests import goldens


def kernel_rows_exchanged(weights):
    """The state's rows of the joint kernel [x; h] taken for the input's."""
    found = dict(weights)
    for cell in _cells(weights):
        kernel, recurrent = weights[cell + "kernel"], weights[cell + "recurrent_kernel"]
        rows = np.concatenate([recurrent, kernel])
        found[cell + "kernel"] = rows[: len(kernel)]
        found[cell + "recurrent_kernel"] = rows[len(kernel) :]
    return found


def layers_exchanged(weights):
    """The second cell's weights in the third and the other way round."""
    names = {"cell_1": "cell_2", "cell_2": "cell_1"}
    found = {}
    for name, value in weights.items():
        cell, _, rest = name.partition("/")
        found["%s/%s" % (names.get(cell, cell), rest)] = value
    return found


def state_not_carried(weights):
    """Every step starts from a state of zeros."""
    found = dict(weights)
    for cell in _cells(weights):
        found[cell + "recurrent_kernel"] = np.zeros_like(weights[cell + "recurrent_kernel"])
    return found


WEIGHTS = {
    wrong.__name__: wrong for wrong in (kernel_rows_exchanged, layers_exchanged, state_not_carried)
}


def later_windows(model, count):
    """The first batches of the goldens, each window one row later."""
    dataset = datasets.load_digits()
    config, _ = goldens.config_and_batches(model, 0)
    plan = batches.train_plan(config, 0)
    plan = batches.BatchPlan(plan.indices, (plan.starts + 1) % config.starts)
    return [batches.batch(dataset.train, plan, step, config=config) for step in range(count)]


def _cells(weights):
    return sorted({name.partition("/")[0] + "/" for name in weights if name.startswith("cell_")})
