"""`tf1port load`: a checkpoint in one's own model, what it leaves, and what compare says then."""

import functools
import io
import json
import re
import zipfile

import h5py
import keras
import numpy as np
import pytest

import tf1port
from tests.tf1port import ported
from tests.tf1port.graphs import tf1
from tests.tf1port.ported import Program, U
from tf1port.__main__ import main
from tf1port.comparison.port import port as ports
from tf1port.errors import UserError
from tf1port.keras_model import saving
from tf1port.keras_model.loading import open_model

STEPS = 3
ADAM = {"learning_rate": 0.01, "epsilon": 1e-8}


def lstms(count):
    return tf1.nn.rnn_cell.MultiRNNCell([tf1.nn.rnn_cell.BasicLSTMCell(U) for _ in range(count)])


def layers(count):
    cells = [keras.layers.LSTMCell(U) for _ in range(count)]
    return keras.layers.RNN(cells, return_sequences=True, name="stack")


PROGRAMS = {
    "LSTM": (Program(), lambda: None),
    "GRU": (
        Program(cell=lambda: tf1.nn.rnn_cell.GRUCell(U)),
        lambda: keras.layers.GRU(U, reset_after=False, return_sequences=True, name="gru"),
    ),
    "stack": (Program(cell=functools.partial(lstms, 3)), functools.partial(layers, 3)),
}


class Files:
    """A checkpoint with slots, its untrained port, and what drafting and loading make of them."""

    def __init__(self, folder, name):
        program, layer = PROGRAMS[name]
        self.prefix = ported.save(folder, program, steps=STEPS)
        self.model, self.map, self.loaded = (
            str(folder / one) for one in ("model.keras", "map.toml", "loaded.keras")
        )
        ported.model(program, layer=layer()).save(self.model)
        self.draft = tf1port.draft_map(self.prefix, self.model, self.map)
        self.result = tf1port.load_weights(self.prefix, self.model, self.map, self.loaded)

    def proved(self, model=None, map_file=None, **options):
        """The report on a model without loading anything into it."""
        model, map_file = model or self.loaded, map_file or self.map
        return ports.prove(ports.load(self.prefix, model, map_file, steps=5, **options))

    def load(self, *words, to):
        """The exit code of the command."""
        return main(["load", self.prefix, self.model, "--map", self.map, "--to", str(to), *words])


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    made = {}

    def files_of(name):
        if name not in made:
            made[name] = Files(tmp_path_factory.mktemp("loading"), name)
        return made[name]

    return files_of


def failed(report):
    entries = [entry for entry in report["checks"] if entry["applies"]]
    return [entry["quantity"] for entry in entries if not entry["passed"]]


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=[pytest.mark.slow] * (n != "GRU")) for n in PROGRAMS]
)
def test_a_drafted_map_and_a_loaded_model_pass_the_first_checks(name, files):
    own = files(name)
    assert own.draft.left_in_model == own.draft.left_in_checkpoint == []
    report = own.proved(only=("variables", "outputs", "float32"))
    assert report["outcome"] == "equal", report["verdict"]
    untrained = own.proved(own.model, only=("variables", "float32"))
    assert untrained["outcome"] == "different"


@pytest.mark.slow
@pytest.mark.sampled(3)
@pytest.mark.parametrize("name", PROGRAMS)
def test_a_drafted_map_and_a_loaded_model_pass_all_checks(name, files):
    own = files(name)
    report = ports.prove(ports.load(own.prefix, own.loaded, own.map))
    assert report["outcome"] == "equal", report["verdict"]


def squares(arrays):
    total = sum(np.square(array).sum() for array in arrays)
    assert total > 0
    return total


@pytest.mark.parametrize("name", PROGRAMS)
def test_weights_slots_and_step_are_the_checkpoints(name, files):
    """By the sums of squares, which no order of rows and columns changes."""
    own = files(name)
    reader = tf1.train.load_checkpoint(own.prefix)
    shapes = reader.get_variable_to_shape_map()
    model = open_model(own.loaded)
    assert int(model.optimizer.iterations) == own.result.step == STEPS
    held = {variable.path: np.array(variable) for variable in model.optimizer.variables}
    for slot, ending in (("momentum", "Adam"), ("velocity", "Adam_1")):
        legacy = [reader.get_tensor(name) for name in shapes if name.endswith(f"/{ending}")]
        modern = [value for path, value in held.items() if path.endswith(f"_{slot}")]
        assert squares(modern) == pytest.approx(squares(legacy), rel=1e-6)
    legacy = [reader.get_tensor(name) for name in shapes if name.endswith("/kernel")]
    modern = [np.array(one) for one in model.weights if one.path.endswith("kernel")]
    assert squares(modern) == pytest.approx(squares(legacy), rel=1e-6)
    count = len(model.trainable_variables)
    assert (len(own.result.weights), len(own.result.slots)) == (count, 2 * count)
    assert own.result.left_in_checkpoint == own.result.left_in_model == []


