"""The wrong ports that are noticed on rungs 1 to 4, as data: see tf1port/controls."""

from equivalence.controls import wrong_modern as ports
from tf1port.comparison.controls.control import (
    ALL,
    CONV,
    DENSE,
    LSTM,
    NESTED,
    RECURRENT,
    WINDOW,
    Control,
)
from tf1port.pitfalls import images as image_changes
from tf1port.pitfalls import models as keras_changes
from tf1port.pitfalls import weights as weight_changes

_CHANGES = {change.cause: change for change in weight_changes.CHANGES}


def _weights(name, what, cause, *, rung=2, how=ports.mapped, **needs):
    change = _CHANGES[cause]
    return Control(name, what, change.models, how(change.apply), rung, cause, **needs)


def _images(what, cause, **needs):
    models, change = image_changes.CHANGES[cause]
    return Control(cause, what, models, ports.reading(change), 2, cause, **needs)


VARIABLES = (
    _weights(
        "biases left behind",
        "kernels are loaded, biases start at zero",
        "biases left behind",
        rung=1,
        how=ports.loaded,
    ),
    _weights(
        "statistics left behind",
        "moving mean and variance are no trainable variables and were not loaded",
        "statistics of the normalization left behind",
        rung=1,
        how=ports.loaded,
    ),
    _weights(
        "forget bias forgotten",
        "the bias as the checkpoint has it, without what the graph adds",
        "forget bias forgotten",
        rung=1,
        how=ports.loaded,
    ),
    Control(
        "forget bias added twice",
        "carried into the bias, and Keras' unit_forget_bias on top",
        (LSTM,),
        ports.loaded(lambda weights: weight_changes.forget_bias_added(weights, amount=1)),
        1,
        "forget bias added twice",
    ),
    Control(
        "float32 for float64",
        "the port stays in float32 where it was asked for float64",
        ALL,
        ports.Float32,
        1,
        "float32 for float64",
    ),
)

