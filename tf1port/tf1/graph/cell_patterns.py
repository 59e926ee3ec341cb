"""The equations of TF1's cells, as patterns (tf1port.tf1.graph.patterns).

Each is drawn from the class in tf.nn.rnn_cell (python/ops/rnn_cell_impl.py of TensorFlow 1.15) or
tf.contrib (contrib/rnn/python/ops/rnn_cell.py and beside it) and is the new state h'; a match has
the tensors "x", "h", of an LSTM also "c" and "new_c", and the constants, named as in Constants.
Shapes: x [B, F], h and h' [B, P], c and c' [B, U]; P is U where nothing is projected. g is one of
ACTIVATIONS, or none. Which terms a cell has depends on its variables.
"""

from functools import cache

from tf1port.tf1.graph.patterns import (
    Activated,
    AnyTensor,
    Constant,
    Either,
    Number,
    Op,
    Pattern,
    Variable,
    clipped,
    mean,
    named,
    op,
    pieces,
    side_by_side,
    sigmoid,
)

x, h, c = named("x"), named("h"), named("c")
forget_bias = Constant("forget_bias")


def _product(kernel: str) -> Pattern:
    """[x, h] W: each use of the cell has one, from which the search starts."""
    return (side_by_side(x, h) @ Variable(kernel)).called("product")


@cache
def rnn() -> Pattern:
    """BasicRNNCell: h' = g([x, h] W + b)."""
    return Activated(_product("kernel") + Variable("bias"))


@cache
def lstm(*, peepholes: bool, projected: bool) -> Pattern:
    """BasicLSTMCell, LSTMCell: with [i, j, f, o] = [x, h] W + b,

    c' = clip(c sigmoid(f + forget bias + w_f c) + sigmoid(i + w_i c) g(j))
    h' = clip(sigmoid(o + w_o c') g(c') projection)
    """

    def peep(gate: Pattern, weights: str, cell: Pattern) -> Pattern:
        return gate + Variable(weights) * cell if peepholes else gate

    i, j, f, o = pieces(_product("kernel") + Variable("bias"), 4)
    kept = c * sigmoid(peep(f + forget_bias, "w_f_diag", c))
    added = sigmoid(peep(i, "w_i_diag", c)) * Activated(j)
    new_c = clipped(kept + added, "cell_clip").called("new_c")
    new_h = sigmoid(peep(o, "w_o_diag", new_c)) * Activated(new_c)
    return clipped(new_h @ Variable("projection/kernel"), "projection_clip") if projected else new_h


@cache
def layer_norm_lstm() -> Pattern:
    """contrib's LayerNormBasicLSTMCell: with [i, j, f, o] = [x, h] W and N of each its own,

    c' = N(c sigmoid(N(f) + forget bias) + sigmoid(N(i)) g(N(j)))
    h' = g(c') sigmoid(N(o))
    """
    gates = pieces(_product("kernel"), 4)
    names = ("input", "transform", "forget", "output")
    i, j, f, o = (_normalized(gate, name) for gate, name in zip(gates, names, strict=True))
    summed = c * sigmoid(f + forget_bias) + sigmoid(i) * Activated(j)
    new_c = _normalized(summed, "state").called("new_c")
    return Activated(new_c) * sigmoid(o)


def _normalized(of: Pattern, name: str) -> Pattern:
    """contrib's layer_norm: N(a) = a s + (beta - m s), s = gamma / sqrt(variance + 1e-12)."""
    of = of.called(f"{name} before")
    m = mean(of).called(f"{name} mean")
    squares = Op("SquaredDifference", (of, m), commutes=True)
    root = op("Rsqrt", mean(squares) + 1e-12)
    s = (root * Variable(f"{name}/gamma")).called(f"{name} scale")
    return of * s + (Variable(f"{name}/beta") - m * s)


@cache
def gru() -> Pattern:
    """GRUCell: with [r, u] = sigmoid([x, h] W + b),

    h' = u h + (1 - u) g([x, r h] W' + b')
    """
    r, u = _reset_and_update()
    candidate = side_by_side(x, r * h) @ Variable("candidate/kernel") + Variable("candidate/bias")
    return u * h + (1 - u) * Activated(candidate)


@cache
def cudnn_gru() -> Pattern:
    """contrib's CudnnCompatibleGRUCell: with [r, u] = sigmoid([x, h] W + b),

    h' = (1 - u) g(x W' + b' + r (h U' + b'')) + u h
    """
    r, u = _reset_and_update()
    input_scope, hidden_scope = "candidate/input_projection/", "candidate/hidden_projection/"
    hidden = h @ Variable(hidden_scope + "kernel") + Variable(hidden_scope + "bias")
    candidate = x @ Variable(input_scope + "kernel") + Variable(input_scope + "bias") + r * hidden
    return (1 - u) * Activated(candidate) + u * h


def _reset_and_update() -> tuple[Pattern, Pattern]:
    """The gates r and u: before 1.0 each had its sigmoid, since then both have one together."""
    gates = _product("gates/kernel") + Variable("gates/bias")
    joint, separate = pieces(sigmoid(gates), 2), pieces(gates, 2)
    r, u = (Either((a, sigmoid(b))) for a, b in zip(joint, separate, strict=True))
    return r.called("r"), u.called("u")


# Cells of one fused op, which has all intermediate values as outputs.


@cache
def lstm_block(kind: str, *, peepholes: bool) -> Pattern:
    """contrib's LSTMBlockCell, or BlockLSTM, whose first input is the longest length; x [T, B, F].

    Without peepholes their inputs are zeros, which are not used.
    """
    weights = [Variable(f"w_{gate}_diag") if peepholes else AnyTensor() for gate in "ifo"]
    longest = [_longest()] if kind == "BlockLSTM" else []
    inputs = [x, c, h, Variable("kernel"), *weights, Variable("bias")]
    return op(kind, *longest, *inputs, use_peephole=peepholes)


def _longest() -> Pattern:
    """The longest of "lengths" [B], or the size T of x [T, B, F], where known as "steps"."""
    size = op("StridedSlice", op("Shape", x), Number(0), Number(1), Number(1))
    ways = (op("Max", named("lengths"), AnyTensor()), size, Constant("steps"))
    return Either((*ways, *(op("Cast", way) for way in ways)))


@cache
def gru_block() -> Pattern:
    """contrib's GRUBlockCell."""
    roles = ("gates/kernel", "candidate/kernel", "gates/bias", "candidate/bias")
    return op("GRUBlockCell", x, h, *map(Variable, roles))
