"""docs/speed.md and the README's figures, written from bench.json."""

import json
from pathlib import Path

import pytest

from bench import page, results
from shared.errors import UserError
from tests.bench.contents import content

DOCS = Path(__file__).resolve().parents[2] / "docs"


def test_the_page_is_current():
    """It has what docs/speed.json has, and no figure where there is none."""
    measured = DOCS / "speed.json"
    known = results.read(str(measured)) if measured.exists() else None
    text = (DOCS / "speed.md").read_text(encoding="utf-8")
    assert page.page(text, known) == text


def test_what_stands_around_the_figures_stays():
    text = f"before\n{page.BEGIN}former\n{page.END}after\n"
    made = page.page(text, content())
    assert made.startswith(f"before\n{page.BEGIN}")
    assert made.endswith(f"{page.END}after\n")
    assert "former" not in made
    assert page.page(made, None) == f"before\n{page.BEGIN}{page.NOTHING}{page.END}after\n"
    with pytest.raises(UserError, match=r"docs/speed\.md needs the lines"):
        page.page("before\n", content())


def test_the_figures_are_the_medians():
    made = content()
    made["models"][0]["rows"][3]["values"] = [0.001, 0.003, 0.002]
    lines = list(page.figures(made))
    assert "| modern | 2.00 |" in lines
    assert "| floor | 0.80 |" in lines
    assert not any("PyTorch" in line for line in lines)
    assert "`python -m bench window-rnn`" in lines[1]


def test_a_model_without_a_row_has_an_empty_cell():
    made = content()
    other = json.loads(json.dumps({**made["models"][0], "model": "row-lstm"}))
    other["rows"] = [row for row in other["rows"] if row["variant"] != "modern"]
    made["models"].append(other)
    lines = list(page.figures(made))
    assert "| | window-rnn | row-lstm |" in lines
    assert any(line.startswith("| modern |") and line.endswith("| |") for line in lines)


def test_the_sweeps_of_another_file_are_shown_as_well():
    first, further = content(), content()
    further["command"] = "python -m bench window-rnn --sweep units"
    further["models"][0]["sweeps"] = {"units": first["models"][0]["sweeps"]["batch"]}
    first["models"].append({**first["models"][0], "model": "row-lstm"})
    made = page.with_sweeps(first, further)
    assert [[*model["sweeps"]] for model in made["models"]] == [["batch", "units"], ["batch"]]
    text = page.page(f"{page.BEGIN}{page.END}", made)
    assert "`python -m bench window-rnn`; " in text
    assert "\npython -m bench window-rnn\npython -m bench window-rnn --sweep units\n" in text
    further["versions"] = {**further["versions"], "tensorflow": "1.15.5"}
    with pytest.raises(UserError, match="other versions: measure both anew"):
        page.with_sweeps(first, further)


def test_figures_of_a_busy_machine_are_refused(tmp_path, capsys):
    path = tmp_path / "bench.json"
    path.write_text(json.dumps(content(load={"warnings": ["the load average was 7.00 before"]})))
    for words in ([], ["--figures"]):
        assert page.main([str(path), "--docs", str(tmp_path), *words]) == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert err.endswith("not of a quiet machine: the load average was 7.00 before\n")
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.slow
def test_the_page_is_written(tmp_path, capsys):
    path = tmp_path / "bench.json"
    path.write_text(json.dumps(content()))
    (tmp_path / "speed.md").write_text((DOCS / "speed.md").read_text(encoding="utf-8"))
    assert page.main([str(path), "--docs", str(tmp_path)]) == 0
    text = (tmp_path / "speed.md").read_text(encoding="utf-8")
    assert page.page(text, content()) == text
    assert "floor: 0.800 ms" in text
    assert (tmp_path / "speed-window-rnn-batch.png").exists()
    assert results.read(str(tmp_path / "speed.json")) == content()
