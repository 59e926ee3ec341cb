"""MNIST from folders, cache and download, what is refused and why, and the digits."""

import gzip
import hashlib
import http.server
import io
import os
import pathlib
import re
import struct
import tempfile
import threading
import tracemalloc
import zipfile
from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared import datasets, mnist_files
from shared.errors import UserError

REAL = os.environ.get("MNIST_DIR")
CLOSED = "http://127.0.0.1:1/mnist.npz"  # nothing listens there
FILES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)
TRAIN, TEST, VALIDATION = 12, 4, 5


def small_arrays():
    draw = np.random.RandomState(1)
    return [
        draw.randint(0, 256, (TRAIN, 28, 28)).astype(np.uint8),
        draw.randint(0, 10, TRAIN).astype(np.uint8),
        draw.randint(0, 256, (TEST, 28, 28)).astype(np.uint8),
        draw.randint(0, 10, TEST).astype(np.uint8),
    ]


ARRAYS = small_arrays()
SMALL_FILES = tuple(
    part._replace(shape=array.shape, digest=hashlib.sha256(array.tobytes()).hexdigest())
    for part, array in zip(mnist_files.FILES, ARRAYS)
)


def idx(array):
    header = struct.pack(f">{1 + array.ndim}I", 0x800 + array.ndim, *array.shape)
    return header + array.tobytes()


def npz(arrays=None, save=np.savez_compressed, **changes):
    content = dict(zip((part.key for part in SMALL_FILES), ARRAYS if arrays is None else arrays))
    content.update(changes)
    file = io.BytesIO()
    save(file, **{key: array for key, array in content.items() if array is not None})
    return file.getvalue()


def npy(array):
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def zipped(method=zipfile.ZIP_DEFLATED, **members):
    content = {part.key: npy(array) for part, array in zip(SMALL_FILES, ARRAYS)}
    content.update(members)
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for key, data in content.items():
            archive.writestr(key + ".npy", data)
    return file.getvalue()


def write(path, data):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def write_idx(folder, **changes):
    """The four files, `train_images=data` and so on put another content in one's place."""
    for name, array in zip(FILES, ARRAYS):
        key = "_".join(name.split("-")[:2])
        write(folder / name, changes.get(key, idx(array)))
    return str(folder)


def assert_small(dataset, source):
    assert (dataset.name, dataset.source) == ("mnist", source)
    splits = (dataset.train, dataset.validation, dataset.test)
    images = (ARRAYS[0][VALIDATION:], ARRAYS[0][:VALIDATION], ARRAYS[2])
    labels = (ARRAYS[1][VALIDATION:], ARRAYS[1][:VALIDATION], ARRAYS[3])
    for split, image, label in zip(splits, images, labels):
        assert split.images.dtype == np.uint8
        assert split.labels.dtype == np.int64
        np.testing.assert_array_equal(split.images, image)
        np.testing.assert_array_equal(split.labels, label)


def message(function, *arguments, **keywords):
    """The text of the UserError that a call raises, which is one line."""
    with pytest.raises(UserError) as caught:
        function(*arguments, **keywords)
    text = str(caught.value)
    assert text
    assert "\n" not in text
    return text


