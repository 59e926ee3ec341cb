"""How TF1 named the variables of its cells, and how cells are found by names and shapes.

Three eras: `RNN/MultiRNNCell/Cell0/BasicLSTMCell/Linear/Matrix` up to TF 1.0 (`Bias` beside it),
`rnn/multi_rnn_cell/cell_0/basic_lstm_cell/weights` (`biases`) in 1.1, `…/kernel` (`bias`) later.
Where a program chose a cell's scope, a cell is found only if its shapes fit one family and no other
reading is possible.
"""

import re
from typing import NamedTuple

import numpy as np

from tf1port.cells.families import FAMILIES
from tf1port.tf1.checkpoint import stacks


class Cell(NamedTuple):
    """A cell: `variables` are names by role (tf1port.cells.families), in any era's spelling.

    family: of FAMILIES, or "opaque" for a raw cuDNN buffer (role "opaque_kernel").
    layer: position in its stack, or None; direction: "fw", "bw" or None.
    """

    family: str
    scope: str
    variables: dict[str, str]
    layer: int | None
    direction: str | None


_KERNELS = ("kernel", "weights", "linear/matrix")
_BIASES = ("bias", "biases", "linear/bias")
_NORMED = ("input", "transform", "forget", "output", "state")
_PREFIXES = (
    "",
    "gates/",
    "candidate/",
    "candidate/input_projection/",
    "candidate/hidden_projection/",
)
# Lower-case spellings: W_F_diag is of the first era. W_0, B and W_P_0 were LSTMCell's then; W, b,
# wci and w_ru the fused cells'.
_ROLES = {
    **{
        prefix + word: prefix + "kernel"
        for prefix in (*_PREFIXES, "projection/")
        for word in _KERNELS
    },
    **{
        prefix + word: prefix + "bias" for prefix in (*_PREFIXES, "projection/") for word in _BIASES
    },
    **{f"{gate}/{role}": f"{gate}/{role}" for gate in _NORMED for role in ("gamma", "beta")},
    **{f"w_{gate}_diag": f"w_{gate}_diag" for gate in "ifo"},
    **{"w_0": "kernel", "w": "kernel", "b": "bias", "w_p_0": "projection/kernel"},
    **{f"wc{gate}": f"w_{gate}_diag" for gate in "ifo"},
    **{"w_ru": "gates/kernel", "b_ru": "gates/bias"},
    **{"w_c": "candidate/kernel", "b_c": "candidate/bias"},
}
_CLASSES = {
    **dict.fromkeys(("basicrnncell",), "rnn"),
    **dict.fromkeys(("basiclstmcell", "lstmcell", "lstmblockcell", "lstmblockfusedcell"), "lstm"),
    **dict.fromkeys(("lstmfusedcell", "cudnncompatiblelstmcell"), "lstm"),
    **dict.fromkeys(("grucell", "grublockcell", "grublockcellv2"), "gru"),
    **dict.fromkeys(("cudnncompatiblegrucell",), "cudnn_gru"),
    **dict.fromkeys(("layernormbasiclstmcell",), "layer_norm_lstm"),
}
# Scopes within cells, and cells with the variables of the ones above and other equations.
_FOREIGN = re.compile(
    "att|aug|candidate|conv|coupled|freq|gates|glstm|grid|group|highway|indy|indrnn|intersection"
    "|layernorm|minimal|nas|phased|sru|ugrnn|weightnorm|zoneout"
)
_NEUTRAL = re.compile(
    r"(cell|layer|rnn|multi_?rnn_?cell|(stack_)?bidirectional_rnn|birnn|fw|bw|forward|backward)_?\d*"
)
_WITHIN = re.compile(rf"({stacks.STACKED.pattern}|(bidirectional_rnn|birnn)(_\d+)?/[fb]w)(/[^/]+)?")
_HEAD = re.compile(
    "att|attn|attention|classifier|dense|emb|embed|embedding|fc|fully|head|hidden|linear|logits?"
    "|mlp|outputs?|out|predictions?|pred|proj|projection|regression|scores?|softmax"
)


def find_cells(shapes):
    """The cells among variables of these shapes ({name: tuple}), stacks in order."""
    matches: list[tuple[str, str, dict[str, str]]] = []
    for scope, roles in _scopes(shapes).items():
        if "projection/bias" in roles:  # a dense layer's: a cell's projection has none
            own = {role for role in roles if not role.startswith("projection/")}
            roles = {role: name for role, name in roles.items() if role in own}
        family = _family(scope, {role: shapes[name] for role, name in roles.items()}, shapes)
        if family:
            matches.append((family, scope, roles))
    matches += [_opaque(name) for name, shape in shapes.items() if _is_opaque(name, shape)]
    return _in_order(matches)


