"""Damaged, incomplete and strange checkpoints: one line, exit code 2, and not one new file."""

import os
import shutil
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from tests.tf1port import checkpoint_cases, graphs
from tests.tf1port.graphs import Case
from tf1port.__main__ import main

SHARD = ".data-00000-of-00001"
GIVEN = ["--forget-bias", "1.0", "--activation", "tanh"]


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    """Folders with a checkpoint each, to be copied."""
    folder = tmp_path_factory.mktemp("sources")
    for name, case in {
        "lstm": Case(),
        "gru": Case("GRUCell", optimizer=""),
        "wide": Case(features=9, optimizer=""),
    }.items():
        (folder / name).mkdir()
        graphs.save(case, folder / name)
    return folder


@pytest.fixture(scope="module")
def model(sources):
    """The Keras model of the first."""
    target = str(sources / "model.keras")
    assert main(["convert", str(sources / "lstm" / "model.ckpt-3"), "--to", target]) == 0
    return target


@pytest.fixture
def files(sources, tmp_path):
    """A copy of the checkpoint to spoil, its prefix, and where to find the others."""
    shutil.copytree(sources / "lstm", tmp_path / "here")
    prefix = tmp_path / "here" / "model.ckpt-3"
    values = {
        "rnn/basic_lstm_cell/kernel": np.ones((7, 16), "float32"),
        "rnn/basic_lstm_cell/bias": np.ones(16, "float32"),
    }
    return SimpleNamespace(prefix=prefix, folder=prefix.parent, sources=sources, values=values)


def beside(files, ending):
    return files.prefix.with_name(files.prefix.name + ending)


def flip(path, place):
    content = bytearray(path.read_bytes())
    content[int(place * len(content))] ^= 0x10
    path.write_bytes(bytes(content))


def flipped(place):
    """A bit of the data at a place between 0 and 1."""

    def spoil(files):
        flip(beside(files, SHARD), place)

    spoil.__name__ = f"flipped_at_{place}"
    return spoil


def missing_shard(files):
    os.rename(beside(files, SHARD), beside(files, ".data-00000-of-00002"))


def truncated(files):
    os.truncate(beside(files, SHARD), beside(files, SHARD).stat().st_size - 1)


def index_alone(files):
    beside(files, SHARD).unlink()


def flipped_index(files):
    flip(beside(files, ".index"), 0.5)


def flipped_first_format(files):
    in_first_format(files)
    flip(files.prefix, 0.4)


