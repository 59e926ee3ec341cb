"""The wrong ports that are noticed on rungs 5 to 8, as data: see tf1port/controls."""

from equivalence.controls import wrong_modern as ports
from equivalence.controls import wrong_training as training
from tf1port.comparison.controls.control import ADAM, ALL, DENSE, LSTM, SGD, WINDOW, Control
from tf1port.pitfalls import states as state_changes


def _rule(name, what, cause):
    return Control(name, what, ADAM, training.ruled(cause), 5, cause)


ONE_STEP = (
    Control(
        "learning rate doubled",
        "scaled with two replicas that are not there",
        ALL,
        training.doubled_rate,
        5,
        "learning rate is ",
    ),
    Control(
        "beta_1 of 0.95",
        "another decay of the first moment",
        ADAM,
        ports.configured(beta_1=0.95),
        5,
        "beta_1 is 0.95, not 0.9",
    ),
    Control(
        "beta_2 of 0.99",
        "another decay of the second moment",
        ADAM,
        ports.configured(beta_2=0.99),
        5,
        "beta_2 is 0.99, not 0.999",
    ),
    Control(
        "Keras' epsilon",
        "1e-7 for TF1's 1e-8",
        ADAM,
        ports.configured(epsilon=1e-7),
        5,
        "epsilon is 1e-07, not 1e-08",
    ),
    _rule(
        "epsilon after the correction",
        "the paper's and PyTorch's place for it",
        "Adam with epsilon beside the root of the corrected moment",
    ),
    _rule(
        "epsilon inside the root",
        "added to the second moment before the root is taken",
        "Adam with epsilon inside the root",
    ),
    _rule(
        "moments not corrected",
        "Adam as some language models were trained with it",
        "Adam without the correction of its moments",
    ),
    Control(
        "gradients clipped",
        "clipping that the legacy side has not",
        ADAM,
        training.adam(global_clipnorm=0.01),
        5,
        "gradients clipped to a global norm of 0.01",
    ),
    Control(
        "weight decay",
        "an optimizer that takes a share off the weights",
        ALL,
        training.decaying(0.05),
        5,
        "weights decay by 0.05 times the learning rate",
    ),
    Control(
        "UPDATE_OPS forgotten",
        "the moving statistics stay where they are",
        (LSTM,),
        training.StatisticsFrozen,
        5,
        "moving statistics not updated (UPDATE_OPS)",
    ),
    Control(
        "another momentum",
        "0.9 for 0.99 in the moving statistics",
        (LSTM,),
        ports.configured(momentum=0.9),
        5,
        "momentum is 0.9, not 0.99",
    ),
)

LOSSES = (
    Control(
        "batches in another order",
        "shuffled where the plan is the order",
        ALL,
        training.Shuffled,
        6,
        "batches in another order",
    ),
    Control(
        "momentum",
        "gradient descent with a momentum that the legacy side has not",
        SGD,
        training.sgd(momentum=0.9),
        6,
        "momentum of 0.9 in the gradient descent",
    ),
    Control(
        "AMSGrad",
        "Adam that remembers the largest second moment",
        ADAM,
        training.adam(amsgrad=True),
        6,
        "AMSGrad for Adam",
    ),
    Control(
        "slots lost between fits",
        "the moments start at zero when training goes on",
        (WINDOW,),
        training.forgetting("_momentum", "_velocity"),
        6,
        "slots lost when training went on",
    ),
    Control(
        "optimizer made anew",
        "compiled again before each fit: no slots, no count",
        (WINDOW,),
        training.forgetting("_momentum", "_velocity", "iteration"),
        6,
        "optimizer started anew when training went on",
    ),
)

RESUME = (
    Control(
        "slots dropped at resume",
        "weights and count are taken over, Adam's moments are not",
        ADAM,
        training.resuming(state_changes.without_slots),
        7,
        "slots not taken over",
    ),
    Control(
        "count lost at resume",
        "the correction of Adam's moments starts over",
        ADAM,
        training.resuming(state_changes.without_count),
        7,
        "step count not taken over",
    ),
    Control(
        "nothing restored",
        "no checkpoint was found, and nobody said so",
        ALL,
        training.resuming(state_changes.own_state),
        7,
        "nothing taken over",
    ),
    Control(
        "statistics lost at resume",
        "only trainable variables were restored",
        (LSTM,),
        training.resuming(state_changes.without_statistics),
        7,
        "moving statistics not taken over",
    ),
)

EXPORTS = (
    Control(
        "probabilities exported",
        "the signature's logits went through a softmax",
        ALL,
        training.exporting(training.with_softmax),
        8,
        None,
    ),
    Control(
        "exported before its weights",
        "the last layer was exported before it was loaded",
        (DENSE, WINDOW),
        training.exporting(training.with_new_logits),
        8,
        None,
    ),
)

CONTROLS = (*ONE_STEP, *LOSSES, *RESUME, *EXPORTS)
