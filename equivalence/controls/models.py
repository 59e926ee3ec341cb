"""The known mistakes that are noticed by checks 1 to 4, and in which models they are made."""

import functools

from equivalence.controls import wrong_configs as configs
from tf1port.comparison.controls import wrong_models, wrong_sides
from tf1port.comparison.controls.control import Control
from tf1port.pitfalls import catalogue, images, weights

WINDOW, LSTM, NESTED, DENSE, CONV = "window-rnn", "row-lstm", "nested-rnn", "dense", "conv"
ALL = (WINDOW, LSTM, NESTED, DENSE, CONV)
RECURRENT = (WINDOW, LSTM, NESTED)

# The wrong orders of gates that are tried: TF1's, and another library's.
_ORDERS = [weights.gates_cause(order) for order in ((0, 2, 1, 3), (3, 1, 2, 0))]
_WEIGHTS = {change.cause: change for change in weights.CHANGES}
_IMAGES = {change.pitfall: change for change in images.CHANGES}


def _weights(cause, wrong, *, check=2, **needs):
    change = _WEIGHTS[cause]
    make = functools.partial(wrong, change.apply)
    return Control(change.pitfall, make, check, change.words, change.models, **needs)


def _loaded(pitfall):
    return _weights(pitfall.name, wrong_sides.loaded, check=1)


def _mapped(cause, **needs):
    return _weights(cause, wrong_sides.mapped, **needs)


def _computing(pitfall, **needs):
    return _weights(pitfall.name, wrong_sides.computing_with, **needs)


def _images(pitfall, **needs):
    change = _IMAGES[pitfall]
    make = functools.partial(wrong_sides.reading, change.apply)
    return Control(pitfall, make, 2, change.words, change.models, **needs)


def _activation(before, after, models):
    make = functools.partial(wrong_models.activated, before, after)
    return Control(catalogue.ACTIVATION, make, 2, f"{after} for {before}", models)


def _rebuilt(pitfall, check, models, **needs):
    make = functools.partial(wrong_models.rebuilt, pitfall.mistake)
    return Control(pitfall, make, check, models=models, **needs)


_TWICE = functools.partial(
    wrong_sides.loaded, functools.partial(weights.forget_bias_added, amount=1)
)

VARIABLES = (
    _loaded(catalogue.BIASES),
    _loaded(catalogue.STATISTICS),
    _loaded(catalogue.FORGET_BIAS),
    Control(catalogue.FORGET_BIAS_TWICE, _TWICE, 1, "forget bias added twice", (LSTM,)),
    Control(catalogue.DTYPE, configs.in_float32, 1, "float32 for float64", ALL),
)

OUTPUTS = (
    *map(_mapped, _ORDERS),
    _mapped(catalogue.KERNEL_ROWS.name),
    _mapped(catalogue.TRANSPOSED.name, over_steps=True),
    _mapped("second and third layer exchanged"),
    _mapped(catalogue.RESHAPED.name),
    _mapped(catalogue.STREAMS.name),
    _mapped(catalogue.BY_COLUMN.name),
    _mapped(catalogue.HEIGHT_WIDTH.name),
    _mapped(catalogue.OIHW.name),
    _mapped(catalogue.BY_CHANNEL.name),
    _computing(catalogue.STATE_LOST, over_steps=True),
    _computing(catalogue.MEMORY),
    _computing(catalogue.STREAM_LOST),
    _images(catalogue.BACKWARDS, over_steps=True),
    _images(catalogue.WINDOW),
    _images(catalogue.UNSCALED),
    _images(catalogue.IMAGES_TRANSPOSED),
    _images(catalogue.OTHER_EXAMPLES, over_examples=True),
    Control(catalogue.STATES, wrong_sides.StatesExchanged, 2, models=(LSTM,)),
    _activation("tanh", "relu", (WINDOW, NESTED)),
    _activation("sigmoid", "hard_sigmoid", (LSTM,)),
    _activation("relu", "linear", (DENSE, CONV)),
    _rebuilt(catalogue.POOLING, 2, (CONV,)),
    Control(catalogue.NORMALIZATION_EPSILON, configs.configured(epsilon=1e-5), 2, models=(LSTM,)),
    Control(catalogue.LAST_STEP, configs.Padded, 2, models=(WINDOW,), named=False),
    Control(catalogue.MASK, wrong_sides.MaskIgnored, 2, models=RECURRENT),
    Control(catalogue.LAST_REPEATED, wrong_sides.LastRepeated, 2, models=RECURRENT),
)

LOSS = (
    Control(catalogue.SUMMED, wrong_sides.Summed, 3, models=ALL, over_examples=True),
    Control(catalogue.ONE_MORE, wrong_sides.OneMore, 3, models=(WINDOW, DENSE), named=False),
    Control(catalogue.SOFTMAX_TWICE, wrong_models.softmax_twice, 3, models=ALL),
    _rebuilt(catalogue.INFERENCE_MODE, 3, (LSTM,)),
)

GRADIENTS = (
    Control(
        catalogue.FORGET_BIAS_IN_GRADIENTS, wrong_sides.ForgetBiasInGradients, 4, models=(LSTM,)
    ),
    Control(catalogue.AVERAGED_TWICE, wrong_sides.AveragedTwice, 4, models=ALL, over_examples=True),
    _rebuilt(catalogue.CUT_BETWEEN_STEPS, 4, (WINDOW, LSTM), named=False, over_steps=True),
)

CONTROLS = (*VARIABLES, *OUTPUTS, *LOSS, *GRADIENTS)
