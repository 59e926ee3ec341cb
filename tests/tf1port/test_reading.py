"""TOML, JSON and npz of a third party: what took long, much memory or a traceback is one line."""

import io
import struct
import zipfile

import numpy as np
import pytest

from tf1port import errors, limits, reading
from tf1port.conversion import given
from tf1port.errors import UserError


def refusal(function, path, content):
    path.write_bytes(content)
    with pytest.raises(UserError) as error:
        function(str(path))
    return errors.line(error.value).replace(str(path), "FILE")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"a = " + b"[" * 10_000, "FILE is nested too deeply"),
        (b"[" + b"a." * limits.TOML + b"a]", "FILE has more than 200 kB: give a shorter file"),
        (b"a = \xff", "FILE is not valid TOML"),
        (b"a = ", "FILE is not valid TOML"),
    ],
)
def test_toml_is_refused_in_one_line(tmp_path, content, words):
    assert refusal(reading.read_toml, tmp_path / "a.toml", content).startswith(words)


@pytest.mark.parametrize("content", [b"[" * 100_000, b'{"a":' * 100_000, b"\xff", b"{"])
def test_json_that_is_none_is_a_value_error(tmp_path, content):
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(ValueError):  # noqa: PT011  (json has its own words)
        reading.read_json(str(tmp_path / "a.json"))


def test_feed_that_is_nested_too_deeply_is_refused():
    with pytest.raises(UserError, match="give NAME=VALUE"):
        given.parsed(["x=" + "[" * 100_000])


def npz(header=None, **arrays):
    """An npz file; `header` replaces that of its first array."""
    written = io.BytesIO()
    np.savez(written, **arrays)
    if header is None:
        return written.getvalue()
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        head = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header
        archive.writestr("x.npy", head + bytes(16))
    return written.getvalue()


WHOLE = npz(x=np.arange(40.0))
HEADER = b"{'descr': '<f4', 'fortran_order': False, 'shape': %s, }"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        WHOLE[:-30],  # zipfile.BadZipFile
        WHOLE[:100] + b"\xff" + WHOLE[101:],  # a wrong checksum
        npz(header=b"{'descr': '<f4', 'shape': ("),  # tokenize.TokenError of NumPy's
        npz(header=HEADER % b"(2, 9223372036854775808)"),  # a warning of NumPy's
        npz(header=HEADER % b"(-1,)"),
        npz(header=b"(" * 5000),
        npz(x=np.array([{}], object)),
    ],
)
def test_npz_is_refused_in_one_line(tmp_path, recwarn, content):
    assert refusal(given.load, tmp_path / "a.npz", content).startswith("cannot read FILE: ")
    assert recwarn.list == []


def test_what_an_archive_unpacks_to_is_limited(tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "UNPACKED", 10_000)
    written = io.BytesIO()
    np.savez_compressed(written, x=np.zeros(100_000))
    said = refusal(reading.read_npz, tmp_path / "a.npz", written.getvalue())
    assert said.startswith("FILE unpacks to 800 kB, more than ")
    (tmp_path / "b.npz").write_bytes(npz(x=np.zeros(100_000)))  # as large as what it holds
    assert reading.read_npz(str(tmp_path / "b.npz"))["x"].size == 100_000


def test_an_error_is_one_printable_line_of_limited_length():
    said = errors.line(UserError("a\x1b[31m\n" + "b" * 100_000 + "end"))
    assert said.isprintable()
    assert said.startswith(r"a\x1b[31m\nbbb")
    assert said.endswith("bend")
    assert len(said) < 1010
