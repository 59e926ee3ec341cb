"""The commands `study` and `time` with a training that takes no time: what they do and say."""

import io
import json
import os
import re
import shlex
import sys

import numpy as np
import pytest
from PIL import Image

from shared import command_line, reporting, runs, study, study_report, weights
from shared.step_log import StepLog

FLAGS = "--data digits --steps 250 --batch-size 100"
STUDY = "study window-rnn --windows 28,4,16 --seeds 2 --out OUT " + FLAGS
TIME = "time row-lstm --out OUT " + FLAGS
TRAININGS = ["window-%d-seed-%d" % (window, seed) for window in (4, 16, 28) for seed in (0, 1)]
EPOCH = {4: 325, 16: 169, 28: 13}  # steps per epoch at 1,300 images and batches of 100


def loss_of(config, steps):
    """Losses that tell window, seed and step apart, exact in float32."""
    return np.float32(8 - config.window / 4 + config.seed / 2) + np.float32(steps) / 1024


class Trainer:
    """Stands for a side's `train`: keeps the records of one and trains nothing.

    stop: (name of a training, steps) at which a Ctrl-C comes.
    calls: (name of the training, whether it was resumed, its config, its initial weights).
    """

    def __init__(self, stop=(None, 0)):
        self.stop, self.calls = stop, []

    def __call__(self, run, dataset, *, initial_weights):
        name = os.path.basename(run.path)
        self.calls.append((name, run.resumed, run.config, initial_weights))
        log = StepLog(run.config, run.write_line)
        if run.resumed:
            log.restore(run, run.result()["steps"])
        else:
            shapes = run.config.weight_shapes()
            drawn = {key: np.full(shape, len(self.calls), "f4") for key, shape in shapes.items()}
            initial = drawn if initial_weights is None else initial_weights
            weights.save(run.file("initial_weights.npz"), initial)
        last = self.stop[1] if self.stop[0] == name else run.config.total_steps
        while not log.finished and log.step < last:
            self._epoch(run, log, last)
        run.save_records(log, versions={"python": "3"})
        return run.result()

    def _epoch(self, run, log, last):
        log.start()
        while log.step < min(log.next_test, last) and not log.test_due:
            steps = np.arange(log.step, min(log.step + 10, log.next_test, last))
            log.add(loss_of(run.config, steps), np.full(len(steps), 0.5, np.float32))
        log.stop()
        if log.test_due:
            last = log.step == run.config.total_steps
            log.add_test([1.0], [run.config.window / 32 + run.config.seed / 64 if last else 0.0])


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch, request):
    """A working directory, where no figures are drawn: they take longer than all the rest."""
    monkeypatch.chdir(str(tmp_path))
    monkeypatch.delenv("MNIST_DIR", raising=False)
    if "figures" not in request.fixturenames:
        monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    return tmp_path


@pytest.fixture
def figures():
    """matplotlib's class, in a test that draws."""
    return pytest.importorskip("matplotlib.figure").Figure


def command(words, trainer=None, side="legacy"):
    """Runs a command line; returns its exit code and the trainings that it called for."""
    trainer = trainer or Trainer()
    functions = {"train": trainer, "study": trainer, "time": trainer}
    hooks = {"check": lambda config: None, "start": lambda: None}
    code = command_line.main(side, functions, shlex.split(words), **hooks)
    return code, trainer.calls


def finished(words, side="legacy"):
    code, calls = command(words, side=side)
    assert code == 0
    return calls


def read(*names):
    with open(os.path.join(*names), encoding="utf-8") as file:
        return json.load(file)


def without_times(found):
    return dict(found, windows=[dict(row, seconds_per_step=None) for row in found["windows"]])


# What is trained


def test_each_window_and_seed_is_trained_for_the_same_steps():
    calls = finished(STUDY)
    assert [name for name, _, _, _ in calls] == TRAININGS
    for name, resumed, config, initial in calls:
        assert (resumed, initial) == (False, None)
        assert name == "window-%d-seed-%d" % (config.window, config.seed)
        assert config.total_steps == config.steps == 250
        assert config.steps_per_epoch == EPOCH[config.window]
        assert 0 <= config.epochs * EPOCH[config.window] - 250 < EPOCH[config.window]
        assert (config.batch_size, config.train_examples) == (100, 1300)
        assert os.path.isfile(os.path.join("OUT", "legacy", name, "result.json"))


