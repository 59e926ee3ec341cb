"""A Blueprint as a Keras model, and as the Python source that builds the same model."""

import keras

from porting.blueprint import Blueprint, Spec

ROLES = ("embeddings", "kernel", "recurrent_kernel", "bias")


def build(blueprint: Blueprint):
    """The compiled model with its weights: what the source of `source` builds, and the values."""
    shape = (None,) if blueprint.features is None else (None, blueprint.features)
    dtype = "int32" if blueprint.features is None else blueprint.dtype
    inputs = keras.Input(shape, dtype=dtype, name="inputs")
    mask = keras.Input((None,), dtype="bool", name="mask") if blueprint.masked else None
    x = inputs
    for spec in blueprint.specs:
        called_with = {"mask": mask} if blueprint.masked and spec in blueprint.recurrent else {}
        x = make_layer(spec, blueprint)(x, **called_with)
    model = keras.Model([inputs, mask] if blueprint.masked else inputs, x, name="model")
    for spec in blueprint.specs:
        set_weights(model.get_layer(spec.name), spec.weights)
    if blueprint.optimizer is not None:
        model.compile(optimizer=blueprint.optimizer.make())
        blueprint.optimizer.restore(model)
    return model


def make_layer(spec: Spec, blueprint: Blueprint):
    """The Keras layer of a Spec, without its weights."""
    return getattr(keras.layers, spec.kind)(**_options(spec, blueprint))


def set_weights(layer, weights):
    """Sets the weights of a layer by role. Raises ValueError where the roles are not its own."""
    own = {variable.path.rpartition("/")[2]: variable for variable in layer.weights}
    if own.keys() != weights.keys():
        raise ValueError(f"{layer.name} has {sorted(own)}, not {sorted(weights)}")
    for role, variable in own.items():
        variable.assign(weights[role])


def source(blueprint: Blueprint, *, title):
    """Python source with a function `build_model` for the same model, without the weights."""
    shape = (None,) if blueprint.features is None else (None, blueprint.features)
    dtype = "int32" if blueprint.features is None else blueprint.dtype
    lines = [f'"""{title}"""', "", "import keras", "", "", "def build_model():"]
    lines += [f'    """{_contents(blueprint)}"""']
    lines += [f'    inputs = keras.Input({shape}, dtype="{dtype}", name="inputs")']
    if blueprint.masked:
        lines += ['    mask = keras.Input((None,), dtype="bool", name="mask")']
    before = "inputs"
    for spec in blueprint.specs:
        lines += _call(spec, blueprint, before)
        before = "x"
    ins = "[inputs, mask]" if blueprint.masked else "inputs"
    lines += [f'    model = keras.Model({ins}, x, name="model")']
    if blueprint.optimizer is not None:
        lines += ["    model.compile(", *blueprint.optimizer.source(), "    )"]
    return "\n".join([*lines, "    return model", ""])


def _contents(blueprint):
    took = "ids [B, T]" if blueprint.features is None else f"inputs [B, T, {blueprint.features}]"
    last = blueprint.specs[-1]
    width = last.options["units"]
    made = f"[B, T, {width}]" if _has_steps(blueprint) else f"[B, {width}]"
    return f"A model from {took} to {last.name} {made}."


def _has_steps(blueprint):
    return blueprint.recurrent[-1].options["return_sequences"]


def _call(spec, blueprint, before):
    """The lines of one layer's call."""
    options = [
        f"{name}={value!r}".replace("'", '"') for name, value in _options(spec, blueprint).items()
    ]
    mask = ", mask=mask" if blueprint.masked and spec in blueprint.recurrent else ""
    line = f"    x = keras.layers.{spec.kind}({', '.join(options)})({before}{mask})"
    if len(line) <= 100:
        return [line]
    inner = [f"        {option}," for option in options]
    return [f"    x = keras.layers.{spec.kind}(", *inner, f"    )({before}{mask})"]


def _options(spec, blueprint):
    """All options of a layer's constructor."""
    options = dict(spec.options, dtype=blueprint.dtype, name=spec.name)
    if blueprint.masked and spec in blueprint.recurrent:
        # dynamic_rnn has zeros after a row's end; Keras repeats the last output, the final state.
        final = spec is blueprint.recurrent[-1] and blueprint.takes == "state"
        options["zero_output_for_mask"] = not final
    return options
