"""convert --stateful: states as inputs and outputs, any number of rows and steps, and its proof."""

import re
from pathlib import Path

import keras
import numpy as np
import pytest

from tests.tf1port.programs import decoders, sequences, stateful
from tests.tf1port.programs.program import loaded, map_of, running, source_of, verified
from tf1port.__main__ import main
from tf1port.conversion.translation import in_parts
from tf1port.conversion.translation.open_sizes import opened
from tf1port.keras_model.program_build import load_source
from tf1port.numerics.tolerances import tolerance

# isort: split
import tensorflow.compat.v1 as tf1

PAGE = Path(__file__).parents[2] / "docs" / "converting.md"
# By program: the inputs and outputs that are states.
LAYERS = ["lstm_h", "lstm_c", "lstm_2_h", "lstm_2_c"]
STATES = {
    stateful.from_zeros: LAYERS,
    stateful.fixed_sizes: LAYERS,
    stateful.unrolled: ["rnnlm_h", "rnnlm_c", "rnnlm_2_h", "rnnlm_2_c"],
    stateful.one_placeholder: LAYERS,
    stateful.with_lengths: ["gru_h"],
    stateful.own_cell: ["minimal_gated_unit_state"],
    stateful.shared_zeros: ["lstm_h", "lstm_c"],
    sequences.char_rnn: LAYERS,
}
REFUSED = {
    stateful.mean_over_time: "more than states connects the steps of a sequence",
    stateful.both_directions: "reads backwards",
    stateful.rows_of_an_image: "an op fixes the number of steps",
    stateful.no_cell: "no output depends on a state",
    stateful.characters_of_words: "has other rows than what is fed",
    sequences.encoder_decoder: "which is neither zeros nor fed",
    sequences.learned_state: "starts from Tile:0, which is neither zeros nor fed",
    decoders.attention_decoder: "which is neither zeros nor fed",
}
# What verify says of a file whose model was changed: h for c, the states of two layers exchanged.
H_FOR_C = [
    ("initial_state=[lstm_h, lstm_c]", "initial_state=[lstm_c, lstm_h]"),
    ('"lstm_h": new_lstm_h', '"lstm_h": new_lstm_c'),
    ('"lstm_c": new_lstm_c', '"lstm_c": new_lstm_h'),
]
LAYERS_EXCHANGED = [
    ("initial_state=[lstm_h, lstm_c]", "initial_state=[lstm_2_h, lstm_2_c]"),
    (
        ")(lstm_outputs, initial_state=[lstm_2_h, lstm_2_c]",
        ")(lstm_outputs, initial_state=[lstm_h, lstm_c]",
    ),
    ('"lstm_h": new_lstm_h', '"lstm_h": new_lstm_2_h'),
    ('"lstm_c": new_lstm_c', '"lstm_c": new_lstm_2_c'),
    ('"lstm_2_h": new_lstm_2_h', '"lstm_2_h": new_lstm_h'),
    ('"lstm_2_c": new_lstm_2_c', '"lstm_2_c": new_lstm_c'),
]
NOT_TAKEN = [("(embedded_chars, initial_state=[lstm_h, lstm_c])", "(embedded_chars)")]


def convert(build, folder):
    """The exit code of a conversion, the checkpoint and the model's file."""
    with running(build, folder) as run:
        target = str(folder / "model.keras")
        return main(["convert", run.prefix, "--to", target, "--stateful"]), run.prefix, target


@pytest.fixture(scope="module")
def from_zeros(tmp_path_factory):
    """The checkpoint of two layers that start from zeros, and the file of its model."""
    code, *files = convert(stateful.from_zeros, tmp_path_factory.mktemp("from_zeros"))
    assert code == 0
    return files


@pytest.mark.slow
@pytest.mark.sampled(3)
@pytest.mark.parametrize("build", STATES, ids=lambda build: build.__name__)
def test_states_are_inputs_and_outputs_and_proved(build, tmp_path, capsys):
    code, prefix, target = convert(build, tmp_path)
    assert code == 0
    described = map_of(target)
    assert described["complete"], described["left_out"]
    assert described["states"] == STATES[build]
    assert len([line for line in described["compared"] if in_parts.QUANTITY in line]) == 2
    model = loaded(target)
    assert all(size is None for x in model.inputs for size in x.shape[:1])  # of rows
    for name in STATES[build]:
        assert name in described["inputs"]
        assert name in [x.name for x in model.inputs]
        assert name in model.output
    code, report = verified(prefix, target, capsys)
    assert code == 0, report["verdict"]
    assert f"states handed on from call to call ({', '.join(STATES[build])})" in report["verdict"]
    quantities = [check["quantity"] for check in report["checks"]]
    assert quantities.count(in_parts.QUANTITY) == 2


@pytest.mark.slow
@pytest.mark.sampled(3)
@pytest.mark.parametrize("build", REFUSED, ids=lambda build: build.__name__)
def test_what_has_no_state_to_hand_on_is_refused_in_a_line(build, tmp_path, capsys):
    code, _, target = convert(build, tmp_path)
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert (code, REFUSED[build] in error) == (2, True), error
    assert not Path(target).exists()


