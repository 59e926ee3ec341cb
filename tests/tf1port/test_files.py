"""Files that are written together: whenever the process is killed, the last one vouches for all."""

import os

import pytest

from tf1port import files


class Killed(BaseException):
    """Stands for SIGKILL: no `except Exception` stops it."""


def write(paths, content):
    with files.replacing_all(paths) as besides:
        for beside in besides:
            with open(beside, "w", encoding="utf-8") as file:
                file.write(content)


def read(paths):
    return [path.read_text() if path.exists() else None for path in paths]


@pytest.fixture
def paths(tmp_path):
    return [tmp_path / name for name in ("x.keras", "x.py", "x.json")]


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("call", [1, 2, 3, 4])
def test_the_last_file_is_there_only_where_all_are_of_one_writing(paths, monkeypatch, before, call):
    if before:
        write(paths, "old")
    count = [0]

    def counted(function):
        def replaced(*arguments):
            count[0] += 1
            if count[0] == call:
                raise Killed
            return function(*arguments)

        return replaced

    with monkeypatch.context() as patch:
        for name in ("remove", "replace"):
            patch.setattr(os, name, counted(getattr(os, name)))
        with pytest.raises(Killed):
            write(paths, "new")
    *others, last = read(paths)
    assert last is None or {last, *others} == {last}
    write(paths, "new")
    assert read(paths) == ["new"] * 3


def test_a_failure_leaves_what_was_there(paths, tmp_path):
    write(paths, "old")
    with pytest.raises(TypeError):
        write(paths, None)
    assert read(paths) == ["old"] * 3
    assert len(os.listdir(tmp_path)) == 3
