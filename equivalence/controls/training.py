"""The known mistakes that are noticed by checks 5 to 8, and in which models they are made."""

import functools

from equivalence.controls import wrong_configs as configs
from equivalence.controls.models import ALL, CONV, DENSE, LSTM, NESTED, WINDOW
from tf1port.comparison.controls import wrong_models, wrong_trainings
from tf1port.comparison.controls.control import Control
from tf1port.pitfalls import catalogue, states, updates

ADAM, SGD = (WINDOW, NESTED), (LSTM, DENSE, CONV)


def _configured(pitfall, models, **changes):
    ((name, value),) = changes.items()
    make = configs.configured(**changes)
    return Control(pitfall, make, 5, f"{name} is {value}", models)


def _optimized(pitfall, check, models, label="", **changes):
    make = functools.partial(wrong_models.optimized, changes)
    return Control(pitfall, make, check, label, models)


def _ruled(pitfall):
    return Control(pitfall, functools.partial(wrong_models.ruled, pitfall), 5, models=ADAM)


def _forgetting(pitfall):
    make = functools.partial(wrong_trainings.forgetting, pitfall.mistake)
    return Control(pitfall, make, 6, models=(WINDOW,))


def _resuming(pitfall, models):
    make = functools.partial(wrong_trainings.resuming, states.RESUMED[pitfall])
    return Control(pitfall, make, 7, models=models)


def _exporting(pitfall, change, models):
    make = functools.partial(wrong_trainings.exporting, change)
    return Control(pitfall, make, 8, models=models, named=False)


ONE_STEP = (
    Control(catalogue.LEARNING_RATE, configs.doubled_rate, 5, "learning rate doubled", ALL),
    _configured(catalogue.BETAS, ADAM, beta_1=0.95),
    _configured(catalogue.BETAS, ADAM, beta_2=0.99),
    _configured(catalogue.EPSILON, ADAM, epsilon=1e-7),
    *map(_ruled, updates.WRONG),
    _optimized(catalogue.CLIPPING, 5, ADAM, "gradients clipped", global_clipnorm=0.01),
    _optimized(catalogue.WEIGHT_DECAY, 5, ALL, weight_decay=0.05),
    Control(catalogue.UPDATE_OPS, wrong_trainings.StatisticsFrozen, 5, models=(LSTM,)),
    _configured(catalogue.STATISTICS_MOMENTUM, (LSTM,), momentum=0.9),
)

LOSSES = (
    Control(catalogue.BATCH_ORDER, wrong_trainings.Shuffled, 6, models=ALL),
    _optimized(catalogue.MOMENTUM, 6, SGD, momentum=0.9),
    _optimized(catalogue.AMSGRAD, 6, ADAM, amsgrad=True),
    _forgetting(catalogue.SLOTS_BETWEEN_FITS),
    _forgetting(catalogue.OPTIMIZER_RESET),
)

RESUME = (
    _resuming(catalogue.SLOTS, ADAM),
    _resuming(catalogue.STEP_COUNT, ADAM),
    _resuming(catalogue.NOTHING_RESTORED, ALL),
    _resuming(catalogue.STATISTICS_LOST, (LSTM,)),
)

EXPORTS = (
    _exporting(catalogue.PROBABILITIES, wrong_models.with_softmax, ALL),
    _exporting(catalogue.EXPORTED_EARLY, wrong_models.with_new_logits, (DENSE, WINDOW)),
)

CONTROLS = (*ONE_STEP, *LOSSES, *RESUME, *EXPORTS)
