"""The Keras 3 window RNN: its shapes, its file, its input pipeline and its step recorder."""

import json
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from equivalence.modern_side import ModernSide
from modern_tf2 import input_pipeline, training, window_rnn
from shared import batches, datasets
from shared.config import WindowRNNConfig, for_dataset
from tests import goldens
from tests.goldens import traces, wrong
from tests.support import oracles

CONFIG, BATCHES = goldens.config_and_batches("window-rnn", 6)
IMAGES, LABELS = BATCHES[0]
WEIGHTS = oracles.random_weights(CONFIG)
GROUPS = {"outputs", "logits", "loss", "gradients", "slots", "stepped"}

# What someone without this project does with the file: nothing of ours is imported.
PLAIN_KERAS = """
import json, sys
import keras, numpy as np
model = keras.models.load_model(sys.argv[1])
np.savez(sys.argv[3], logits=np.array(model(np.load(sys.argv[2]))),
         **{v.path.replace("/", "."): np.array(v) for v in model.optimizer.variables})
names = [name.partition(".")[0] for name in sys.modules]
ours = {"modern_tf2", "legacy_tf1", "shared", "tf1port", "equivalence"}
print(json.dumps(sorted(ours & set(names))))
"""


def closed(row, expected, actual, *, dtype="float32"):
    return traces.gap(row, {"": expected}, {"": actual}, dtype=dtype).closed


@pytest.fixture(scope="module", params=[pytest.param("float32", marks=pytest.mark.slow), "float64"])
def dtype(request):
    return request.param


@pytest.fixture(scope="module")
def found(dtype):
    """What the model computes in one step."""
    return traces.trace(ModernSide(CONFIG, WEIGHTS, dtype=dtype), BATCHES[:1])


@pytest.fixture(scope="module")
def digits():
    return datasets.load_digits()


def oracle(weights, dtype, *, images=IMAGES):
    weights = {name: value.astype(dtype) for name, value in weights.items()}
    batch = images.astype(dtype), LABELS
    return oracles.trace(weights, batch, constants=oracles.tf1_constants(CONFIG))


def unseen(expected, actual, *, dtype):
    gaps = traces.gaps(expected, actual, dtype=dtype)
    assert set(gaps) == GROUPS
    assert all(np.isfinite(gap.max_abs) for gap in gaps.values())
    return {name for name, gap in gaps.items() if gap.closed}


def test_numpy_computes_the_same(found, dtype):
    assert unseen(found, oracle(WEIGHTS, dtype), dtype=dtype) == GROUPS


@pytest.mark.parametrize("name", wrong.WEIGHTS)
def test_wrong_weights_are_seen(found, dtype, name):
    assert unseen(found, oracle(wrong.WEIGHTS[name](WEIGHTS), dtype), dtype=dtype) == set()


def test_a_wrong_window_is_seen(found, dtype):
    images, _ = wrong.later_windows("window-rnn", 1)[0]
    assert unseen(found, oracle(WEIGHTS, dtype, images=images), dtype=dtype) == set()


def test_shapes_and_dtypes(dtype):
    model = window_rnn.build_model(CONFIG, dtype=dtype)
    assert model.input_shape == (None, 19, 28)
    assert model.output_shape == (None, 10)
    assert {v.path: tuple(v.shape) for v in model.trainable_variables} == CONFIG.weight_shapes()
    assert {v.dtype for v in model.weights} == {model.input.dtype, model.output.dtype} == {dtype}
    assert model.get_layer("rnn").unroll
    for size in (1, 5):
        assert model(IMAGES[:size].astype(dtype)).shape == (size, 10)


def test_initial_weights_fill_the_range_of_tf1s_joint_kernel():
    for variable in window_rnn.build_model(CONFIG).trainable_variables:
        layer, kind = variable.path.split("/")
        if kind == "bias":
            assert not variable.numpy().any()
            continue
        rows = {"cell_0": 28 + 31, "cell_1": 31 + 31, "cell_2": 31 + 31, "logits": 31}[layer]
        limit = np.sqrt(6 / (rows + variable.shape[1]))
        size = np.abs(variable.numpy())
        assert 0.97 * limit < size.max() <= limit * (1 + 1e-6)
        # A uniform |w| has a mean of half its limit, known to 0.29 limit / sqrt(count).
        assert abs(size.mean() / limit - 0.5) < 5 * 0.29 / np.sqrt(size.size)


