"""The mistakes of tf1port/pitfalls/weights.py in any model's layers, whatever their names."""

import functools
import itertools

import numpy as np

from tf1port.pitfalls import catalogue
from tf1port.pitfalls import weights as known
from tf1port.pitfalls.states import statistics
from tf1port.pitfalls.weights import Change

# Per family: the layer name that the changes expect, and the model that they are listed for.
_ALIASES = {"lstm": ("lstm", "row-lstm"), "rnn": ("cell_0", "window-rnn")}
_WITHIN = {"kernel", "recurrent_kernel", "bias"}


def changes(families, weights, *, single_layers=True):
    """The Changes that apply to a model: in all layers of a family, and in each alone.

    Args:
        families: {layer: family of tf1port.cells.families}, of the recurrent layers.
        weights: named weights of all layers.
        single_layers: whether to also change each of several layers alone.
    """
    list_ = [Change(catalogue.BIASES, (), known.biases_dropped, False)]
    if statistics(weights):
        list_.append(Change(catalogue.STATISTICS, (), known.statistics_not_loaded, False))
    list_ += _reshaped(weights)
    list_ += _exchanged(families)
    for layers in _groups(families, "gru", single_layers=single_layers):
        apply = functools.partial(_in, layers, gates_exchanged)
        list_.append(Change(catalogue.GRU_GATES, (), apply))
    for family, (alias, model) in _ALIASES.items():
        groups = _groups(families, family, single_layers=single_layers)
        for change, layers in itertools.product(known.of(model), groups):
            if _applies(change):
                apply = functools.partial(_in, layers, functools.partial(_as, alias, change.apply))
                where = "" if len(layers) == len(_of(families, family)) else f" in {layers[0]}"
                text = change.cause + where
                list_.append(Change(change.pitfall, (), apply, change.moves, text))
    return list_


def _reshaped(weights):
    """Kernels of dense layers reshaped instead of transposed, each alone."""
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
    """Whether a change is of a recurrent layer, not of the whole model."""
    model_wide = (known.statistics_not_loaded, known.logits_reshaped, known.layers_exchanged)
    return change.apply not in (*model_wide, known.biases_dropped)


def _of(families, family):
    return [name for name, actual in families.items() if actual == family]


def _groups(families, family, *, single_layers):
    """All layers of a family, and if there are several each of them."""
    layers = _of(families, family)
    single = [[name] for name in layers] if single_layers and len(layers) > 1 else []
    return [layers, *single] if layers else []


def _in(layers, change, weights):
    """Weights with a change in some layers; `change` is called with weights by role."""
    changed = dict(weights)
    for layer in layers:
        own = {role: weights[f"{layer}/{role}"] for role in _WITHIN if f"{layer}/{role}" in weights}
        changed.update({f"{layer}/{role}": value for role, value in change(own).items()})
    return changed


def _as(alias, change, own):
    """A change of one layer, under the layer name that the change expects."""
    changed = change({f"{alias}/{role}": value for role, value in own.items()})
    return {name.removeprefix(f"{alias}/"): value for name, value in changed.items()}


def gates_exchanged(own):
    """Keras' gates z and r in TF1's order r and z."""
    exchanged = {}
    for role, value in own.items():
        units = value.shape[-1] // 3
        update, reset, candidate = np.split(value, [units, 2 * units], axis=-1)
        exchanged[role] = np.concatenate([reset, update, candidate], axis=-1)
    return exchanged


def _exchanged(families):
    """Two layers of one family exchanged."""
    for first, second in itertools.combinations(families, 2):
        if families[first] == families[second]:
            apply = functools.partial(_swapped, first, second)
            yield Change(catalogue.LAYERS, (), apply, words=f"{first} and {second} exchanged")


def _swapped(first, second, weights):
    swapped = dict(weights)
    for role in _WITHIN:
        names = f"{first}/{role}", f"{second}/{role}"
        if all(name in weights for name in names):
            if weights[names[0]].shape != weights[names[1]].shape:
                return dict(weights)
            swapped[names[0]], swapped[names[1]] = weights[names[1]], weights[names[0]]
    return swapped
