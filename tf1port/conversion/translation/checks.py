"""The graph as it stands against the model that was translated of it: both fed the same, compared.

Nothing of how the graph was read is used but which tensors are fed and fetched. Several sizes, and
once more with all variables drawn anew on both sides: zero biases, or states that were never
trained, would hide a piece that the model has not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import keras
import numpy as np
import tensorflow as tf

from tf1port.conversion.as_it_stands import inference, noisy
from tf1port.conversion.end_to_end import QUANTITY, ROUNDINGS
from tf1port.conversion.translation import feeds
from tf1port.conversion.translation.translated import Translated
from tf1port.errors import UserError
from tf1port.keras_model import layer_weights
from tf1port.keras_model.blueprint import to_variables
from tf1port.keras_model.runner import widened
from tf1port.numerics import comparison
from tf1port.numerics.differences import difference
from tf1port.numerics.precision import floatx
from tf1port.tf1.session.whole_graph import WholeGraph

Arrays = Mapping[str, np.ndarray]
Weights = Mapping[str, Mapping[str, np.ndarray]]
_OWN = f"{ROUNDINGS} times what Keras' float32 parts from its float64"


class GraphSide:
    """A session on what leads to the outputs, without dropout, in float64 where that runs."""

    def __init__(self, conversion: Translated, *, upcast: bool) -> None:
        self.conversion = conversion
        self.dtype = "float64" if upcast else conversion.program.dtype
        graph = conversion.graph
        self._whole = WholeGraph(
            inference(graph),
            widened=upcast,
            targets=[*conversion.outputs.values()],
            trust=graph.trust,
            aliases=graph.aliases,
        )
        self._flags = graph.outside.flags if graph.outside else {}
        self._whole.restore(conversion.checkpoint)

    def assign(self, variables: Arrays, stream: np.random.Generator | None = None) -> None:
        """Sets the variables of the model, and with a stream all other real ones at random."""
        values = {name: value for name, value in variables.items() if self._has(name)}
        if stream is not None:
            others = [name for name in self._variables() if name not in values]
            for name, value in self._whole.read(others).items():
                if np.issubdtype(value.dtype, np.floating):
                    values[name] = noisy(value, stream)
        self._whole.assign(values)

    def __call__(self, fed: Arrays) -> dict[str, np.ndarray]:
        """The outputs by name. Raises UserError where the graph does not take what is fed."""
        feed = {self._whole.tensor(name): value for name, value in fed.items()}
        for name, value in self._flags.items():
            if name.rpartition(":")[0] in self._whole.operations:
                feed[self._whole.tensor(name)] = value
        wanted = {name: self._whole.tensor(of) for name, of in self.conversion.outputs.items()}
        try:
            return dict(self._whole.run(wanted, feed))
        except ValueError as error:
            raise UserError(str(error).partition("\n")[0]) from None

    def _has(self, name: str) -> bool:
        return name in self._whole.operations

    def _variables(self) -> list[str]:
        kinds = ("Variable", "VariableV2", "VarHandleOp")
        return [name for name, one in self._whole.operations.items() if one.type in kinds]


class KerasSide:
    """The model in the dtype of the graph's session, and in float64 beside it."""

    def __init__(self, conversion: Translated, model: keras.Model, wide, dtype: str) -> None:
        self.conversion, self.dtype, self._wide = conversion, dtype, wide
        self._model = wide if dtype == "float64" else type(model).from_config(model.get_config())

    def set_weights(self, weights: Weights) -> None:
        """Sets the weights by layer and role."""
        for model in {id(one): one for one in (self._wide, self._model)}.values():
            for name, arrays in weights.items():
                layer_weights.set_weights(model.get_layer(name), arrays)

    def compare(self, fed: Arrays, expected: Arrays, where: str) -> comparison.Check:
        """The comparison of all outputs with those of the graph."""
        found = self._outputs(self._model, fed, self.dtype)
        check = comparison.check(QUANTITY, expected, found, dtype=self.dtype)
        check = check._replace(place=f"{check.place}, the graph as it stands, {where}")
        if self.dtype == "float64" or not np.isfinite(check.max_abs):
            return check
        exact = self._outputs(self._wide, fed, "float64")
        made = {name: value.astype("float64") for name, value in found.items()}
        own = ROUNDINGS * difference(made, exact).max_abs
        return check._replace(bound=own, reason=_OWN) if own > check.bound else check

    def _outputs(self, model, fed: Arrays, dtype: str) -> dict[str, np.ndarray]:
        names = [of["tensor"] for of in self.conversion.inputs.values()]
        taken = [_cast(fed[name], dtype) for name in names]
        with floatx(dtype):
            try:
                made = model(taken if len(taken) > 1 else taken[0], training=False)
            except (ValueError, tf.errors.OpError) as error:
                line = str(error).strip().partition("\n")[0]
                raise UserError(f"the model does not take what the graph does: {line}") from None
        if not isinstance(made, dict):
            made = {next(iter(self.conversion.outputs)): made}
        return {name: np.array(value) for name, value in made.items()}


