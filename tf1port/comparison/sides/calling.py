"""How a Keras model is called on inputs by the names of a map, whatever kind of model it is."""

from typing import Any

import keras

from tf1port.errors import UserError


class Calling:
    """Puts inputs by name into a model's own structure.

    A functional model has names for its inputs; one input goes by any name. A subclassed model
    takes its one input as it is, several as a dict, a list or a tuple: as it can be called.

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
        held = [values[name] for name in self.names]
        if isinstance(self._model, keras.Sequential):
            return held[0]
        if self.tensors:
            return keras.tree.pack_sequence_as(self._model.input, held)
        if len(held) == 1:
            return held[0]
        if self._form is None:
            self._form = self._found(values)
        return self._form({name: values[name] for name in self.names})

    def _found(self, values):
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


def outputs(made: Any) -> list[Any]:
    """What a model makes, in order: the first is the logits."""
    return keras.tree.flatten(made)


def _tensors(model):
    try:
        return list(model.inputs or [])
    except AttributeError:
        return []


def _listed(values):
    return list(values.values())


def _tupled(values):
    return tuple(values.values())
