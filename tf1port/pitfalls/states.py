"""Known mistakes in going on from a state, as changes of it; `own` is what the port has itself."""

import numpy as np

_STATISTICS = ("/moving_mean", "/moving_variance")


def without_slots(state, own=None):
    """Adam's moments at zero."""
    return state._replace(slots={name: np.zeros_like(v) for name, v in state.slots.items()})


def without_count(state, own=None):
    """A count of zero steps."""
    return state._replace(count=0)


def anew(state, own=None):
    """The optimizer as before its first step."""
    return without_count(without_slots(state))


def without_statistics(state, own):
    """The normalization's own moving statistics."""
    kept = {name: own.weights[name] for name in statistics(own.weights)}
    return state._replace(weights={**state.weights, **kept})


def statistics(weights):
    """The names of a normalization's moving statistics among those of weights."""
    return [name for name in weights if name.endswith(_STATISTICS)]


def own_state(state, own):
    """Nothing of the state."""
    return own


RESUMED = {
    "slots not taken over": without_slots,
    "step count not taken over": without_count,
    "optimizer's state not taken over": anew,
    "moving statistics not taken over": without_statistics,
    "nothing taken over": own_state,
}
