"""Damage within protocol buffers: messages that parse, with other values in their fields."""

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import DecodeError, EncodeError

from tests.fuzz import damage

_BITS = {"int32": 31, "int64": 63, "uint32": 32, "uint64": 64}
_KINDS = {
    FieldDescriptor.CPPTYPE_INT32: "int32",
    FieldDescriptor.CPPTYPE_INT64: "int64",
    FieldDescriptor.CPPTYPE_UINT32: "uint32",
    FieldDescriptor.CPPTYPE_UINT64: "uint64",
}


def message_file(kind, *, damaged=0.2):
    """A function (random, bytes) that damages a file with a message of a class.

    Args:
        damaged: the share whose bytes are damaged instead.
    """

    def change(random, content):
        if random.random() < damaged:
            return damage.damaged(random, content)
        message = kind()
        message.ParseFromString(content)
        for _ in range(1 + (random.random() < 0.5) * random.randrange(6)):
            change_field(random, message, _texts(random, message))
        try:
            return message.SerializeToString()
        except (EncodeError, DecodeError, ValueError):
            return damage.damaged(random, content)

    return change


def change_field(random, message, texts=()):
    """Changes one field of a message or of one within it, in place.

    Args:
        texts: strings to choose from besides those that nobody expects.
    """
    holder, field = _place(random, message)
    if field is None:
        return
    value = getattr(holder, field.name)
    if _is_map(field):
        key = random.choice(sorted(value)) if value else None
        if key is not None:
            del value[key]
    elif _is_repeated(field):
        _change_list(random, value, field, texts)
    elif random.random() < 0.15:
        holder.ClearField(field.name)
    elif field.message_type is not None:
        value.SetInParent()
    else:
        setattr(holder, field.name, _scalar(random, field, texts))


def _change_list(random, items, field, texts):
    at = random.randrange(len(items) + 1)
    match random.randrange(4):
        case 0 if items:
            del items[min(at, len(items) - 1)]
        case 1 if items:
            items.append(items[min(at, len(items) - 1)])
        case 2 if len(items) > 1 and field.message_type is None:
            other = random.randrange(len(items))
            at = min(at, len(items) - 1)
            items[at], items[other] = items[other], items[at]
        case _:
            if field.message_type is not None:
                items.add()
            elif items and random.random() < 0.7:
                items[min(at, len(items) - 1)] = _scalar(random, field, texts)
            else:
                items.append(_scalar(random, field, texts))


def _place(random, message):
    """A message within a message, or itself, and a field of it: set ones rather than others."""
    while True:
        fields = message.DESCRIPTOR.fields
        present = [field for field, _ in message.ListFields()]
        if not fields:
            return message, None
        field = random.choice(present if present and random.random() < 0.85 else fields)
        inner = _inner(random, message, field)
        if inner is None or random.random() < 0.15:
            return message, field
        message = inner


def _inner(random, message, field):
    """A message in a field, if there is any."""
    value = getattr(message, field.name)
    if _is_map(field):
        if not value or field.message_type.fields_by_name["value"].message_type is None:
            return None
        return value[random.choice(sorted(value))]
    if field.message_type is None:
        return None
    if _is_repeated(field):
        return random.choice(value) if value else None
    return value if message.HasField(field.name) else None


def _is_map(field):
    return field.message_type is not None and field.message_type.GetOptions().map_entry


def _is_repeated(field):
    return field.is_repeated


def _scalar(random, field, texts):
    """A value that a field takes."""
    kind = field.cpp_type
    if kind in _KINDS:
        bits = _BITS[_KINDS[kind]]
        number = random.choice((*damage.NUMBERS, 3, 5)) % 2**bits
        return -number if random.random() < 0.2 and not _KINDS[kind].startswith("u") else number
    if kind == FieldDescriptor.CPPTYPE_ENUM:
        return random.choice([value.number for value in field.enum_type.values])
    if kind == FieldDescriptor.CPPTYPE_BOOL:
        return random.random() < 0.5
    if kind in (FieldDescriptor.CPPTYPE_FLOAT, FieldDescriptor.CPPTYPE_DOUBLE):
        return random.choice((0.0, -1.0, 1e38, float("nan"), float("inf"), 0.5))
    chosen = random.choice(texts if texts and random.random() < 0.7 else damage.TEXTS)
    if field.type == FieldDescriptor.TYPE_BYTES:
        return chosen.encode("utf-8", "surrogatepass") if random.random() < 0.5 else b"\xff" * 9
    return chosen.replace("\ud800", "?")


def _texts(random, message):
    """Names of nodes and ops of a graph, if the message has one: to connect what was not."""
    graph = getattr(message, "graph_def", None)
    if graph is None and hasattr(message, "meta_graphs") and message.meta_graphs:
        graph = message.meta_graphs[0].graph_def
    nodes = graph.node if graph is not None else getattr(message, "node", ())
    if not nodes:
        return ()
    some = [random.choice(nodes) for _ in range(6)]
    return (*(node.name for node in some), *(node.op for node in some))
