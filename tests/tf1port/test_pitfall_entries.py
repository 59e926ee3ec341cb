"""Each entry of the pitfalls has all its parts; its snippets run and do what was recorded.

That is both the proof, the right port is TF1's own result, and the control, the wrong one is not.
"""

import ast
import json
import math

import numpy as np
import pytest

from tf1port.errors import UserError
from tf1port.numerics.tolerances import tolerance
from tf1port.pitfalls import measure, terminal
from tf1port.pitfalls.entry import EFFECTS, entries

AGAIN = tolerance("known mistake, measured again", "float32").bound
QUICK = ["P6", "P32", "P36", "P43", "P54", "P58", "P89", "P113"]
SLOW = sorted(set(entries()) - set(QUICK), key=lambda id_: int(id_[1:]))


def test_an_entry_has_all_its_parts():
    for entry in entries().values():
        check_parts(entry)


def check_parts(entry):
    for text in (entry.symptom, entry.words, entry.quantity, entry.tf1, entry.wrong, entry.right):
        assert text.strip()
    assert entry.symptom.endswith((".", ")"))
    assert entry.references
    assert entry.effect is not None
    for snippet in (entry.given, entry.tf1, entry.wrong, entry.right):
        ast.parse(snippet)
    assert "result" in names_assigned(entry.right)
    assert entry.effect.error or "result" in names_assigned(entry.wrong)


def names_assigned(snippet):
    nodes = ast.walk(ast.parse(snippet))
    return {node.id for node in nodes if isinstance(node, ast.Name) and not is_read(node)}


def is_read(node):
    return isinstance(node.ctx, ast.Load)


def test_a_page_fits_the_terminal():
    for entry in entries().values():
        assert max(map(len, terminal.lines(entry))) <= 80, entry.id


def test_what_was_measured_is_a_mistake_and_its_remedy():
    for entry in entries().values():
        check_effect(entry)


def check_effect(entry):
    effect = entry.effect
    assert effect.right is None or effect.right <= bound(entry, effect)
    if effect.error:
        assert effect.max_abs is None
        assert not effect.error.startswith(("KeyError", "NameError", "SyntaxError"))
    else:
        assert bound(entry, effect) < effect.max_abs < math.inf


def bound(entry, effect):
    return tolerance("known mistake, right port", entry.dtype).bound * max(1, effect.scale)


def test_the_effects_are_those_of_the_entries():
    recorded = json.loads(EFFECTS.read_text(encoding="utf-8"))
    assert list(recorded["effects"]) == list(entries())
    assert recorded["command"] == measure.COMMAND


def measured_again(id_):
    entry = entries()[id_]
    found, recorded = measure.measure(entry), entry.effect
    assert found.error == recorded.error
    assert (found.right is None) == (recorded.right is None)
    assert found.right is None or found.right <= bound(entry, found)
    if recorded.max_abs is not None:
        assert found.max_abs == pytest.approx(recorded.max_abs, rel=AGAIN)
    assert found.scale == pytest.approx(recorded.scale, rel=AGAIN)


@pytest.mark.parametrize("id_", QUICK)
def test_a_mistake_does_what_was_measured(id_):
    measured_again(id_)


@pytest.mark.slow
@pytest.mark.parametrize("id_", SLOW)
def test_every_mistake_does_what_was_measured(id_):
    measured_again(id_)


def test_most_right_ports_are_proved_by_tf1_s_own_code():
    assert sum(entry.effect.right is not None for entry in entries().values()) >= 100


def test_results_of_different_sizes_are_infinitely_far():
    assert measure.max_abs(np.zeros(2), np.zeros(3)) == math.inf


def test_a_path_is_no_part_of_a_message():
    error = ValueError(
        "Exception encountered when calling LSTM.call().\n\n\x1b[1mno /tmp/x/y.h5\x1b[0m"
    )
    assert measure.first_line(error) == "ValueError: no …"


def test_an_unknown_id_is_a_user_error():
    with pytest.raises(UserError, match="P999 is no pitfall"):
        measure.main(["P999"])
