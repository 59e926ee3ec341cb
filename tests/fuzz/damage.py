"""Damage to bytes, JSON-like values, archives, arrays and protocol buffers, drawn from a Random.

Damage to a format comes in two kinds: to the bytes, which checksums notice, and within the format,
whose checksums are right again afterwards: what somebody would craft.
"""

import functools
import io
import json
import string
import struct
import zipfile

NUMBERS = (0, 1, 2, -1, -2, 7, 127, 128, 255, 256, 32767, 65535, 2**31 - 1, 2**31, -(2**31),
           2**32 - 1, 2**32, 10**12, 2**62, 2**63 - 1, 2**63, 2**64 - 1)  # fmt: skip
TEXTS = ("", " ", "x", "..", "/", "a/b", "../../etc/passwd", "\0", "\x1b[31mred", "\u202eb", "é",
         "\n", "\ud800", "a" * 10_000, "nan", "-1", "1e999", "0:0", "^x", ":", "x:y", "[" * 3000,
         "true", "%s%n", "{}", "../x.npz", "\N{SNOWMAN}")  # fmt: skip
VALUES = (None, True, False, 0.5, -0.0, 1e308, float("inf"), float("nan"), [], {}, [[]], [{}],
          [1, 2], ["a"], {"a": 1}, {"class_name": "X", "config": {}})  # fmt: skip
DEEP = 100_000  # levels


def several(random, change, value):
    """Applies a change once, or a few times."""
    for _ in range(1 + (random.random() < 0.4) * random.randrange(4)):
        value = change(random, value)
    return value


def damaged(random, content):
    """Bytes with something flipped, overwritten, cut, doubled, moved or put in."""
    return several(random, _damaged, content)


def _damaged(random, content):
    data = bytearray(content or b"\0")
    at, length = random.randrange(len(data)), 1 + random.randrange(1 + min(200, len(data) // 2))
    piece = bytes(data[at : at + length])
    match random.randrange(9):
        case 0 | 1:
            data[at] ^= 1 << random.randrange(8)
        case 2:
            number = random.choice(NUMBERS) & 2**64 - 1
            packed = struct.pack(random.choice("<>") + "Q", number)
            width = random.choice((1, 2, 4, 8))
            data[at : at + width] = packed[:width] if random.random() < 0.5 else packed[-width:]
        case 3:
            del data[at:]
        case 4:
            del data[at : at + length]
        case 5:
            data[at:at] = piece * random.choice((1, 2, 50))
        case 6:
            data[at : at + length] = random.randbytes(length)
        case 7:
            data[at:at] = random.randbytes(random.randrange(1, 20))
        case 8:
            to = random.randrange(len(data))
            data[to : to + length] = piece
    return bytes(data)


def value(random):
    """A number, a text or another value that is not expected."""
    return random.choice(random.choice((NUMBERS, TEXTS, VALUES)))


def changed(random, tree):
    """A JSON-like value with something in it replaced, removed, renamed or moved; a copy."""
    return several(random, _changed, _copy(tree))


def _changed(random, tree):
    places = list(_places(tree))
    if not places:
        return value(random)
    holder, key = random.choice(places)
    match random.randrange(8):
        case 0 | 1 | 2:
            holder[key] = value(random)
        case 3:
            del holder[key]
        case 4 if isinstance(holder, dict):
            holder[str(value(random))] = holder.pop(key)
        case 5:
            other, name = random.choice(places)
            holder[key] = _copy(other[name])
        case 6 if isinstance(holder, list):
            holder.insert(key, _copy(holder[key]))
        case _:
            holder[key] = [holder[key]] if random.random() < 0.5 else {"x": holder[key]}
    return tree


def _places(tree):
    """All (dict or list, key) in a value."""
    keys = (
        list(tree) if isinstance(tree, dict) else range(len(tree)) if isinstance(tree, list) else ()
    )
    for key in keys:
        yield tree, key
        yield from _places(tree[key])


def _copy(tree):
    if isinstance(tree, dict):
        return {key: _copy(item) for key, item in tree.items()}
    return [_copy(item) for item in tree] if isinstance(tree, list) else tree


def json_file(random, content):
    """JSON: with damaged bytes, another value in it, or brackets in brackets."""
    chance = random.random()
    if chance < 0.3:
        return damaged(random, content)
    if chance < 0.32:
        return b"[" * DEEP + (b"]" * DEEP if random.random() < 0.5 else b"")
    if chance < 0.34:
        return b'{"a":' * DEEP
    if chance < 0.36:
        return content.replace(b"1", b"1" * random.choice((400, 5000)), 1)
    return as_json(changed(random, json.loads(content)))


def as_json(tree):
    """JSON in bytes; lone surrogates are escaped."""
    return json.dumps(tree).encode()


def text_file(random, content, words=()):
    """Text with damaged bytes, or with words of it or of others in the place of some."""
    if random.random() < 0.5:
        return damaged(random, content)
    return several(random, functools.partial(_other_words, words=words), content)


def _other_words(random, content, *, words):
    text = content.decode("utf-8", "surrogateescape")
    pieces = _pieces(text)
    at = random.randrange(len(pieces))
    new = random.choice((*TEXTS, *words, random.choice(pieces), *map(str, NUMBERS)))
    match random.randrange(4):
        case 0:
            pieces[at] = new
        case 1:
            pieces.insert(at, new)
        case 2:
            del pieces[at]
        case 3:
            pieces.insert(at, random.choice(("[", "(", "{", "-", "f(", "#", '"""')) * 3000)
    return "".join(pieces).encode("utf-8", "surrogatepass")


def _pieces(text):
    """Words, blanks and single other characters."""
    pieces, word = [], ""
    letters = set(string.ascii_letters + string.digits + "_")
    for character in text:
        if character in letters:
            word += character
            continue
        pieces += [word, character] if word else [character]
        word = ""
    return [*pieces, word] if word or not pieces else pieces


def archive(random, content, members):
    """A zip file: its bytes damaged, or a member damaged, renamed, doubled or taken out.

    Args:
        members: functions (random, bytes) by the ending of a member's name, to damage it.
    """
    if random.random() < 0.3:
        return damaged(random, content)
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        entries = [(name, file.read(name)) for name in file.namelist()]
    entries = several(random, functools.partial(_other_members, members=members), entries)
    written = io.BytesIO()
    method = random.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))
    with zipfile.ZipFile(written, "w", method) as file:
        for name, data in entries:
            info = zipfile.ZipInfo(name.encode("utf-8", "replace").decode() or "x")
            info.compress_type = method
            file.writestr(info, data)
    return written.getvalue()


