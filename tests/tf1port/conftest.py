"""What several tests of the tool need."""

import pytest
import tensorflow.compat.v1 as tf1

from tf1port.conversion import planning
from tf1port.errors import UserError


@pytest.fixture
def unchecked(monkeypatch):
    """convert writes what it read without comparing it with the graph first: verify has to see."""
    monkeypatch.setattr(planning, "_checked", lambda conversion, model: conversion)


@pytest.fixture
def untranslated(monkeypatch):
    """A graph is read as a stack of layers, or not at all."""

    def refuse(path, options):
        raise UserError("it is not translated")

    monkeypatch.setattr(planning, "_translated", refuse)


@pytest.fixture(params=["references", "resources", "control flow v2"])
def kind(request):
    """Variables of either kind, and tf.cond as nodes or as functions."""
    later = request.param == "control flow v2"
    former = tf1.control_flow_v2_enabled()
    (tf1.enable_control_flow_v2 if later else tf1.disable_control_flow_v2)()
    yield request.param
    (tf1.enable_control_flow_v2 if former else tf1.disable_control_flow_v2)()
