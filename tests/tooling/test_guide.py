"""The guide: its code runs, what it shows of files is current, what people look for is in it."""

import os
import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import tensorflow.compat.v1 as tf1

from tf1port.pitfalls.entry import entries

ROOT = Path(__file__).parents[2]
GUIDE = ROOT / "docs" / "guide"
PAGES = sorted(GUIDE.rglob("*.md"))
# A block after a comment is cut out of a file of the project, and no program.
BLOCK = re.compile(r"(?<!-->\n)^```python\n(.*?)^```$", re.M | re.S)
COMMANDS = re.compile(r"^```bash\n(.*?)^```$(?:\n\n^```\n(.*?)^```$)?", re.M | re.S)
ID = re.compile(r"\[(P\d+)\]\(([^)]*)\)")
SLOW = {"captioner", "char-rnn", "encoder-decoder", "tagger"}  # they run where they are converted
LONG = {"weights", "ctc", "text-classifier", "serving", "time-series", "estimator"}  # over a second
ESTIMATOR = ROOT / "tests" / "goldens" / "estimator"
CONVERT = "$ tf1port convert model.ckpt --to model.keras"

WORDS = [
    "zero_state", "initial_state", "stateful", "seq2seq", "tf_upgrade_v2", "TF_USE_LEGACY_KERAS",
    "Estimator", "CRF", "CTC", "TFLite", "ONNX", "h5", "schedule", "tf.contrib", "static_rnn",
    "dynamic_rnn", "raw_rnn", "bidirectional_dynamic_rnn", "MultiRNNCell", "DropoutWrapper",
    "AttentionWrapper", "BasicDecoder", "embedding_lookup", "sequence_length", "Masking",
    "bucketing", "MonitoredTrainingSession", "Supervisor", "feed_dict", "Saver", "global_step",
    "clip_by_global_norm", "CudnnLSTM", "LayerNormBasicLSTMCell", "not found in checkpoint",
    "beam search", "sampled softmax", "queue runner", "truncated BPTT",
]  # fmt: skip


def program(text):
    """A page's blocks of Python as one program, whose lines have the numbers of the page."""
    lines = []
    for match in BLOCK.finditer(text):
        lines += [""] * (text[: match.start(1)].count("\n") - len(lines))
        lines += match[1].splitlines()
    return "\n".join(lines) + "\n"


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Runs a page's program as a file in a folder of its own; what it sets is put back."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TF_USE_LEGACY_KERAS", "1")
    enabled = tf1.control_flow_v2_enabled()

    def run(page):
        if page.stem == "estimator":  # TensorFlow 1.15.5 alone can train it
            shutil.copytree(ESTIMATOR, tmp_path, dirs_exist_ok=True)
        path = tmp_path / f"{page.stem.replace('-', '_')}.py"
        path.write_text(program(page.read_text(encoding="utf-8")), encoding="utf-8")
        runpy.run_path(str(path), run_name="page")

    yield run
    (tf1.enable_control_flow_v2 if enabled else tf1.disable_control_flow_v2)()


def named(pages):
    marks = {True: [pytest.mark.slow], False: []}
    return [pytest.param(page, id=page.stem, marks=marks[page.stem in LONG]) for page in pages]


WITH_CODE = [page for page in PAGES if program(page.read_text(encoding="utf-8")).strip()]
CONVERTED = [page for page in PAGES if CONVERT in page.read_text(encoding="utf-8")]


@pytest.mark.parametrize("page", named(page for page in WITH_CODE if page.stem not in SLOW))
def test_the_code_of_a_page_runs(page, run):
    run(page)


def test_what_is_slow_runs_where_it_is_converted():
    assert {page.stem for page in CONVERTED} >= SLOW


@pytest.mark.slow
@pytest.mark.sampled(3)
@pytest.mark.parametrize("page", named(CONVERTED))
def test_the_tool_converts_and_proves_the_program_of_a_recipe(page, run):
    import tf1port

    run(page)
    tf1port.convert("model.ckpt", "model.keras")
    proof = tf1port.verify("model.ckpt", "model.keras", steps=5)
    assert proof.outcome == tf1port.Outcome.EQUAL, proof.verdict


@pytest.mark.slow
def test_the_outputs_of_an_estimator_are_proved(tmp_path, monkeypatch):
    import tf1port

    monkeypatch.chdir(tmp_path)
    shutil.copytree(ESTIMATOR, tmp_path, dirs_exist_ok=True)
    converted = tf1port.convert("model.ckpt-300", "model.keras", outputs=["logits/BiasAdd"])
    assert ["dropout" in line for line in converted.left_out] == [True]
    proof = tf1port.verify("model.ckpt-300", "model.keras", outputs=["logits/BiasAdd"])
    assert proof.outcome == tf1port.Outcome.EQUAL, proof.verdict


@pytest.mark.slow
def test_the_commands_of_the_first_page_print_what_it_shows(tmp_path):
    shutil.copytree(ROOT / "examples" / "own_port", tmp_path, dirs_exist_ok=True)
    env = {**os.environ, "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"}
    python = f'"{sys.executable}"'
    for commands, shown in COMMANDS.findall((GUIDE / "start.md").read_text(encoding="utf-8")):
        script = re.sub(r"^tf1port", f"{python} -m tf1port", commands, flags=re.M)
        script = re.sub(r"^python", python, script, flags=re.M)
        done = subprocess.run(
            ["sh", "-c", script], cwd=tmp_path, env=env, capture_output=True, text=True
        )
        assert done.returncode == ("tf1port scan" in commands), done.stderr
        if shown:
            assert shown.splitlines()[-1] in done.stdout.splitlines()


def test_what_is_cut_out_of_files_is_current():
    blocks = runpy.run_path(str(ROOT / "docs" / "site" / "code_blocks.py"))
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        assert blocks["filled"](text) == text, f"python docs/site/code_blocks.py {page}"


def test_pictures_are_current():
    drawing = runpy.run_path(str(ROOT / "docs" / "pictures" / "drawing.py"))
    for name, draw in drawing["PICTURES"].items():
        assert (ROOT / "docs" / "pictures" / name).read_text(encoding="utf-8") == draw().svg()


@pytest.mark.parametrize("word", WORDS)
def test_the_words_that_people_look_for_are_in_the_guide(word):
    assert any(word in " ".join(page.read_text(encoding="utf-8").split()) for page in PAGES)


@pytest.mark.parametrize("page", named(PAGES))
def test_every_id_is_of_a_pitfall_and_leads_to_it(page):
    for name, link in ID.findall(page.read_text(encoding="utf-8")):
        assert name in entries()
        path, anchor = link.split("#")
        assert anchor == name.lower()
        text = (page.parent / path).resolve().read_text(encoding="utf-8")
        assert re.search(rf"^#+ {name}$|id=\"{anchor}\"|#{anchor}\}}", text, re.M), link


@pytest.mark.parametrize("page", named([*ROOT.glob("docs/*.md"), *PAGES]))
def test_every_page_is_in_the_navigation(page):
    assert f"{page.relative_to(ROOT / 'docs').as_posix()}\n" in (ROOT / "mkdocs.yml").read_text()


@pytest.mark.parametrize("page", named(page for page in PAGES if page.stem != "faq"))
def test_every_page_of_the_guide_ends_with_a_checklist(page):
    assert "\n## Checklist\n\n- [ ]" in page.read_text(encoding="utf-8")
