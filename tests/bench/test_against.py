"""bench.against: slower, faster and noise, and what cannot be compared."""

import pytest

from bench import against
from bench.session import TRAIN
from shared.errors import UserError
from tests.bench.contents import MODERN, content


def verdict_of_training(lines):
    (line,) = (line for line in lines if TRAIN in line)
    return line.rsplit("  ", 1)[-1].strip()


@pytest.mark.parametrize(
    ("factor", "said", "slower"),
    [
        (1.25, against.SLOWER, True),
        (0.75, against.FASTER, False),
        (1.0, against.NOISE, False),
        (1.005, against.NOISE, False),
    ],
)
def test_a_change_is_told_from_noise(factor, said, slower):
    lines, found = against.compare(content(), content(MODERN * factor, seed=50))
    assert verdict_of_training(lines) == said
    assert found is slower


@pytest.mark.parametrize("seed", range(20))
def test_the_same_speed_is_never_slower(seed):
    """Negative control: other noise of the same spread."""
    lines, found = against.compare(content(seed=100 + 10 * seed), content(seed=900 + 10 * seed))
    assert not found, lines


def test_a_change_below_the_margin_does_not_count():
    """However sure it is: here there is no noise at all."""
    change = against.Change("m", TRAIN, "modern", [0.5] * 9, [0.51] * 9)
    assert against.verdict(change, alpha=0.01) == against.NOISE
    change = change._replace(present=[0.6] * 9)
    assert against.verdict(change, alpha=0.01) == against.SLOWER


def test_a_slower_machine_is_no_slower_program():
    """Both sides take twice as long: the ratios are the same."""
    present = content(2 * MODERN, seed=50)
    for row in present["models"][0]["rows"]:
        if row["variant"] == "legacy" and row["quantity"] == TRAIN:
            row["values"] = [2 * value for value in row["values"]]
    lines, found = against.compare(content(), present)
    assert verdict_of_training(lines) == against.NOISE
    assert not found


def test_too_few_rounds_are_not_called_equal():
    lines, _ = against.compare(content(), content())
    assert any("start-up" in line and line.endswith(against.TOO_FEW) for line in lines)
    with pytest.raises(UserError, match="enough rounds"):
        against.compare(content(rounds=3), content(rounds=3))


def test_what_is_missing_now_is_an_error():
    present = content()
    rows = present["models"][0]["rows"]
    present["models"][0]["rows"] = [
        r for r in rows if (r["quantity"], r["variant"]) != (TRAIN, "modern")
    ]
    with pytest.raises(UserError, match="modern has no training step now"):
        against.compare(content(), present)


def test_without_the_legacy_side_nothing_is_compared():
    present = content()
    for row in present["models"][0]["rows"]:
        if row["variant"].startswith("legacy"):
            row["values"] = []
    with pytest.raises(UserError):
        against.compare(content(), present)


@pytest.mark.parametrize("name", ["dataset", "config", "steps_per_turn"])
def test_other_sizes_are_not_compared(name):
    present = content()
    present["models"][0][name] = "another"
    with pytest.raises(UserError, match=f"another {name}"):
        against.compare(content(), present)


def test_another_machine_and_a_loaded_one_are_said():
    former = content(load={"warnings": ["the load average was 7.00 before"]})
    lines, _ = against.compare({**former, "hardware": {}}, content())
    assert "note: the former measurement has other hardware" in lines
    assert any("former measurement: the load average" in line for line in lines)
