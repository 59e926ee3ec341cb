"""A translated model as it trains: gradients from its graph's, the optimizer of its file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tf1port.conversion.translation.translated import Translated
from tf1port.keras_model import layer_weights
from tf1port.keras_model.runner import model_in_dtype
from tf1port.numerics import optimizers
from tf1port.numerics.precision import floatx
from tf1port.tf1.graph.training_ops import NoTraining
from tf1port.verification.graph_training import GraphTraining

Arrays = Mapping[str, np.ndarray]
Weights = Mapping[str, Mapping[str, np.ndarray]]


class KerasTraining:
    """The model in one dtype, with the optimizer of its file."""

    def __init__(self, conversion: Translated, model: keras.Model, weights: Weights, dtype: str):
        self.conversion, self.dtype = conversion, dtype
        self._file_optimizer = getattr(model, "optimizer", None)
        self.model = model_in_dtype(model, weights, dtype)

    def outputs(self, inputs: Arrays, *, numpy: bool = True) -> dict[str, Any]:
        """The model's outputs by name."""
        ordered = [inputs[source["tensor"]] for source in self.conversion.inputs.values()]
        with floatx(self.dtype):
            try:
                predicted = self.model(ordered if len(ordered) > 1 else ordered[0], training=False)
            except (ValueError, tf.errors.OpError) as error:
                raise NoTraining(str(error).partition("\n")[0]) from None
        if not isinstance(predicted, dict):
            predicted = {next(iter(self.conversion.outputs)): predicted}
        return {name: np.array(value) for name, value in predicted.items()} if numpy else predicted

    def gradients(self, graph: GraphTraining, batch) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """The gradients by TF1's names, and the loss."""
        variables, gradients, loss = self._backpropagate(graph, batch)
        by_id = {id(v): g for v, g in zip(variables, gradients, strict=True)}
        result = {}
        specs = self.conversion.program.specs
        layers = layer_weights.layers_of(self.model, [spec.name for spec in specs])
        for spec in specs:
            layer = layers[spec.name]
            arrays = layer_weights.gradients(layer, by_id)
            by_role = layer_weights.variables(layer)
            learning = {role for role, variable in by_role.items() if variable.trainable}
            if not arrays or arrays.keys() != learning:
                continue  # a layer that is not trained
            arrays = layer_weights.to_tf1(spec.mappings, arrays, linear=True)
            sources = spec.sources.items()
            result.update({name: arrays[role] for role, name in sources if role in arrays})
        return result, loss

    def restore_optimizer(self) -> None:
        """Copies the optimizer of the file, with its state.

        Its constants are rounded as TF1 holds them (D13), an Adam has TF1's powers of beta (D8).

        Raises:
            NoTraining: there is none, or it is not of this model's weights.
        """
        if self._file_optimizer is None:
            raise NoTraining("the model has no optimizer")
        spec = self.conversion.program.optimizer
        if spec is not None and spec.unproved:
            raise NoTraining("; ".join(spec.unproved))
        kind = type(self._file_optimizer)
        kind = optimizers.TF1PowersAdam if kind is keras.optimizers.Adam else kind
        dtype = self.conversion.program.dtype
        options = optimizers.as_graph_constants(self._file_optimizer.get_config(), dtype=dtype)
        with floatx(self.dtype):
            self.optimizer = kind.from_config(options)
            self.optimizer.build(self.model.trainable_variables)
            for variable, saved in zip(
                self.optimizer.variables, self._file_optimizer.variables, strict=True
            ):
                variable.assign(np.array(saved).astype(variable.dtype))

    def step(self, graph: GraphTraining, batch) -> np.ndarray:
        """Trains one step; returns the loss before it."""
        variables, gradients, loss = self._backpropagate(graph, batch)
        try:
            self.optimizer.apply(gradients, variables)
        except (tf.errors.OpError, ValueError, TypeError) as error:
            line = str(error).partition("\n")[0]
            raise NoTraining(
                f"the model's optimizer does not run in {self.dtype}: {line}"
            ) from None
        return loss

    def _backpropagate(self, graph: GraphTraining, batch):
        """The variables, their gradients, the loss."""
        variables = self.model.trainable_variables
        with floatx(self.dtype), tf.GradientTape() as tape:
            outputs = self.outputs(graph.model_inputs(batch), numpy=False)
            loss_outputs = [outputs[name] for name in graph.loss_outputs]
            penalties = list(self.model.losses)
        loss, pulls = graph.loss_and_gradients(
            batch, {name: np.array(outputs[name]) for name in graph.loss_outputs}
        )
        values = [variable.value for variable in variables]
        output_gradients = [tf.constant(pulls[name]) for name in graph.loss_outputs]
        output_gradients += [tf.ones_like(penalty) for penalty in penalties]
        targets = [*loss_outputs, *penalties]
        return variables, tape.gradient(targets, values, output_gradients=output_gradients), loss
