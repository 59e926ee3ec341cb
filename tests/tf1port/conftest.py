"""What several tests of the tool need."""

import pytest

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
