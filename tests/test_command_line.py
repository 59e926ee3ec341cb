"""The command lines of both sides, from the shell's words to files, lines and exit codes."""

import contextlib
import dataclasses
import importlib
import io
import json
import os
import re
import shlex
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from shared import batches, datasets, runs
from shared.config import CONFIGS
from tf1port.numerics.differences import difference
from tf1port.numerics.tolerances import tolerance

SIDES = {"legacy": "legacy_tf1", "modern": "modern_tf2"}
both_sides = pytest.mark.parametrize("side", SIDES)


def command(side, *words):
    """Runs a command line in this process; returns its exit code, output and error lines."""
    main = importlib.import_module(SIDES[side] + ".__main__").main
    output, errors = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
        code = main([str(word) for word in words])
    return code, output.getvalue().splitlines(), errors.getvalue().splitlines()


def successful(side, *words):
    code, lines, errors = command(side, *words)
    assert (code, errors) == (0, [])
    return lines


def read_json(path):
    return json.loads(path.read_text(encoding="utf-8"))


def arrays(path):
    with np.load(str(path)) as archive:
        return {name: archive[name] for name in archive.files}


def bits(named):
    return {name: (array.dtype, array.shape, array.tobytes()) for name, array in named.items()}


def checkpoint(run, side):
    """The weights and the optimizer's state in a run's last checkpoint."""
    if side == "legacy":
        reader = tf.train.load_checkpoint(str(run))
        names = reader.get_variable_to_shape_map()
        return {name: np.array(reader.get_tensor(name)) for name in names}
    model = keras.models.load_model(run / "model.keras")
    # Not model.variables: the cells' unused dropout has seeds that are drawn again at every start.
    return {v.path: np.array(v) for v in [*model.weights, *model.optimizer.variables]}


# Training


@both_sides
def test_a_training_leaves_its_records(trained, side):
    run = trained.folder / side
    result = read_json(run / "result.json")
    assert {name: result[name] for name in ("side", "model", "dataset", "seed", "steps")} == {
        "side": side, "model": "window-rnn", "dataset": "digits", "seed": 0, "steps": 600,
    }  # fmt: skip
    assert result["finished"] is True
    assert result["parameters"] == sum(array.size for array in trained.initial.values()) == 6086
    assert {"python", "numpy", "tensorflow"} <= result["versions"].keys()
    assert 0 < result["seconds_per_step"] < result["train_seconds"]
    assert result["peak_memory_bytes"] > 50 << 20
    expected = CONFIGS["window-rnn"](
        window=8, batch_size=50, steps=600, epochs=60, train_examples=1300, test_examples=400
    )
    assert result["config"] == dataclasses.asdict(expected)
    assert read_json(run / "config.json") == {
        name: result[name] for name in ("side", "model", "dataset", "config")
    }


def test_both_sides_log_the_same_lines(trained):
    found = {side: read_json(trained.folder / side / "result.json") for side in SIDES}
    for result in found.values():
        places = [(line["epoch"], line["step"]) for line in result["train"]]
        assert places == [(1, 500), (1, 546), (2, 600)]
        assert [(test["epoch"], test["step"]) for test in result["test"]] == [(1, 546), (2, 600)]
    assert found["legacy"].keys() == found["modern"].keys()
    for part in ("train", "test"):
        kinds = [[line.keys() for line in result[part]] for result in found.values()]
        assert kinds[0] == kinds[1]


@both_sides
def test_what_is_printed_is_kept_in_the_log(trained, side):
    lines = trained.processes[side].stdout.splitlines()
    assert (trained.folder / side / "log.txt").read_text().splitlines() == lines[:-1]
    assert len(lines) == 6
    test = read_json(trained.folder / side / "result.json")["test"][-1]
    assert lines[-1] == (
        f"test accuracy {test['accuracy']:.4f} on digits after 600 steps; wrote {side}"
    )


