"""Known mistakes in the window RNN: whatever compares two sides has to see each of them."""

from shared import batches, datasets
from tests import goldens
from tf1port.pitfalls.weights import kernel_rows_exchanged, layers_exchanged, state_not_passed

WEIGHTS = {
    wrong.__name__: wrong for wrong in (kernel_rows_exchanged, layers_exchanged, state_not_passed)
}


def later_windows(model, count):
    """The first batches of the goldens, each window one row later."""
    dataset = datasets.load_digits()
    config, _ = goldens.config_and_batches(model, 0)
    plan = batches.train_plan(config, 0)
    plan = batches.BatchPlan(plan.indices, (plan.starts + 1) % config.starts)
    return [batches.batch(dataset.train, plan, step, config=config) for step in range(count)]
