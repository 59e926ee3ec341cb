"""Sides that are right until they train: each takes any Side and returns a wrong one."""

from tf1port.comparison.controls.wrong_sides import Wrong
from tf1port.pitfalls.states import statistics


class Shuffled(Wrong):
    """Trains on the same batches in another order."""

    def train_steps(self, batches):
        return self.right.train_steps(batches[::-1])


class StatisticsFrozen(Wrong):
    """Trains the normalization without its update operations."""

    def train_steps(self, batches):
        before = self.right.weights()
        losses = self.right.train_steps(batches)
        state = self.right.state()
        frozen = {name: before[name] for name in statistics(before)}
        self.right.restore(state._replace(weights={**state.weights, **frozen}))
        return losses


def forgetting(change, side):
    """Changes its state, by `change(state)`, at each call of `train_steps`."""

    class Forgetting(Wrong):
        def train_steps(self, batches):
            self.right.restore(change(self.right.state()))
            return self.right.train_steps(batches)

    return Forgetting(side)


def resuming(change, side):
    """Restores another state than the given one: `change(state, own)`."""

    class Resuming(Wrong):
        def restore(self, state):
            self.right.restore(change(state, self.right.state()))

    return Resuming(side)


def with_option(name, value, side):
    """Another option of the optimizer, for a side that can be rebuilt."""
    return side.again({name: value})


def begun(change, side):
    """Another state of the optimizer from the start, also when the side is rebuilt."""

    class Begun(Wrong):
        def again(self, *args, **kwargs):
            return begun(change, self.right.again(*args, **kwargs))

    side.restore(change(side.state()))
    return Begun(side)


def exporting(change, side):
    """Exports a changed model: `change(side)` is called before the export."""

    class Exporting(Wrong):
        def export(self, folder):
            model, state = self.right.model, self.right.state()
            change(self.right)
            self.right.export(folder)
            self.right.model = model
            self.right.restore(state)

    return Exporting(side)