@both_sides
def test_log_lines_are_those_of_the_steps(trained, side):
    steps = arrays(trained.folder / side / "steps.npz")
    assert {name: (a.dtype, a.shape) for name, a in steps.items()} == {
        name: (np.dtype(np.float32), (600,)) for name in ("loss", "accuracy")
    }
    start = 0
    for line in read_json(trained.folder / side / "result.json")["train"]:
        loss, accuracy = (steps[name][start : line["step"]] for name in ("loss", "accuracy"))
        assert line["loss"] == np.mean(loss, dtype=np.float64)
        assert line["accuracy"] == np.mean(accuracy, dtype=np.float64)
        assert line["min_accuracy"] == accuracy.min()
        start = line["step"]


@both_sides
def test_it_learns(trained, side):
    loss = arrays(trained.folder / side / "steps.npz")["loss"]
    assert loss[-50:].mean() < 0.7 * loss[:50].mean()


def test_both_sides_start_from_the_given_weights(trained):
    steps = {}
    for side in SIDES:
        assert bits(arrays(trained.folder / side / "initial_weights.npz")) == bits(trained.initial)
        steps[side] = arrays(trained.folder / side / "steps.npz")
    first = [{"loss": steps[side]["loss"][:1]} for side in SIDES]
    assert difference(*first).max_abs <= tolerance("loss", "float32").bound
    assert steps["legacy"]["accuracy"][0] == steps["modern"]["accuracy"][0]


# Ctrl-C and --resume


@pytest.mark.slow
@both_sides
def test_ctrl_c_stops_after_a_step_and_says_how_to_go_on(resumed, side):
    process = resumed.stopped[side]
    assert process.returncode == 130
    step = {"legacy": 250, "modern": 300}[side]
    assert process.stdout == (
        f"stopped after step {step}; continue with: "
        f"{sys.executable} -m {SIDES[side]} train window-rnn --resume --out '{side} again'\n"
    )
    result = json.loads(resumed.results[side])
    assert (result["steps"], result["finished"]) == (step, False)


@pytest.mark.slow
@both_sides
def test_a_resumed_run_ends_like_an_uninterrupted_one(trained, resumed, side):
    assert resumed.processes[side].returncode == 0
    one, other = trained.folder / side, trained.folder / f"{side} again"
    assert bits(arrays(other / "steps.npz")) == bits(arrays(one / "steps.npz"))
    assert bits(checkpoint(other, side)) == bits(checkpoint(one, side))
    results = [read_json(run / "result.json") for run in (one, other)]
    for result in results:
        for line in result["train"]:
            del line["seconds_per_step"]
    for part in ("steps", "finished", "train", "test", "config"):
        assert results[0][part] == results[1][part]
    logs = [re.sub(r"  \S+ s/step", "", (run / "log.txt").read_text()) for run in (one, other)]
    assert logs[0] == logs[1]


@both_sides
def test_a_finished_run_has_nothing_to_resume(trained, side):
    run = trained.folder / side
    code, lines, errors = command(side, "train", "window-rnn", "--resume", "--out", run)
    assert (code, lines) == (2, [])
    assert errors == [f"error: {run} is finished: give more --steps or --epochs to continue"]


# Using a run


@both_sides
def test_evaluate_gives_the_figures_of_the_last_test(trained, side):
    run = trained.folder / side
    (line,) = successful(side, "evaluate", "window-rnn", "--from", run)
    test = read_json(run / "result.json")["test"][-1]
    assert json.loads(line) == {name: test[name] for name in ("loss", "accuracy", "min_accuracy")}


def parse_prediction(lines):
    """The drawing, the ten probabilities and the named digits of predict's output."""
    rows = [re.fullmatch(r"(\d)  (\d\.\d{4})  (#*)", line).groups() for line in lines[14:24]]
    assert [int(digit) for digit, _, _ in rows] == list(range(10))
    probabilities = [float(number) for _, number, _ in rows]
    for probability, (_, _, bar) in zip(probabilities, rows, strict=True):
        assert abs(len(bar) - 40 * probability) < 0.51
    return lines[:14], probabilities, dict(line.split(":") for line in lines[24:])


