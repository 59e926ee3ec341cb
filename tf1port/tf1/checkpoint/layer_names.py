"""Layers other than cells, where names and shapes are unambiguous or usual in TF1 programs."""

import re
from typing import NamedTuple

from tf1port.tf1.checkpoint.cell_names import cell_like, of_a_cell


class Layer(NamedTuple):
    """A layer: its variables' names by Keras' role.

    kind: dense, embedding, conv1d, conv2d, batch_normalization or layer_normalization.
    """

    kind: str
    scope: str
    variables: dict[str, str]


_STATISTICS = ("gamma", "beta", "moving_mean", "moving_variance")
_LEAVES = {
    **dict.fromkeys(("kernel", "weights", "weight", "matrix", "w"), "kernel"),
    **dict.fromkeys(("bias", "biases", "b"), "bias"),
    **{role: role for role in _STATISTICS},
}
_EMBEDDING = re.compile(
    "(.*[_-])?(embeddings?|emb|embed)([_-](matrix|weights?|table|lookup|mat|w|var|variable))?"
)
_WITHOUT_BIAS = re.compile("dense|fully_connected|fc|layer|linear|proj")
# Their kernels have the rank of a convolution's and another meaning.
_NO_CONVOLUTION = re.compile("transpose|deconv|depthwise|separable|local")


def find_layers(shapes):
    """The layers among variables of these shapes ({name: tuple}), without those of cells."""
    layers: list[Layer] = []
    claimed: set[str] = set()
    for scope, roles in sorted(_scopes(shapes).items()):
        ranked = {role: shapes[name] for role, name in roles.items()}
        for kind, wanted in _kinds(scope.rpartition("/")[2], ranked):
            variables = {keras: roles[role] for role, keras in wanted.items()}
            layers.append(Layer(kind, scope, variables))
            claimed.update(variables.values())
    for name in sorted(set(shapes) - claimed):
        scope, _, leaf = name.rpartition("/")
        if len(shapes[name]) == 2 and _EMBEDDING.fullmatch(leaf.lower()) and not of_a_cell(name):
            layers.append(Layer("embedding", scope, {"embeddings": name}))
    return sorted(layers, key=lambda layer: (layer.scope, layer.kind))


def _scopes(shapes):
    """By scope the variables with a role in a layer; not those of Keras' own recurrent layers."""
    scopes: dict[str, dict[str, str]] = {}
    for name in sorted(shapes):
        scope, _, leaf = name.rpartition("/")
        role = _LEAVES.get(leaf.lower())
        if role and scope and not of_a_cell(name) and f"{scope}/recurrent_kernel" not in shapes:
            scopes.setdefault(scope, {}).setdefault(role, name)
    return scopes


def _kinds(own, shapes):
    """Pairs of a kind of layer in a scope named `own`, and Keras' roles by TF1's."""
    kernel = _kernel_kind(own, shapes)
    if kernel:
        first = "embeddings" if kernel == "embedding" else "kernel"
        yield kernel, {"kernel": first, **({"bias": "bias"} if "bias" in shapes else {})}
    normal = _normal_kind(own.lower(), shapes)
    if normal:
        yield normal, {role: role for role in _STATISTICS if role in shapes}


def _kernel_kind(own, shapes):
    """The kind of the layer whose kernel this is, or None."""
    kernel, bias = shapes.get("kernel", ()), shapes.get("bias")
    if bias is not None and bias != kernel[-1:]:
        return None
    if len(kernel) == 2:
        return _matrix_kind(own, biased=bias is not None)
    convolution = "conv" in own.lower() and not _NO_CONVOLUTION.search(own.lower())
    if not convolution or cell_like(own):
        return None
    return {3: "conv1d", 4: "conv2d"}.get(len(kernel))


def _matrix_kind(own, *, biased):
    if cell_like(own):
        return None
    if biased:
        return "dense"
    if _EMBEDDING.fullmatch(re.sub(r"_\d+$", "", own.lower())):
        return "embedding"
    return "dense" if _WITHOUT_BIAS.search(own.lower()) else None


def _normal_kind(own, shapes):
    """The kind of the normalization whose scale, shift or statistics these are, or None."""
    roles = shapes.keys() & set(_STATISTICS)
    vectors = {shapes[role] for role in roles}
    if len(vectors) != 1 or len(min(vectors)) != 1:
        return None
    if {"moving_mean", "moving_variance"} <= roles:
        return "batch_normalization"
    layer = re.search("layer_?norm|(^|_)ln(_|$)", own)
    return "layer_normalization" if layer and roles == {"gamma", "beta"} else None
