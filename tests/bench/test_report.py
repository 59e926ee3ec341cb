"""bench.json, its tables and its pictures."""

import json

import pytest

from bench import pictures, report, results
from bench.session import TRAIN, Row
from shared.errors import UserError
from tests.bench.contents import content


def test_a_table_has_medians_ranges_ratios_and_examples():
    rows = [
        Row(TRAIN, "legacy", "s", [0.002, 0.004, 0.003]),
        Row(TRAIN, "modern", "s", [0.001, 0.001, 0.006]),
        Row(TRAIN, "PyTorch", "s", [], "not installed"),
    ]
    head, legacy, modern, other, note = report.quantity_lines(rows, batch=128)
    assert head.split("  ")[0] == "training step [ms]"
    assert legacy.split() == ["legacy", "3.000", "2.000", "4.000", "1.00", "42667"]
    # The ratios round by round are 0.5, 0.25 and 2: not that of the medians, 0.33.
    assert modern.split() == ["modern", "1.000", "1.000", "6.000", "0.50", "128000"]
    assert other == "PyTorch"
    assert note == "PyTorch: not installed"


def test_other_rounds_have_no_ratio():
    assert report.ratio_to([1.0, 2.0], [1.0]) is None
    assert report.ratio_to([], []) is None


def test_the_floor_is_below_the_training_steps():
    text = "\n".join(report.lines(content()))
    assert "floor: 0.800 ms, for 80.0 MFLOP at 100.0 GFLOP/s and 2.0 MB at 10.0 GB/s" in text
    assert "; modern takes 2." in text
    assert text.count("floor") == 1  # below the training steps alone
    assert "batch [ms per step]  legacy" in text
    assert "python -m bench window-rnn" in text
    assert "warning" not in text


def test_a_loaded_machine_is_said_at_the_end():
    *_, last = report.lines(content(load={"warnings": ["the load average was 7.00 before"]}))
    assert last == "warning: the load average was 7.00 before"


def test_what_is_written_is_read(tmp_path):
    path = tmp_path / "bench.json"
    path.write_text(json.dumps(content()))
    assert results.read(str(path)) == json.loads(path.read_text())


@pytest.mark.parametrize(
    "damage",
    [
        lambda c: c.update(schema=0),
        lambda c: c.pop("load"),
        lambda c: c["models"][0].pop("floor"),
        lambda c: c["models"][0]["rows"][0].update(values=["1"]),
        lambda c: c["models"][0]["rows"][0].update(values=[0]),
        lambda c: c["models"][0]["rows"][0].update(unit="h"),
        lambda c: c["models"][0]["rows"][0].update(more=1),
        lambda c: c["models"][0].update(rows=3),
        lambda c: c["models"].append(None),
        lambda c: c.update(models=None),
    ],
)
def test_a_broken_file_is_one_line(tmp_path, damage):
    broken = json.loads(json.dumps(content()))
    damage(broken)
    path = tmp_path / "bench.json"
    path.write_text(json.dumps(broken))
    with pytest.raises(UserError, match="of this version"):
        results.read(str(path))


def test_a_missing_file_is_one_line(tmp_path):
    with pytest.raises(UserError, match="make bench"):
        results.read(str(tmp_path / "bench.json"))


@pytest.mark.slow
def test_the_pictures_are_drawn(tmp_path):
    names = pictures.write(str(tmp_path), content())
    assert names == ["speed.png", "speed-window-rnn-batch.png"]
    assert all((tmp_path / name).read_bytes().startswith(b"\x89PNG") for name in names)
