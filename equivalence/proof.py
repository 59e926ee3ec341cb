"""Both sides from the same weights on the same batches, up the ladder in every dtype."""

import itertools

import numpy as np
import tensorflow.compat.v1 as tf1

from equivalence.legacy_side import LegacySide
from equivalence.modern_side import ModernSide
from legacy_tf1 import training as legacy_training
from shared import batches
from shared.config import train_split
from tf1port.comparison.ladder import checks
from tf1port.comparison.running import run

STEPS = 200
DRAWN = 0.1  # the largest noise that is added to equal weights


def dtypes(config):
    """The dtypes in which both sides can compute the config's model."""
    return ("float32",) if getattr(config, "kernel", None) == "fused-cpu" else checks.DTYPES


def left_out(config):
    """Entries of the report for the dtypes that are missing."""
    why = "the fused kernels compute in float32 only"
    missing = [dtype for dtype in checks.DTYPES if dtype not in dtypes(config)]
    without = [checks.without(checks.ALL, dtype, why, needed=False) for dtype in missing]
    return [entry for entries in without for entry in entries]


def initial_weights(config):
    """The named weights that legacy_tf1 draws from the config's seed."""
    module = legacy_training.MODELS[config.model]
    with tf1.Graph().as_default():
        tf1.set_random_seed(config.seed)
        model = module.build_model(config)
        with tf1.Session(config=legacy_training.session_config()) as session:
            session.run(tf1.global_variables_initializer())
            names = [variable.op.name for variable in model.variables]
            values = dict(zip(names, session.run(model.variables), strict=True))
    return module.from_variables(values, config)


def without_constants(weights, *, seed):
    """The weights with noise on those arrays that start with equal values, as biases do with zeros.

    Equal values would hide a port that exchanges them or does not load them.
    """
    stream = np.random.RandomState(seed)
    varied = {}
    for name, value in weights.items():
        noise = stream.uniform(-DRAWN, DRAWN, value.shape)
        equal = 2 * len(np.unique(value)) < value.size
        varied[name] = (value + noise).astype(value.dtype) if equal else value
    return varied


def first_batches(config, dataset, count):
    """The first `count` training batches of the plan: images [B, T, F] float32, labels [B]."""

    def endless():
        for epoch in itertools.count():
            plan = batches.train_plan(config, epoch)
            for step in range(len(plan)):
                yield batches.batch(train_split(config, dataset), plan, step, config=config)

    return list(itertools.islice(endless(), count))


def prove(config, dataset, weights, *, dtype):
    """Runs the ladder in one dtype with the project's own sides; returns a LadderRun."""
    steps = first_batches(config, dataset, STEPS)

    def sides():
        return tuple(side(config, weights, dtype=dtype) for side in (LegacySide, ModernSide))

    exact = None
    if config.optimizer == "adam" and dtype == "float64":
        exact = ModernSide(config, weights, dtype=dtype, powers="tf1")
    return run(sides, steps, dtype=dtype, exact=exact)
