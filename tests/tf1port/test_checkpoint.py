"""Opening TF1 checkpoints of either format, reading them, and what they must not be."""

import os
import shutil

import numpy as np
import pytest
import tensorflow as tf
import tensorflow.compat.v1 as tf1

from tests.tf1port import checkpoint_cases as cases
from tf1port.errors import UserError
from tf1port.tf1.checkpoint.reader import inventory, open_checkpoint

SHARD = ".data-00000-of-00001"
FORMATS = ("V1", "V2")
LSTM = cases.shapes(cases.CASES["lstm, from 1.2"])


@pytest.fixture(params=FORMATS)
def version(request):
    return request.param


@pytest.fixture
def prefix(tmp_path):
    """A V2 checkpoint of two LSTM layers."""
    return cases.save(tmp_path / "model.ckpt-7", cases.arrays(LSTM))


def flip(path, place):
    content = bytearray(path.read_bytes())
    content[place] ^= 0x55
    path.write_bytes(bytes(content))


@pytest.mark.parametrize("case", cases.CASES)
def test_every_case_is_read_from_a_file(tmp_path, case, version):
    cells = cases.CASES[case]
    values = cases.arrays(cases.shapes(cells))
    checkpoint = open_checkpoint(cases.save(tmp_path / "model", values, version=version))
    assert checkpoint.format == version
    assert checkpoint.shapes == {name: value.shape for name, value in values.items()}
    assert set(checkpoint.dtypes.values()) == {np.dtype("float32")}
    for name, value in values.items():
        np.testing.assert_array_equal(checkpoint.read(name), value)
    contents = inventory(checkpoint)
    assert sorted(contents.names()) == sorted(values)
    assert len(contents.cells) == len(cells)


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "int64", "int32", "bool"])
def test_dtypes_are_numpys(tmp_path, dtype):
    values = cases.arrays({"a": (3, 2), "b": ()}, dtype=dtype)
    checkpoint = open_checkpoint(cases.save(tmp_path / "model", values))
    assert checkpoint.dtypes == {"a": np.dtype(dtype), "b": np.dtype(dtype)}
    assert checkpoint.read("a").dtype == dtype
    assert checkpoint.read("b").shape == ()


def test_strings_are_read(tmp_path):
    checkpoint = open_checkpoint(cases.save(tmp_path / "model", {"words": np.array([b"a", b"b"])}))
    assert checkpoint.dtypes["words"] == np.dtype(object)
    assert list(checkpoint.read("words")) == [b"a", b"b"]
    assert inventory(checkpoint).others == ["words"]


def test_a_value_is_the_callers_own(prefix):
    checkpoint = open_checkpoint(prefix)
    name = next(iter(LSTM))
    before = checkpoint.read(name).copy()
    checkpoint.read(name)[:] = 0
    np.testing.assert_array_equal(checkpoint.read(name), before)


def test_an_unknown_name_is_a_key_error(prefix):
    with pytest.raises(KeyError):
        open_checkpoint(prefix).read("no/such")


# where it is


@pytest.mark.parametrize("ending", ["", ".index", ".meta", SHARD])
def test_a_file_of_the_checkpoint_stands_for_it(prefix, ending):
    assert open_checkpoint(prefix + ending).prefix == prefix


def test_the_graph_beside_it_is_found(prefix):
    assert open_checkpoint(prefix).meta is None
    shutil.copy(prefix + ".index", prefix + ".meta")
    assert open_checkpoint(prefix).meta == prefix + ".meta"


@pytest.mark.parametrize(
    "named", ["model.ckpt-7", "/a/folder/that/is/gone/model.ckpt-7", r"C:\\m\\model.ckpt-7"]
)
def test_a_folder_stands_for_its_newest(prefix, tmp_path, named):
    (tmp_path / "checkpoint").write_text(
        f'model_checkpoint_path: "{named}"\nall_model_checkpoint_paths: "model.ckpt-3"\n'
    )
    assert open_checkpoint(tmp_path).prefix == prefix


@pytest.mark.parametrize("path", ["named", "named/", "named/.index"])
def test_a_prefix_may_end_in_a_slash(tmp_path, path):
    """As of Saver.save(session, "named/"), whose files have an ending and no name."""
    cases.save(tmp_path / "model", {"v": np.arange(3.0)})
    (tmp_path / "named").mkdir()
    for ending in (".index", ".data-00000-of-00001"):
        (tmp_path / f"model{ending}").rename(tmp_path / "named" / ending)
    opened = open_checkpoint(str(tmp_path / path) + "/" * path.endswith("/"))
    assert opened.prefix == str(tmp_path / "named") + "/"
    assert opened.read("v").tolist() == [0, 1, 2]


