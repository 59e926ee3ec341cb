"""Compares the outputs of the unmodified graph with those of the Keras model, end to end.

Of what convert read only the names of the input and output tensors are used: the graph's own
placeholders are fed and it starts from its own initial states. Only dropout is left out. It is
run twice: with the checkpoint's values, and with random values of all variables on both sides, as
biases of zero or untrained states would hide an op that the model lacks.
"""

from collections.abc import Callable, Mapping
from functools import partial

import numpy as np
import tensorflow as tf

from tf1port.conversion import cases
from tf1port.conversion.given import NOTHING
from tf1port.conversion.original_graph import OriginalGraph, perturbed
from tf1port.conversion.stack import Conversion
from tf1port.errors import UserError
from tf1port.keras_model import layer_weights
from tf1port.keras_model.blueprint import to_variables
from tf1port.keras_model.runner import model_in_dtype
from tf1port.numerics import comparison
from tf1port.numerics.differences import difference
from tf1port.numerics.draws import finite
from tf1port.numerics.precision import floatx

_ROUNDINGS = 8  # times Keras' own rounding, where the graph knows float32 alone
_OWN_REASON = f"{_ROUNDINGS} times the difference of Keras' float32 from its float64"
QUANTITY = "outputs, end to end"
_TRACED = 100  # steps from which tracing a model takes less time than calling it eagerly


def end_to_end(
    conversion: Conversion, model, weights, unproved, *, computed=None, seed=0, given=NOTHING
):
    """Yields a tf1port.numerics.comparison.Check per size and set of variables.

    Args:
        model: the Keras model as its file has it.
        weights: its weights by layer and role.
        unproved: a line is appended for each comparison that was not possible.
        computed: "inputs" and "lengths" are added where the inputs of the model are not the values
            that the graph is fed, but computed from them.
        seed: of the random inputs and variables.
        given: values of placeholders in place of random ones.
    """
    try:
        run = _runnable(conversion, given)
    except UserError as reason:
        unproved.append(f"{QUANTITY}: {reason}")
        return
    upcast = {name: _cast(arrays, "float64") for name, arrays in weights.items()}
    sides = _Sides(conversion, model, upcast, run.dtype)
    stream = np.random.default_rng(seed)
    random_values = _random_weights(upcast, stream)
    for start, values in (("", upcast), (", variables drawn anew", random_values)):
        run.assign(to_variables(values, conversion.blueprint), stream if start else None)
        sides.set_weights(values)
        sizes = _sizes(conversion, given)
        for batch, steps in sizes[: 1 if start else None]:
            label = f"{batch} rows, {steps} steps{start}"
            try:
                draw = partial(run, stream, batch, steps)
                result, _ = finite(draw, lambda result: result.outputs, "its outputs are")
            except UserError as reason:  # a graph may be of one size
                if start or (batch, steps) == sizes[0]:
                    unproved.append(f"{QUANTITY}, {label}: {reason}")
                continue
            try:
                yield sides.compare(result, label)
            except UserError as reason:
                unproved.append(f"{QUANTITY}, {label}: {reason}")
    if computed is not None:
        computed |= run.computed
    elif conversion.ends is not None:
        cell_inputs = dict(zip(("inputs", "lengths"), conversion.ends.model_tensors, strict=True))
        unproved.extend(
            f"the ops that compute {cell_inputs[name]}" for name in sorted(run.computed)
        )


def within_rounding(
    check: comparison.Check,
    actual: Mapping[str, np.ndarray],
    exact: Callable[[], Mapping[str, np.ndarray]],
) -> comparison.Check:
    """A Check in float32; where it fails, with a bound from Keras' own rounding.

    Args:
        actual: what Keras computes in float32, by name. exact: computes the same in float64.
    """
    if check.passed or not np.isfinite(check.max_abs):
        return check
    upcast = {name: value.astype("float64") for name, value in actual.items()}
    bound = _ROUNDINGS * difference(upcast, exact()).max_abs
    return check._replace(bound=bound, reason=_OWN_REASON) if bound > check.bound else check


