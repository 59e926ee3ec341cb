"""Misreadings of loops that end on a condition, and of branches: convert writes none of them."""

import re

import pytest

from tests.tf1port.programs import conditions, decoders
from tests.tf1port.programs.program import map_of, running
from tests.tf1port.programs.sequences import T, U, floats
from tests.tf1port.programs.stacks import squares
from tf1port.__main__ import main
from tf1port.keras_model import program_build

# isort: split
import tensorflow.compat.v1 as tf1

TEST = r"            condition = .*\n"
BODY = r"\n            def next_states\(\):\n(?:                .*\n)+"
ENDS = r"ops\.cond\(condition, next_states, lambda: states\w*\)"
# By what is misread: the program, what is replaced in its source, and by what.
WRONG = {
    "the condition is ignored": (conditions.adaptive_steps, ENDS, "next_states()"),
    "the condition is that after the step": (
        conditions.adaptive_steps,
        rf"            \((.*)\) = states\n({TEST})({BODY})\n            after = {ENDS}",
        r"            (\1) = states\n\3\n            taken = next_states()\n"
        r"            (\1) = taken\n\2            after = ops.cond(condition, lambda: taken, "
        "lambda: states)",
    ),
    "rows of steps that are not taken": (conditions.adaptive_steps, r"\[:finals\[\d\]\]", ""),
    "one step fewer": (conditions.adaptive_steps, r"> 0\.3\d*", "> 0.45"),
    "the number of steps": (conditions.adaptive_steps, r"time \+ 1\]", "time + 2]"),
    "the last row in the place of zeros": (
        conditions.padded_steps,
        r"ops\.zeros_like\(kept\[0\]\)",
        "ops.ones_like(kept[0]) * finals[0]",
    ),
    "all steps of the sequence": (conditions.fed_steps, r"ops\.arange\(count", "ops.arange(6"),
    "the other branch": (
        conditions.branch_in_the_loop,
        r"lambda: 0.5 \* (\w+), lambda: (\w+ \+ state)",
        r"lambda: \2, lambda: 0.5 * \1",
    ),
    "the outer state in the inner loop": (
        conditions.characters_in_words,
        r"starts = \[characters_zeros\]",
        "starts = [state[:, :4]]",
    ),
    "an inner loop that goes on": (conditions.thinking, ENDS, "next_states()"),
    "states of rows that are finished": (
        decoders.imputing_decoder,
        r"new_state = ops\.where\(\w+\[:, None\], state, (\w+)\)",
        r"new_state = \1",
    ),
    "outputs of rows that are finished": (
        decoders.imputing_decoder,
        r"output = ops\.where\(.*, logits\)",
        "output = logits",
    ),
    "the step before": (
        decoders.attention_decoder,
        r"ops\.take\((\w+), total, axis=0\)",
        r"ops.take(\1, time, axis=0)",
    ),
    "fewer steps than the longest row": (
        decoders.attention_decoder,
        r"ops\.arange\(steps",
        "ops.arange(steps - 1",
    ),
}
FAST = {"the condition is ignored"}
KINDS = [pytest.param(kind, marks=[] if kind in FAST else pytest.mark.slow) for kind in WRONG]


@pytest.mark.sampled(3)
@pytest.mark.parametrize("kind", KINDS)
def test_a_loop_that_is_misread_is_not_written(kind, tmp_path, monkeypatch, capsys):
    build, pattern, replacement = WRONG[kind]
    written = program_build.source

    def misread(program, **names):
        text, count = re.subn(pattern, replacement, written(program, **names))
        assert count, f"nothing is replaced in {text}"
        return text

    monkeypatch.setattr(program_build, "source", misread)
    with running(build, tmp_path) as run:
        capsys.readouterr()
        target = str(tmp_path / "wrong.keras")
        code = main(["convert", run.prefix, "--to", target])
    said = capsys.readouterr()
    assert "computes something else than convert reads of it" in said.err + said.out
    assert code == 2 or not map_of(target)["complete"]  # a cell of it may be known


def endless():
    """Until a state is small: after how many steps at most, nothing says."""
    x, array = floats("x", 3)
    w = tf1.get_variable("w", [3 + U, U])

    def body(state):
        return 0.5 * tf1.tanh(tf1.matmul(tf1.concat([x, state], 1), w))

    start = tf1.ones([tf1.shape(x)[0], U])
    state = tf1.while_loop(lambda s: tf1.reduce_sum(s * s) > 1e6, body, [start])
    return {x: array}, squares(tf1.layers.dense(state, 2, name="logits"))


def forgetting():
    """Flags that may be false again: no length of a row bounds the number of steps."""
    x, array = floats("x", T, 3)
    lengths = tf1.cast(tf1.reduce_sum(x[:, :, 0], 1), tf1.int32)
    w = tf1.get_variable("w", [3 + U, U])

    def body(t, state, _):
        state = tf1.tanh(tf1.matmul(tf1.concat([x[:, 0], state], 1), w))
        return t + 1, state, tf1.logical_and(t + 1 >= lengths, state[:, 0] < 9.0)

    rows = tf1.shape(x)[0]
    start = (0, tf1.zeros([rows, U]), tf1.zeros([rows], tf1.bool))
    _, state, _ = tf1.while_loop(lambda *v: tf1.logical_not(tf1.reduce_all(v[2])), body, start)
    return {x: array}, squares(tf1.layers.dense(state, 2, name="logits"))


@pytest.mark.parametrize("build", [endless, forgetting], ids=lambda build: build.__name__)
def test_a_loop_without_a_bound_is_refused_in_one_line(build, tmp_path, capsys):
    with running(build, tmp_path, steps=0) as run:
        capsys.readouterr()
        assert main(["convert", run.prefix, "--to", str(tmp_path / "model.keras")]) == 2
    error = capsys.readouterr().err
    assert "after how many steps at most is not known" in error
    assert error.count("\n") == 1