def test_shards_of_both_formats_are_read(tmp_path, version):
    config = tf1.ConfigProto(device_count={"CPU": 2})
    with tf.Graph().as_default(), tf1.Session(config=config) as session:
        for number in (0, 1):
            with tf1.device(f"/cpu:{number}"):
                tf1.get_variable(f"v{number}", initializer=np.float32(number), use_resource=False)
        session.run(tf1.global_variables_initializer())
        number = {"V1": 1, "V2": 2}[version]
        saver = tf1.train.Saver(sharded=True, write_version=number)
        saver.save(session, str(tmp_path / "model"))
    assert len(list(tmp_path.glob("model*-of-00002"))) == 2
    checkpoint = open_checkpoint(tmp_path / "model")
    assert [checkpoint.read(name) for name in ("v0", "v1")] == [0, 1]
    assert checkpoint.format == version
    assert checkpoint.meta == str(tmp_path / "model.meta")


# parts


def partitioned(folder, *, names, version=2):
    """A Saver's checkpoint of a variable in three parts with Adam's slots; and its value."""
    with tf.Graph().as_default(), tf1.Session() as session:
        parts = tf1.get_variable("p/kernel", [10, 4], partitioner=tf1.fixed_size_partitioner(3))
        whole = tf1.convert_to_tensor(parts)
        step = tf1.train.AdamOptimizer().minimize(tf1.reduce_sum(whole**2))
        session.run(tf1.global_variables_initializer())
        session.run(step)
        own = {variable.op.name: variable for variable in tf1.global_variables()}
        saver = tf1.train.Saver(own if names else None, write_version=version)
        saver.save(session, str(folder / "model"))
        return session.run(whole)


@pytest.mark.parametrize(("names", "number"), [(True, 1), (True, 2), (False, 1), (False, 2)])
def test_a_partitioned_variable_is_one(tmp_path, names, number):
    whole = partitioned(tmp_path, names=names, version=number)
    checkpoint = open_checkpoint(tmp_path / "model")
    slots = {"Adam": "p/kernel/Adam", "Adam_1": "p/kernel/Adam_1"}
    assert checkpoint.shapes["p/kernel"] == (10, 4)
    assert set(checkpoint.shapes) == {"p/kernel", *slots.values(), "beta1_power", "beta2_power"}
    np.testing.assert_array_equal(checkpoint.read("p/kernel"), whole)
    assert checkpoint.read("p/kernel/Adam").shape == (10, 4)
    assert inventory(checkpoint).slots == {"p/kernel": slots}


def test_parts_of_columns_are_joined_side_by_side(tmp_path):
    whole = cases.arrays({"k": (3, 5)})["k"]
    parts = {"k/part_0": whole[:, :3], "k/part_1": whole[:, 3:]}
    checkpoint = open_checkpoint(cases.save(tmp_path / "model", parts))
    assert checkpoint.shapes == {"k": (3, 5)}
    np.testing.assert_array_equal(checkpoint.read("k"), whole)


@pytest.mark.parametrize(
    "shapes",
    [
        {"k/part_0": (2, 3), "k/part_2": (2, 3)},
        {"k/part_0": (2, 3), "k/part_1": (3, 4)},
        {"k/part_0": (2, 3), "k/part_1": (3,)},
        {"k/part_0": (), "k/part_1": ()},
    ],
)
def test_parts_that_do_not_fit_are_not_joined(tmp_path, shapes):
    checkpoint = open_checkpoint(cases.save(tmp_path / "model", cases.arrays(shapes)))
    assert checkpoint.shapes == shapes
    contents = inventory(checkpoint)
    assert contents.unexplained == sorted(shapes)
    assert "other partitions" in contents.notes["k/part_0"]


def test_parts_beside_the_whole_are_not_joined(tmp_path):
    shapes = {"k": (4, 3), "k/part_0": (2, 3), "k/part_1": (2, 3)}
    assert open_checkpoint(cases.save(tmp_path / "m", cases.arrays(shapes))).shapes == shapes


def test_scopes_called_part_are_no_parts(tmp_path):
    shapes = {f"model/part_{number}/dense/kernel": (2, 3) for number in (0, 1)}
    assert open_checkpoint(cases.save(tmp_path / "m", cases.arrays(shapes))).shapes == shapes


# bad input


def _nothing(folder):
    return folder / "model"


def _no_folder(folder):
    return folder / "no" / "model"


def _index_alone(folder):
    cases.save(folder / "model", cases.arrays(LSTM))
    os.remove(folder / ("model" + SHARD))
    return folder / "model"


def _data_alone(folder):
    cases.save(folder / "model", cases.arrays(LSTM))
    os.remove(folder / "model.index")
    return folder / "model"


def _shard_missing(folder):
    cases.save(folder / "model", cases.arrays(LSTM))
    os.rename(folder / ("model" + SHARD), folder / "model.data-00000-of-00002")
    return folder / "model"


def _v1_shard_missing(folder):
    cases.save(folder / "model-00001-of-00002", cases.arrays(LSTM), version="V1")
    return folder / "model"


def _truncated(folder):
    cases.save(folder / "model", cases.arrays(LSTM))
    os.truncate(folder / ("model" + SHARD), 100)
    return folder / "model"