@pytest.mark.sampled(2)
@both_sides
@pytest.mark.parametrize("index", [0, 399])
def test_predict_draws_a_test_image_and_its_probabilities(trained, tmp_path, side, index):
    picture = tmp_path / "picture.png"
    lines = successful(
        side, "predict", "window-rnn", "--from", trained.folder / side, "--index", index,
        "--save", picture,
    )  # fmt: skip
    drawing, probabilities, named = parse_prediction(lines)
    assert {len(line) for line in drawing} == {28}
    assert sum(probabilities) == pytest.approx(1, abs=10 * 0.00005)  # ten roundings
    test = datasets.load("digits").test
    assert int(named["target"]) == test.labels[index]
    assert int(named["predicted"]) == np.argmax(probabilities)
    with Image.open(picture) as image:
        shown = np.asarray(image.resize((28, 28), Image.Resampling.NEAREST))
    assert (shown == test.images[index]).all()


@both_sides
def test_predict_takes_a_picture_of_ones_own(trained, tmp_path, side):
    test = datasets.load("digits").test
    Image.fromarray(255 - test.images[7]).resize((112, 112)).save(tmp_path / "own.png")
    run = trained.folder / side
    lines = successful(
        side, "predict", "window-rnn", "--from", run, "--image", tmp_path / "own.png"
    )
    _, _, named = parse_prediction(lines)
    assert named.keys() == {"predicted"}
    shown = successful(side, "predict", "window-rnn", "--from", run, "--index", 7)
    assert parse_prediction(shown)[2]["predicted"] == named["predicted"]


@both_sides
def test_predict_is_the_mean_over_all_windows(trained, side):
    run = runs.open_run(trained.folder / side, side, model="window-rnn")
    serving = importlib.import_module(SIDES[side] + ".serving")
    image = datasets.load("digits").test.images[3]
    probabilities = serving.predict(run, image)
    assert (probabilities.dtype, probabilities.shape) == (np.float32, (10,))
    logits = own_logits(side, run, batches.windows(image, run.config)).astype(np.float64)
    each = np.exp(logits - logits.max(axis=1, keepdims=True))
    expected = (each / each.sum(axis=1, keepdims=True)).mean(axis=0).astype(np.float32)
    gap = difference({"p": probabilities}, {"p": expected}).max_abs
    assert gap <= tolerance("logits", "float32").bound


def own_logits(side, run, images):
    """What the restored model itself says."""
    training = importlib.import_module(SIDES[side] + ".training")
    if side == "modern":
        return np.array(training.restore(run)(images))
    with tf.Graph().as_default():
        model = training.MODELS[run.config.model].build_model(run.config)
        saver = tf.compat.v1.train.Saver()
        with tf.compat.v1.Session() as session:
            training.restore(session, saver, run)
            return session.run(model.logits, {model.inputs: images})


def exported_logits(folder, images):
    serve = tf.saved_model.load(str(folder)).signatures["serving_default"]
    (_, inputs), outputs = serve.structured_input_signature, serve.structured_outputs
    assert inputs.keys() == {"inputs"}
    assert outputs.keys() == {"logits"}
    assert inputs["inputs"].shape.as_list() == [None, *images.shape[1:]]
    assert outputs["logits"].shape.as_list() == [None, 10]
    assert inputs["inputs"].dtype == outputs["logits"].dtype == tf.float32
    return serve(inputs=tf.constant(images))["logits"].numpy()


@both_sides
@pytest.mark.parametrize("count", [pytest.param(1, marks=pytest.mark.slow), 21])
def test_an_export_is_the_model(trained, tmp_path, side, count):
    run = runs.open_run(trained.folder / side, side, model="window-rnn")
    images = batches.windows(datasets.load("digits").test.images[3], run.config)[:count]
    target = tmp_path / "model"
    lines = successful(side, "export", "window-rnn", "--from", run.path, "--to", target)
    assert lines == [f"wrote {target}"]
    assert os.listdir(tmp_path) == ["model"]
    found = {"logits": exported_logits(target, images)}
    gap = difference(found, {"logits": own_logits(side, run, images)})
    assert gap.max_abs <= tolerance("logits", "float32").bound