def test_the_default_study():
    calls = finished("study window-rnn --data digits")
    windows = [(config.window, config.seed) for _, _, config, _ in calls]
    assert windows == [(window, seed) for window in (4, 10, 16, 22, 28) for seed in (0, 1)]
    assert {config.total_steps for _, _, config, _ in calls} == {1500}
    assert os.path.isfile(os.path.join("runs", "study", "window-rnn", "legacy", "study.json"))


def test_log_lines_are_kept_but_not_printed(capsys):
    finished(STUDY)
    output = capsys.readouterr().out
    assert "epoch" not in output
    assert output.splitlines()[0] == "window-4-seed-0  accuracy 0.1250"
    with open(os.path.join("OUT", "legacy", "window-16-seed-1", "log.txt")) as file:
        assert [line.split()[:4] for line in file] == [
            ["epoch", epoch, "step", step]
            for epoch, step in [
                ("1", "100"),
                ("1", "169"),
                ("1", "169"),
                ("2", "250"),
                ("2", "250"),
            ]
        ]


@pytest.mark.parametrize("words", [STUDY, TIME])
@pytest.mark.parametrize("terminal", [True, False])
def test_a_progress_bar_is_for_terminals(monkeypatch, words, terminal):
    errors = io.StringIO()
    errors.isatty = lambda: terminal
    monkeypatch.setattr("sys.stderr", errors)
    count = len(finished(words))
    assert bool(re.search(r"\b%d/%d\b.*training" % (count, count), errors.getvalue())) == terminal
    assert bool(errors.getvalue()) == terminal


# What is kept


def test_a_second_study_trains_nothing(capsys):
    finished(STUDY)
    first, table = read("OUT", "legacy", "study.json"), capsys.readouterr().out.splitlines()
    assert finished(STUDY) == []
    assert read("OUT", "legacy", "study.json") == first
    again = capsys.readouterr().out.splitlines()
    assert again == [line + "  kept" for line in table[:6]] + table[6:]


def test_more_windows_and_seeds_are_added():
    finished("study window-rnn --windows 4 --seeds 1 --out OUT " + FLAGS)
    assert [name for name, _, _, _ in finished(STUDY)] == TRAININGS[1:]


def test_an_interrupted_study_goes_on_where_it_stopped(capsys):
    code, calls = command(STUDY, Trainer(stop=("window-16-seed-0", 200)))
    assert (code, len(calls)) == (reporting.INTERRUPTED, 3)
    assert not os.path.exists(os.path.join("OUT", "legacy", "study.json"))
    last = capsys.readouterr().out.splitlines()[-1]
    python = reporting.interpreter()
    started, _, words = last.partition("continue with: %s -m legacy_tf1 " % python)
    assert started == "stopped; "
    resumed = [(name, resumed) for name, resumed, _, _ in finished(words)]
    assert resumed == [(name, name == "window-16-seed-0") for name in TRAININGS[2:]]
    finished(STUDY.replace("OUT", "WHOLE"))
    whole = read("WHOLE", "legacy", "study.json")
    assert without_times(read("OUT", "legacy", "study.json")) == without_times(whole)


@pytest.mark.parametrize("side", ["legacy", "modern"])
def test_the_command_that_continues_has_all_flags(capsys, side):
    words = "study window-rnn --out 'my study' --learning-rate 0.5 --seeds 3 --windows 7 " + FLAGS
    assert command(words, Trainer(stop=("window-7-seed-2", 10)), side)[0] == 130
    last = capsys.readouterr().out.splitlines()[-1]
    words = shlex.split(last)
    package = {"legacy": "legacy_tf1", "modern": "modern_tf2"}[side]
    assert words[3:6] == [reporting.interpreter(), "-m", package]
    assert words[6:8] == ["study", "window-rnn"]
    assert dict(zip(words[8::2], words[9::2])) == {
        "--batch-size": "100", "--data": "digits", "--learning-rate": "0.5", "--out": "my study",
        "--seeds": "3", "--steps": "250", "--windows": "7",
    }  # fmt: skip


def test_a_training_without_checkpoint_starts_again(capsys):
    def stopped(run, dataset, *, initial_weights):
        raise KeyboardInterrupt

    stopped.calls = []
    assert command(STUDY, stopped)[0] == reporting.INTERRUPTED
    assert capsys.readouterr().out.startswith("stopped; continue with: ")
    assert os.listdir(os.path.join("OUT", "legacy", TRAININGS[0])) == ["config.json"]
    assert [resumed for _, resumed, _, _ in finished(STUDY)] == [False] * 6


