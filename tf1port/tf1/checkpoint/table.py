"""The tables of LevelDB's that TF1 stores: the index of a checkpoint, a checkpoint of format V1.

A table is blocks, a block that lists them, and a footer of 48 bytes that says where that is:

    block    entry*, restart [uint32]*, number of restarts [uint32]; then its compression [1 byte]
             and its checksum [uint32], which TensorFlow looks at
    entry    bytes shared with the key before, further bytes of the key, bytes of the value
             [varints]; these bytes
    footer   place and size of the list of filters, of the list of blocks [varints], zeros up to
             40 bytes; a magic number [8 bytes]
"""

import mmap
from collections.abc import Iterator

_FOOTER, _TRAILER = 48, 5  # bytes
_MAGIC = bytes.fromhex("57fb808b247547db")
_UNCOMPRESSED = 0


class Compressed(Exception):
    """A block is compressed, as no tf.train.Saver does it."""


def pairs(path: str) -> Iterator[tuple[bytes, bytes]]:
    """The keys and values of a table, in order, without reading all of it at once.

    Raises:
        ValueError: the file is damaged or no table.
        Compressed: TensorFlow can read it, this cannot.
        OSError: it cannot be read.
    """
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        footer = content[-_FOOTER:]
        if len(footer) < _FOOTER or footer[-8:] != _MAGIC:
            raise ValueError("it does not end as a table does")
        at = 0
        for _ in range(2):  # the list of filters is not needed
            _, at = _varint(footer, at)
        start, at = _varint(footer, at)
        size, at = _varint(footer, at)
        for _, handle in _entries(_block(content, start, size)):
            start, at = _varint(handle, 0)
            size, at = _varint(handle, at)
            yield from _entries(_block(content, start, size))


def _block(content: mmap.mmap, start: int, size: int) -> bytes:
    if start + size + _TRAILER > len(content) or size < 4:
        raise ValueError("a block is outside of the file")
    if content[start + size] != _UNCOMPRESSED:
        raise Compressed
    return content[start : start + size]


def _entries(block: bytes) -> Iterator[tuple[bytes, bytes]]:
    end = len(block) - 4 * (1 + int.from_bytes(block[-4:], "little"))
    at, key = 0, b""
    while at < end:
        shared, at = _varint(block, at)
        further, at = _varint(block, at)
        length, at = _varint(block, at)
        if shared > len(key) or at + further + length > end:
            raise ValueError("an entry is outside of its block")
        key = key[:shared] + block[at : at + further]
        at += further + length
        yield key, block[at - length : at]


def _varint(content: bytes, at: int) -> tuple[int, int]:
    """A number of up to 64 bits, and where the next one begins."""
    number = 0
    for shift in range(0, 64, 7):
        if at >= len(content):
            break
        byte = content[at]
        number, at = number | (byte & 127) << shift, at + 1
        if byte < 128:
            return number, at
    raise ValueError("a number is cut off")