@pytest.mark.slow
def test_the_exports_of_equal_weights_agree(trained, tmp_path):
    """A learning rate that no float32 weight notices leaves both sides at the given weights."""
    found = {}
    for side in SIDES:
        run = tmp_path / side
        successful(
            side, "train", "window-rnn", *trained.flags, "--steps", 1, "--learning-rate", 1e-30,
            "--out", run,
        )  # fmt: skip
        successful(side, "export", "window-rnn", "--from", run)
        images = datasets.load("digits").test.images[:50, 3:11] * batches.PIXEL_SCALE
        found[side] = {"logits": exported_logits(run / "export", images)}
    gap = difference(found["legacy"], found["modern"])
    assert gap.max_abs <= tolerance("logits", "float32").bound


# Bad input


def snapshot(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
    }


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A working directory with all that the wrong command lines below stumble over."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MNIST_DIR", raising=False)
    config = CONFIGS["window-rnn"](train_examples=1300, test_examples=400, epochs=60)
    for side in SIDES:
        run = runs.create_run(tmp_path / side, side, config=config, dataset="digits")
        (tmp_path / side / "result.json").write_text(
            '{"train": [], "test": [], "train_seconds": 0}'
        )
        runs.create_run(tmp_path / f"{side} new", side, config=config, dataset="digits")
        assert run.result() is not None
    (tmp_path / "file").write_text("mine")
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter").write_text("years of work")
    np.savez(tmp_path / "small.npz", **{"logits/bias": np.zeros(10, np.float32)})
    np.save(tmp_path / "array.npy", np.zeros(3))
    return tmp_path


WRONG = {
    "--window 0": "--window is 0: give a value from 1 to 28",
    "--window 29": "--window is 29: give a value from 1 to 28",
    "--window 1.5": "argument --window: invalid int value: '1.5'",
    "--steps -1": "--steps is -1: give a finite value above 0",
    "--steps 0": "--steps is 0: give a finite value above 0",
    "--epochs 0": "--epochs is 0: give a finite value above 0",
    "--epochs 1000000000": "4296000000000 steps are too many: give fewer --epochs or --steps",
    "--batch-size 0": "--batch-size is 0: give a finite value above 0",
    "--batch-size 401 --data digits": "--batch-size is 401: give a value from 1 to 400",
    "--learning-rate 0": "--learning-rate is 0.0: give a finite value above 0",
    "--learning-rate nan": "--learning-rate is nan: give a finite value above 0",
    "--learning-rate inf": "--learning-rate is inf: give a finite value above 0",
    "--learning-rate fast": "argument --learning-rate: invalid float value: 'fast'",
    "--seed -1": "--seed is -1: give a value from 0 to 4294967295",
    "--data cifar": "argument --data: invalid choice: 'cifar'",
    "--data mnist": "MNIST can't be had",
    "--data digits --data-dir .": "leave out --data-dir",
    "--data mnist --data-dir nowhere": "nowhere",
    "--unknown": "unrecognized arguments: --unknown",
    "--data digits --out file": "cannot write to file: File exists; choose another --out",
    "--data digits --out file/below": "cannot write to file/below: Not a directory; choose another",
    "--data digits --out thesis": "thesis is not empty and holds no run: choose another --out",
    "--resume --out nothing": "nothing holds no run: train one with --out nothing",
    "--resume --out thesis": "thesis holds no run: train one with --out thesis",
    "--resume --out {side} --init small.npz": "--resume continues from the run's own weights",
    "--resume --out {side} --window 5": "{side} has a checkpoint of another config: --window is 19",
    "--resume --out {side} --seed 3": "{side} has a checkpoint of another config: --seed is 0",
    "--resume --out {side} --steps 0": "--steps is 0",
    "--resume --out {side} --data mnist": "MNIST can't be had",
    "--resume --out {other}": "{other} holds a run of {other} window-rnn, not of {side} window-rnn",
    "--resume --out '{side} new'": "{side} new has no checkpoint to resume: leave out --resume",
    "--data digits --init nothing.npz": "there is no weights file nothing.npz",
    "--data digits --init file": "file is no npz file of plain arrays: use np.savez",
    "--data digits --init array.npy": "array.npy is no npz file of plain arrays: use np.savez",
    "--data digits --init thesis": "thesis is no npz file of plain arrays: use np.savez",
    "--data digits --init small.npz": "small.npz has no array cell_0/bias, which window-rnn needs",
}
WRONG = {f"train window-rnn {words}": message for words, message in WRONG.items()}
WRONG.update({
    "": "the following arguments are required: COMMAND",
    "dance window-rnn": "argument COMMAND: invalid choice: 'dance'",
    "train": "the following arguments are required: MODEL",
    "train transformer": "argument MODEL: invalid choice: 'transformer'",
    "evaluate window-rnn --from nothing": "nothing holds no run: train one with --out nothing",
    "evaluate window-rnn": "runs/{side}/window-rnn holds no run: train one with --out runs/{side}",
    "evaluate window-rnn --from {other}": "{other} holds a run of {other} window-rnn, not of",
    "evaluate window-rnn --from '{side} new'": "{side} new has no checkpoint: train a run first",
    "predict window-rnn --from '{side} new'": "{side} new has no checkpoint: train a run first",
    "predict window-rnn --from {side} --index 400": "--index is 400: give a value from 0 to 399",
    "predict window-rnn --from {side} --index -1": "--index is -1: give a value from 0 to 399",
    "predict window-rnn --from {side} --image nothing.png": "there is no file nothing.png",
    "predict window-rnn --from {side} --image file": "file is no picture that can be read",
    "predict window-rnn --from {side} --image thesis": "thesis",
    "export window-rnn --from {side} --to thesis": "thesis exists already: remove it or choose",
    "export window-rnn --from '{side} new' --to deep/new": "{side} new has no checkpoint: train a",
})  # fmt: skip


