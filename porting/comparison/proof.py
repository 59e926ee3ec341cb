"""Both sides from the same weights on the same batches, up the ladder in every dtype."""

import itertools
import tempfile
import time
from collections import defaultdict

import numpy as np
import tensorflow.compat.v1 as tf1

from legacy_tf1 import training as legacy_training
from porting import diagnosis, ladder
from porting.comparison import breaks, rungs
from porting.comparison.findings import Findings, raised
from porting.comparison.progress import progress
from porting.sides import LegacySide, ModernSide, NotOffered
from shared import batches
from shared.config import train_split

STEPS = 200
DRAWN = 0.1  # how far from their value equal weights are moved at most


def dtypes(config):
    """The dtypes in which both sides can compute the config's model."""
    return ("float32",) if getattr(config, "kernel", None) == "fused-cpu" else rungs.DTYPES


def left_out(config):
    """Entries of the report for the dtypes that are missing."""
    why = "the fused kernels compute in float32 only"
    missing = [dtype for dtype in rungs.DTYPES if dtype not in dtypes(config)]
    without = [rungs.without(rungs.ALL, dtype, why, needed=False) for dtype in missing]
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

    Equal values would hide a port that exchanges them or leaves them behind.
    """
    stream = np.random.RandomState(seed)
    found = {}
    for name, value in weights.items():
        noise = stream.uniform(-DRAWN, DRAWN, value.shape)
        equal = 2 * len(np.unique(value)) < value.size
        found[name] = (value + noise).astype(value.dtype) if equal else value
    return found


def first_batches(config, dataset, count):
    """The first `count` training batches of the plan: images [B, T, F] float32, labels [B]."""

    def endless():
        for epoch in itertools.count():
            plan = batches.train_plan(config, epoch)
            for step in range(len(plan)):
                yield batches.batch(train_split(config, dataset), plan, step, config=config)

    return list(itertools.islice(endless(), count))


def prove(config, dataset, weights, *, dtype):
    """Climbs the ladder in one dtype with the project's own sides; returns what `climb` does."""
    steps = first_batches(config, dataset, STEPS)

    def make():
        return tuple(side(config, weights, dtype=dtype) for side in (LegacySide, ModernSide))

    exact = None
    if config.optimizer == "adam" and dtype == "float64":
        exact = ModernSide(config, weights, dtype=dtype, powers="tf1")
    return climb(make, steps, dtype=dtype, exact=exact)


def climb(make, batches, *, dtype, only=rungs.ALL, **options):
    """Climbs the ladder from rung 1 to rung 8, and says where it breaks and what explains it.

    Args:
        make: a function without arguments to the two sides, before their first step.
        only: the numbers of the rungs that are reported.
        batches, dtype, options: as for porting.ladder.climb.

    Returns:
        A dict for JSON: `rungs`, entries of the report; `heat` and `gradients`, as there; `losses`,
        series by side; `breaks`, None where all rungs pass (with `undiagnosed` where the search for
        a cause raised something); `seconds` by the names of the rungs.
    """
    seen, climbed = Findings(), []
    seconds: dict[str, float] = defaultdict(float)
    with tempfile.TemporaryDirectory() as folder:
        exports = folder if dtype == "float32" else None
        legacy, modern = make()
        options.update(seen=seen, exports=exports, only=only)
        found = ladder.climb(legacy, modern, batches, dtype=dtype, **options)
        start = time.perf_counter()
        for rung in progress(found, f"ladder, {dtype}", unit=" rungs"):
            number, now = rungs.number(rung.quantity), time.perf_counter()
            seconds[rungs.name(number)] += now - start
            start = now
            if number in only:
                climbed.append(rung)
    return {
        "rungs": [
            *map(rungs.compared, climbed),
            *_not_compared(seen, climbed, dtype, only),
        ],
        "heat": seen.heat,
        "gradients": seen.gradients,
        "losses": {name: series.tolist() for name, series in seen.losses.items()},
        "breaks": _break(climbed, seen, make, batches),
        "seconds": dict(seconds),
    }


def _break(climbed, seen, make, batches):
    """The first rung that fails as the report has it, with the mistakes that explain it."""
    failed = next((rung for rung in climbed if not rung.passed), None)
    if failed is None:
        return None
    found = breaks.described(rungs.compared(failed), seen)
    legacy, modern = make()
    try:
        causes = diagnosis.diagnose(legacy, modern, batches, dtype=failed.dtype, failed=failed)
        return {**found, "diagnosis": causes}
    except NotOffered:  # it asks for more than the rung that failed
        return found
    except Exception as error:  # what differs is known, and not to be lost for want of a cause
        return {**found, "undiagnosed": raised(error)}


def _not_compared(seen, climbed, dtype, only):
    """Entries of the report for what the sides do not offer."""
    found = [
        rungs.left_out(rungs.number(quantity), why, needed=needed, quantity=quantity, dtype=dtype)
        for quantity, why, needed in seen.left_out
    ]
    told = {rungs.number(rung.quantity) for rung in climbed} | {one["number"] for one in found}
    silent = [number for number in only if number not in told]
    why = "there was nothing to compare"
    found = [entry for entry in found if entry["number"] in only]
    return found + rungs.without(silent, dtype, why, needed=True)
