"""What a place must be to be an idiom, beyond its name: small predicates."""

from __future__ import annotations

import ast
from collections.abc import Callable

from tf1port.scanning.places import Place

Predicate = Callable[[Place], bool]


def called(place: Place) -> bool:
    """It is a call."""
    return place.call is not None


def imported(place: Place) -> bool:
    """It is an import."""
    return place.imported


def imports_v1(place: Place) -> bool:
    """It is an import of, or from, tensorflow.compat.v1."""
    return place.imported and place.v1


def written_v1(place: Place) -> bool:
    """`compat.v1` is written at this place."""
    return place.written_v1 and not place.imported


def has(keyword: str, position: int = -1) -> Predicate:
    """The call has this argument."""
    return lambda place: place.argument(keyword, position) is not None


def lacks(*keywords: str) -> Predicate:
    """It is a call that names none of these arguments, nor passes on `**` of unknown ones."""

    def holds(place: Place) -> bool:
        return place.call is not None and not {*keywords, None} & {
            one.arg for one in place.call.keywords
        }

    return holds


def both(first: Predicate, second: Predicate) -> Predicate:
    """Both hold."""
    return lambda place: first(place) and second(place)


def either(first: Predicate, second: Predicate) -> Predicate:
    """One holds or the other."""
    return lambda place: first(place) or second(place)


def repeats_a_list(place: Place) -> bool:
    """An argument of the call is `[one] * n`: the same object n times."""
    return place.call is not None and any(
        isinstance(one, ast.BinOp)
        and isinstance(one.op, ast.Mult)
        and any(isinstance(side, ast.List) for side in (one.left, one.right))
        for one in [*place.call.args, *(word.value for word in place.call.keywords)]
    )


def on_session(place: Place) -> bool:
    """It is called on what is named as a session, or with a feed_dict."""
    if place.call is None:
        return False
    owner = place.name.split(".")[-2].lower().strip("_()")
    named = owner.startswith("sess") or owner.endswith(("sess", "session"))
    feeds = any(isinstance(one, ast.Dict) for one in place.call.args)
    return named or feeds or has("feed_dict")(place) or has("session")(place)


def old_summary(place: Place) -> bool:
    """A summary of TF1: TF2's has a step."""
    return place.v1 or lacks("step")(place)


# What keras.backend has in Keras 3.
_BACKEND = {
    "backend", "clear_session", "epsilon", "floatx", "get_uid", "image_data_format",
    "is_float_dtype", "is_int_dtype", "result_type", "set_epsilon", "set_floatx",
    "set_image_data_format", "is_keras_tensor", "standardize_dtype",
}  # fmt: skip


def gone_from_backend(place: Place) -> bool:
    """It is a name of keras.backend that Keras 3 does not have."""
    return place.name.rpartition(".")[2] not in _BACKEND