@pytest.mark.slow
def test_a_session_that_samples_gives_the_same(tmp_path):
    """The graph's own states are fetched and fed, step by step: of a graph of fixed sizes."""
    with running(stateful.unrolled, tmp_path) as run:
        target = str(tmp_path / "model.keras")
        assert main(["convert", run.prefix, "--to", target, "--stateful"]) == 0
        described, model = map_of(target), loaded(target)
        names, tensors = described["states"], described["outputs"]
        (chars,) = [array for tensor, array in run.feed.items() if tensor.name == "chars:0"]
        expected = {name: np.zeros([len(chars), stateful.U], "float32") for name in names}
        mine = {name: keras.ops.array(value) for name, value in expected.items()}
        for _ in range(2):
            fed = {described["inputs"][n]["tensor"]: value for n, value in expected.items()}
            session_outputs = run.session.run(tensors, {"chars:0": chars, **fed})
            expected = {name: session_outputs[name] for name in names}
            for step in range(chars.shape[1]):
                one = keras.ops.array(chars[:, step : step + 1])
                outputs = model([one, *mine.values()], training=False)
                mine = {name: outputs[name] for name in names}
            for name in names:
                bound = tolerance("outputs, end to end", "float32").bound
                assert np.abs(expected[name] - np.array(mine[name])).max() <= bound


def wrong(handed_on):
    """A way to hand states on that is wrong."""

    def hand(outputs, states):
        return handed_on({name: outputs[name] for name in states})

    return hand


@pytest.mark.slow
@pytest.mark.parametrize(
    "handed_on",
    [
        lambda of: {name: np.zeros_like(value) for name, value in of.items()},
        lambda of: {**of, "lstm_h": of["lstm_c"], "lstm_c": of["lstm_h"]},
        lambda of: {**of, "lstm_h": of["lstm_2_h"], "lstm_2_h": of["lstm_h"]},
        lambda of: {**of, "lstm_2_c": of["lstm_2_c"][::-1]},
    ],
    ids=["not handed on", "h for c", "layers exchanged", "rows exchanged"],
)
def test_states_that_are_handed_on_wrongly_differ(handed_on, from_zeros, monkeypatch, capsys):
    monkeypatch.setattr(in_parts, "handed_on", wrong(handed_on))
    code, report = verified(*from_zeros, capsys)
    assert code == 1
    assert report["verdict"].startswith(f"FAIL: {in_parts.QUANTITY} differ")


@pytest.mark.slow
@pytest.mark.parametrize(
    "changes", [H_FOR_C, LAYERS_EXCHANGED, NOT_TAKEN], ids=["h for c", "layers", "not taken"]
)
def test_a_model_with_other_states_differs(changes, from_zeros, tmp_path, capsys):
    """A model that is consistent with itself, and takes or gives other states than it says."""
    prefix, file = from_zeros
    text = source_of(file)
    for right, changed in changes:
        assert text.count(right) == 1
        text = text.replace(right, changed)
    other, model = load_source(text).build_model(), loaded(file)
    for layer in other.layers:
        layer.set_weights(model.get_layer(layer.name).get_weights())
    other.save(tmp_path / "other.keras")
    code, report = verified(prefix, str(tmp_path / "other.keras"), capsys)
    assert code == 1
    assert report["verdict"].startswith("FAIL: outputs, end to end differ"), report["verdict"]


@pytest.mark.slow
def test_the_sampling_loop_of_the_page(from_zeros, tmp_path, monkeypatch):
    """It gives what a run over all characters at once gives."""
    monkeypatch.chdir(Path(from_zeros[1]).parent)
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    (block,) = [block for block in blocks if "categorical" in block]
    names = {"keras": keras, "first": 3, "UNITS": stateful.U}
    exec(block, names)
    sampled, model = names["sampled"], names["model"]
    assert len(sampled) == 21
    zeros = {name: keras.ops.zeros([1, stateful.U]) for name in LAYERS}
    outputs = model({"chars": keras.ops.array([sampled[:-1]]), **zeros})
    for name in LAYERS:
        gap = np.abs(np.array(outputs[name]) - np.array(names["states"][name])).max()
        assert gap <= tolerance("outputs, end to end", "float32").bound


def test_fixed_rows_and_steps_are_opened_and_features_are_not():
    with tf1.Graph().as_default() as graph:
        x = tf1.placeholder(tf1.float32, [4, 5, 3], name="x")
        tf1.placeholder(tf1.float32, [4, 7], name="state")
        tf1.placeholder(tf1.int32, [None, 5], name="ids")
        tf1.placeholder(tf1.float32, [None, 7], name="open")
        tf1.reduce_sum(x * 2.0, 2, name="sums")
    given = graph.as_graph_def(add_shapes=True)
    before = given.SerializeToString()
    opened_def, shapes = opened(given)
    assert given.SerializeToString() == before
    assert shapes == {"x:0": (4, 5, 3), "state:0": (4, 7), "ids:0": (None, 5)}
    with tf1.Graph().as_default() as graph:
        tf1.import_graph_def(opened_def, name="")
        found = {n: graph.get_tensor_by_name(f"{n}:0").shape.as_list() for n in ("x", "state")}
        assert graph.get_tensor_by_name("sums:0").shape.as_list() == [None, None]
    assert found == {"x": [None, None, 3], "state": [None, 7]}


def test_parts_are_joined_along_time_and_of_all_else_the_last_counts():
    whole = {"steps": np.arange(14).reshape(2, 7), "last": np.ones(2), "h": np.ones((2, 7))}
    pieces = [
        {"steps": whole["steps"][:, :3], "last": np.zeros(2), "h": np.zeros((2, 7))},
        {"steps": whole["steps"][:, 3:], "last": np.ones(2), "h": np.ones((2, 7))},
    ]
    result = in_parts.joined(whole, pieces, [3, 4], ["h"])
    assert all(np.array_equal(result[name], whole[name]) for name in whole)


@pytest.mark.parametrize("flag", ["--reverse", "--map"])
def test_flags_that_do_not_go_together(flag, capsys, tmp_path):
    words = ["convert", "model.ckpt", "--to", str(tmp_path / "m.keras"), "--stateful", flag]
    assert main([*words, "map.toml"] if flag == "--map" else words) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1
