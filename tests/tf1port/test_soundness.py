"""What a checkpoint says of its variables is looked at before TensorFlow, which would abort."""

import pytest
import tensorflow.compat.v1 as tf1
from tensorflow.core.protobuf import tensor_bundle_pb2
from tensorflow.core.util import saved_tensor_slice_pb2

from tests.tf1port import checkpoint_cases, tables
from tf1port import limits
from tf1port.errors import UserError
from tf1port.tf1.checkpoint import soundness, table
from tf1port.tf1.checkpoint.reader import open_checkpoint
from tf1port.tf1.graph.files import load_graph

FLOAT, VARIANT = 1, 21
DATA = 24  # bytes


def entry(*sizes, dtype=FLOAT, size=DATA, **fields):
    made = tensor_bundle_pb2.BundleEntryProto(dtype=dtype, size=size, **fields)
    for axis in sizes:
        made.shape.dim.add().size = axis
    return made


def sliced(*parts):
    made = entry(6, size=0)
    for start, length in parts:
        made.slices.add().extent.add(start=start, length=length)
    return made


@pytest.fixture
def prefix(tmp_path):
    """The prefix of a checkpoint with data."""
    (tmp_path / "model.ckpt.data-00000-of-00001").write_bytes(bytes(DATA))
    return str(tmp_path / "model.ckpt")


def write(prefix, content):
    with open(prefix + ".index", "wb") as file:
        file.write(content)


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (entry(-6), r"a has the shape \[-6\]"),
        (entry(2**62, 2**62), "a has the shape"),
        (entry(*[1] * 300), "a has the shape"),
        (entry(2**40), r"a is \[1099511627776\] and has 24 bytes"),
        (entry(5), r"a is \[5\] and has 24 bytes"),
        (entry(6, offset=8), "a lies beyond the end of its data"),
        (entry(6, offset=-8), "a lies beyond the end of its data"),
        (entry(6, shard_id=1), "it names data file 1 of 1"),
        (entry(6, shard_id=-1), "it names data file -1 of 1"),
        (entry(6, dtype=99), "a has the unknown type 99"),
        (entry(6, dtype=101), "a has the unknown type 101"),
        (entry(2**40, dtype=7), "and has 24 bytes"),  # strings take a byte each at least
        (sliced((0, 7)), "a part of a is outside of it"),
        (sliced((-1, 3)), "a part of a is outside of it"),
        (sliced((0, 0)), "a part of a is outside of it"),
    ],
)
def test_an_entry_that_cannot_be_is_refused(prefix, made, words):
    write(prefix, tables.index({"a": made}))
    with pytest.raises(ValueError, match=words):
        soundness.check_index(prefix)
    with pytest.raises(UserError, match="is damaged or no TF1 checkpoint: fetch it again"):
        open_checkpoint(prefix)


def test_entries_that_can_be_are_taken(prefix):
    write(prefix, tables.index({"a": entry(2, 3), "b": entry(), "c": sliced((0, 2), (2, 4))}))
    with pytest.raises(ValueError, match=r"b is .* and has 24 bytes"):
        soundness.check_index(prefix)
    write(prefix, tables.index({"a": entry(2, 3), "b": entry(size=4), "c": sliced((0, 6))}))
    soundness.check_index(prefix)


def test_a_variable_without_an_array_is_named(prefix):
    write(prefix, tables.index({"iterator": entry(dtype=VARIANT)}))
    with pytest.raises(UserError, match="holds iterator, a variant, which has no array"):
        open_checkpoint(prefix)


WHOLE = tables.index({"a": entry(6)})


@pytest.mark.parametrize(
    "content",
    [
        b"",
        WHOLE[:-1],
        WHOLE[:-8] + b"no magic",
        WHOLE[:40],
        WHOLE[:-48] + b"\xff" * 40 + WHOLE[-8:],  # a handle that has no end
        WHOLE[:-48] + b"\x00\x08\xff\x7f\x08".ljust(40, b"\0") + WHOLE[-8:],  # beyond the end
        tables.table([(b"a", b"")]),  # no header
        tables.table([(b"", b"\xff")]),  # no message
    ],
)
def test_a_table_that_is_none_is_refused(prefix, content):
    write(prefix, content)
    with pytest.raises(ValueError):  # noqa: PT011  (each has words of its own)
        soundness.check_index(prefix)


def test_keys_that_share_a_prefix_are_read(tmp_path):
    """As TensorFlow writes them."""
    shapes = checkpoint_cases.shapes(checkpoint_cases.CASES["bidirectional"])
    prefix = checkpoint_cases.save(tmp_path / "model.ckpt", checkpoint_cases.arrays(shapes))
    keys = [key.decode() for key, _ in table.pairs(prefix + ".index")]
    assert keys == ["", *sorted(shapes)]


def test_a_compressed_block_is_left_to_tensorflow(prefix):
    content = bytearray(tables.index({"a": entry(7)}))
    block = content.index(b"\0\0\0\0\1\0\0\0") + 8  # the end of the first block
    content[block] = 1
    write(prefix, bytes(content))
    soundness.check_index(prefix)


def test_a_constant_that_stands_for_very_much_is_refused(tmp_path, monkeypatch):
    """A few bytes that are any number of equal elements."""
    graph_def = tf1.GraphDef()
    for name, sizes in {"small": [10], "giant": [2**20, 2**10]}.items():
        value = graph_def.node.add(name=name, op="Const").attr["value"].tensor
        value.dtype, value.float_val[:] = FLOAT, [1.0]
        for size in sizes:
            value.tensor_shape.dim.add().size = size
    meta = tf1.MetaGraphDef(graph_def=graph_def)
    (tmp_path / "a.meta").write_bytes(meta.SerializeToString())
    (tmp_path / "a.pb").write_bytes(graph_def.SerializeToString())
    for name in ("a.meta", "a.pb"):
        with pytest.raises(UserError, match=r"has constants of more than 1 GB \(up to giant\)"):
            load_graph(str(tmp_path / name))
    monkeypatch.setattr(limits, "UNPACKED", 5 * 10**9)
    assert len(load_graph(str(tmp_path / "a.meta")).node) == 2


@pytest.mark.parametrize(
    ("sizes", "part", "words"),
    [
        ([-3], (0, 3), "v has the shape"),
        ([2**40], None, "more than the file holds"),
        ([3], (0, 4), "a part of v is outside of it"),
        ([3, 3], (0, 3), "v has 2 axes, a part of it 1"),
    ],
)
def test_a_checkpoint_of_the_first_format_likewise(tmp_path, sizes, part, words):
    slices = saved_tensor_slice_pb2.SavedTensorSlices()
    tensor = slices.meta.tensor.add(name="v", type=FLOAT)
    for size in sizes:
        tensor.shape.dim.add().size = size
    extent = tensor.slice.add().extent.add()
    if part:
        extent.start, extent.length = part
    path = tmp_path / "model.ckpt"
    path.write_bytes(tables.table([(b"", slices.SerializeToString())]))
    with pytest.raises(ValueError, match=words):
        soundness.check_first_format([str(path)])
    with pytest.raises(UserError, match="is damaged or no TF1 checkpoint: fetch it again"):
        open_checkpoint(str(path))
