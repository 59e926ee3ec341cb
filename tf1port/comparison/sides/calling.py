"""Calls any kind of Keras model on inputs by the names of a map."""

from typing import Any

import keras

from tf1port.errors import UserError


class Calling:
    """Packs inputs by name into the structure that a model is called with.

    A functional model has names for its inputs; a single input may have any name. A subclassed
    model takes a single input as it is, several as a dict, a list or a tuple: the first that works.

    Args:
        model: keras.Model.
        names: of the map's [inputs], in their order.

    Raises:
        UserError: the names are not those of the model.
    """

    def __init__(self, model: keras.Model, names: list[str]):
        self._model = model
        tensors = _tensors(model)
        own = [tensor.name for tensor in tensors]
        if tensors and len(own) == len(names) == 1:
            own = list(names)
        if tensors and set(own) != set(names):
            raise UserError(f"[inputs] names {', '.join(names)}: the model has {', '.join(own)}")
        self.names = own or list(names)
        self.tensors = dict(zip(self.names, tensors, strict=True)) if tensors else {}
        self._form: Any = None

    def __call__(self, values: dict[str, Any]) -> Any:
        """The structure that the model is called with."""
        arrays = [values[name] for name in self.names]
        if isinstance(self._model, keras.Sequential):
            return arrays[0]
        if self.tensors:
            return keras.tree.pack_sequence_as(self._model.input, arrays)
        if len(arrays) == 1:
            return arrays[0]
        if self._form is None:
            self._form = self._find_form(values)
        return self._form({name: values[name] for name in self.names})

    def _find_form(self, values):
        """The first form in which a subclassed model can be called."""
        faults = []
        for form in (dict, _listed, _tupled):
            try:
                self._model(form(values), training=False)
            except Exception as error:  # of the model's own code, whatever it is
                faults.append(f"{type(error).__name__}: {error}".partition("\n")[0])
            else:
                return form
        raise UserError(
            f"the model cannot be called on {', '.join(self.names)}, as a dict or in this order: "
            f"{faults[-1]}"
        )


def outputs(result: Any) -> list[Any]:
    """A model's outputs as a flat list: the first is the logits."""
    return keras.tree.flatten(result)


def _tensors(model):
    try:
        return list(model.inputs or [])
    except AttributeError:
        return []


def _listed(values):
    return list(values.values())


def _tupled(values):
    return tuple(values.values())