def _sizes(conversion, given):
    """Pairs of batch size and steps: of the given inputs, else of random ones."""
    inputs = given.arrays.get(conversion.ends.inputs.tensor)
    if inputs is None:
        return cases.sizes(conversion)
    sizes = (*inputs.shape, 1, 1)[:2]
    batch, steps = cases.sizes(conversion)[0]
    is_time_first = sizes != (batch, steps) and sizes[::-1] == (batch, steps)
    return [sizes[::-1] if is_time_first else sizes]


def _runnable(conversion, given):
    """An OriginalGraph in float64, or in float32 where an op has no float64 kernel."""
    if conversion.graph is None:
        raise UserError("there is no .meta beside the checkpoint")
    if conversion.ends is None:
        raise UserError("cuDNN's op runs on a GPU alone")
    if conversion.network.compared < len(conversion.network.after):
        raise UserError("the map names no output of its last layer")
    if not conversion.ends.outputs:
        raise UserError("the graph keeps the outputs of its cells to itself")
    size = _sizes(conversion, given)[0]
    for upcast in (True, False) if conversion.blueprint.dtype == "float32" else (False,):
        try:
            run = OriginalGraph(conversion, upcast=upcast, given=given)
            run(np.random.default_rng(0), *size)
        except UserError:
            if not upcast:
                raise
        else:
            return run
    raise AssertionError("one of the two dtypes is tried last")


class _Sides:
    """The Keras model in the dtype of a graph; in float64 where its rounding is asked for."""

    def __init__(self, conversion, model, weights, dtype):
        self.blueprint, self.dtype, self._weights = conversion.blueprint, dtype, weights
        self._model = model_in_dtype(model, weights, dtype)

    def set_weights(self, weights):
        self._weights = weights
        layer_weights.set_weights_of(self._model, weights)

    def compare(self, result, label):
        """The Check of a run of the graph."""
        checks = [self._check(result, inputs, label) for inputs in result.inputs]
        return min(checks, key=lambda check: check.max_abs)

    def _check(self, result, inputs, label):
        actual = self._outputs(self._model, inputs, result.lengths, self.dtype)
        layouts = [actual, actual.swapaxes(0, 1)] if actual.ndim == 3 else [actual]
        reshaped = [
            output.reshape(result.outputs.shape)
            for output in layouts
            if output.size == result.outputs.size
        ]
        checks = [
            comparison.check(
                QUANTITY, {"outputs": result.outputs}, {"outputs": output}, dtype=self.dtype
            )
            for output in reshaped or [actual]
        ]
        check = min(checks, key=lambda check: check.max_abs)
        check = check._replace(place=f"{check.place}, the graph as it stands, {label}")
        if self.dtype == "float64":
            return check
        return within_rounding(check, {"": actual}, partial(self._exact, inputs, result.lengths))

    def _exact(self, inputs, lengths):
        model = model_in_dtype(self._model, self._weights, "float64")
        return {"": self._outputs(model, inputs, lengths, "float64")}

    def _outputs(self, model, inputs, lengths, dtype):
        inputs = inputs.astype(dtype) if inputs.dtype.kind == "f" else inputs.astype("int32")
        steps = np.arange(inputs.shape[1])
        model_inputs = [inputs, steps < lengths[:, None]] if self.blueprint.masked else inputs
        with floatx(dtype):
            try:
                # Eagerly each step costs as much as a call; a function is traced first.
                run = model if len(steps) < _TRACED else tf.function(model, autograph=False)
                return np.array(run(model_inputs, training=False))
            except (ValueError, tf.errors.OpError) as error:
                line = str(error).strip().partition("\n")[0]
                raise UserError(f"the model does not take {list(inputs.shape)}: {line}") from None


def _random_weights(weights, stream):
    return {
        name: {role: perturbed(value, stream, role=role) for role, value in arrays.items()}
        for name, arrays in weights.items()
    }


def _cast(arrays, dtype):
    return {name: value.astype(dtype) for name, value in arrays.items()}
