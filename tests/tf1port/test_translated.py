"""Programs of any shape become models that compute what their own sessions do."""

import pytest

from tests.tf1port.programs import loops, sequences, stacks  # noqa: F401  (enter their programs)
from tests.tf1port.programs.program import (
    BOUND,
    PROGRAMS,
    converted,
    gap,
    loaded,
    map_of,
    running,
    verified,
)


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_model_computes_what_the_session_does(name, tmp_path, capsys):
    with running(PROGRAMS[name].build, tmp_path) as run:
        target = converted(run.prefix)
        assert map_of(target)["complete"], map_of(target)["left_out"]
        assert gap(run, target, loaded(target)) <= BOUND
        code, report = verified(run.prefix, target, capsys)
    assert code == 0, report["verdict"]