def truncated_first_format(files):
    in_first_format(files)
    os.truncate(files.prefix, files.prefix.stat().st_size // 2)


def in_first_format(files):
    for path in files.folder.iterdir():
        path.unlink()
    checkpoint_cases.save(files.prefix, files.values, version="V1")


def object_checkpoint(files):
    shutil.rmtree(files.folder)
    tf.train.Checkpoint(v=tf.Variable(1.0)).write(str(files.prefix))


def meta_of_another_cell(files):
    other(files, "gru")


def meta_of_other_sizes(files):
    other(files, "wide")


def other(files, name):
    shutil.copy(files.sources / name / "model.ckpt-3.meta", beside(files, ".meta"))


def meta_without_its_end(files):
    os.truncate(beside(files, ".meta"), beside(files, ".meta").stat().st_size - 5)


def meta_whose_nodes_do_not_fit(files):
    path = beside(files, ".meta")
    path.write_bytes(path.read_bytes().replace(b"Enter", b"Entxr"))


def unknown_cell(files):
    shutil.rmtree(files.folder)
    files.folder.mkdir()
    renamed = {name.replace("basic_lstm", "nas"): value for name, value in files.values.items()}
    checkpoint_cases.save(files.prefix, renamed)


def empty_folder(files):
    shutil.rmtree(files.folder)
    files.folder.mkdir()
    files.prefix = files.folder


BAD = {
    missing_shard: "model.ckpt-3.data-00001-of-00002 is missing: fetch it",
    truncated: "damaged or no TF1 checkpoint: fetch it again",
    index_alone: "its data is not: fetch",
    **{
        flipped(place): "damaged or no TF1 checkpoint: fetch it again"
        for place in (0.0, 0.1, 0.3, 0.5, 0.8, 0.99)
    },
    flipped_index: "damaged or no TF1 checkpoint: fetch it again",
    flipped_first_format: "damaged or no TF1 checkpoint: fetch it again",
    truncated_first_format: "damaged or no TF1 checkpoint: fetch it again",
    object_checkpoint: "is a TF2 object checkpoint: give one",
    meta_of_another_cell: "is of another model: give the .meta that was saved with",
    meta_of_other_sizes: "is of another model: its rnn/basic_lstm_cell/kernel is [13, 16]",
    meta_without_its_end: "is damaged or no .meta file: export it again",
    meta_whose_nodes_do_not_fit: "is in the graph, but in no product: is it in use?",
    unknown_cell: "no cell of a known kind (rnn/nas_cell/bias is under a cell that is not",
    empty_folder: "holds no checkpoint: give",
}


NAMED = pytest.mark.parametrize("spoil", BAD, ids=lambda spoil: spoil.__name__)


@NAMED
def test_convert_of_bad_input_is_one_line_and_leaves_no_file(files, capsys, spoil):
    spoil(files)
    command = ["convert", str(files.prefix), "--to", str(files.folder / "out.keras")]
    refused(capsys, files, command + given(spoil), words=BAD[spoil])


@pytest.mark.slow
@NAMED
def test_verify_of_bad_input_is_one_line_and_leaves_no_file(files, model, capsys, spoil):
    spoil(files)
    command = ["verify", str(files.prefix), model]
    refused(capsys, files, command + given(spoil), words=BAD[spoil])


def given(spoil):
    """The flags of a checkpoint without a graph."""
    return GIVEN if "first_format" in spoil.__name__ else []


def below_a_file(files):
    (files.folder / "file").write_text("")
    return files.folder / "file" / "out.keras"


def in_no_folder(files):
    return files.folder / "nowhere" / "out.keras"


def a_folder_itself(files):
    (files.folder / "out.keras").mkdir()
    return files.folder / "out.keras"


def a_folder_for_its_source(files):
    (files.folder / "out.py").mkdir()
    return files.folder / "out.keras"


def a_folder_for_its_map(files):
    (files.folder / "out.json").mkdir()
    return files.folder / "out.keras"


TARGETS = [below_a_file, in_no_folder, a_folder_itself, a_folder_for_its_source]


@pytest.mark.parametrize("place", [*TARGETS, a_folder_for_its_map], ids=lambda p: p.__name__)
def test_a_target_that_cannot_be_written_is_one_line(files, capsys, place):
    target = place(files)
    command = ["convert", str(files.prefix), "--to", str(target)]
    refused(capsys, files, command, words="cannot write")


def test_a_folder_that_is_not_ones_own_is_one_line(files, capsys, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # root may write anywhere
    command = ["convert", str(files.prefix), "--to", str(files.folder / "out.keras")]
    refused(capsys, files, command, words="choose another")


def test_a_full_disk_leaves_no_file(files, capsys, monkeypatch):
    def full(*arguments, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tf1port.conversion.convert.report", full)  # what is written last
    command = ["convert", str(files.prefix), "--to", str(files.folder / "out.keras")]
    refused(capsys, files, command, words="No space left on device")


def refused(capsys, files, command, *, words):
    """Checks for one line on standard error, exit code 2 and the same files as before."""
    before = sorted(files.folder.parent.rglob("*"))
    capsys.readouterr()
    code = main(command)
    captured = capsys.readouterr()
    assert (code, captured.out) == (2, "")
    assert captured.err.startswith("error: ")
    assert captured.err.count("\n") == 1
    assert words in captured.err
    assert sorted(files.folder.parent.rglob("*")) == before