@pytest.mark.parametrize(
    ("change", "resumed"),
    [
        (("--steps 250", "--steps 300"), True),
        (("--steps 250", "--steps 240"), False),
        (("--batch-size 100", "--batch-size 50"), False),
        (("--out OUT", "--out OUT --learning-rate 0.1"), False),
    ],
)
def test_another_study_in_the_same_folder(change, resumed):
    finished(STUDY)
    words = STUDY.replace(*change)
    calls = finished(words)
    assert [(name, old) for name, old, _, _ in calls] == [(name, resumed) for name in TRAININGS]
    finished(words.replace("OUT", "WHOLE"))
    whole = read("WHOLE", "legacy", "study.json")
    assert without_times(read("OUT", "legacy", "study.json")) == without_times(whole)


def test_a_run_of_another_dataset_is_replaced():
    calls = finished(STUDY)
    path = os.path.join("OUT", "legacy", TRAININGS[0])
    runs.create_run(path, "legacy", config=calls[0][2], dataset="mnist", overwrite=True)
    run = runs.open_run(path, "legacy", model="window-rnn")
    Trainer()(run, None, initial_weights=None)
    assert [(name, resumed) for name, resumed, _, _ in finished(STUDY)] == [(TRAININGS[0], False)]


# What comes of it


def test_the_summary():
    finished(STUDY)
    found = read("OUT", "legacy", "study.json")
    kept = {name: found[name] for name in ("side", "model", "dataset", "steps", "seeds")}
    assert kept == {
        "side": "legacy", "model": "window-rnn", "dataset": "digits", "steps": 250, "seeds": 2,
    }  # fmt: skip
    assert found["config"]["batch_size"] == 100
    assert not {"window", "seed", "epochs"} & set(found["config"])
    assert [row["window"] for row in found["windows"]] == [4, 16, 28]
    for row in found["windows"]:
        assert row["accuracy"] == [row["window"] / 32, row["window"] / 32 + 1 / 64]
        first = 8 - row["window"] / 4
        assert row["loss"] == [first + 199.5 / 1024, first + 0.5 + 199.5 / 1024]
        assert row["curve"]["step"] == list(range(5, 251, 5))
        assert row["curve"]["loss"] == [first + 0.25 + (s - 3) / 1024 for s in range(5, 251, 5)]
        assert all(0 < seconds < 1 for seconds in row["seconds_per_step"])


def test_the_table():
    row = {"window": 16, "accuracy": [0.5, 0.625], "loss": [1.0, 2.0]}
    found = {
        "side": "modern", "model": "window-rnn", "dataset": "mnist", "steps": 300, "seeds": 2,
        "windows": [
            dict(row, seconds_per_step=[0.002, 0.003]),
            dict(row, window=4, seconds_per_step=[None, None]),
        ],
    }  # fmt: skip
    assert study_report.lines(found) == [
        "modern window-rnn on mnist: 300 steps, seeds: 2",
        "        test acc.                   loss of",
        "window       mean     min     max  last 100   s/step",
        "    16     0.5625  0.5000  0.6250    1.5000  0.00250",
        "     4     0.5625  0.5000  0.6250    1.5000        -",
    ]


def test_the_table_is_printed(capsys):
    finished(STUDY)
    lines = capsys.readouterr().out.splitlines()
    assert lines[6:12] == study_report.lines(read("OUT", "legacy", "study.json"))


def drawn(figure, studies):
    study_report.draw(figure, studies)
    return figure.axes


def test_the_figure_shows_both_sides(figures):
    for side in ("legacy", "modern"):
        finished(STUDY, side=side)
    studies = [read("OUT", side, "study.json") for side in ("legacy", "modern")]
    accuracy, loss, seconds = drawn(figures(), studies)
    for axes in (accuracy, seconds):
        assert [text.get_text() for text in axes.get_legend().texts] == ["legacy", "modern"]
        assert all(list(line.get_xdata()) == [4, 16, 28] for line in axes.lines)
    means = [4 / 32 + 1 / 128, 16 / 32 + 1 / 128, 28 / 32 + 1 / 128]
    assert list(accuracy.lines[0].get_ydata()) == means
    bars = [end for segment in accuracy.collections[0].get_segments() for end in segment[:, 1]]
    ends = [window / 32 + seed / 64 for window in (4, 16, 28) for seed in (0, 1)]
    assert bars == pytest.approx(ends, abs=1e-12)
    curves = [line for line in loss.lines if len(line.get_xdata())]
    assert [line.get_linestyle() for line in curves] == ["-"] * 3 + ["--"] * 3
    assert list(curves[1].get_ydata()) == studies[0]["windows"][1]["curve"]["loss"]
    assert [text.get_text() for text in loss.get_legend().texts] == ["4", "16", "28"]


