"""The source that convert writes, text for text: a change of how it reads is seen and looked at."""

import pytest

from tests.tf1port.graphs import second_control_flow
from tests.tf1port.programs import decoders, loops, sources

SLOW = {*sources.BUILDS} - {"own_cell"}
NAMES = [
    pytest.param(name, marks=[pytest.mark.slow] if name in SLOW else [], id=name)
    for name in sources.BUILDS
]


@pytest.mark.parametrize("name", NAMES)
def test_the_source_is_as_it_was(name):
    path = sources.golden(name)
    assert sources.written(name) == path.read_text(encoding="utf-8"), (
        f"{path.name} differs: read it, then {sources.COMMAND}"
    )


@pytest.mark.slow
@pytest.mark.sampled(3)
@pytest.mark.parametrize("name", sources.BUILDS)
def test_control_flow_v2_becomes_the_same_source(name):
    source = sources.source_of_program(sources.BUILDS[name], control_flow=second_control_flow)
    assert source == sources.golden(name).read_text(encoding="utf-8")


def test_every_source_belongs_to_a_program():
    assert {path.stem for path in sources.FOLDER.glob("*.py")} == {*sources.BUILDS}


def test_transpositions_around_a_softmax_are_folded_away():
    source = sources.source_of_program(loops.attention_over_steps)
    assert "weights = ops.softmax(score, axis=1)" in source
    assert "transpose" not in source


@pytest.mark.slow
def test_steps_in_python_are_one_layer_unless_they_take_their_own_outputs():
    source = sources.source_of_program(decoders.forecaster)
    assert source.count('name="past"') == 1
    assert "past_layer(" not in source  # it is called once
    assert source.count(" = future_0_layer(") == 3
