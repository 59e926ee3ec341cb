"""Known mistakes of optimizers that one step shows, tried on the evidence of a failed check.

Every function yields attempts: a Cause, and two dicts of arrays, equal if it explains the gap.
"""

import numpy as np

from tf1port.comparison.diagnosis.cause import Cause
from tf1port.comparison.diagnosis.evidence import ratio
from tf1port.numerics import optimizers
from tf1port.pitfalls import catalogue
from tf1port.pitfalls import updates as update_rules
from tf1port.pitfalls.states import statistics


def all_of(evidence):
    """All attempts for the quantities of one step."""
    if evidence.quantity == "slots":
        yield from _slots(evidence)
    if evidence.quantity == "stepped weights":
        yield from _steps(evidence)


def _slots(evidence):
    """Adam's moments after a step, solved for the two decays or for a factor of the gradients."""
    config, batch = evidence.config, evidence.batches[0]
    _, gradients = evidence.legacy.gradients(*batch)
    evidence.modern.train_steps([batch])
    actual = evidence.modern.slots()
    squares = {name: value**2 for name, value in gradients.items()}
    shares = [
        ratio({name: actual.get(f"{name}/{slot}", value) for name, value in of.items()}, of)
        for slot, of in (("m", gradients), ("v", squares))
    ]
    betas = [float(f"{1 - share:.6g}") for share in shares]
    for exact in (True, False):
        decays = betas if exact else [float(np.float32(beta)) for beta in betas]
        yield _betas_cause(config, betas, exact=exact), _moments(gradients, decays), actual
    decays = [optimizers.as_tf1(config).beta_1, optimizers.as_tf1(config).beta_2]
    factor = shares[0] / (1 - decays[0])
    clipped = {name: value * factor for name, value in gradients.items()}
    norm = np.sqrt(sum(np.sum(np.square(v, dtype=np.float64)) for v in clipped.values()))
    words = f"gradients clipped to a global norm of {norm:.3g}"
    yield Cause(catalogue.CLIPPING, words), _moments(clipped, decays), actual


def _betas_cause(config, betas, *, exact):
    pairs = zip(("beta_1", "beta_2"), betas, (config.beta_1, config.beta_2), strict=True)
    differing = [f"{name} is {own:g}, not {right:g}" for name, own, right in pairs if own != right]
    if exact and not differing:
        return Cause(catalogue.UNROUNDED)
    return Cause(catalogue.BETAS, "; ".join(differing))


def _moments(gradients, betas):
    """Adam's slots after its first step, in the dtype of the gradients."""
    slots = {}
    for name, value in gradients.items():
        slots[f"{name}/m"] = value * value.dtype.type(1 - betas[0])
        slots[f"{name}/v"] = value**2 * value.dtype.type(1 - betas[1])
    return slots


def _steps(evidence):
    """Weights after a step: a different update of the weights, or of the moving statistics."""
    batch, config = evidence.batches[0], optimizers.as_tf1(evidence.config)
    _, gradients = evidence.legacy.gradients(*batch)
    stepped = evidence.stepped
    evidence.modern.train_steps([batch])
    actual = evidence.modern.weights()
    trained = {name: evidence.weights[name] for name in gradients}
    step = {name: stepped[name] - start for name, start in trained.items()}
    actual_step = {name: actual[name] - start for name, start in trained.items()}
    if statistics(stepped):
        yield from _statistics(evidence, stepped, actual)
    for attempts in (
        _rules(config, gradients, actual_step),
        _rates(config, step, actual_step),
        _decays(config, step, actual_step, trained),
    ):
        for cause, changed in attempts:
            moved = {name: trained[name] + changed[name] for name in trained}
            yield cause, {**stepped, **moved}, actual


def _rates(config, step, actual_step):
    """Steps of a different size."""
    factor = ratio(actual_step, step)
    own, right = (f"{rate:.4g}" for rate in (factor * config.learning_rate, config.learning_rate))
    if own == right:
        return
    cause = Cause(catalogue.LEARNING_RATE, f"learning rate is {own}, not {right}")
    yield cause, {name: value * factor for name, value in step.items()}


def _decays(config, step, actual_step, trained):
    """Steps with weight decay."""
    rest = {name: step[name] - actual_step[name] for name in step}
    decay = ratio(rest, trained) / config.learning_rate
    share = config.learning_rate * decay
    decayed = {name: step[name] - share * trained[name] for name in step}
    words = f"weights decay by {decay:.4g} times the learning rate"
    yield Cause(catalogue.WEIGHT_DECAY, words), decayed


def _rules(config, gradients, actual_step):
    """Adam with a different epsilon, solved for where it matters most, or another update rule."""
    if config.optimizer != "adam":
        return
    slots = _moments(gradients, (config.beta_1, config.beta_2))
    corrections = 1 - config.beta_1, 1 - config.beta_2

    def step_by(rule, epsilon):
        return {
            name: -config.learning_rate
            * rule(slots[f"{name}/m"], slots[f"{name}/v"], *corrections, epsilon)
            for name in gradients
        }

    for pitfall, rule in update_rules.WRONG.items():
        yield Cause(pitfall), step_by(rule, config.epsilon)
    epsilon = _epsilon(config, gradients, actual_step)
    cause = Cause(catalogue.EPSILON, f"epsilon is {epsilon:g}, not {config.epsilon:.4g}")
    yield cause, step_by(update_rules.tf1, epsilon)


def _epsilon(config, gradients, actual_step):
    """The epsilon that these first steps imply, to two digits."""
    flat = np.concatenate([np.ravel(gradients[name]) for name in actual_step]).astype(np.float64)
    steps = np.concatenate([np.ravel(actual_step[name]) for name in actual_step]).astype(np.float64)
    size = np.abs(flat) * (1 - config.beta_2) ** 0.5  # the root of v
    small = np.argsort(np.where(size > 0, size, np.inf))[: max(len(flat) // 20, 1)]
    lengths = np.abs(steps[small])
    epsilons = size[small] * (config.learning_rate / np.maximum(lengths, 1e-30) - 1)
    return float(f"{np.median(epsilons):.2g}")


def _statistics(evidence, stepped, actual):
    """Moving statistics that are not updated, or updated with a different momentum."""
    names, start = statistics(stepped), evidence.weights
    stayed = {name: start[name] for name in names}
    yield Cause(catalogue.UPDATE_OPS), {**stepped, **stayed}, actual
    moved = {name: stepped[name] - start[name] for name in names}
    factor = ratio({name: actual[name] - start[name] for name in names}, moved)
    if f"{factor:.4g}" in ("0", "1"):
        return
    scaled = {name: start[name] + factor * moved[name] for name in names}
    cause = Cause(catalogue.STATISTICS_MOMENTUM, _momentum_text(evidence.config, factor))
    yield cause, {**stepped, **scaled}, actual


def _momentum_text(config, factor):
    """The cause where statistics move `factor` times as far as they should."""
    momentum = getattr(config, "momentum", None)
    if momentum is None:
        return f"momentum of the statistics is another: they move {factor:.4g} times as far"
    return f"momentum is {1 - factor * (1 - momentum):.4g}, not {momentum:.4g}"
