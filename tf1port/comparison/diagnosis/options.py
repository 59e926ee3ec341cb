"""The graph's optimizer options, tried in a Keras model on the evidence of a failed step.

For sides that can be rebuilt with another optimizer (tf1port.comparison.sides.keras). Every
function yields attempts: a Cause, and two dicts of arrays, equal if it explains the gap.
"""

import numpy as np

from tf1port.comparison.diagnosis import rates
from tf1port.comparison.diagnosis.cause import Cause
from tf1port.comparison.sides.constants import DENSE
from tf1port.numerics.optimizers import CLIPS
from tf1port.numerics.precision import eagerly
from tf1port.pitfalls import catalogue
from tf1port.pitfalls.catalogue import Pitfall

# The pitfall that an option of an optimizer belongs to, by Keras' name.
OPTIONS = {
    "learning_rate": catalogue.LEARNING_RATE,
    **dict.fromkeys(("beta_1", "beta_2"), catalogue.BETAS),
    "epsilon": catalogue.EPSILON,
    **dict.fromkeys(("clipnorm", "global_clipnorm", "clipvalue"), catalogue.CLIPPING),
    "weight_decay": catalogue.WEIGHT_DECAY,
    "amsgrad": catalogue.AMSGRAD,
    **dict.fromkeys(("momentum", "nesterov"), catalogue.MOMENTUM),
    "optimizer": catalogue.OPTIMIZER,
}
STEPPED = {"slots", "stepped weights"}

_ROUNDED = 1e-6  # of a slot to which a bias was added in float32
# Options of Keras' optimizers that are off where the graph's optimizer has no such option.
_OFF = dict.fromkeys(("clipnorm", "global_clipnorm", "clipvalue"))
_OFF |= {"amsgrad": False, "nesterov": False, "weight_decay": 0.0, "momentum": 0.0}


def all_of(evidence):
    """All attempts for the quantities of one step that change a single option."""
    yield from _attempts(evidence, _single)


def states(evidence):
    """Attempts with the slots, or the step count, that were not loaded."""
    yield from _attempts(evidence, _states)


def together(evidence):
    """Attempts with all wrong options corrected at once, or with all of the optimizer's state."""
    yield from _attempts(evidence, _together)


def mapped_slots(evidence):
    """Attempts with slots to which a forget bias was added, as to weights."""
    live = evidence.live
    if evidence.quantity != "slots" or not hasattr(live, "again"):
        return
    own, right = live.again().state().slots, evidence.start.slots
    linear = evidence.linear_weights
    added = {name: evidence.weights[name] - value for name, value in linear.items()}
    for slot in sorted({name.rpartition("/")[2] for name in right}):
        expected = dict(right)
        for name, amount in added.items():
            if f"{name}/{slot}" in right:
                expected[f"{name}/{slot}"] = right[f"{name}/{slot}"] + amount
        cause = Cause(catalogue.FORGET_BIAS_IN_GRADIENTS, f"forget bias added to {slot}")
        yield cause._replace(rounding=_ROUNDED), expected, own


def _attempts(evidence, candidates):
    if evidence.quantity not in STEPPED or not hasattr(evidence.live, "again"):
        return
    for cause, side in candidates(evidence):
        with eagerly():
            side.train_steps(evidence.batches[:1])
        yield cause, evidence.stepped, evidence.after_a_step(side)


def same(first, second):
    """Whether two options are the same, as float32 if they are numbers."""
    if isinstance(first, float) and isinstance(second, float):
        return np.float32(first) == np.float32(second)
    return first == second


def _wrong(evidence):
    """Pairs of actual and expected values of the optimizer's options that differ, by name."""
    rights, options = {**_OFF, **evidence.config.options}, evidence.live.options
    if options.get("weight_decay") is None:  # AdamW, unlike Adam, accepts no None
        options["weight_decay"] = 0.0
    pairs = {n: (_clip(own), _clip(rights[n])) for n, own in options.items() if n in rights}
    return {name: pair for name, pair in pairs.items() if not same(*pair)}


def _clip(value):
    """An option, or None for a norm that is there for an embedding's gradient alone (D20)."""
    return None if isinstance(value, float) and value >= DENSE else value


def _by_pitfall(evidence, wrong):
    """The options that differ as lists of names, those of one pitfall together."""
    groups: dict[Pitfall, list[str]] = {}
    for name in wrong:
        groups.setdefault(pitfall_of(evidence, name), []).append(name)
    return groups


def pitfall_of(evidence, name):
    """The pitfall of a wrong option; a learning rate with a schedule has one of its own."""
    if name == "learning_rate" and rates.is_scheduled(evidence):
        return catalogue.SCHEDULE
    return OPTIONS.get(name, catalogue.OTHER_OPTION)


def _cause(pitfall, names, wrong):
    return Cause(pitfall, "; ".join(_difference(name, *wrong[name]) for name in names))


def _difference(name, own, right):
    return f"{name} is {_text(own)}, not {_text(right)}"


def _single(evidence):
    """Pairs of a cause and the side with that mistake corrected."""
    live, start = evidence.live, evidence.start
    right = getattr(evidence.legacy, "optimizer", None)
    if right is not None and live.optimizer_kind != right.kind:
        side = live.again(optimizer=right.make())
        side.restore(start)
        words = f"the optimizer is {live.optimizer_kind}, not {right.kind}"
        yield Cause(catalogue.OPTIMIZER, words), side
        return
    wrong = _wrong(evidence)
    for pitfall, names in _by_pitfall(evidence, wrong).items():
        changes = {name: wrong[name][1] for name in names}
        yield _cause(pitfall, names, wrong), live.again(changes)
    if not any(live.options.get(name) for name in CLIPS):
        yield Cause(catalogue.SPARSE_GRADIENT), live.again({"global_clipnorm": DENSE})


def _states(evidence):
    """Pairs of a cause and the side with the slots, or the step count, of the graph."""
    live, start = evidence.live, evidence.start
    own = live.again().state()
    for pitfall, state in (
        (catalogue.SLOTS, own._replace(slots=start.slots)),
        (catalogue.STEP_COUNT, own._replace(count=start.count)),
    ):
        yield Cause(pitfall), _restored(live, state)


def _restored(live, state):
    side = live.again()
    side.restore(state)
    return side


def _together(evidence):
    """Pairs of several Causes at once, or of a larger one, and the side with them corrected."""
    start = evidence.start
    state = evidence.live.again().state()._replace(slots=start.slots, count=start.count)
    yield Cause(catalogue.OPTIMIZER_STATE), _restored(evidence.live, state)
    wrong = _wrong(evidence)
    groups = _by_pitfall(evidence, wrong)
    if len(groups) > 1:
        causes = [_cause(pitfall, names, wrong) for pitfall, names in groups.items()]
        yield causes, evidence.live.again({name: right for name, (_, right) in wrong.items()})


def _text(value):
    if isinstance(value, dict):  # of a schedule
        return f"an {value.get('class_name')}"
    return f"{value:.6g}" if isinstance(value, float) else str(value)
