"""MNIST from a folder, the Keras cache or a download; scikit-learn's digits, which need none."""

from __future__ import annotations

import http.client
import io
import os
import sys
import urllib.error
import urllib.request
from dataclasses import dataclass

import numpy as np

from shared import mnist_files
from shared.errors import UserError
from shared.files import is_abandoned, replacing

URL = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/mnist.npz"
TIMEOUT = 10.0  # s without a byte from the server
LIMIT = 64 << 20  # bytes of a download; MNIST has 11 million, 55 million uncompressed
VALIDATION = 5000  # the first training images, as in TF1's read_data_sets
DIGITS_TEST, DIGITS_VALIDATION = 400, 97  # of 1,797
DIGITS_SOURCE = "sklearn.datasets.load_digits"
WAYS = "name a folder with MNIST's files by --data-dir or MNIST_DIR, or a mirror by MNIST_URL"


@dataclass(frozen=True, eq=False)  # compared and hashed by identity, as a key
class Split:
    """images [examples, 28, 28] uint8, white on black; labels [examples] int64, 0..9; read-only."""

    images: np.ndarray
    labels: np.ndarray


@dataclass(frozen=True)
class Dataset:
    """Three disjoint splits; the images of train and validation are views of one array.

    `full_train` is train and validation together, for a model that is validated on the test split.
    """

    name: str  # "mnist" or "digits"
    source: str  # the folder, file, URL or function that it came from
    train: Split
    validation: Split
    test: Split
    full_train: Split


def load(data: str = "auto", *, data_dir: str | None = None) -> Dataset:
    """The dataset named by `data`.

    "mnist" comes from the first of: `data_dir`, $MNIST_DIR, the Keras cache, the download, which is
    then kept in the Keras cache. "digits" are scikit-learn's. "auto" is MNIST or, where there is
    neither folder nor cache and the download fails, the digits, with a line on standard error.

    Raises UserError for a named folder or cached file that is not MNIST, for "mnist" where there is
    none, for "digits" with a `data_dir`, and for any other `data`.
    """
    if data not in ("auto", "mnist", "digits"):
        raise UserError(f"there is no dataset {data!r}; choose auto, mnist or digits")
    if data == "digits":
        if data_dir is not None:
            raise UserError("the digits come with scikit-learn: leave out --data-dir")
        return load_digits()
    folder = os.environ.get("MNIST_DIR") or None if data_dir is None else data_dir
    if folder is not None:
        folder = os.path.expanduser(os.fspath(folder))
        return _mnist(mnist_files.read_folder(folder), folder)
    cache = cache_path()
    if os.path.lexists(cache):
        return _mnist(_read_cache(cache), cache)
    return _download_or_digits(cache, insist=data == "mnist")


def cache_path() -> str:
    """Where Keras keeps its mnist.npz: below $KERAS_HOME or else ~/.keras."""
    home = os.environ.get("KERAS_HOME") or os.path.join(os.path.expanduser("~"), ".keras")
    return os.path.join(home, "datasets", "mnist.npz")


def _read_cache(path: str) -> list[np.ndarray]:
    try:
        return mnist_files.read_npz(path, name=path)
    except UserError as error:
        raise UserError(f"delete the cached {path}, which can't be used: {error}") from None


def _download_or_digits(cache: str, *, insist: bool) -> Dataset:
    url = os.environ.get("MNIST_URL") or URL
    try:
        data = download(url)
        arrays = mnist_files.read_npz(io.BytesIO(data), name=url)
    except UserError as error:
        if insist:
            raise UserError(f"MNIST can't be had: {error}; {WAYS}") from None
        print(f"MNIST can't be had, taking scikit-learn's digits: {error}; {WAYS}", file=sys.stderr)
        return load_digits()
    _save(data, cache)
    return _mnist(arrays, url)


def download(url: str) -> bytes:
    """Downloads a URL. Raises UserError where it can't be reached, stalls or sends too much."""
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT) as response:
            data = response.read(LIMIT + 1)
    except (OSError, http.client.HTTPException, ValueError) as error:
        if isinstance(error, urllib.error.HTTPError):
            error.close()  # it is the response, too, with an open connection
        reason = " ".join(str(error).split())  # a server may send lines
        raise UserError(f"{url} can't be downloaded ({reason})") from None
    if len(data) > LIMIT:
        raise UserError(f"{url} sends more than {LIMIT:,} bytes, which MNIST has not")
    return data


def _save(data: bytes, path: str) -> None:
    """Puts a checked download into the cache; a line on standard error where that fails."""
    try:
        folder = os.path.dirname(path)
        os.makedirs(folder, exist_ok=True)
        for name in os.listdir(folder):  # what a killed process left
            if is_abandoned(name) and name.endswith("-" + os.path.basename(path)):
                os.remove(os.path.join(folder, name))
        with replacing(path) as beside, open(beside, "wb") as file:
            file.write(data)
    except OSError as error:
        print(f"MNIST can't be kept in {path}: {error.strerror}", file=sys.stderr)


def _mnist(arrays: list[np.ndarray], source: str) -> Dataset:
    images, labels, test_images, test_labels = arrays
    full = _split(images, labels)
    return Dataset(
        name="mnist",
        source=source,
        train=_subset(full, slice(VALIDATION, None)),
        validation=_subset(full, slice(VALIDATION)),
        test=_split(test_images, test_labels),
        full_train=full,
    )


def load_digits() -> Dataset:
    """scikit-learn's 1,797 digits at 28×28: 1,300 to train, 97 to validate, 400 to test.

    Raises UserError where scikit-learn is not installed.
    """
    try:
        from sklearn import datasets
    except ImportError:
        raise UserError(f"the digits need scikit-learn: install it, or {WAYS}") from None
    digits = datasets.load_digits()
    # RandomState's stream is frozen, unlike default_rng's: every NumPy draws the same split.
    order = np.random.RandomState(0).permutation(len(digits.target))
    full = _split(upscale(digits.images)[order], digits.target[order])
    end = DIGITS_TEST + DIGITS_VALIDATION
    return Dataset(
        name="digits",
        source=DIGITS_SOURCE,
        train=_subset(full, slice(end, None)),
        validation=_subset(full, slice(DIGITS_TEST, end)),
        test=_subset(full, slice(DIGITS_TEST)),
        full_train=_subset(full, slice(DIGITS_TEST, None)),
    )


def upscale(images: np.ndarray) -> np.ndarray:
    """images [examples, 8, 8] with whole values in 0..16, as uint8 [examples, 28, 28] in 0..255.

    Each pixel is repeated 7×, then 2×2 are averaged: in integers, which round alike everywhere.
    """
    large = images.astype(np.int64).repeat(7, axis=1).repeat(7, axis=2)
    sums = large.reshape(-1, 28, 2, 28, 2).sum(axis=(2, 4))  # 0..64
    return ((sums * 255 + 32) // 64).astype(np.uint8)


def _split(images: np.ndarray, labels: np.ndarray) -> Split:
    """A read-only Split, because a write to a shared array would affect every later run."""
    labels = labels.astype(np.int64)
    for array in (images, labels):
        array.setflags(write=False)
    return Split(images, labels)


def _subset(split: Split, rows: slice) -> Split:
    return Split(split.images[rows], split.labels[rows])
