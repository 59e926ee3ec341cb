"""What several tests of the tool need."""

import pytest

from tf1port.conversion import convert


@pytest.fixture
def unchecked(monkeypatch):
    """convert writes what it read without comparing it with the graph first: verify has to see."""
    monkeypatch.setattr(convert, "_checked", lambda conversion, model: conversion)
