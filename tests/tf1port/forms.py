"""Whether data has the form that its type says."""

import types
import typing


def fits(value, form):
    """Whether a value is of a type of tf1port.comparison.report.form, with all of its keys."""
    origin, parts = typing.get_origin(form), typing.get_args(form)
    if form is typing.Any:
        return True
    if typing.is_typeddict(form):
        if not isinstance(value, dict):
            return False
        fields = typing.get_type_hints(form)
        return form.__required_keys__ <= value.keys() <= fields.keys() and all(
            fits(value[name], fields[name]) for name in value
        )
    if origin is typing.Literal:
        return value in parts
    if origin in (typing.Union, types.UnionType):
        return any(fits(value, part) for part in parts)
    if origin is list:
        return isinstance(value, list) and all(fits(each, parts[0]) for each in value)
    if origin is dict:
        return isinstance(value, dict) and all(fits(each, parts[1]) for each in value.values())
    return isinstance(value, (int, float) if form is float else form)