def test_unrolled_and_in_a_loop_are_the_same(dtype):
    """The model is unrolled; layer_outputs runs the same cells in a loop."""
    side = ModernSide(CONFIG, WEIGHTS, dtype=dtype)
    images = IMAGES.astype(dtype)
    unrolled = np.array(side.model(images))
    assert closed("logits", side.forward(IMAGES)["logits"], unrolled, dtype=dtype)
    backwards = side.forward(IMAGES[:, ::-1])["logits"]
    assert not closed("logits", backwards, unrolled, dtype=dtype)


@pytest.mark.slow
def test_plain_keras_opens_the_file_with_the_optimizers_state(tmp_path):
    keras.utils.set_random_seed(0)
    model = window_rnn.build_model(CONFIG)
    for images, labels in BATCHES[:3]:
        model.train_on_batch(images, labels)
    files = [str(tmp_path / name) for name in ("model.keras", "images.npy", "found.npz")]
    model.save(files[0])
    np.save(files[1], IMAGES)
    plain = subprocess.run(
        [sys.executable, "-c", PLAIN_KERAS, *files],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert plain.returncode == 0, plain.stderr
    assert json.loads(plain.stdout) == []
    with np.load(files[2]) as loaded:
        state = dict(loaded)
    assert closed("logits", np.array(model(IMAGES)), state.pop("logits"))
    ours = {v.path.replace("/", "."): np.array(v) for v in model.optimizer.variables}
    assert traces.gap("weights", ours, state, dtype="float32").closed
    assert state[model.optimizer.iterations.path.replace("/", ".")] == 3
    assert sum(name.endswith(("momentum", "velocity")) for name in state) == 2 * 11


@pytest.mark.slow
def test_recorder_notes_what_each_step_saw():
    first, second = (ModernSide(CONFIG, WEIGHTS).model for _ in range(2))
    recorded, recorder = training.recorded(first, capacity=8)
    images, labels = (np.stack(part) for part in zip(*BATCHES[:5], strict=True))
    steps = tf.data.Dataset.from_tensor_slices((images, labels))
    history = recorded.fit(steps, verbose=0, shuffle=False)
    expected = []
    for images, labels in BATCHES[:6]:
        logits = np.array(second(images))
        expected.append((oracles.cross_entropy(logits, labels), oracles.accuracy(logits, labels)))
        second.train_on_batch(images, labels)
    losses, accuracies = np.array(expected, "float32").T

    found = recorder.since(0)
    assert closed("losses of 50 steps", losses[:5], found[0])
    assert closed("accuracy", accuracies[:5], found[1])
    # Seen a step late, they are others.
    assert not closed("losses of 50 steps", losses[1:], found[0])
    assert not closed("accuracy", accuracies[1:], found[1])
    assert [len(part) for part in recorder.since(3)] == [2, 2]
    assert recorder.since(3)[0][0] == found[0][3]
    assert history.history["accuracy"] == [pytest.approx(np.mean(found[1]), abs=0)]


def test_recorder_starts_again_after_a_reset():
    recorder = training.StepRecorder(4)
    logits = np.eye(10, dtype="float32")[[3, 4]]
    recorder.update_state(np.array([3, 4]), logits)
    recorder.update_state(np.array([[3], [5]]), logits)
    assert recorder.since(0)[1].tolist() == [1.0, 0.5]
    assert float(recorder.result()) == 0.75
    recorder.reset_state()
    assert [part.tolist() for part in recorder.since(0)] == [[], []]
    recorder.update_state(np.array([0, 4]), logits)
    assert recorder.since(0)[1].tolist() == [0.5]


def test_recorder_tells_the_batches_of_an_update_apart():
    recorder = training.StepRecorder(8, batch_size=2)
    logits = np.eye(10, dtype="float32")[[3, 4, 5, 6, 7, 8]]
    recorder.update_state(np.array([3, 4, 5, 0, 0, 0]), logits)
    recorder.update_state(np.array([0, 4]), logits[:2])
    losses, accuracies = recorder.since(0)
    assert accuracies.tolist() == [1.0, 0.5, 0.0, 0.5]
    assert losses[0] < losses[1] < losses[2]
    assert losses[1] == losses[3]


def same(pipeline, plan, split):
    """Whether a pipeline yields exactly the batches of a plan: bytes, shapes and dtypes."""
    found = [(images.numpy(), labels.numpy()) for images, labels in pipeline]
    expected = [batches.batch(split, plan, step, config=CONFIG) for step in range(len(plan))]
    return len(found) == len(expected) and all(
        one.dtype == other.dtype and one.shape == other.shape and one.tobytes() == other.tobytes()
        for pair, twin in zip(found, expected, strict=True)
        for one, other in zip(pair, twin, strict=True)
    )


def test_pipeline_yields_the_plan_bit_by_bit(digits):
    for epoch in (0, 1):
        count = CONFIG.steps_per_epoch
        pipeline = input_pipeline.train_batches(
            digits.train, CONFIG, epoch=epoch, skip=0, count=count
        )
        assert same(pipeline, batches.train_plan(CONFIG, epoch), digits.train)
        assert not same(pipeline, batches.train_plan(CONFIG, epoch + 1), digits.train)


def test_the_end_of_an_epoch_waits_for_no_autotuning(digits):
    for pipeline in (
        input_pipeline.train_batches(digits.train, CONFIG, epoch=0, skip=0, count=3),
        input_pipeline.test_batches(digits.test, CONFIG),
    ):
        assert pipeline.options().autotune.enabled is False


def test_pipeline_skips_and_counts(digits):
    plan = batches.train_plan(CONFIG, 0)
    pipeline = input_pipeline.train_batches(digits.train, CONFIG, epoch=0, skip=7, count=3)
    assert same(pipeline, plan.skip(7).take(3), digits.train)
    assert not same(pipeline, plan.skip(8).take(3), digits.train)
    assert not same(pipeline, plan.skip(7).take(4), digits.train)


def test_pipeline_of_the_test(digits):
    plan = batches.test_plan(CONFIG)
    assert len(plan) == CONFIG.test_steps
    assert same(input_pipeline.test_batches(digits.test, CONFIG), plan, digits.test)


def test_pipeline_of_several_test_batches_at_once(digits):
    plan = batches.test_plan(CONFIG)
    whole, rest = divmod(len(plan), 4)
    assert rest  # the last pair is a smaller one
    parts = [plan.skip(4 * n).take(4) for n in range(whole + 1)]
    joined = batches.BatchPlan(*(part.reshape(1, -1) for part in parts[0])), parts[-1]
    found = [*input_pipeline.joined_test_batches(digits.test, CONFIG, count=4)]
    assert len(found) == len(parts)
    assert same(found[:1], joined[0], digits.test)
    last = batches.BatchPlan(*(part.reshape(1, -1) for part in joined[1]))
    assert same(found[-1:], last, digits.test)
    assert not same(found[1:2], joined[0], digits.test)


@pytest.mark.slow
def test_a_test_of_many_batches_at_once_has_the_numbers_of_each(digits):
    model = ModernSide(CONFIG, WEIGHTS).model
    tester = training.Tester(model, CONFIG)
    assert CONFIG.test_steps % tester.joined  # the last ones are fewer
    found = tester.test(digits.test)
    expected = [
        (oracles.cross_entropy(logits, labels), oracles.accuracy(logits, labels))
        for images, labels in input_pipeline.test_batches(digits.test, CONFIG)
        for logits in [np.array(model(images))]
        for labels in [labels.numpy()]
    ]
    losses, accuracies = np.array(expected, "float32").T
    assert closed("losses of 50 steps", losses, found[0])
    assert closed("accuracy", accuracies, found[1])
    assert not closed("losses of 50 steps", losses[::-1], found[0])
    assert [same.tolist() for same in tester.test(digits.test)] == [same.tolist() for same in found]


def test_epochs_share_the_images(monkeypatch):
    """A variable that a dataset has seen is never freed: one per epoch would fill the memory."""
    made = []
    variable = tf.Variable
    monkeypatch.setattr(tf, "Variable", lambda *a, **k: made.append(a) or variable(*a, **k))
    digits = datasets.load("digits")
    for epoch in range(3):
        for window in (5, 6):
            config = for_dataset(WindowRNNConfig(window=window), digits)
            next(
                iter(
                    input_pipeline.train_batches(digits.train, config, epoch=epoch, skip=0, count=1)
                )
            )
    assert len(made) == 2  # rows and labels