def _other_members(random, entries, *, members):
    if not entries:
        return [("x", b"")]
    at = random.randrange(len(entries))
    name, data = entries[at]
    change = next((change for end, change in members.items() if name.endswith(end)), damaged)
    new = {0: [], 1: [(name + str(random.choice(TEXTS)), data)]}
    chosen = new.get(random.randrange(8), [(name, change(random, data))])
    return [*entries[:at], *chosen, *entries[at + 1 :]]


def npy(random, content):
    """An .npy file: its bytes damaged, or another type or shape in its header."""
    if random.random() < 0.3 or content[:6] != b"\x93NUMPY":
        return damaged(random, content)
    (length,) = struct.unpack("<H", content[8:10])
    header = content[10 : 10 + length].decode("latin1")
    descr, order, shape = random.choice(_TYPES), random.choice(("True", "False")), _shape(random)
    start = header.partition("'descr': ")[2].partition(", 'fort")[0]
    old = header.partition("'shape': ")[2].partition(", }")[0]
    if random.random() < 0.6:
        header = header.replace(f"'shape': {old}", f"'shape': {shape}")
    if random.random() < 0.6:
        header = header.replace(start, descr)
    if random.random() < 0.1:
        header = header.replace("False", order)
    if random.random() < 0.05:
        header = "(" * 5000 + header
    header = header.encode("latin1", "replace")
    return content[:8] + struct.pack("<H", len(header) % 65536) + header + content[10 + length :]


_TYPES = ("'<f4'", "'<f8'", "'|O'", "'>f4'", "'<f2'", "'|b1'", "'<i8'", "'<c8'", "'|S5'", "'<U3'",
          "'<M8[s]'", "'|V0'", "'<f3'", "[('a', '<f4')]", "[]", "'<f4,<f4'", "5", "None",
          "'|S0'", "[('a', '|O')]", "('<f4', (99999, 99999))")  # fmt: skip


def _shape(random):
    sizes = [str(random.choice((*NUMBERS, 3, 4))) for _ in range(random.randrange(4))]
    return random.choice((f"({', '.join(sizes)}{',' if sizes else ''})", "None", "(1.5,)", "5"))