def test_what_else_the_model_was_compiled_with_stays(files, tmp_path):
    own = files("LSTM")
    model = ported.model(Program())
    model.compile(ported.adam(), ported.CROSS_ENTROPY, metrics=["accuracy"])
    model.save(tmp_path / "model.keras")
    target = str(tmp_path / "loaded.keras")
    tf1port.load_weights(own.prefix, str(tmp_path / "model.keras"), own.map, target)
    with zipfile.ZipFile(target) as archive:
        config = json.loads(archive.read("config.json"))
    assert config["compile_config"]["metrics"] == ["accuracy"]


# A wrong map, and what is left


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def changed(own, folder, old, new):
    """The path of a map that says something else."""
    text = read(own.map)
    assert old in text
    path = folder / "map.toml"
    path.write_text(text.replace(old, new))
    return str(path)


def exchanged(own, folder):
    """A map with two equal cells exchanged, and the model that is loaded by it."""
    keys = {"stack/cell_1": "stack/cell_2", "stack/cell_2": "stack/cell_1"}
    text = re.sub("stack/cell_[12]", lambda found: keys[found[0]], read(own.map))
    wrong, target = folder / "map.toml", str(folder / "loaded.keras")
    wrong.write_text(text)
    tf1port.load_weights(own.prefix, own.model, str(wrong), target)
    return str(wrong), target


def test_what_a_wrong_map_loads_fails_under_the_right_one(files, tmp_path):
    own = files("stack")
    _, target = exchanged(own, tmp_path)
    report = own.proved(target, only=("variables", "float32"))
    assert failed(report) == ["weights with forget bias"]


@pytest.mark.slow
def test_what_a_wrong_map_loads_fails_under_the_wrong_one(files, tmp_path):
    own = files("stack")
    wrong, target = exchanged(own, tmp_path)
    report = own.proved(target, wrong, only=("variables", "outputs", "float32"))
    assert report["outcome"] == "different"
    assert "weights with forget bias" not in failed(report)


def refused(function, *files, **options):
    with pytest.raises(tf1port.UserError) as caught:
        function(*files, **options)
    return str(caught.value)


def test_a_layer_that_the_map_lacks_gets_nothing(files, tmp_path, capsys):
    own = files("LSTM")
    shorter = changed(own, tmp_path, 'scores = "scores"\n', "")
    target = tmp_path / "loaded.keras"
    before = (own.prefix, own.model, shorter, str(target))
    said = refused(tf1port.load_weights, *before)
    assert said.startswith(
        "nothing of the checkpoint goes into scores/kernel, scores/bias, scores/kernel/momentum "
        "and 3 more of the model: "
    )
    assert not target.exists()
    found = tf1port.load_weights(*before, partial=True)
    assert found.left_in_model[:2] == ["scores/kernel", "scores/bias"]
    assert "scores/kernel" in found.left_in_checkpoint
    assert "scores/kernel/Adam" in found.left_in_checkpoint
    kept, loaded = open_model(own.model), open_model(str(target))
    for name, same in (("scores", True), ("lstm", False)):
        pairs = zip(kept.get_layer(name).weights, loaded.get_layer(name).weights, strict=True)
        assert all(np.array_equal(*map(np.array, pair)) for pair in pairs) == same


def test_a_scope_of_another_shape_is_refused(files, tmp_path):
    own = files("LSTM")
    entry = '{ kernel = "scores/bias", bias = "scores/bias" }\n'
    wrong = changed(own, tmp_path, '"scores"\n', entry)
    said = refused(tf1port.load_weights, own.prefix, own.model, wrong, str(tmp_path / "t.keras"))
    assert said == "scores/kernel is [5, 4] in the model, [4] of what [layers] names for it"


def test_a_weight_that_the_model_lacks_is_refused(files, tmp_path):
    own = files("LSTM")
    inputs = keras.Input((ported.T, ported.F), name="x")
    x = keras.layers.LSTM(U, name="lstm")(inputs)
    model = keras.Model(inputs, keras.layers.Dense(ported.C, use_bias=False, name="scores")(x))
    model.compile(ported.adam(), ported.CROSS_ENTROPY)
    model.save(tmp_path / "model.keras")
    files_ = (own.prefix, str(tmp_path / "model.keras"), own.map, str(tmp_path / "t.keras"))
    assert refused(tf1port.load_weights, *files_).startswith("the map names scores/bias, which the")
    found = tf1port.load_weights(*files_, partial=True)
    assert "scores/bias" in found.left_in_checkpoint
    assert found.left_in_model == []


