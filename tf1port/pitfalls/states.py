"""Known mistakes in resuming from a state, as changes of it; `own` is the port's own state."""

import numpy as np

from tf1port.pitfalls import catalogue

_STATISTICS = ("/moving_mean", "/moving_variance")


def without_slots(state, own=None):
    """Adam's moments at zero."""
    return state._replace(slots={name: np.zeros_like(v) for name, v in state.slots.items()})


def without_count(state, own=None):
    """A count of zero steps."""
    return state._replace(count=0)


def reset(state, own=None):
    """The optimizer's state before its first step."""
    return without_count(without_slots(state))


def without_statistics(state, own):
    """The normalization's own moving statistics."""
    statistics_ = {name: own.weights[name] for name in statistics(own.weights)}
    return state._replace(weights={**state.weights, **statistics_})


def statistics(weights):
    """The names of a normalization's moving statistics among those of weights."""
    return [name for name in weights if name.endswith(_STATISTICS)]


def own_state(state, own):
    """Nothing of the state."""
    return own


RESUMED = {
    catalogue.SLOTS: without_slots,
    catalogue.STEP_COUNT: without_count,
    catalogue.OPTIMIZER_STATE: reset,
    catalogue.STATISTICS_LOST: without_statistics,
    catalogue.NOTHING_RESTORED: own_state,
}
