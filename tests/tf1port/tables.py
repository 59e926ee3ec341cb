"""Tables as TF1 stores them, written by hand: with entries that no Saver would write."""

import struct

from tensorflow.core.protobuf import tensor_bundle_pb2

_MAGIC = 0xDB4775248B80FB57
_NO_COMPRESSION = b"\0"


def index(entries):
    """The bytes of an `.index` file (a table of LevelDB's) with right checksums.

    Args:
        entries: BundleEntryProto by name.
    """
    header = tensor_bundle_pb2.BundleHeaderProto(num_shards=1)
    header.version.producer = 1
    pairs = [(b"", header.SerializeToString())]
    pairs += [(name.encode(), entry.SerializeToString()) for name, entry in sorted(entries.items())]
    return table(pairs)


def table(pairs):
    """The bytes of a table of keys and values, in order."""
    written = b""
    written, data = _add(written, _block(pairs))
    written, meta = _add(written, _block([]))
    written, top = _add(written, _block([(pairs[-1][0] + b"\xff", data)]))
    return written + (meta + top).ljust(40, b"\0") + struct.pack("<Q", _MAGIC)


def _add(table, block):
    """The file with one block more, and the handle of that: offset and size."""
    handle = _varint(len(table)) + _varint(len(block))
    crc = _crc32c(block + _NO_COMPRESSION)
    masked = ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF
    return table + block + _NO_COMPRESSION + struct.pack("<I", masked), handle


def _block(pairs):
    """Entries that share no prefix: lengths, key, value; then one restart."""
    entries = (
        b"\0" + _varint(len(key)) + _varint(len(value)) + key + value for key, value in pairs
    )
    return b"".join(entries) + struct.pack("<II", 0, 1)


def _varint(number):
    found = b""
    while number > 127:
        found += bytes([number & 127 | 128])
        number >>= 7
    return found + bytes([number])


def _crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ _REMAINDERS[(crc ^ byte) & 255]
    return crc ^ 0xFFFFFFFF


def _remainder(byte):
    for _ in range(8):
        byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
    return byte


_REMAINDERS = [_remainder(byte) for byte in range(256)]
