"""The mistakes of tf1port/pitfalls/weights.py in any model's layers, whatever these are called."""

import functools
import itertools

import numpy as np

from tf1port.pitfalls import catalogue
from tf1port.pitfalls import weights as known
from tf1port.pitfalls.states import statistics
from tf1port.pitfalls.weights import Change

# Per family: names that the changes know such a layer by, and the models that they are listed for.
_KNOWN = {"lstm": ("lstm", "row-lstm"), "rnn": ("cell_0", "window-rnn")}
_WITHIN = {"kernel", "recurrent_kernel", "bias"}


def changes(families, weights, *, each=True):
    """The Changes that a model may suffer from: in all layers of a family, and in each alone.

    Args:
        families: {layer: family of tf1port.cells.families}, of the recurrent layers.
        weights: named weights of all layers.
        each: False for those in all layers of a family alone.
    """
    found = [Change(catalogue.BIASES, (), known.biases_dropped, False)]
    if statistics(weights):
        found.append(Change(catalogue.STATISTICS, (), known.statistics_left_behind, False))
    found += _reshaped(weights)
    found += _exchanged(families)
    for layers in _groups(families, "gru", each=each):
        apply = functools.partial(_in, layers, gates_exchanged)
        found.append(Change(catalogue.GRU_GATES, (), apply))
    for family, (alias, model) in _KNOWN.items():
        groups = _groups(families, family, each=each)
        for change, layers in itertools.product(known.of(model), groups):
            if _applies(change):
                apply = functools.partial(_in, layers, functools.partial(_as, alias, change.apply))
                where = "" if len(layers) == len(_of(families, family)) else f" in {layers[0]}"
                words = change.cause + where
                found.append(Change(change.pitfall, (), apply, change.moves, words))
    return found


def _reshaped(weights):
    """Kernels of dense layers reshaped where they were to be transposed, each alone."""
    for name, value in weights.items():
        layer, _, role = name.rpartition("/")
        if role == "kernel" and np.ndim(value) == 2 and f"{layer}/recurrent_kernel" not in weights:
            apply = functools.partial(_reshape, name)
            yield Change(catalogue.RESHAPED, (), apply, words=f"kernel of {layer} reshaped")


def _reshape(name, weights):
    if name not in weights:
        return dict(weights)
    return {**weights, name: weights[name].T.reshape(weights[name].shape)}


def _applies(change):
    """Whether a change is one of a recurrent layer alone."""
    others = (known.statistics_left_behind, known.logits_reshaped, known.layers_exchanged)
    return change.apply not in (*others, known.biases_dropped)


def _of(families, family):
    return [name for name, one in families.items() if one == family]


def _groups(families, family, *, each):
    """All layers of a family, and where these are several each of them."""
    layers = _of(families, family)
    single = [[name] for name in layers] if each and len(layers) > 1 else []
    return [layers, *single] if layers else []


def _in(layers, change, weights):
    """Weights with a change in some layers; `change` sees a layer's own names."""
    found = dict(weights)
    for layer in layers:
        own = {role: weights[f"{layer}/{role}"] for role in _WITHIN if f"{layer}/{role}" in weights}
        found.update({f"{layer}/{role}": value for role, value in change(own).items()})
    return found


def _as(alias, change, own):
    """A change of one layer, made as if it went by the name that the change knows."""
    changed = change({f"{alias}/{role}": value for role, value in own.items()})
    return {name.removeprefix(f"{alias}/"): value for name, value in changed.items()}


def gates_exchanged(own):
    """Keras' gates z and r in TF1's order r and z."""
    found = {}
    for role, value in own.items():
        units = value.shape[-1] // 3
        update, reset, candidate = np.split(value, [units, 2 * units], axis=-1)
        found[role] = np.concatenate([reset, update, candidate], axis=-1)
    return found


def _exchanged(families):
    """Two layers of one family taken for each other."""
    for one, other in itertools.combinations(families, 2):
        if families[one] == families[other]:
            apply = functools.partial(_swapped, one, other)
            yield Change(catalogue.LAYERS, (), apply, words=f"{one} and {other} exchanged")


def _swapped(one, other, weights):
    found = dict(weights)
    for role in _WITHIN:
        names = f"{one}/{role}", f"{other}/{role}"
        if all(name in weights for name in names):
            if weights[names[0]].shape != weights[names[1]].shape:
                return dict(weights)
            found[names[0]], found[names[1]] = weights[names[1]], weights[names[0]]
    return found
