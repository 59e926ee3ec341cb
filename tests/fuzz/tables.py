"""Checkpoints with other entries in their tables, whose checksums are right again."""

import functools
import tempfile

from tensorflow.core.protobuf import tensor_bundle_pb2
from tensorflow.core.util import saved_tensor_slice_pb2

from tests.fuzz import damage
from tests.fuzz.messages import change_field
from tests.tf1port import tables
from tf1port.tf1.checkpoint.table import pairs


@functools.lru_cache(maxsize=2)
def _pairs(content):
    with tempfile.NamedTemporaryFile() as file:
        file.write(content)
        file.flush()
        return list(pairs(file.name))


def changed_index(random, content):
    """An index with other sizes, types, places or names."""
    first = tensor_bundle_pb2.BundleHeaderProto
    return _changed(random, content, first, tensor_bundle_pb2.BundleEntryProto)


def changed_first_format(random, content):
    """A checkpoint of format V1, likewise."""
    kind = saved_tensor_slice_pb2.SavedTensorSlices
    return _changed(random, content, kind, kind, first=0.5)


def _changed(random, content, header, entry, *, first=0.1):
    """`first`: the share of changes of the first entry."""
    found = list(_pairs(content))
    for _ in range(1 + (random.random() < 0.4) * random.randrange(4)):
        at = 0 if random.random() < first or len(found) < 2 else random.randrange(1, len(found))
        key, value = found[at]
        match random.randrange(10):
            case 0:
                key = damage.damaged(random, key)
            case 1:
                value = damage.damaged(random, value)
            case _:
                value = _other(random, value, entry if at else header)
        found[at] = (key, value)
    if random.random() < 0.9:
        found.sort(key=lambda pair: pair[0])
    return tables.table(found)


def _other(random, value, kind):
    message = kind()
    try:
        message.ParseFromString(value)
    except Exception:
        return value
    change_field(random, message)
    try:
        return message.SerializeToString()
    except ValueError:
        return value
