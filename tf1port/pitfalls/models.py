"""Changes of a Keras model that is built already; some can be undone."""

import keras


def layers_and_cells(model):
    """Yields all layers and cells of a model, or of a layer, at any depth."""
    if isinstance(model, keras.Model):
        children = model.layers
    else:
        values = [v for v in vars(model).values() if isinstance(v, keras.Layer | list | tuple)]
        children = keras.tree.flatten(values)
    for layer in children:
        if isinstance(layer, keras.Layer):
            yield layer
            yield from layers_and_cells(layer)


def activations(layer):
    """The activation functions of a layer or cell, by attribute; empty for the layer `logits`."""
    names = {"activation", "recurrent_activation"} & set(vars(layer))
    return {name: vars(layer)[name] for name in names if layer.name != "logits"}


def replace_activations(model, before, after):
    """Replaces an activation function by another in all layers and cells.

    Returns the list of changed attributes that `put_back` takes to undo it.
    """
    places = [
        (layer, name)
        for layer in layers_and_cells(model)
        for name, function in activations(layer).items()
        if function is before
    ]
    for layer, name in places:
        setattr(layer, name, after)
    return [(layer, name, before) for layer, name in places]


def put_back(places):
    """Undoes `replace_activations`."""
    for layer, name, before in places:
        setattr(layer, name, before)


def average_for_max(side, *, back=False):
    """Replaces max pooling by average pooling in a side's model; `back`: the reverse."""
    kinds = [keras.layers.MaxPooling2D, keras.layers.AveragePooling2D]
    before, after = reversed(kinds) if back else kinds

    def replace(layer):
        kind = after if isinstance(layer, before) else type(layer)
        return kind.from_config(layer.get_config())

    model = side.model
    side.model = keras.models.clone_model(model, clone_function=replace)
    side.model.set_weights(model.get_weights())
    side.model.compile(optimizer=model.optimizer, loss=model.loss)


def cut_between_steps(side):
    """Cuts gradients between time steps: the state is a constant in each step."""
    for layer in layers_and_cells(side.model):
        if isinstance(layer, keras.layers.SimpleRNNCell | keras.layers.LSTMCell):
            layer.call = _cut(layer.call)


def normalize_by_moving_statistics(side):
    """Runs the normalization in inference mode in training as well."""
    normalization = side.model.get_layer("normalization")
    call = normalization.call
    normalization.call = lambda inputs, training=None, mask=None: call(inputs, training=False)


def _cut(call):
    def cut_call(inputs, states, training=False):
        states = keras.tree.map_structure(keras.ops.stop_gradient, states)
        return call(inputs, states, training=training)

    return cut_call