def _flipped(folder):
    cases.save(folder / "model", cases.arrays(LSTM))
    flip(folder / ("model" + SHARD), 300)
    return folder / "model"


def _index_flipped(folder):
    cases.save(folder / "model", cases.arrays(LSTM))
    flip(folder / "model.index", 5)
    return folder / "model"


def _index_truncated(folder):
    cases.save(folder / "model", cases.arrays(LSTM))
    os.truncate(folder / "model.index", 60)
    return folder / "model"


def _v1_flipped(folder):
    cases.save(folder / "model", cases.arrays(LSTM), version="V1")
    flip(folder / "model", 300)
    return folder / "model"


def _v1_truncated(folder):
    cases.save(folder / "model", cases.arrays(LSTM), version="V1")
    os.truncate(folder / "model", 300)
    return folder / "model"


def _text(folder):
    (folder / "model").write_text("hello")
    return folder / "model"


def _empty(folder):
    (folder / "model").write_bytes(b"")
    return folder / "model"


def _object(folder):
    return tf.train.Checkpoint(v=tf.Variable(1.0)).write(str(folder / "model"))


def _saved_model(folder):
    module = tf.Module()
    module.v = tf.Variable(1.0)
    tf.saved_model.save(module, str(folder / "saved"))
    return folder / "saved"


def _keras(folder):
    (folder / "model.keras").write_bytes(b"PK")
    return folder / "model.keras"


def _h5(folder):
    return folder / "model.weights.h5"


def _frozen(folder):
    return folder / "frozen.pb"


def _no_state(folder):
    cases.save(folder / "model-3", cases.arrays(LSTM))
    return folder


def _empty_folder(folder):
    return folder


def _bad_state(folder):
    (folder / "checkpoint").write_text("all_model_checkpoint_paths: 3")
    return folder


def _state_of_nothing(folder):
    (folder / "checkpoint").write_text('model_checkpoint_path: "model.ckpt-7"\n')
    return folder


BAD = {
    _nothing: "no checkpoint",
    _no_folder: "no checkpoint",
    _index_alone: "its data is not",
    _data_alone: "model.index is missing",
    _shard_missing: "model.data-00001-of-00002 is missing",
    _v1_shard_missing: "model-00000-of-00002 is missing",
    _truncated: "is damaged",
    _flipped: "is damaged",
    _index_flipped: "is damaged",
    _index_truncated: "is damaged",
    _v1_flipped: "is damaged",
    _v1_truncated: "is damaged",
    _text: "is damaged",
    _empty: "is damaged",
    _object: "TF2 object checkpoint",
    _saved_model: "TF2 object checkpoint",
    _keras: "a Keras model",
    _h5: "Keras weights",
    _frozen: "no checkpoint",
    _no_state: "no file 'checkpoint': .*model-3",
    _empty_folder: "holds no checkpoint: give",
    _bad_state: "names no checkpoint",
    _state_of_nothing: "no checkpoint .*model.ckpt-7",
}


@pytest.mark.parametrize("make", BAD, ids=lambda make: make.__name__)
def test_bad_input_is_said_in_one_line(tmp_path, make):
    path = make(tmp_path)
    with pytest.raises(UserError, match=BAD[make]) as caught:
        open_checkpoint(path).check()
    message = str(caught.value)
    assert "\n" not in message
    assert str(tmp_path) in message
    assert ":" in message  # what is wrong: what to do


def test_a_whole_checkpoint_passes_the_check(tmp_path, version):
    cases.save(tmp_path / "model", cases.arrays(LSTM), version=version)
    open_checkpoint(tmp_path / "model").check()


def test_damage_is_found_where_it_lies_and_values_are_read_one_by_one(prefix, tmp_path):
    flip(tmp_path / ("model.ckpt-7" + SHARD), 2)
    checkpoint = open_checkpoint(prefix)
    first, *rest = LSTM  # in the order of the file
    with pytest.raises(UserError, match="is damaged"):
        checkpoint.read(first)
    assert all(checkpoint.read(name).shape == LSTM[name] for name in rest)


REAL = os.environ.get("CHECKPOINTS_DIR")


def _real():
    if not REAL:
        return []
    return sorted(
        os.path.join(folder, name[: -len(".meta")])
        for folder, _, names in os.walk(REAL)
        for name in names
        if name.endswith(".meta")
    )


@pytest.mark.slow
@pytest.mark.skipif(not REAL, reason="CHECKPOINTS_DIR names no folder of TF1 checkpoints")
@pytest.mark.parametrize(
    "path", _real() or [None], ids=lambda path: path and os.path.basename(path)
)
def test_checkpoints_of_others_leave_nothing_unexplained(path):
    assert path, f"no .meta file under {REAL}"
    checkpoint = open_checkpoint(path)
    checkpoint.check()
    contents = inventory(checkpoint)
    assert contents.cells
    assert contents.unexplained == []
    assert sorted(contents.names()) == sorted(checkpoint.shapes)