@pytest.mark.parametrize(
    ("optimizer", "said"),
    [
        (keras.optimizers.RMSprop(), "the model's optimizer is RMSprop, not Adam: compile"),
        (ported.adam(use_ema=True), "nothing of the checkpoint goes into "),
    ],
)
def test_another_optimizer_is_refused(optimizer, said, files, tmp_path):
    own = files("LSTM")
    ported.model(Program(), optimizer=optimizer).save(tmp_path / "model.keras")
    files_ = (own.prefix, str(tmp_path / "model.keras"), own.map, str(tmp_path / "t.keras"))
    assert refused(tf1port.load_weights, *files_).startswith(said)
    found = tf1port.load_weights(*files_, partial=True)
    assert found.left_in_model
    if "RMSprop" in said:
        assert (found.slots, found.step) == ([], None)
        assert "scores/kernel/Adam_1" in found.left_in_checkpoint
        variables = open_model(found.keras_file).optimizer.variables
        velocity = [np.array(one) for one in variables if one.path.endswith("velocity")]
        assert velocity
        assert not any(array.any() for array in velocity)


def test_a_model_that_is_not_compiled_gets_the_weights(files, tmp_path):
    own = files("LSTM")
    model = open_model(own.model)
    keras.Model(model.inputs, model.outputs).save(tmp_path / "model.keras")
    found = tf1port.load_weights(
        own.prefix, str(tmp_path / "model.keras"), own.map, str(tmp_path / "t.keras")
    )
    assert (len(found.weights), found.slots, found.step) == (5, [], None)
    assert len([name for name in found.left_in_checkpoint if "/Adam" in name]) == 8


def test_weights_of_float64_are_not_rounded_into_float32(tmp_path):
    program = Program(dtype="float64")
    prefix = ported.save(tmp_path, program, steps=1)
    ported.model(Program()).save(tmp_path / "model.keras")
    path = tmp_path / "map.toml"
    path.write_text(ported.LAYERS + ported.INPUTS + ported.GRAPH)
    files_ = (prefix, str(tmp_path / "model.keras"), str(path), str(tmp_path / "t.keras"))
    assert refused(tf1port.load_weights, *files_).startswith(
        "the checkpoint is of float64, the model of float32: "
    )


# The command


def test_the_command_says_what_was_loaded_and_what_comes_next(files, tmp_path, capsys):
    own, target = files("LSTM"), tmp_path / "loaded.keras"
    assert own.load(to=target) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"loaded 5 weights, 10 slots, step {STEPS}"
    words = f"compare --legacy {own.prefix} --modern {target} --map {own.map}"
    assert lines[-2] == f"wrote {target}"
    assert lines[-1].endswith(f"python -m tf1port {words}")
    assert own.load("--json", to=target) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["step"], found["left_in_model"]) == (STEPS, [])


def test_a_name_that_keras_does_not_know_is_one_line(files, tmp_path, capsys):
    assert files("LSTM").load(to=tmp_path / "loaded.h5") == 2
    error = capsys.readouterr().err
    assert re.fullmatch(r"error: --to is .*: give a file that ends in .keras\n", error)


def test_what_was_there_stays_where_writing_fails(files, tmp_path, capsys, monkeypatch):
    own, target = files("LSTM"), tmp_path / "loaded.keras"
    target.write_bytes(b"mine")

    def full(model, folder, zipped):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(saving.keras.saving, "save_model", full)
    assert own.load(to=target) == 2
    assert capsys.readouterr().err == f"error: cannot write {target}: No space left on device\n"
    assert target.read_bytes() == b"mine"
    assert [path.name for path in tmp_path.iterdir()] == ["loaded.keras"]


def test_layers_that_are_larger_than_their_weights_take_no_memory(tmp_path):
    path, large = tmp_path / "small.keras", tmp_path / "large.keras"
    keras.Sequential([keras.Input((2, 3)), keras.layers.LSTM(2)]).save(path)
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(large, "w") as new:
        for name in old.namelist():
            content = old.read(name).replace(b'"units": 2', b'"units": 1000000000')
            new.writestr(name, content)
    with pytest.raises(UserError, match=r"its layers have weights of 4e\+18 numbers, it has \d+"):
        open_model(str(large))
    open_model(str(path))


def test_weights_in_very_many_pieces_take_no_memory(tmp_path):
    path, cut = tmp_path / "whole.keras", tmp_path / "cut.keras"
    keras.Sequential([keras.Input((2, 3)), keras.layers.LSTM(2)]).save(path)
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(cut, "w") as new:
        for name in old.namelist():
            content = io.BytesIO(old.read(name))
            if name == "model.weights.h5":
                with h5py.File(content, "r+") as file:
                    file.create_dataset("large", (2**27,), "f4", chunks=(1,))
            new.writestr(name, content.getvalue())
    with pytest.raises(UserError, match=r"has large in 1\.3e\+08 pieces"):
        open_model(str(cut))