@both_sides
@pytest.mark.parametrize("words", WRONG)
def test_bad_input_is_one_line_and_exit_code_2(place, side, words):
    names = {"side": side, "other": "modern" if side == "legacy" else "legacy"}
    before = snapshot(place)
    code, lines, errors = command(side, *shlex.split(words.format(**names)))
    assert (code, lines, len(errors)) == (2, [], 1), errors
    assert errors[0].startswith("error: ")
    assert WRONG[words].format(**names) in errors[0]
    assert snapshot(place) == before


@pytest.mark.parametrize("side", ["legacy", pytest.param("modern", marks=pytest.mark.slow)])
def test_a_loss_that_is_not_finite_stops_the_run_at_its_step(trained, tmp_path, side):
    words = ["train", "window-rnn", *trained.flags, "--learning-rate", "1e38"]
    code, lines, errors = command(side, *words, "--out", tmp_path / "run")
    assert (code, lines) == (2, [])
    assert errors == [
        "error: the loss is nan at step 2 (images 775 to 824): lower --learning-rate "
        "(last checkpoint kept)"
    ]


@both_sides
def test_what_cannot_be_written_is_one_line_too(trained, tmp_path, side):
    (tmp_path / "file").write_text("mine")
    below = tmp_path / "file" / "below"
    for words in (["export", "--to", below], ["predict", "--save", below]):
        name, *rest = words
        code, lines, errors = command(
            side, name, "window-rnn", "--from", trained.folder / side, *rest
        )
        assert (code, lines, len(errors)) == (2, [], 1)
        assert errors[0].startswith("error: ")
        assert str(below) in errors[0]
    assert snapshot(tmp_path) == {"file": b"mine"}


@pytest.mark.parametrize(("encoding", "characters"), [("ascii", " .:-=+*#%@"), ("utf-8", " ▀▄█")])
def test_the_drawing_suits_the_terminal(trained, encoding, characters):
    output = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    with contextlib.redirect_stdout(output):
        words = ["predict", "window-rnn", "--from", str(trained.folder / "legacy")]
        assert importlib.import_module("legacy_tf1.__main__").main(words) == 0
    output.flush()
    drawing = output.buffer.getvalue().decode(encoding).splitlines()[:14]
    assert set("".join(drawing)) <= set(characters)
