"""What the optimizer of a Keras model should have had, tried out on the evidence of a failed step.

For sides that can be made anew with another optimizer (tf1port.comparison.sides.keras). Every
function yields attempts: a Cause, and two dicts of arrays that are equal if it is the one.
"""

import numpy as np

from tf1port.comparison.diagnosis.cause import Cause
from tf1port.numerics.precision import eagerly
from tf1port.pitfalls import catalogue

# The pitfall that an option of an optimizer belongs to, by Keras' name.
OPTIONS = {
    "learning_rate": catalogue.LEARNING_RATE,
    **dict.fromkeys(("beta_1", "beta_2"), catalogue.BETAS),
    "epsilon": catalogue.EPSILON,
    **dict.fromkeys(("clipnorm", "global_clipnorm", "clipvalue"), catalogue.CLIPPING),
    "weight_decay": catalogue.WEIGHT_DECAY,
    "amsgrad": catalogue.AMSGRAD,
    **dict.fromkeys(("momentum", "nesterov"), catalogue.MOMENTUM),
}
STEPPED = {"slots", "stepped weights"}

# What Keras' optimizers may do besides, where the graph's does not.
_UNSAID = dict.fromkeys(("clipnorm", "global_clipnorm", "clipvalue"))
_UNSAID |= {"amsgrad": False, "nesterov": False, "weight_decay": 0.0}


def all_of(evidence):
    """All attempts for the quantities of one step that change a single thing."""
    yield from _attempts(evidence, _single)


def together(evidence):
    """All options that are wrong at once."""
    yield from _attempts(evidence, _together)


def _attempts(evidence, candidates):
    if evidence.quantity not in STEPPED or not hasattr(evidence.live, "again"):
        return
    for cause, side in candidates(evidence):
        with eagerly():
            side.train_steps(evidence.batches[:1])
        yield cause, evidence.stepped, evidence.after_a_step(side)


def same(one, other):
    """Whether two options are the same, as float32 if they are numbers."""
    if isinstance(one, float) and isinstance(other, float):
        return np.float32(one) == np.float32(other)
    return one == other


def _wrong(evidence):
    """Pairs of own and right values of the optimizer's options that differ, by name."""
    rights, options = {**_UNSAID, **evidence.config.options}, evidence.live.options
    if options.get("weight_decay") is None:  # which AdamW, unlike Adam, does not take
        options["weight_decay"] = 0.0
    pairs = {name: (own, rights[name]) for name, own in options.items() if name in rights}
    return {name: pair for name, pair in pairs.items() if not same(*pair)}


def _cause(name, pair):
    own, right = pair
    pitfall = OPTIONS.get(name, catalogue.OTHER_OPTION)
    return Cause(pitfall, f"{name} is {_text(own)}, not {_text(right)}")


def _single(evidence):
    """Pairs of a cause and the side without that fault."""
    live, start = evidence.live, evidence.start
    right = getattr(evidence.legacy, "optimizer", None)
    if right is not None and live.optimizer_kind != right.kind:
        side = live.again(optimizer=right.make())
        side.restore(start)
        words = f"the optimizer is {live.optimizer_kind}, not {right.kind}"
        yield Cause(catalogue.OPTIMIZER, words), side
        return
    for name, pair in _wrong(evidence).items():
        yield _cause(name, pair), live.again({name: pair[1]})
    own = live.again().state()
    for pitfall, state in (
        (catalogue.SLOTS, own._replace(slots=start.slots)),
        (catalogue.STEP_COUNT, own._replace(count=start.count)),
        (catalogue.OPTIMIZER_STATE, own._replace(slots=start.slots, count=start.count)),
    ):
        side = live.again()
        side.restore(state)
        yield Cause(pitfall), side


def _together(evidence):
    """The one pair of all Causes and the side without those faults, where there are several."""
    wrong = _wrong(evidence)
    if len(wrong) > 1:
        causes = [_cause(name, pair) for name, pair in wrong.items()]
        yield causes, evidence.live.again({name: right for name, (_, right) in wrong.items()})


def _text(value):
    return f"{value:.6g}" if isinstance(value, float) else str(value)
