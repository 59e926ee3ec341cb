"""Files are whole or not there, and a damaged npz file is recognised."""

import json
import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.errors import UserError
from shared.files import link, read_npz, replacing, replacing_folder, write_json

ARRAYS = {"a/b": np.arange(6, dtype=np.float32).reshape(2, 3), "c": np.array(7)}


@pytest.fixture(scope="module")
def npz(tmp_path_factory):
    """The bytes of an npz file, and a path to write damaged ones to."""
    path = tmp_path_factory.mktemp("npz") / "file.npz"
    np.savez(str(path), **ARRAYS)
    return path.read_bytes(), path


def broken_off(path):
    """Writes the first half of a file."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as file:
        file.write("ne")
        raise ZeroDivisionError


def test_a_file_replaces_the_former_one(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")
    with replacing(path) as beside:
        with open(beside, "w") as file:
            file.write("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert os.listdir(str(tmp_path)) == ["file"]


def test_a_failure_keeps_the_former_file_and_leaves_nothing_beside_it(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")
    with pytest.raises(ZeroDivisionError), replacing(str(path)) as beside:
        broken_off(beside)
    assert path.read_text() == "old"
    assert os.listdir(str(tmp_path)) == ["file"]


def test_a_failure_before_the_first_byte_is_not_hidden_by_another(tmp_path):
    with pytest.raises(ZeroDivisionError), replacing(tmp_path / "file"):
        raise ZeroDivisionError


def test_the_name_relative_to_the_working_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_json("file.json", [1])
    assert json.loads((tmp_path / "file.json").read_text()) == [1]


@pytest.mark.parametrize("able", [True, False])
def test_another_name_of_a_file(tmp_path, monkeypatch, able):
    def refuse(source, target):
        raise PermissionError("no hard links")

    if not able:
        monkeypatch.setattr(os, "link", refuse)
    for content in ("one", "two", "two"):
        (tmp_path / "file").write_text(content)
        link(tmp_path / "file", tmp_path / "name")
        assert (tmp_path / "name").read_text() == content
    assert sorted(os.listdir(str(tmp_path))) == ["file", "name"]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), object()])
def test_json_that_cannot_be_written_leaves_nothing(tmp_path, value):
    with pytest.raises((ValueError, TypeError)):
        write_json(tmp_path / "file.json", {"a": value})
    assert os.listdir(str(tmp_path)) == []


def test_a_folder_appears_when_it_is_complete(tmp_path):
    target = tmp_path / "deep" / "target"
    with replacing_folder(target) as folder:
        os.mkdir(folder)
        assert not target.exists()
        with open(os.path.join(folder, "file"), "w") as file:
            file.write("whole")
    assert (target / "file").read_text() == "whole"
    assert os.listdir(str(target.parent)) == ["target"]


def test_a_failure_leaves_no_folder(tmp_path):
    with pytest.raises(ZeroDivisionError), replacing_folder(tmp_path / "target") as folder:
        broken_off(os.path.join(folder, "deep", "file"))
    assert os.listdir(str(tmp_path)) == []


def test_a_folder_below_a_file_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    target = tmp_path / "file" / "target"
    message = r"^cannot write to .*target: (Not a directory|File exists)$"
    with pytest.raises(UserError, match=message), replacing_folder(target):
        pass


def test_npz_arrays_come_back_by_name(npz):
    content, path = npz
    path.write_bytes(content)
    arrays = read_npz(path)
    assert sorted(arrays) == sorted(ARRAYS)
    for name, array in arrays.items():
        assert (array.dtype, array.shape) == (ARRAYS[name].dtype, ARRAYS[name].shape)
        assert array.tobytes() == ARRAYS[name].tobytes()


def test_numpys_own_reader_agrees(npz):
    content, path = npz
    path.write_bytes(content)
    with np.load(str(path)) as archive:
        assert {name: archive[name].tobytes() for name in archive.files} == {
            name: array.tobytes() for name, array in read_npz(path).items()
        }


def test_compressed_npz(tmp_path):
    np.savez_compressed(str(tmp_path / "file.npz"), **ARRAYS)
    assert read_npz(tmp_path / "file.npz")["a/b"].tobytes() == ARRAYS["a/b"].tobytes()


def test_pickled_objects_are_never_loaded(tmp_path):
    np.savez(str(tmp_path / "file.npz"), a=np.array([{}, 3], dtype=object))
    with pytest.raises(ValueError, match=r"[Oo]bject arrays cannot be loaded"):
        read_npz(tmp_path / "file.npz")


@pytest.mark.parametrize("content", [b"", b"hello", b"PK\x03\x04", b"\x93NUMPY\x01\x00v\x00{}"])
def test_what_is_no_npz_is_noticed(tmp_path, content):
    (tmp_path / "file.npz").write_bytes(content)
    with pytest.raises(ValueError, match=r"file\.npz is damaged"):
        read_npz(tmp_path / "file.npz")


def test_a_missing_file_and_a_folder_are_errors_of_the_system(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_npz(tmp_path / "file.npz")
    with pytest.raises(IsADirectoryError):
        read_npz(tmp_path)


@given(st.data())
@settings(max_examples=300, deadline=None)
def test_a_truncated_npz_is_noticed(npz, data):
    content, path = npz
    path.write_bytes(content[: data.draw(st.integers(0, len(content) - 1))])
    with pytest.raises(ValueError, match="damaged"):
        read_npz(path)


@given(st.data())
@settings(max_examples=300, deadline=None)
def test_a_changed_byte_is_noticed_or_does_not_matter(npz, data):
    content, path = npz
    place = data.draw(st.integers(0, len(content) - 1))
    changed = bytearray(content)
    changed[place] ^= data.draw(st.integers(1, 255))
    path.write_bytes(bytes(changed))
    try:
        arrays = read_npz(path)
    except ValueError:
        return
    for name in set(arrays) & set(ARRAYS):
        assert arrays[name].tobytes() == ARRAYS[name].tobytes()
