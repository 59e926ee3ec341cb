"""Speed: training steps and one-image predictions, all variants in turn in one process."""

import dataclasses
import platform
import time

import keras
import numpy as np
import tensorflow as tf2
import tensorflow.compat.v1 as tf1

from legacy_tf1 import input_pipeline as legacy_pipeline
from legacy_tf1 import training as legacy_training
from modern_tf2 import input_pipeline as modern_pipeline
from modern_tf2 import training as modern_training
from shared import batches
from shared.config import KERNELS, train_split
from shared.tables import table

ROUNDS = 7
STEPS = 500  # training steps per turn: a multiple of modern_tf2.training.STEPS_PER_EXECUTION
CALLS = 25  # predictions per turn


def training_seconds(config, dataset, *, rounds=ROUNDS, steps=STEPS):
    """Seconds per training step, input pipeline and records included.

    Returns a dict of lists, one entry per round, by variant; "legacy" comes first.
    """
    split = train_split(config, dataset)
    steps = min(steps, config.steps_per_epoch)
    turns = {}
    for name, (side, variant) in variants(config).items():
        train = {"legacy": _legacy_training, "modern": _modern_training}[side]
        turns[name] = train(variant, split, steps)
    return _in_turn(turns, rounds=rounds, per_turn=steps)


def prediction_seconds(config, dataset, *, rounds=ROUNDS, calls=CALLS):
    """Seconds per prediction of one image, by kind of call: a dict of lists, one per round."""
    windows = batches.windows(dataset.test.images[0], config)
    image = keras.tree.map_structure(lambda inputs: inputs[:1], windows)  # [1, *input_shape]
    return _in_turn(
        {
            "legacy: session.run": _legacy_predictions(config, image, calls),
            "modern: tf.function": _modern_predictions(config, image, calls, kind="function"),
            "modern: plain call": _modern_predictions(config, image, calls, kind="call"),
            "modern: model.predict": _modern_predictions(config, image, calls, kind="predict"),
        },
        rounds=rounds,
        per_turn=calls,
    )


def variants(config):
    """The variants measured: (side, config) by name, one for each kernel that a model has."""
    if not hasattr(config, "kernel"):
        return {"legacy": ("legacy", config), "modern": ("modern", config)}
    kernels = {kernel: dataclasses.replace(config, kernel=kernel) for kernel in KERNELS}
    by_name = {"legacy": ("legacy", kernels["generic"])}
    by_name["legacy fused-cpu"] = ("legacy", kernels["fused-cpu"])
    by_name.update((f"modern {name}", ("modern", variant)) for name, variant in kernels.items())
    return by_name


def lines(title, seconds):
    """A measurement as a table: medians with their range, and the ratio to the first, per round."""
    first = np.array(next(iter(seconds.values())))
    rows = [["", "median", "min", "max", "ratio to the first"]]
    for name, values in seconds.items():
        times = (f"{1e3 * f(values):.3f}" for f in (np.median, np.min, np.max))
        rows.append([name, *times, f"{np.median(np.array(values) / first):.2f}"])
    title = f"{title} [ms]; {platform.machine()}, {len(first)} rounds in turn"
    return [title, *table(rows, "<>>><")]


def _in_turn(turns, *, rounds, per_turn):
    """One turn of each after the other, `rounds` times, after a warm-up that is not counted."""
    seconds: dict[str, list[float]] = {name: [] for name in turns}
    for number in range(rounds + 1):
        for name, turn in turns.items():
            start = time.perf_counter()
            next(turn)
            if number:
                seconds[name].append((time.perf_counter() - start) / per_turn)
    return seconds


def _legacy_model(config):
    """A TF1 model and its Session. Its graph is no longer the default: the other side builds none
    of its ops in it."""
    with tf1.Graph().as_default() as graph:
        model = legacy_training.MODELS[config.model].build_model(config)
        initializer = tf1.global_variables_initializer()
    session = tf1.Session(graph=graph, config=legacy_training.session_config())
    session.run(initializer)
    return model, session


def _legacy_training(config, split, steps):
    model, session = _legacy_model(config)
    fetches = [model.loss, model.accuracy, model.train_op]
    while True:
        for images, labels in legacy_pipeline.train_batches(
            split, config, epoch=0, skip=0, count=steps
        ):
            session.run(fetches, model.feed(images, labels, training=True))
        yield


def _modern_training(config, split, steps):
    model = modern_training.MODELS[config.model].build_model(config)
    recorded, recorder = modern_training.recorded(model, capacity=steps)
    dataset = modern_pipeline.train_batches(split, config, epoch=0, skip=0, count=steps)
    while True:
        recorded.fit(dataset, verbose=0, shuffle=False)
        recorder.since(0)
        yield


def _legacy_predictions(config, image, calls):
    model, session = _legacy_model(config)
    while True:
        for _ in range(calls):
            session.run(model.logits, {model.inputs: image})
        yield


def _modern_predictions(config, image, calls, *, kind):
    model = modern_training.MODELS[config.model].build_model(config)
    predict = {
        "function": tf2.function(lambda images: model(images, training=False)),
        "call": lambda images: model(images, training=False),
        "predict": lambda images: model.predict(images, verbose=0),
    }[kind]
    while True:
        for _ in range(calls):
            np.asarray(predict(image))
        yield
