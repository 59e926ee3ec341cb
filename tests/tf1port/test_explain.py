"""tf1port explain: the right pitfall is first for real symptoms; the command and its results."""

import json
import subprocess
import sys

import pytest

import tf1port
from tests.tf1port.symptoms import GENERAL, NOTHING, SYMPTOMS
from tf1port import isolation
from tf1port.comparison.ladder import checks
from tf1port.pitfalls import complaints, finding
from tf1port.pitfalls.entry import entries


@pytest.mark.parametrize(("symptom", "id_"), SYMPTOMS)
def test_the_right_pitfall_is_first(symptom, id_):
    assert [entry.id for entry in tf1port.explain(symptom).matches[:1]] == [id_]


@pytest.mark.parametrize("text", NOTHING)
def test_what_is_no_symptom_finds_nothing(text):
    assert tf1port.explain(text).matches == []


def test_its_own_name_finds_it():
    for id_, entry in entries().items():
        assert tf1port.explain(entry.pitfall.name).matches[0].id == id_


ERRORS = [entry for entry in entries().values() if entry.effect and entry.effect.error]


@pytest.mark.parametrize("entry", ERRORS, ids=lambda entry: entry.id)
def test_the_message_that_was_measured_finds_it(entry):
    found = [match.id for match in tf1port.explain(entry.effect.error).matches]
    assert entry.id in found[:2]


def test_a_message_is_found_whatever_stands_in_its_gap():
    assert finding.quotes("Key … not found in checkpoint", "x: Key a/b not  found in checkpoint\n")
    assert finding.quotes("`BasicLSTMCell` is not available", "'BasicLSTMCell' is NOT available.")
    assert not finding.quotes("Key … not found in checkpoint", "Key a/b was found in checkpoint")


@pytest.mark.parametrize(
    ("text", "id_"),
    [
        ("the outputs of my keras lstm model with staircase", "P74"),
        ("model layer lstm keras loss blank", "P90"),
        ("keras lstm outputs a model of TF1 amsgrad", "P70"),
    ],
)
def test_a_rare_word_counts_more_than_common_ones(text, id_):
    assert tf1port.explain(text).matches[0].id == id_


def test_a_message_counts_above_all_words():
    text = f"{entries()['P58'].words}: Key a/b not found in checkpoint"
    assert [entry.id for entry in tf1port.explain(text).matches[:2]] == ["P110", "P58"]


def run(capsys, *words):
    code = isolation.main(["explain", *words])
    return code, *capsys.readouterr()


def test_an_id_is_its_page(capsys):
    code, out, err = run(capsys, "p36")
    assert (code, err) == (0, "")
    assert out.startswith("P36  reset gate applied after the product\n")
    for title in ("symptom", "in TF1", "the wrong port", "the right port", "measured", "see"):
        assert f"\n{title}\n" in out
    assert "reset_after=False" in out
    assert max(map(len, out.splitlines())) <= 80


def test_words_are_the_best_page_and_the_others(capsys):
    code, out, _ = run(capsys, "clip", "by", "global", "norm")
    assert code == 0
    assert out.startswith("P58  ")
    assert "\nor\n  P" in out


def test_without_words_all_are_listed(capsys):
    code, out, _ = run(capsys)
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()] == list(entries())


def test_json_has_all_of_it(capsys):
    code, out, _ = run(capsys, "P54", "--json")
    found = json.loads(out)["matches"][0]
    assert code == 0
    assert found["id"] == "P54"
    assert found["effect"]["max_abs"] > 0
    assert {"symptom", "tf1", "wrong", "right", "references", "caught_by"} <= set(found)


def test_where_nothing_fits_the_exit_code_is_1(capsys):
    code, out, err = run(capsys, "sourdough")
    assert (code, err) == (1, "")
    assert out.startswith("no known mistake fits")


@pytest.mark.parametrize("words", [["P0"], ["P999"], [""], ["  "], ["--nonsense"]])
def test_a_wrong_input_is_one_line_and_exit_code_2(capsys, words):
    code, out, err = run(capsys, *words)
    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    assert err.count("\n") == 1


def test_no_tensorflow_is_imported():
    program = (
        "import sys; from tf1port import isolation; isolation.main(['explain', 'adam epsilon']);"
        "sys.exit(bool({'tensorflow', 'keras', 'numpy'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", program], capture_output=True).returncode == 0


@pytest.mark.parametrize(("text", "id_"), GENERAL)
def test_a_general_complaint_is_answered_by_questions(text, id_):
    found = tf1port.explain(text)
    assert found.complaint is not None
    assert found.complaint.id == id_
    effects = [complaints.effect(entry) for entry in found.matches]
    assert len(effects) >= 5
    assert effects == sorted(effects, reverse=not complaints.is_small(text))


def test_where_little_is_wrong_small_effects_come_first():
    for text in ("predictions differ slightly", "accuracy is 2 % lower", "loss a bit higher"):
        assert complaints.is_small(text)
        small, *_ = tf1port.explain(text).matches
        assert complaints.effect(small) < 0.2
    assert not complaints.is_small("accuracy is 20 % lower")


def test_a_complaint_with_a_word_of_its_own_is_none():
    texts = [text for text, _ in SYMPTOMS] + NOTHING
    assert [text for text in texts if tf1port.explain(text).complaint] == []


def test_a_complaint_asks_for_each_check_and_names_the_likely(capsys):
    code, out, err = run(capsys, "accuracy", "is", "lower")
    assert (code, err) == (0, "")
    assert out.startswith("a general complaint: accuracy is lower")
    for _, names in complaints.QUESTIONS:
        assert f"--only {names}\n" in out
        assert checks.selected(names.split(","))
    assert "\n  P38  loss summed over the batch " in out  # by far the largest
    assert max(map(len, out.splitlines())) <= 80
    shown = json.loads(run(capsys, "accuracy", "is", "lower", "--json")[1])
    assert shown["complaint"]["id"] == "loss"