OUTPUTS = (
    _weights(
        "gates in TF1's order",
        "i, j, f, o read as i, f, c, o",
        weight_changes.gates_cause((0, 2, 1, 3)),
    ),
    _weights(
        "input and output gate exchanged",
        "a gate order of another library's",
        weight_changes.gates_cause((3, 1, 2, 0)),
    ),
    _weights(
        "rows of x and h exchanged",
        "the joint kernel [x; h] cut as [h; x]",
        "rows of input and state exchanged in the kernels",
    ),
    _weights(
        "recurrent kernels transposed",
        "square, so that no shape complains",
        "recurrent kernels transposed",
        over_steps=True,
    ),
    _weights(
        "layers exchanged",
        "cells loaded in another order",
        "second and third layer exchanged",
    ),
    _weights(
        "kernel reshaped",
        "[outputs, inputs] reshaped where it was to be transposed",
        "last kernel reshaped instead of transposed",
    ),
    _weights(
        "streams exchanged",
        "the profile's rows of the kernel before the pixels'",
        "pixels and profile stacked in the other order",
    ),
    _weights(
        "pixels by column",
        "images flattened column by column",
        "images flattened column by column",
    ),
    _weights(
        "height and width exchanged",
        "convolution kernels transposed",
        "height and width of the convolutions exchanged",
    ),
    _weights(
        "kernels reshaped from OIHW",
        "[filter, input, height, width] reshaped where it was to be transposed",
        "convolution kernels reshaped from OIHW",
    ),
    _weights(
        "flattened by channel",
        "feature maps flattened in NCHW's order",
        "feature maps flattened channel by channel",
    ),
    _weights(
        "state not carried",
        "every step starts from zeros",
        "state not carried from step to step",
        how=ports.computing_with,
        over_steps=True,
    ),
    _weights(
        "memory not read",
        "a part of the state that is written to only",
        "memory not read",
        how=ports.computing_with,
    ),
    _weights(
        "profile not read",
        "the second of two nested inputs is zeros",
        "profile not read",
        how=ports.computing_with,
    ),
    _images("go_backwards set by mistake", "rows read backwards", over_steps=True),
    _images("the window starts one row too late", "windows one row late"),
    _images("the division by 255 was forgotten", "pixels from 0 to 255"),
    _images("columns are read as rows", "images transposed"),
    _images("two inputs shuffled apart", "profiles of other images", over_examples=True),
    Control(
        "c and h exchanged",
        "Keras' (h, c) taken for TF1's (c, h)",
        (LSTM,),
        ports.StatesExchanged,
        2,
        "c and h of the final state exchanged",
    ),
    Control(
        "relu for tanh",
        "another activation than the cell's default",
        (WINDOW, NESTED),
        ports.activated("tanh", "relu"),
        2,
        "relu for tanh",
    ),
    Control(
        "hard sigmoid for sigmoid",
        "the default of early Keras in the gates",
        (LSTM,),
        ports.activated("sigmoid", "hard_sigmoid"),
        2,
        "hard_sigmoid for sigmoid",
    ),
    Control(
        "relu forgotten",
        "the activation was an argument of the layer and was left out",
        (DENSE, CONV),
        ports.activated("relu", "linear"),
        2,
        "linear for relu",
    ),
    Control(
        "average pooling for max",
        "another pooling",
        (CONV,),
        ports.rebuilt(keras_changes.average_for_max),
        2,
        "average pooling for max",
    ),
    Control(
        "another epsilon of the normalization",
        "1e-5, another library's default, for 1e-3",
        (LSTM,),
        ports.configured(epsilon=1e-5),
        2,
        "epsilon of the normalization is 1e-05, not 0.001",
    ),
    Control(
        "last output of the padding",
        "sequences are padded, and the last step's output is taken",
        (WINDOW,),
        ports.Padded,
        2,
        None,
    ),
    Control(
        "mask ignored",
        "the recurrent layer runs over the padding of short sequences",
        RECURRENT,
        ports.MaskIgnored,
        2,
        "mask ignored",
    ),
    Control(
        "last output repeated",
        "Keras repeats the last output beyond a length, TF1 gives zeros",
        RECURRENT,
        ports.LastRepeated,
        2,
        "last output repeated beyond the length",
    ),
)

LOSS = (
    Control(
        "summed loss",
        "the sum over the batch for its mean",
        ALL,
        ports.compiled(loss=ports.summed_loss),
        3,
        "loss summed over the batch",
        over_examples=True,
    ),
    Control(
        "an example too many",
        "the accuracy is of one example more",
        (WINDOW, DENSE),
        ports.OneMore,
        3,
        None,
    ),
    Control(
        "softmax twice",
        "a loss that takes logits is given probabilities",
        ALL,
        ports.compiled(loss=ports.softmax_twice),
        3,
        "softmax applied twice",
    ),
    Control(
        "inference mode in training",
        "the normalization takes its moving statistics in training too",
        (LSTM,),
        ports.rebuilt(keras_changes.normalize_by_moving_statistics),
        3,
        "normalization by its moving statistics in training",
    ),
)

GRADIENTS = (
    Control(
        "forget bias in the gradients",
        "what has the shape of weights is mapped as weights are, the constant included",
        (LSTM,),
        ports.ForgetBiasInGradients,
        4,
        "forget bias added to the gradients",
    ),
    Control(
        "averaged twice",
        "gradients of a mean divided by the batch once more, as over replicas",
        ALL,
        ports.AveragedTwice,
        4,
        "gradients divided by the size of the batch once more",
        over_examples=True,
    ),
    Control(
        "gradients cut between steps",
        "the state is detached at every step",
        (WINDOW, LSTM),
        ports.rebuilt(keras_changes.cut_between_steps),
        4,
        None,
        over_steps=True,
    ),
)

CONTROLS = (*VARIABLES, *OUTPUTS, *LOSS, *GRADIENTS)