def test_times_that_are_not_known_are_not_drawn(figures):
    finished("study window-rnn --windows 4 --seeds 1 --out OUT --data digits --steps 3")
    found = read("OUT", "legacy", "study.json")
    assert found["windows"][0]["seconds_per_step"] == [None]
    assert np.isnan(drawn(figures(), [found])[2].lines[0].get_ydata()).all()


@pytest.mark.parametrize(("words", "name"), [(STUDY, "study.png"), (TIME, "time.png")])
def test_the_figure_is_a_png(figures, capsys, words, name):
    finished(words)
    picture = os.path.join("OUT", name)
    with Image.open(picture) as image:
        assert image.format == "PNG"
        assert image.width > image.height > 400
    assert capsys.readouterr().out.splitlines()[-1] == "wrote " + picture


@pytest.mark.parametrize(
    ("change", "left_out"),
    [(("250", "260"), True), (("100", "50"), True), (("28,4,16", "4"), False)],
)
def test_only_like_studies_share_a_figure(monkeypatch, capsys, change, left_out):
    shown = []
    monkeypatch.setattr(study.plots, "write", lambda path, draw, size: draw(None))
    monkeypatch.setattr(study_report, "draw", lambda figure, studies: shown.append(studies))
    finished(STUDY.replace(*change), side="modern")
    finished(STUDY)
    assert [one["side"] for one in shown[-1]] == (["legacy"] if left_out else ["legacy", "modern"])
    line = "the figure leaves out modern, which was studied with other settings"
    assert (line in capsys.readouterr().out.splitlines()) == left_out


@pytest.mark.parametrize(
    ("words", "name", "record"),
    [(STUDY, "study.png", "legacy/study.json"), (TIME, "time.png", "time.json")],
)
def test_without_matplotlib_there_is_no_figure(capsys, words, name, record):
    finished(words)
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == "no %s: matplotlib is not installed" % os.path.join("OUT", name)
    assert not os.path.exists(os.path.join("OUT", name))
    assert os.path.exists(os.path.join("OUT", record))


# Kernels


@pytest.mark.parametrize(
    ("side", "kernels"),
    [
        ("legacy", ["generic", "fused-cpu"]),
        ("modern", ["auto", "generic", "fused-cpu", "unrolled"]),
    ],
)
def test_each_kernel_is_trained_from_the_same_weights(capsys, side, kernels):
    calls = finished(TIME, side=side)
    assert [name for name, _, _, _ in calls] == kernels
    assert [config.kernel for _, _, config, _ in calls] == kernels
    assert {config.total_steps for _, _, config, _ in calls} == {250}
    assert calls[0][3] is None
    for _, _, _, initial in calls[1:]:
        assert all((array == 1).all() for array in initial.values())  # as the first has drawn them
    found = read("OUT", "time.json")
    assert (found["side"], found["model"], found["steps"]) == (side, "row-lstm", 250)
    assert [row["kernel"] for row in found["kernels"]] == kernels
    for row in found["kernels"]:
        result = read("OUT", row["kernel"], "result.json")
        assert row["seconds"] == result["train_seconds"]
        assert row["seconds_per_step"] == result["seconds_per_step"] > 0
        reference = found["kernels"][0]["seconds_per_step"]
        assert row["ratio"] == row["seconds_per_step"] / reference
        assert (row["test_loss"], row["test_accuracy"]) == (1.0, 28 / 32)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[2 : 2 + len(kernels)]] == kernels
    note = "on a machine without a GPU, auto runs Keras' plain while loop, not cuDNN"
    assert (note in lines) == (side == "modern")


def test_a_stopped_timing_is_said(capsys):
    code, _ = command(TIME, Trainer(stop=("fused-cpu", 100)))
    assert code == reporting.INTERRUPTED
    assert capsys.readouterr().out == "stopped with fused-cpu at work: start again\n"
    assert not os.path.exists(os.path.join("OUT", "time.json"))


def test_the_default_folder_of_a_timing():
    finished("time row-lstm --data digits --steps 20")
    assert os.path.isfile(os.path.join("runs", "time", "legacy", "row-lstm", "time.json"))