@pytest.fixture(autouse=True)
def keras_home(monkeypatch, tmp_path):
    """No test sees the user's files or the network."""
    monkeypatch.delenv("MNIST_DIR", raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setenv("MNIST_URL", CLOSED)
    monkeypatch.setenv("no_proxy", "*")
    return tmp_path / "keras"


@pytest.fixture
def small(monkeypatch):
    """MNIST shall be a few random images."""
    monkeypatch.setattr(mnist_files, "FILES", SMALL_FILES)
    monkeypatch.setattr(datasets, "VALIDATION", VALIDATION)


@pytest.fixture
def cache(keras_home):
    return keras_home / "datasets" / "mnist.npz"


# Folders


@pytest.mark.parametrize("end", ["", ".gz"])
@pytest.mark.parametrize("dot", ["-", "."])
def test_idx_files_are_found_in_each_spelling(small, tmp_path, dot, end):
    for name, array in zip(FILES, ARRAYS):
        name = name.replace("-idx", dot + "idx") + end
        write(tmp_path / "data" / name, gzip.compress(idx(array)) if end else idx(array))
    folder = str(tmp_path / "data")
    assert_small(datasets.load("mnist", data_dir=folder), folder)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_npz_in_a_folder(small, tmp_path, save):
    write(tmp_path / "mnist.npz", npz(save=save))
    assert_small(datasets.load("mnist", data_dir=tmp_path), str(tmp_path))


def test_a_folder_named_like_a_file_is_passed_over(small, tmp_path):
    write_idx(tmp_path)
    (tmp_path / FILES[0]).rename(tmp_path / "train-images.idx3-ubyte")
    (tmp_path / FILES[0]).mkdir()
    assert_small(datasets.load("mnist", data_dir=tmp_path), str(tmp_path))


def test_home_in_the_folder_is_expanded(small, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    folder = write_idx(tmp_path / "data")
    assert_small(datasets.load(data_dir="~/data"), folder)


def test_splits_are_views_of_one_array_and_read_only(small, tmp_path):
    for content in (write_idx, lambda folder: write(folder / "mnist.npz", npz())):
        content(tmp_path)
        dataset = datasets.load("mnist", data_dir=tmp_path)
        assert_one_array(dataset.validation.images, dataset.train.images)
        assert_one_array(dataset.validation.labels, dataset.train.labels)


def assert_one_array(first, second):
    """`second` lies right behind `first` in the same memory, and neither owns it."""
    assert first.__array_interface__["data"][0] + first.nbytes == second.ctypes.data
    for array in (first, second):
        assert array.base is not None
        assert np.shares_memory(array, array.base)
        assert not array.flags.writeable
        assert array.flags.c_contiguous


IMAGES, LABELS = idx(ARRAYS[0]), idx(ARRAYS[1])
BAD_IDX = {
    "truncated": ("train-images", IMAGES[:-1]),
    "empty": ("train-labels", b""),
    "overlong": ("train-labels", LABELS + b"\0"),
    "another file": ("train-images", LABELS),
    "test images for training images": ("train-images", idx(ARRAYS[2])),
    "content": ("train-images", idx(ARRAYS[0] ^ 1)),
    "labels' content": ("t10k-labels", idx(ARRAYS[3] // 2)),
}


@pytest.mark.parametrize("case", BAD_IDX)
@pytest.mark.parametrize("zip_it", [False, True])
def test_idx_errors_name_the_file(small, tmp_path, case, zip_it):
    stem, data = BAD_IDX[case]
    write_idx(tmp_path)
    path = tmp_path / next(name for name in FILES if name.startswith(stem))
    path.unlink()
    path = write(tmp_path / (path.name + ".gz" * zip_it), gzip.compress(data) if zip_it else data)
    text = message(datasets.load, "auto", data_dir=str(tmp_path))
    assert f"{path} is not MNIST's" in text


@pytest.mark.parametrize("name", FILES)
def test_missing_files_are_named(small, tmp_path, name):
    write_idx(tmp_path)
    (tmp_path / name).unlink()
    text = message(datasets.load, data_dir=str(tmp_path))
    assert str(tmp_path) in text
    assert name in text


def test_a_data_dir_that_is_no_folder(small, tmp_path):
    for path in (tmp_path / "missing", write(tmp_path / "mnist.npz", npz())):
        assert "is not a folder" in message(datasets.load, data_dir=str(path))


BROKEN_GZIP = {
    "not gzip": IMAGES,
    "cut": gzip.compress(IMAGES)[:-9],
    "checksum": gzip.compress(IMAGES)[:-8] + bytes(8),
    "garbage behind": gzip.compress(IMAGES) + b"garbage",
    "nothing": gzip.compress(IMAGES)[:5],
}


@pytest.mark.parametrize("case", BROKEN_GZIP)
def test_broken_gzip(small, tmp_path, case):
    write_idx(tmp_path)
    (tmp_path / FILES[0]).unlink()
    path = write(tmp_path / (FILES[0] + ".gz"), BROKEN_GZIP[case])
    assert f"{path} can't be read" in message(datasets.load, data_dir=str(tmp_path))


BAD_NPZ = {
    "no zip": (b"<html>log in first</html>", "{} is not an intact zip archive"),
    "empty": (b"", "{} is not an intact zip archive"),
    "truncated": (npz()[:-30], "{} is not an intact zip archive"),
    "missing": (npz(y_train=None), "{} lacks y_train.npy"),
    "pickle": (npz(x_train=np.array([{}, "x"], object)), "x_train in {} is not MNIST's"),
    "dtype": (npz(y_train=ARRAYS[1].astype(np.int64)), "y_train in {} is not MNIST's"),
    "scalar": (npz(y_test=np.uint8(3)), "y_test in {} is not MNIST's"),
    "fewer": (npz([a[:3] for a in ARRAYS]), "x_train in {} is not MNIST's"),
    "content": (npz(x_test=ARRAYS[2] ^ 1), "x_test in {} is not MNIST's"),
    "no npy": (zipped(x_test=b"hello"), "x_test in {} is not MNIST's"),
    "encrypted": (
        re.sub(rb"(PK\x01\x02....).", b"\\1\x01", npz(), flags=re.DOTALL),
        "{} is not an intact zip archive",
    ),
    "method": (zipped(zipfile.ZIP_LZMA), "{} is not compressed as np.savez does it"),
}


@pytest.mark.parametrize("case", BAD_NPZ)
def test_npz_errors_name_the_file(small, tmp_path, case):
    data, expected = BAD_NPZ[case]
    path = write(tmp_path / "mnist.npz", data)
    assert expected.format(path) in message(datasets.load, "auto", data_dir=str(tmp_path))


def test_what_a_header_claims_is_not_looked_at(small, tmp_path):
    """The content is MNIST's: there is nothing that a header could add."""
    write_idx(tmp_path, train_images=struct.pack(">4I", 0x803, 2**32 - 1, 28, 28) + IMAGES[16:])
    assert_small(datasets.load(data_dir=tmp_path), str(tmp_path))
    header = b"\x93NUMPY\1\0" + struct.pack("<H", 19) + b"__import__('os').x\n"
    write(tmp_path / "mnist.npz", zipped(y_train=header + ARRAYS[1].tobytes()))
    assert_small(datasets.load(data_dir=tmp_path), str(tmp_path))


BOMBS = {
    "gzip": (FILES[0] + ".gz", gzip.compress(bytes(8 << 20))),
    "npz": ("mnist.npz", zipped(x_train=bytes(8 << 20))),
}


@pytest.mark.parametrize("case", BOMBS)
def test_no_more_is_unpacked_than_mnist_has(small, tmp_path, case):
    name, data = BOMBS[case]
    write_idx(tmp_path)
    (tmp_path / FILES[0]).unlink()
    write(tmp_path / name, data)
    tracemalloc.start()
    try:
        text = message(datasets.load, data_dir=str(tmp_path))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert name in text
    assert peak < 1 << 20


# Files with random faults: refused by a UserError, or harmless


@st.composite
def damage(draw, data):
    """`data` with some bytes changed, and a piece cut off, removed or doubled."""
    end = len(data) - 1  # headers lie at both ends: aim there, too
    near = st.integers(0, min(200, end))
    place = st.one_of(near, near.map(lambda i: end - i), st.integers(0, end))
    damaged = bytearray(data)
    for i in draw(st.lists(place, max_size=3)):
        damaged[i] = draw(st.integers(0, 255))
    first, last = sorted((draw(place), draw(place)))
    kept = {"all": (end + 1, end + 1), "cut": (first, end + 1), "remove": (first, last)}
    first, last = kept.get(draw(st.sampled_from(["all", "cut", "remove", "double"])), (last, first))
    return bytes(damaged[:first] + damaged[last:])


DAMAGED = {
    "gzip": ("train-labels-idx1-ubyte.gz", gzip.compress(LABELS)),
    "npz": ("mnist.npz", npz()),
    "stored npz": ("mnist.npz", npz(save=np.savez)),
}


@pytest.mark.parametrize("case", DAMAGED)
def test_damaged_files_are_refused_or_harmless(case):
    name, intact = DAMAGED[case]

    @settings(max_examples=60, deadline=None, database=None)
    @given(damage(intact))
    def check(data):
        with tempfile.TemporaryDirectory() as folder:
            write_idx(pathlib.Path(folder))
            if name.endswith(".gz"):
                os.remove(os.path.join(folder, name[:-3]))
            write(pathlib.Path(folder, name), data)
            assert_refused_or_unchanged(folder)

    check()


def assert_refused_or_unchanged(folder):
    with mock.patch.object(mnist_files, "FILES", SMALL_FILES):
        try:
            arrays = mnist_files.read_folder(folder)
        except UserError:
            return
    for array, expected in zip(arrays, ARRAYS):
        assert array.dtype == np.uint8
        np.testing.assert_array_equal(array, expected)


# Where MNIST is looked for, in order


class Server(http.server.BaseHTTPRequestHandler):
    """Serves /good and the ways to fail."""

    content = npz()

    def do_GET(self):
        getattr(self, self.path.strip("/"))()

    def respond(self, data, length=None, status=200):
        self.send_response(status)
        self.send_header("Content-Length", str(len(data) if length is None else length))
        self.end_headers()
        self.wfile.write(data)

    def good(self):
        self.respond(self.content)

    def wrong(self):
        self.respond(npz(x_test=ARRAYS[2] ^ 1))

    def page(self):
        self.respond(b"<html>log in first</html>")

    def truncated(self):
        self.respond(self.content[:-100], len(self.content))

    def short(self):
        self.respond(self.content[:-100])

    def missing(self):
        self.respond(b"nothing here", status=404)

    def long(self):
        self.respond(bytes(2 << 20))

    def silent(self):
        self.server.released.wait(10)

    def stalled(self):
        self.respond(self.content[:100], len(self.content))
        self.server.released.wait(10)

    def nonsense(self):
        self.wfile.write(b"what?\r\n\r\n")

    def log_message(self, *arguments):
        pass


@pytest.fixture(scope="module")
def server():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server) as running:
        running.released = threading.Event()
        running.handle_error = lambda *_: None  # a client that has enough of it hangs up
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{running.server_address[1]}/"
        running.released.set()
        running.shutdown()
        thread.join()


def test_data_dir_comes_before_all_else(small, tmp_path, monkeypatch, cache, server):
    folder = write_idx(tmp_path / "named")
    monkeypatch.setenv("MNIST_DIR", str(tmp_path / "missing"))
    write(cache, b"broken")
    monkeypatch.setenv("MNIST_URL", server + "good")
    for data in ("auto", "mnist"):
        assert_small(datasets.load(data, data_dir=folder), folder)


def test_mnist_dir_comes_before_the_cache(small, tmp_path, monkeypatch, cache):
    folder = write_idx(tmp_path / "named")
    monkeypatch.setenv("MNIST_DIR", folder)
    write(cache, b"broken")
    for data in ("auto", "mnist"):
        assert_small(datasets.load(data), folder)


def test_the_cache_comes_before_the_download(small, cache, capsys):
    write(cache, npz())
    for data in ("auto", "mnist"):
        assert_small(datasets.load(data), str(cache))
    assert capsys.readouterr() == ("", "")


def test_the_download_comes_before_the_digits_and_is_kept(
    small, cache, monkeypatch, server, capsys
):
    monkeypatch.setenv("MNIST_URL", server + "good")
    assert_small(datasets.load("auto"), server + "good")
    assert os.listdir(str(cache.parent)) == ["mnist.npz"]
    assert cache.read_bytes() == Server.content
    monkeypatch.setenv("MNIST_URL", CLOSED)
    assert_small(datasets.load("mnist"), str(cache))
    assert capsys.readouterr() == ("", "")


def test_an_empty_variable_names_no_folder(small, cache, monkeypatch):
    write(cache, npz())
    monkeypatch.setenv("MNIST_DIR", "")
    assert_small(datasets.load(), str(cache))


def test_the_cache_is_below_home_where_keras_home_is_not_set(monkeypatch, tmp_path):
    monkeypatch.delenv("KERAS_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert datasets.cache_path() == str(tmp_path / ".keras" / "datasets" / "mnist.npz")


@pytest.mark.parametrize("data", ["auto", "mnist"])
def test_named_folders_must_serve(tmp_path, monkeypatch, data):
    assert "is not a folder" in message(datasets.load, data, data_dir=str(tmp_path / "missing"))
    monkeypatch.setenv("MNIST_DIR", str(tmp_path))
    assert "has neither mnist.npz nor train-images" in message(datasets.load, data)


@pytest.mark.parametrize("data", ["auto", "mnist"])
@pytest.mark.parametrize("content", [b"", b"PK", npz(x_test=ARRAYS[2] ^ 1)])
def test_a_cache_that_is_not_mnist_is_to_be_deleted(small, cache, data, content):
    write(cache, content)
    assert message(datasets.load, data).startswith(f"delete the cached {cache}")
    assert cache.read_bytes() == content


FAILURES = {
    "wrong": "is not MNIST's",
    "page": "is not an intact zip archive",
    "truncated": "",
    "short": "is not an intact zip archive",
    "missing": "404",
    "long": "sends more than",
    "silent": "timed out",
    "stalled": "timed out",
    "nonsense": "can't be downloaded",
}


@pytest.mark.parametrize("path", FAILURES)
def test_a_failed_download_leaves_nothing_behind(small, cache, monkeypatch, server, capsys, path):
    url = server + path
    monkeypatch.setenv("MNIST_URL", url)
    monkeypatch.setattr(datasets, "TIMEOUT", 0.2)
    monkeypatch.setattr(datasets, "LIMIT", 1 << 20)
    text = message(datasets.load, "mnist")
    for words in (url, FAILURES[path], "--data-dir", "MNIST_DIR", "MNIST_URL"):
        assert words in text
    assert capsys.readouterr() == ("", "")
    assert datasets.load("auto").name == "digits"
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert "digits" in err
    assert url in err
    assert FAILURES[path] in err
    assert not cache.parent.exists()


@pytest.mark.parametrize(
    "url", [CLOSED, "no-url", "gopher://x/", "http://[::1", "http://127.0.0.1:x/"]
)
def test_urls_that_lead_nowhere(monkeypatch, capsys, url):
    monkeypatch.setenv("MNIST_URL", url)
    assert url in message(datasets.load, "mnist")
    assert datasets.load().name == "digits"
    assert capsys.readouterr().err.count("\n") == 1


def test_a_cache_that_can_not_be_written_is_done_without(
    small, keras_home, monkeypatch, server, capsys
):
    write(keras_home, b"a file where the folder should be")
    monkeypatch.setenv("MNIST_URL", server + "good")
    assert_small(datasets.load("mnist"), server + "good")
    err = capsys.readouterr().err
    assert str(keras_home) in err
    assert err.count("\n") == 1


def test_an_interrupted_write_leaves_nothing_behind(small, cache, monkeypatch, server):
    monkeypatch.setenv("MNIST_URL", server + "good")
    with mock.patch("os.replace", side_effect=KeyboardInterrupt), pytest.raises(KeyboardInterrupt):
        datasets.load("mnist")
    assert os.listdir(str(cache.parent)) == []


@pytest.mark.parametrize("path", ["truncated", "short", "wrong", "stalled"])
def test_a_download_that_was_cut_is_done_again(small, cache, monkeypatch, server, path):
    monkeypatch.setenv("MNIST_URL", server + path)
    monkeypatch.setattr(datasets, "TIMEOUT", 0.2)
    assert "MNIST can't be had" in message(datasets.load, "mnist")
    assert not cache.exists()
    monkeypatch.setenv("MNIST_URL", server + "good")
    assert_small(datasets.load("mnist"), server + "good")
    assert cache.read_bytes() == Server.content
    assert os.listdir(str(cache.parent)) == ["mnist.npz"]


def test_what_a_killed_download_left_is_removed_by_the_next(small, cache, monkeypatch, server):
    """SIGKILL while the cache is written: a part of the file is there, under another name."""
    half = write(cache.parent / ".part-4194305-mnist.npz", Server.content[:100])
    running = write(cache.parent / (".part-%d-mnist.npz" % os.getppid()), b"of another process")
    others = write(cache.parent / ".part-4194305-others.npz", b"of another file")
    monkeypatch.setenv("MNIST_URL", server + "good")
    assert_small(datasets.load("mnist"), server + "good")
    assert cache.read_bytes() == Server.content
    assert (half.exists(), running.exists(), others.exists()) == (False, True, True)


def test_there_is_no_other_dataset(tmp_path):
    assert "'cifar'" in message(datasets.load, "cifar")
    assert "leave out --data-dir" in message(datasets.load, "digits", data_dir=str(tmp_path))


# Digits

DIGITS = {  # examples, SHA-256 of images and of labels (as bytes)
    "train": (
        1300,
        "a2cd91b2b74c8c441965023a6c61c57ed304321c8686678c8860fbd433489cb6",
        "cd3726ea2350b776424518aa7cad04ee3bc86cd20bec24209d0076d614d5ebb0",
    ),
    "validation": (
        97,
        "c6ac1a20ff4491b5d770cbaf1344a4d637e168f1d60ece85e9f8408423afba3b",
        "c9051803328cf8ed5d2f8f2e2df613f9d938932cb60d23850f0b8263500ef968",
    ),
    "test": (
        400,
        "78b04d1cabde41e2ad4c398e2e829b1c107bfe0b98338d1b204d326c639c9c09",
        "334a128bef736937c332ead4f083127ca1dab4a6c525e9ab2f6316fd75447ece",
    ),
}


@pytest.mark.parametrize("name", DIGITS)
def test_digits_are_the_same_bytes_everywhere(name):
    split = getattr(datasets.load("digits"), name)
    assert split.images.dtype == np.uint8
    assert split.labels.dtype == np.int64
    assert split.images.shape[1:] == (28, 28)
    assert DIGITS[name] == (
        len(split.images),
        hashlib.sha256(split.images.tobytes()).hexdigest(),
        hashlib.sha256(split.labels.astype(np.uint8).tobytes()).hexdigest(),
    )


def test_digits_ignore_mnist_dir(monkeypatch, tmp_path):
    monkeypatch.setenv("MNIST_DIR", str(tmp_path / "missing"))
    dataset = datasets.load("digits")
    assert (dataset.name, dataset.source) == ("digits", "sklearn.datasets.load_digits")


def test_digits_are_disjoint_views_of_one_array():
    dataset = datasets.load("digits")
    assert_one_array(dataset.test.images, dataset.validation.images)
    assert_one_array(dataset.validation.images, dataset.train.images)
    assert_one_array(dataset.test.labels, dataset.validation.labels)
    assert_one_array(dataset.validation.labels, dataset.train.labels)


def test_digits_are_all_there_with_their_labels():
    """Each original image, upscaled, is in exactly one split, beside its own label."""
    from sklearn.datasets import load_digits

    original = load_digits()
    dataset = datasets.load("digits")
    splits = (dataset.train, dataset.validation, dataset.test)
    found = [(i.tobytes(), int(n)) for s in splits for i, n in zip(s.images, s.labels)]
    images = datasets.upscale(original.images)
    assert sorted(found) == sorted((i.tobytes(), int(n)) for i, n in zip(images, original.target))


def test_digits_need_scikit_learn():
    with mock.patch.dict("sys.modules", {"sklearn": None}):
        assert "install it" in message(datasets.load, "digits")


def test_upscaling_is_an_exact_mean():
    images = np.random.RandomState(2).randint(0, 17, (20, 8, 8))
    images[0], images[1] = 0, 16
    large = np.kron(images, np.ones((1, 7, 7)))
    means = large.reshape(20, 28, 2, 28, 2).mean(axis=(2, 4)) * (255 / 16)
    upscaled = datasets.upscale(images.astype(float))
    assert upscaled.min() == 0
    assert upscaled.max() == 255
    np.testing.assert_array_equal(upscaled, np.floor(means + 0.5))  # quarters are exact in float64


# The real MNIST


@pytest.mark.skipif(not REAL, reason="needs the real MNIST: name its folder by MNIST_DIR")
def test_real_mnist():
    dataset = datasets.load("mnist", data_dir=REAL)
    splits = (dataset.train, dataset.validation, dataset.test)
    assert (
        [len(s.images) for s in splits] == [len(s.labels) for s in splits] == [55000, 5000, 10000]
    )
    assert dataset.validation.labels[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert dataset.test.labels[:5].tolist() == [7, 2, 1, 0, 4]
    assert_one_array(dataset.validation.images, dataset.train.images)
