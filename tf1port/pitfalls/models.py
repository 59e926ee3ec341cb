"""Changes of a Keras model that is built already, and the way back of some."""

import keras


def parts(layer):
    """All layers and cells that a model is made of."""
    if isinstance(layer, keras.Model):
        held = layer.layers
    else:
        values = [v for v in vars(layer).values() if isinstance(v, keras.Layer | list | tuple)]
        held = keras.tree.flatten(values)
    for part in held:
        if isinstance(part, keras.Layer):
            yield part
            yield from parts(part)


def activations(part):
    """The activation functions of a layer or cell, by attribute; those of the logits are none."""
    names = {"activation", "recurrent_activation"} & set(vars(part))
    return {name: vars(part)[name] for name in names if part.name != "logits"}


def replace_activations(model, before, after):
    """Puts an activation function in the place of another in all layers and cells.

    Returns what `put_back` takes to undo it.
    """
    places = [
        (part, n) for part in parts(model) for n, f in activations(part).items() if f is before
    ]
    for part, name in places:
        setattr(part, name, after)
    return [(part, name, before) for part, name in places]


def put_back(places):
    """Undoes `replace_activations`."""
    for part, name, before in places:
        setattr(part, name, before)


def average_for_max(side, *, back=False):
    """Gives a side a model with average pooling for max pooling; `back`: the other way round."""
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
    """Gradients that end at the step they come from: the state is a constant to each step."""
    for part in parts(side.model):
        if isinstance(part, keras.layers.SimpleRNNCell | keras.layers.LSTMCell):
            part.call = _cut(part.call)


def normalize_by_moving_statistics(side):
    """The normalization in inference mode, in training too."""
    normalization = side.model.get_layer("normalization")
    call = normalization.call
    normalization.call = lambda inputs, training=None, mask=None: call(inputs, training=False)


def _cut(call):
    def cut_call(inputs, states, training=False):
        states = keras.tree.map_structure(keras.ops.stop_gradient, states)
        return call(inputs, states, training=training)

    return cut_call
