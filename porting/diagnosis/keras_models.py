"""What the optimizer of a Keras model should have had, tried out on the evidence of a failed step.

For sides that can be made anew with another optimizer (porting.ports.keras_side). Every function
yields attempts: a cause, and two dicts of arrays that are equal if it is the one.
"""

import numpy as np

from porting.sides import eagerly

STEPPED = {"slots", "stepped weights"}

# What Keras' optimizers may do besides, where the graph's does not.
_UNSAID = dict.fromkeys(("clipnorm", "global_clipnorm", "clipvalue", "weight_decay"))
_UNSAID |= {"amsgrad": False, "nesterov": False}


def all_of(evidence):
    """All attempts for the quantities of one step."""
    if evidence.quantity not in STEPPED or not hasattr(evidence.live, "again"):
        return
    batch = evidence.batches[0]
    evidence.legacy.train_steps([batch])
    expected = _asked(evidence, evidence.legacy)
    evidence.put_back()
    for cause, side in _candidates(evidence):
        with eagerly():
            side.train_steps([batch])
        yield cause, expected, _asked(evidence, side)


def same(one, other):
    """Whether two options are the same, as float32 if they are numbers."""
    if isinstance(one, float) and isinstance(other, float):
        return np.float32(one) == np.float32(other)
    return one == other


def _asked(evidence, side):
    return side.slots() if evidence.quantity == "slots" else side.weights()


def _candidates(evidence):
    """Pairs of a cause and the side without that fault."""
    live, start = evidence.live, evidence.start
    rights = {**_UNSAID, **evidence.config.options}
    own = {name: value for name, value in live.options.items() if name in rights}
    wrong = {
        name: (value, rights[name]) for name, value in own.items() if not same(value, rights[name])
    }
    said = {name: f"{name} is {_text(a)}, not {_text(b)}" for name, (a, b) in wrong.items()}
    for name, (_, right) in wrong.items():
        yield said[name], live.again({name: right})
    if len(wrong) > 1:
        causes = "; ".join(said.values())
        yield causes, live.again({name: right for name, (_, right) in wrong.items()})
    own = live.again().state()
    for cause, state in (
        ("slots not taken over", own._replace(slots=start.slots)),
        ("step count not taken over", own._replace(count=start.count)),
        ("optimizer's state not taken over", own._replace(slots=start.slots, count=start.count)),
    ):
        side = live.again()
        side.restore(state)
        yield cause, side


def _text(value):
    return f"{value:.6g}" if isinstance(value, float) else str(value)
