"""Damage within HDF5 files: other objects, links, arrays, attributes, and what only they can do."""

import functools
import io
import zlib

import h5py
import numpy as np

from tests.fuzz import damage

SHAPES = ((), (0,), (2,), (3, 12), (4,) * 9, (10**6, 10**6), (2**40,), (2**29,))
DTYPES = ("f4", "f8", "i4", "S3", "c8", "f2", "u1", "?", h5py.string_dtype(), h5py.ref_dtype,
          np.dtype([("a", "f4")]), h5py.vlen_dtype("f4"))  # fmt: skip
ELSEWHERE = ("/etc/passwd", "other.h5", "model.h5", "../intact/lstm.h5", "/dev/zero")
LEVELS = 300  # of groups in groups
DOUBLED = 60  # groups, each with two names for the next one
CHUNK = 100_000_000  # bytes of zeros, of which a bomb has 30


def changed_file(random, content, *, attributes=()):
    """A file with some of its objects or attributes changed.

    Args:
        attributes: names of those that hold JSON.
    """
    if random.random() < 0.25:
        return damage.damaged(random, content)
    buffer = io.BytesIO(content)
    with h5py.File(buffer, "r+") as file:
        for _ in range(1 + (random.random() < 0.4) * random.randrange(4)):
            changes = [_changed_json, _changed_attribute, _changed_object]
            change = random.choices(changes, (len(attributes) and 5, 2, 4))[0]
            change(random, file, attributes)
    return buffer.getvalue()


def _changed_json(random, file, attributes):
    key = random.choice(attributes)
    if key in file.attrs:
        value = file.attrs[key]
        value = value if isinstance(value, bytes) else str(value).encode()
        _set(file, key, damage.json_file(random, value))


def _changed_attribute(random, file, attributes):
    """An attribute of any object: other names in it, another type, or gone."""
    item = file[random.choice(_names(file))]
    if not len(item.attrs):
        return
    key = random.choice(sorted(item.attrs))
    names = np.atleast_1d(item.attrs[key]).tolist()
    match random.randrange(6):
        case 0:
            del item.attrs[key]
        case 1:
            _set(item, key, damage.value(random))
        case 2:
            _set(item, key, [*names, random.choice(names or [b""])])
        case 3:
            _set(item, key, names * random.choice((0, 2, 50)))
        case 4:
            at = random.randrange(len(names) + 1)
            other = random.choice((*_names(file), *damage.TEXTS)).encode("utf-8", "replace")
            _set(item, key, [*names[:at], other, *names[at + 1 :]])
        case 5:
            _set(item, key + random.choice("01x"), names)


def _set(item, key, value):
    """Sets an attribute, if HDF5 can have it."""
    before = item.attrs.get(key)
    try:
        item.attrs[key] = value
    except (TypeError, ValueError, OverflowError, OSError, RuntimeError):
        if before is not None and key not in item.attrs:
            item.attrs[key] = before


def _changed_object(random, file, attributes):
    """A dataset or a group: another one in its place, a link, another name, gone."""
    name = random.choice(_names(file)[1:] or ["x"])
    if name in file and not isinstance(file[name], h5py.Group) and random.random() < 0.6:
        del file[name]
        file.require_group(name.rpartition("/")[0] or "/")
        random.choice(_DATASETS)(random, file, name)
        return
    match random.randrange(9):
        case 0:
            del file[name]
        case 1:
            file.move(name, name + random.choice(("x", "/x", ":0")))
        case 2 | 3:
            _replace(file, name, h5py.SoftLink(random.choice((*_names(file), "/nowhere"))))
        case 4 | 5:
            link = h5py.ExternalLink(random.choice(ELSEWHERE), random.choice(_names(file)))
            _replace(file, name, link)
        case 6:
            _replace(file, name, file[random.choice(_names(file))])
        case 7:
            file.create_group(name.rpartition("/")[0] + "/a" * LEVELS)
        case 8:
            group = file.require_group("doubled")
            for _ in range(DOUBLED):
                inner = group.require_group("a")
                _replace(group, "b", inner)
                group = inner


def _replace(file, name, target):
    if name in file:
        del file[name]
    file[name] = target


def _with_shape(random, file, name):
    shape, dtype = random.choice(SHAPES), random.choice(DTYPES)
    packed = "gzip" if shape and random.random() < 0.5 else None
    chunks = (1,) * len(shape) if 0 not in shape and shape else None
    file.create_dataset(name, shape, dtype, chunks=chunks, compression=chunks and packed)


def _with_values(random, file, name):
    """Of a shape that may be the right one, with values that no training gives."""
    shape = tuple(random.choice((1, 3, 4, 9, 12, 16)) for _ in range(random.randrange(3)))
    value = random.choice((0, 1e38, float("nan"), float("inf"), -1))
    file.create_dataset(name, data=np.full(shape, value, random.choice(("f4", "f8", "f2"))))


def _external(random, file, name):
    file.create_dataset(name, (100,), "u1", external=[(random.choice(ELSEWHERE), 0, 100)])


def _virtual(random, file, name):
    layout = h5py.VirtualLayout((3, 12), "f4")
    layout[:] = h5py.VirtualSource(random.choice(ELSEWHERE), "/x", (3, 12))
    file.create_virtual_dataset(name, layout)


def _bomb(random, file, name):
    """A small dataset of 3 GB."""
    options = {"chunks": (CHUNK,), "compression": "gzip"}
    dataset = file.create_dataset(name, (30 * CHUNK,), "u1", **options)
    for number in range(30):
        dataset.id.write_direct_chunk((number * CHUNK,), _packed())


@functools.cache
def _packed():
    return zlib.compress(bytes(CHUNK), 6)


_DATASETS = (_with_shape, _with_shape, _with_values, _with_values, _external, _virtual, _bomb)


def _names(file):
    """The names of a file's objects, its own first."""
    names = ["/"]
    file.visit(names.append)
    return names