def end_to_end(
    conversion: Translated,
    model: keras.Model,
    weights: Weights,
    unproved: list[str],
    *,
    seed: int = 0,
) -> Iterator[comparison.Check]:
    """Yields a comparison per size and set of variables.

    Args:
        model: as its file has it. weights: its weights by layer and role.
        unproved: takes a line for each thing that could not be compared.
        seed: of the random inputs and variables.
    """
    stream = np.random.default_rng(seed)
    try:
        graph, fitting = _fitting(conversion, stream)
    except UserError as reason:
        unproved.append(f"{QUANTITY}: {reason}")
        return
    wide = {name: _all_cast(arrays, "float64") for name, arrays in weights.items()}
    keras_side = KerasSide(conversion, model, widened(model, wide), graph.dtype)
    drawn = {
        name: {role: noisy(value, stream, role=role) for role, value in arrays.items()}
        for name, arrays in wide.items()
    }
    for start, held in (("", wide), (", variables drawn anew", drawn)):
        graph.assign(to_variables(held, conversion.program), stream if start else None)
        keras_side.set_weights(held)
        for sizes, shortest in fitting[:1] if start else fitting:
            where = f"{sizes}{start}"
            fed = feeds.batch(conversion.program, sizes, stream, shortest=shortest)
            fed = {name: _cast(value, graph.dtype) for name, value in fed.items()}
            try:
                yield keras_side.compare(fed, graph(fed), where)
            except UserError as reason:
                unproved.append(f"{QUANTITY}, {where}: {reason}")


def _fitting(conversion: Translated, stream):
    """A GraphSide in float64, else in float32, and the sizes that it takes."""
    for upcast in (True, False) if conversion.program.upcasts else (False,):
        try:
            graph = GraphSide(conversion, upcast=upcast)
            return graph, _taken(conversion, graph, stream)
        except UserError as error:
            fault = error
    raise fault


def _taken(conversion: Translated, graph: GraphSide, stream) -> list[tuple[feeds.BatchSizes, int]]:
    """One small and one large size that a graph takes, with the shortest row that it takes."""
    found: list[tuple[feeds.BatchSizes, int]] = []
    fault = UserError("it takes no size that was tried")
    for sizes in feeds.sizes(conversion.program):
        if len(found) == 2 or any(one.steps == sizes.steps for one, _ in found):
            continue
        for shortest in (0, 1):
            fed = feeds.batch(conversion.program, sizes, stream, shortest=shortest)
            try:
                made = graph({name: _cast(value, graph.dtype) for name, value in fed.items()})
            except UserError as error:
                fault = error
                continue
            if all(np.isfinite(value).all() for value in made.values()):
                found.append((sizes, shortest))
                break
    if not found:
        raise fault
    return found


def _cast(value: np.ndarray, dtype: str) -> np.ndarray:
    return value.astype(dtype) if value.dtype.kind == "f" else value


def _all_cast(arrays: Arrays, dtype: str) -> dict[str, np.ndarray]:
    return {role: value.astype(dtype) for role, value in arrays.items()}
