"""A TF1 program: a graph, what it is fed, and what its own session computes of that."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from contextlib import contextmanager
from typing import Any, NamedTuple

import keras
import numpy as np

from tests.tf1port.graphs import UNOPTIMIZED, first_control_flow
from tf1port.__main__ import main
from tf1port.keras_model.program_build import load_source
from tf1port.numerics.tolerances import tolerance

# isort: split
import tensorflow.compat.v1 as tf1

PROGRAMS: dict[str, Program] = {}
BOUND = tolerance("cell outputs", "float32").bound
Feed = dict[tf1.Tensor, np.ndarray]


class Program(NamedTuple):
    """A kind of program.

    kind: a row of the table in docs/converting.md. carried: what it says of it.
    build: makes the graph; returns what it is fed and the loss, None: it trains nothing.
    """

    kind: str
    carried: str
    build: Callable[[], tuple[Feed, tf1.Tensor | None]]


def program(kind: str, carried: str):
    """Enters a function that builds a graph into PROGRAMS, under its own name."""

    def enter(build):
        PROGRAMS[build.__name__] = Program(kind, carried, build)
        return build

    return enter


class Run(NamedTuple):
    """A program whose session is open, trained and saved."""

    prefix: str
    session: tf1.Session
    feed: Feed
    loss: tf1.Tensor | None
    train: tf1.Operation | None

    def values(self, tensors: list[str]) -> list[np.ndarray]:
        """What the session computes of what it is fed."""
        return self.session.run(tensors, self.feed)

    def fed(self, target: str) -> list[np.ndarray]:
        """What is fed, in the order of the model's inputs."""
        by_name = {tensor.name: array for tensor, array in self.feed.items()}
        return [by_name[of["tensor"]] for of in map_of(target)["inputs"].values()]


@contextmanager
def running(build, folder, *, steps: int = 2, optimizer=None, control_flow=first_control_flow):
    """The Run of a program: all its variables are drawn at random, then trained for some steps."""
    with control_flow(), tf1.Graph().as_default():
        tf1.set_random_seed(1)
        feed, loss = build()
        train = None
        if loss is not None:
            # A given optimizer says itself what a step waits for.
            awaited = [] if optimizer else tf1.get_collection(tf1.GraphKeys.UPDATE_OPS)
            optimizer = optimizer or tf1.train.AdamOptimizer(0.01)
            step = tf1.train.get_or_create_global_step()
            with tf1.control_dependencies(awaited):
                train = optimizer.minimize(loss, global_step=step)
        stream = np.random.RandomState(3)
        drawn = [
            tf1.assign(variable, stream.normal(0, 0.4, variable.shape.as_list()))
            for variable in tf1.trainable_variables()
        ]
        session = tf1.Session(config=UNOPTIMIZED)
        session.run(tf1.global_variables_initializer())
        session.run(drawn)
        for _ in range(steps if train is not None else 0):
            session.run(train, feed)
        prefix = tf1.train.Saver().save(session, os.path.join(folder, "model.ckpt"))
    try:
        yield Run(prefix, session, feed, loss, train)
    finally:
        session.close()


def converted(prefix: str, *flags: str) -> str:
    """The model's file, which convert writes beside a checkpoint."""
    target = os.path.join(os.path.dirname(prefix), "model.keras")
    assert main(["convert", prefix, "--to", target, *flags]) == 0
    return target


def map_of(target: str) -> dict[str, Any]:
    """What the map beside a model says."""
    with open(target.replace(".keras", ".json"), encoding="utf-8") as file:
        return json.load(file)


def source_of(target: str) -> str:
    """The source beside a model."""
    with open(target.replace(".keras", ".py"), encoding="utf-8") as file:
        return file.read()


def loaded(target: str) -> keras.Model:
    """The model of a file, whose layers are those of the source beside it."""
    load_source(source_of(target))
    return keras.models.load_model(target)


def outputs(model: keras.Model, fed: list[np.ndarray], target: str) -> dict[str, np.ndarray]:
    """The model's outputs by name."""
    outputs_of_model = model(fed if len(fed) > 1 else fed[0], training=False)
    if not isinstance(outputs_of_model, dict):
        outputs_of_model = {next(iter(map_of(target)["outputs"])): outputs_of_model}
    return {name: np.array(value) for name, value in outputs_of_model.items()}


def gap(run: Run, target: str, model: keras.Model) -> float:
    """The largest difference between the session's values and the model's, relative to one."""
    tensors = map_of(target)["outputs"]
    actual = outputs(model, run.fed(target), target)
    assert actual.keys() == tensors.keys()
    gaps = []
    for name, expected in zip(tensors, run.values(list(tensors.values())), strict=True):
        assert (actual[name].shape, actual[name].dtype) == (expected.shape, expected.dtype), name
        gaps.append(np.abs(actual[name] - expected).max() / max(1.0, np.abs(expected).max()))
    return float(max(gaps))


def verified(prefix: str, target: str, capsys, *flags: str) -> tuple[int, dict[str, Any]]:
    """The exit code of verify and its report."""
    capsys.readouterr()
    code = main(["verify", prefix, target, "--json", *flags])
    return code, json.loads(capsys.readouterr().out)