def sizes(family, shapes):
    """Sizes of a cell whose roles have these shapes; None where they do not fit."""
    blank = {role: np.broadcast_to(np.float32(0), shape) for role, shape in shapes.items()}
    try:
        return FAMILIES[family].sizes(blank) if family in FAMILIES else None
    except (KeyError, ValueError):
        return None


def roles_in(shapes, scope):
    """The variables of a scope that have a role in a cell, by role; {} where there are none."""
    return _scopes(shapes).get(scope, {})


def of_a_cell(name):
    """Whether a variable lies under a scope that is named like a cell."""
    scopes = [
        flat(scope) for scope in name.split("/")[:-1] if not _NEUTRAL.fullmatch(scope.lower())
    ]
    return any(scope in _CLASSES or scope.endswith("cell") for scope in scopes)


def cell_like(component):
    """Whether a scope's last component may be a cell's, rather than that of a layer around it."""
    named = re.search("lstm|gru|rnn|cell|gates|candidate", component.lower())
    return bool(named or _NEUTRAL.fullmatch(component.lower())) and not _headed(component)


def flat(component):
    """`BasicLSTMCell` and `basic_lstm_cell_1` alike: basiclstmcell."""
    return re.sub(r"_\d+$", "", component).replace("_", "").lower()


def _scopes(shapes):
    """By scope the variables that have a role there; a name may have one in several scopes."""
    scopes: dict[str, dict[str, str]] = {}
    for name in sorted(shapes):
        words = name.split("/")
        for size in range(1, min(4, len(words))):
            role = _ROLES.get("/".join(words[-size:]).lower())
            if role:
                scopes.setdefault("/".join(words[:-size]), {}).setdefault(role, name)
    return scopes


def _family(scope, shapes, all_shapes):
    """The family of the cell that a scope's roles make, or None."""
    own, text = _own(scope)
    fitting = [family for family in FAMILIES if sizes(family, shapes)]
    if flat(own) in _CLASSES:
        return _CLASSES[flat(own)] if _CLASSES[flat(own)] in fitting else None
    keras = f"{scope}/recurrent_kernel" in all_shapes
    if keras or _headed(own) or _is_foreign(own) or not fitting:
        return None
    within = bool(re.search(rf"{_WITHIN.pattern}$", scope.lower()))
    return _by_shape(set(fitting), text, within=within)


def _is_foreign(own):
    """Whether a scope is named like a class of cells that is none of the known ones."""
    unknown = flat(own).endswith("cell") and not re.search("lstm|gru|rnn", flat(own))
    return unknown or bool(_FOREIGN.search(flat(own)))


def _by_shape(fitting, text, *, within):
    """The only family left for a scope whose words are `text`, or None.

    `within`: it lies where a stack or a pair of directions keeps its cells.
    """
    cellular = within or re.search("lstm|gru|rnn", text)
    if len(fitting) == 1 and fitting <= {"gru", "cudnn_gru", "layer_norm_lstm"}:
        return min(fitting) if cellular else None
    plain = fitting & {"rnn", "lstm"}
    if "gru" in text:
        return None
    if "lstm" in text:
        return "lstm" if "lstm" in plain else None
    return min(plain) if cellular and len(plain) == 1 else None


def _own(scope):
    """A scope's last specific component, and the lower-case words from there on."""
    words: list[str] = []
    for component in reversed(scope.split("/")):
        words.append(component.lower())
        if not _NEUTRAL.fullmatch(component.lower()):
            return component, " ".join(words)
    return "", " ".join(words)


def _headed(component):
    words = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", component)
    return any(_HEAD.fullmatch(word.lower()) for word in words)


def _is_opaque(name, shape):
    leaf = name.rpartition("/")[2].lower()
    raw = leaf.startswith("opaque_kernel") or ("cudnn" in name.lower() and "param" in leaf)
    return raw and len(shape) == 1


def _opaque(name):
    return "opaque", name.rpartition("/")[0], {"opaque_kernel": name}


def _in_order(matches):
    scopes = {scope for _, scope, _ in matches}
    cells = [
        Cell(family, scope, variables, stacks.layer(scope, scopes), stacks.direction(scope, scopes))
        for family, scope, variables in matches
    ]
    return sorted(cells, key=lambda cell: stacks.order(cell.scope))