# Bad input

WRONG = {
    "study row-lstm": "row-lstm always sees the whole image: study a model with a window: ",
    "study window-rnn --windows 4,x": "--windows is 4,x: give whole numbers with commas, as in 4",
    "study window-rnn --windows 4,,5": "--windows is 4,,5: give whole numbers with commas",
    "study window-rnn --windows ''": "--windows is : give whole numbers with commas",
    "study window-rnn --windows 4.5": "--windows is 4.5: give whole numbers with commas",
    "study window-rnn --windows 0,4": "--windows is 0: give a value from 1 to 28",
    "study window-rnn --windows 4,29": "--windows is 29: give a value from 1 to 28",
    "study window-rnn --windows 4,7,4": "--windows is 4,7,4: name each window once",
    "study window-rnn --seeds 0": "--seeds is 0: give a value from 1 to 1000",
    "study window-rnn --seeds -1": "--seeds is -1: give a value from 1 to 1000",
    "study window-rnn --seeds two": "argument --seeds: invalid int value: 'two'",
    "study window-rnn --steps 0": "--steps is 0: give a finite value above 0",
    "study window-rnn --steps 1000000000": "1000000000 steps are too many",
    "study window-rnn --batch-size 1000": "--batch-size is 1000: give a value from 1 to 400",
    "study window-rnn --kernel auto": "unrecognized arguments: --kernel auto",
    "study window-rnn --out file": "cannot write to file/legacy/window-4-seed-0: Not a directory",
    "time window-rnn": "window-rnn has no choice of kernels: time one of row-lstm",
    "time row-lstm --steps 0": "--steps is 0: give a finite value above 0",
    "time row-lstm --kernel auto": "unrecognized arguments: --kernel auto",
    "time row-lstm --out file": "cannot write to file/generic: Not a directory",
}  # fmt: skip


@pytest.mark.parametrize("words", WRONG)
def test_bad_input_is_one_line_and_exit_code_2(place, capsys, words):
    (place / "file").write_text("mine")
    code, calls = command(words + " --data digits")
    captured = capsys.readouterr()
    assert (code, calls, captured.out) == (2, [], "")
    (line,) = captured.err.splitlines()
    assert line.startswith("error: " + WRONG[words])
    assert os.listdir(str(place)) == ["file"]


@pytest.mark.parametrize(
    "words", ["study window-rnn --steps 0", "study row-lstm", TIME + " --seed -1"]
)
def test_wrong_flags_are_refused_before_data_are_loaded(monkeypatch, capsys, words):
    monkeypatch.setattr(command_line.datasets, "load", lambda data, data_dir: pytest.fail(data))
    assert command(words)[0] == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_folder_that_holds_something_else_is_left_alone(place, capsys):
    folder = place / "OUT" / "legacy" / TRAININGS[0]
    folder.mkdir(parents=True)
    (folder / "chapter").write_text("years of work")
    code, calls = command(STUDY)
    assert (code, calls) == (2, [])
    path = os.path.join("OUT", "legacy", TRAININGS[0])
    message = "error: %s is not empty and holds no run: choose another --out\n" % path
    assert capsys.readouterr().err == message
    assert (folder / "chapter").read_text() == "years of work"


ROW = {
    "window": 5,
    "accuracy": [0.5, 0.6],
    "loss": [1.0, 1.1],
    "seconds_per_step": [0.1, None],
    "curve": {"step": [1, 2], "loss": [2.0, 1.5]},
}
WHOLE = {"side": "legacy", "steps": 2, "seeds": 2, "windows": [ROW]}


@pytest.mark.parametrize(
    ("changes", "drawn"),
    [
        ({}, True),
        ({"side": []}, False),
        ({"steps": "2"}, False),
        ({"windows": {}}, False),
        ({"windows": [5]}, False),
        ({"windows": [dict(ROW, window="5")]}, False),
        ({"windows": [dict(ROW, accuracy=[])]}, False),
        ({"windows": [dict(ROW, seconds_per_step=["1"])]}, False),
        ({"windows": [dict(ROW, curve={"step": [1], "loss": [1.0, 2.0]})]}, False),
        ({"windows": [dict(ROW, curve=[])]}, False),
    ],
)
def test_what_is_drawn_of_the_other_side_is_a_study(changes, drawn):
    assert study_report.is_study(dict(WHOLE, **changes)) == drawn
