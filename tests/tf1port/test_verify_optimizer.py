"""`python -m tf1port verify` sees an optimizer that is not the graph's: by options and by steps."""

import shutil

import keras
import numpy as np
import pytest
import tensorflow.compat.v1 as tf1

from tests.goldens import carried
from tests.tf1port import graphs
from tf1port.__main__ import main
from tf1port.conversion import plan as conversion
from tf1port.keras_model import layer_weights
from tf1port.keras_model.loading import load
from tf1port.tf1.graph.training_ops import NoTraining
from tf1port.verification.optimizer import optimizer_checks
from tf1port.verification.training import training_checks

RECORDED = {
    "Adam": "BasicRNNCell-rnn-1-float32-Adam",
    "clipped": "BasicLSTMCell-rnn-1-float64-Adam-clip_norm=0.05",
    "GradientDescent": "LSTMBlockCell-multi-2-float32-GradientDescent-lengths",
    "Momentum": "BasicRNNCell-bidirectional-1-float32-Momentum",
    "Nesterov": "LSTMCell-stack-2-float64-num_proj=2-Nesterov",
    "RMSProp": "BasicLSTMCell-multi-2-float32-RMSProp",
    "centered": "LSTMCell-rnn-1-float64-cell_clip=0.4-CenteredRMSProp",
    "Adagrad": "GRUCell-bidirectional-1-float64-Adagrad",
    "Adadelta": "LSTMCell-multi-2-float64-use_peepholes=True-cell_clip=0.4-num_proj=2-"
    "proj_clip=0.15-Adadelta",
    "Ftrl": "BasicLSTMCell-rnn-1-float32-forget_bias=0.0-Ftrl",
}
SCHEDULE = keras.optimizers.schedules.ExponentialDecay(0.003, 1000, 0.5)
# Other values of the options that every optimizer of Keras has, and of each one's own.
COMMON = {
    "learning_rate": 0.0301,
    "weight_decay": 0.1,
    "clipnorm": 1.0,
    "global_clipnorm": 1.0,
    "clipvalue": 1.0,
    "use_ema": True,
    "loss_scale_factor": 2.0,
    "gradient_accumulation_steps": 2,
}
OWN = {
    "Adam": {**COMMON, "beta_1": 0.8, "beta_2": 0.99, "epsilon": 1e-3, "amsgrad": True},
    "clipped": {"global_clipnorm": 0.0500001, "epsilon": 1e-7},
    "GradientDescent": {"learning_rate": 0.5, "momentum": 0.9},
    "Momentum": {"learning_rate": 0.1, "momentum": 0.8, "nesterov": True},
    "Nesterov": {"learning_rate": 0.1, "momentum": 0.9, "nesterov": False},
    "RMSProp": {"learning_rate": 0.03, "rho": 0.8, "momentum": 0.3, "epsilon": 1e-7},
    "centered": {"learning_rate": 0.03, "rho": 0.9, "momentum": 0.2, "centered": False},
    "Adagrad": {"learning_rate": 0.2, "epsilon": 1e-7},
    "Adadelta": {"learning_rate": 1.0, "rho": 0.95, "epsilon": 1e-7},
    "Ftrl": {
        "learning_rate": 0.5,
        "l1_regularization_strength": 0.0,
        "l2_regularization_strength": 0.0,
        "learning_rate_power": -0.4,
        "l2_shrinkage_regularization_strength": 0.1,
        "beta": 0.1,
    },
}
OWN["RMSProp"]["centered"] = True
OPTIONS = [(kind, name) for kind, values in OWN.items() for name in values]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A function from a key of RECORDED to its checkpoint and what convert made of it."""
    by_kind = {}

    def of(kind):
        if kind not in by_kind:
            folder = tmp_path_factory.mktemp(kind)
            case = next(case for case in carried.CARRIED if case.name == RECORDED[kind])
            prefix, _ = carried.unpack(case, folder)
            assert main(["convert", prefix, "--to", str(folder / "model.keras")]) == 0
            by_kind[kind] = prefix, str(folder / "model.keras")
        return by_kind[kind]

    return of


@pytest.fixture
def opened(files):
    """A function from a key of RECORDED to its Conversion and its model."""

    def of(kind):
        prefix, file = files(kind)
        return conversion.read(prefix), keras.models.load_model(file)

    return of


def recompiled(model, kind=None, **changes):
    """The model with other options or another class of optimizer, its count and slots kept."""
    own = model.optimizer
    options = {} if kind else own.get_config()
    optimizer = (kind or type(own)).from_config({**options, **changes, "name": own.name})
    model.compile(optimizer)
    optimizer.build(model.trainable_variables)
    state: dict[str, list] = {}
    for variable in own.variables:
        state.setdefault(variable.path, []).append(variable)
    for variable in optimizer.variables:
        if variable.path in state and "learning_rate" not in variable.path:
            variable.assign(state[variable.path].pop(0))
    return model


def uncompiled(model):
    copy = type(model).from_config(model.get_config())
    copy.set_weights(model.get_weights())
    return copy


def compared(read, model):
    """The checks that failed by quantity, with their places; what was not compared."""
    unproved = []
    checks = list(optimizer_checks(read, model, unproved))
    return {check.quantity: check.place for check in checks if not check.passed}, unproved


@pytest.mark.sampled(3)
@pytest.mark.parametrize("kind", RECORDED)
def test_what_convert_wrote_is_the_graphs_optimizer(opened, kind):
    read, model = opened(kind)
    assert compared(read, model) == ({}, [])
    assert compared(read, recompiled(model)) == ({}, [])


@pytest.mark.sampled(3)
@pytest.mark.parametrize(("kind", "option"), OPTIONS)
def test_another_value_of_an_option_is_seen(opened, kind, option):
    read, model = opened(kind)
    failed, unproved = compared(read, recompiled(model, **{option: OWN[kind][option]}))
    without = {"converted slots"} if (kind, option) == ("centered", "centered") else set()
    assert (failed.keys(), unproved) == ({"optimizer"} | without, [])
    assert failed["optimizer"].startswith(f"{option}: {OWN[kind][option]} in the file, ")


def test_the_place_names_the_option_with_both_values(opened):
    read, model = opened("Adam")
    failed, _ = compared(read, recompiled(model, learning_rate=0.01, epsilon=1e-3))
    assert failed["optimizer"] == (
        "epsilon: 0.001 in the file, 1e-08 in the graph; "
        "learning_rate: 0.01 in the file, 0.003 in the graph"
    )


def test_constants_are_compared_as_float32_has_them(opened):
    read, model = opened("Adam")
    assert compared(read, recompiled(model, beta_2=float(np.float32(0.999)))) == ({}, [])
    nearest = float(np.nextafter(np.float32(0.999), np.float32(1)))
    assert list(compared(read, recompiled(model, beta_2=nearest))[0]) == ["optimizer"]


def test_no_clipping_is_seen(opened):
    read, model = opened("clipped")
    failed, _ = compared(read, recompiled(model, global_clipnorm=None))
    assert failed == {"optimizer": "global_clipnorm: None in the file, 0.05 in the graph"}


def test_a_schedule_in_the_place_of_a_number_is_seen(opened):
    read, model = opened("Adam")
    failed, _ = compared(read, recompiled(model, learning_rate=SCHEDULE))
    assert failed == {
        "optimizer": "learning_rate: ExponentialDecay in the file, 0.003 in the graph"
    }


@pytest.mark.parametrize("count", [0, 19, 21])
def test_another_count_of_steps_is_seen(opened, count):
    read, model = opened("Adam")
    model.optimizer.iterations.assign(count)
    failed, _ = compared(read, model)
    assert failed == {"optimizer": f"iterations: {count} in the file, 20 in the graph"}


class Adam(keras.optimizers.Adam):
    """The same name, but a class of one's own, which may compute anything."""


@pytest.mark.parametrize("kind", [keras.optimizers.SGD, keras.optimizers.AdamW, Adam])
def test_another_class_is_seen(opened, kind):
    read, model = opened("Adam")
    failed, _ = compared(read, recompiled(model, kind, learning_rate=0.003))
    name = f"{__name__}.Adam" if kind is Adam else kind.__name__
    assert failed["optimizer"] == f"class: {name} in the file, Adam in the graph"


@pytest.mark.parametrize("kind", [kind for kind in RECORDED if kind != "GradientDescent"])
def test_one_number_of_a_slot_is_seen(opened, kind):
    read, model = opened(kind)
    sources = read.blueprint.optimizer.sources
    slot = list(sources)[-1]
    slot_variables = layer_weights.slots(
        model.get_layer(list(sources[slot])[-1]), layer_weights.slots_by_variable(model, slot)
    )
    array = np.array(slot_variables["kernel"])
    array[-1, -1] = np.nextafter(array[-1, -1], np.inf, dtype=array.dtype)
    slot_variables["kernel"].assign(array)
    assert list(compared(read, model)[0]) == ["converted slots"]


def test_weights_that_are_held_back_are_seen(opened):
    read, model = opened("Adam")
    model.get_layer("logits").trainable = False
    failed, _ = compared(read, recompiled(model))
    assert "logits/kernel: not trained in the file, trained in the graph" in failed["optimizer"]
    model.get_layer("logits").trainable = True
    model.get_layer("logits").bias.constraint = keras.constraints.NonNeg()
    failed, _ = compared(read, recompiled(model))
    assert failed["optimizer"] == "logits/bias: NonNeg in the file, no constraint in the graph"


def test_a_missing_optimizer_is_no_difference(opened):
    read, model = opened("Adam")
    reason = "the graph's optimizer is not compared: the model has no optimizer"
    assert compared(read, uncompiled(model)) == ({}, [reason])


# What the graph does not say: of the recorded training, with another graph beside it.


def edited(prefix, folder, change):
    """The Conversion of a checkpoint whose optimizer's ops were changed, each by its number."""
    meta = tf1.MetaGraphDef()
    with open(prefix + ".meta", "rb") as file:
        meta.ParseFromString(file.read())
    nodes = [node for node in meta.graph_def.node if node.op == "ApplyAdam"]
    for number, node in enumerate(nodes):
        change(meta.graph_def, node, number)
    target = str(folder / "model.ckpt-20")
    for ending in (".index", ".data-00000-of-00001"):
        shutil.copy(prefix + ending, target + ending)
    with open(target + ".meta", "wb") as file:
        file.write(meta.SerializeToString())
    return conversion.read(target)


RATE = 5  # of an ApplyAdam's inputs: var, m, v, beta1_power, beta2_power, lr


def computed(graph_def, node, number):
    rate_node = graph_def.node.add(name=f"rate_{number}", op="Exp", input=[node.input[RATE]])
    rate_node.attr["T"].CopyFrom(node.attr["T"])
    node.input[RATE] = rate_node.name


def of_two_values(graph_def, node, number):
    if number == 0:
        constant = next(
            candidate for candidate in graph_def.node if candidate.name == node.input[RATE]
        )
        copy = graph_def.node.add(name="another_rate")
        copy.CopyFrom(constant)
        copy.name = "another_rate"
        copy.attr["value"].tensor.CopyFrom(tf1.make_tensor_proto(np.float32(0.5)))
        node.input[RATE] = copy.name


def looking_ahead(graph_def, node, number):
    node.attr["use_nesterov"].b = True


def changed_gradients(graph_def, node, number):
    sign = graph_def.node.add(name=f"changed_{number}", op="Sign", input=[node.input[9]])
    sign.attr["T"].CopyFrom(node.attr["T"])
    node.input[9] = sign.name


def of_2016(graph_def, node, number):
    """As TensorFlow clipped before it had RealDiv and looked for infinite norms."""
    for op in graph_def.node:
        if op.op == "RealDiv" and op.name.startswith("clip_by_"):
            op.op = "Div"
        if op.op.startswith("Select") and op.name.startswith("clip_by_global_norm"):
            scale = op.input[1]
            op.op = "Identity"
            op.ClearField("input")
            op.input.append(scale)


def nothing_applied(graph_def, node, number):
    node.op = "NoOp"
    node.ClearField("input")
    node.ClearField("attr")


UNSAID = {
    computed: ("learning_rate is computed or fed in the graph: not compared", "learning_rate"),
    of_two_values: ("learning_rate differs between variables: not compared", "learning_rate"),
    changed_gradients: (
        "clipping or what else changes the gradients is none of Keras' optimizers': not compared",
        "clipvalue",
    ),
}


@pytest.mark.parametrize("change", UNSAID)
def test_what_the_graph_does_not_say_is_named_and_the_rest_compared(
    files, opened, tmp_path, change
):
    read, (_, model) = edited(files("Adam")[0], tmp_path, change), opened("Adam")
    reason, option = UNSAID[change]
    assert compared(read, recompiled(model, **{option: 0.25})) == ({}, [reason])
    failed, unproved = compared(read, recompiled(model, beta_2=0.99))
    assert (list(failed), unproved) == (["optimizer"], [reason])


def test_clipping_of_2016_is_known(files, tmp_path):
    optimizer = edited(files("clipped")[0], tmp_path, of_2016).blueprint.optimizer
    assert (optimizer.options["global_clipnorm"], optimizer.unknown) == (0.05, {})


@pytest.mark.slow
def test_clipping_of_2016_by_single_norms_is_known(tmp_path):
    saved = graphs.save(graphs.Case("BasicRNNCell", clip="norm"), tmp_path)
    (tmp_path / "edited").mkdir()
    optimizer = edited(saved.prefix, tmp_path / "edited", of_2016).blueprint.optimizer
    assert (optimizer.options["clipnorm"], optimizer.unknown) == (0.1, {})


def test_an_adam_that_looks_ahead_is_not_kerass_adam(files, opened, tmp_path):
    read, (_, model) = edited(files("Adam")[0], tmp_path, looking_ahead), opened("Adam")
    failed, unproved = compared(read, model)
    assert failed == {}
    assert "Nadam" in unproved[0]


def test_a_graph_without_an_optimizer_says_nothing_of_the_files(files, opened, tmp_path):
    read, (_, model) = edited(files("Adam")[0], tmp_path, nothing_applied), opened("Adam")
    failed, unproved = compared(read, model)
    assert failed == {}
    assert unproved == ["the model's optimizer is not compared: none is known of the graph"]


# By steps: without the comparison of options, so that training alone has to tell.


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A checkpoint of a training that clips, and its model."""
    folder = tmp_path_factory.mktemp("trained")
    saved = graphs.save(graphs.Case("BasicLSTMCell", layers=2, clip="global"), folder)
    assert main(["convert", saved.prefix, "--to", str(folder / "model.keras")]) == 0
    return saved.prefix, str(folder / "model.keras")


def as_it_is(model):
    recompiled(model)


def changed_option(**changes):
    def change(model):
        recompiled(model, **changes)

    return change


def started_again(model):
    model.optimizer.iterations.assign(0)


def another_slot(model):
    model.optimizer.variables[-1].assign(model.optimizer.variables[-1] * 1.5)


def another_optimizer(model):
    recompiled(model, keras.optimizers.SGD, learning_rate=0.01)


STEPPED = {
    "learning rate": changed_option(learning_rate=0.1),
    "beta_1": changed_option(beta_1=0.9),
    "beta_2": changed_option(beta_2=0.99),
    "epsilon": changed_option(epsilon=1e-3),
    "amsgrad": changed_option(amsgrad=True),
    "weight decay": changed_option(weight_decay=0.1),
    "loss scale": changed_option(loss_scale_factor=1e6),
    "accumulation": changed_option(gradient_accumulation_steps=2),
    "no clipping": changed_option(global_clipnorm=None),
    "another clip": changed_option(global_clipnorm=0.05),
    "schedule": changed_option(
        learning_rate=keras.optimizers.schedules.ExponentialDecay(0.01, 5, 0.5)
    ),
    "iterations": started_again,
    "slot": another_slot,
    "class": another_optimizer,
}


def stepped(prefix, file, tmp_path, change):
    """The quantities that failed over ten steps, of a file that was changed and saved."""
    model = keras.models.load_model(file)
    change(model)
    model.save(tmp_path / "changed.keras")
    read = conversion.read(prefix)
    model, weights = load(str(tmp_path / "changed.keras"), read.blueprint)
    wide = {
        name: {role: value.astype("float64") for role, value in arrays.items()}
        for name, arrays in weights.items()
    }
    checks = training_checks(read, wide, model=model, dtype="float64", steps=10)
    return [check.quantity for check in checks if not check.passed]


@pytest.mark.slow
@pytest.mark.sampled(3)
@pytest.mark.parametrize("change", STEPPED.values(), ids=STEPPED)
def test_steps_alone_see_another_optimizer(trained, tmp_path, change):
    assert stepped(*trained, tmp_path, change) == ["losses of resumed steps"]


@pytest.mark.slow
def test_steps_pass_with_the_graphs_own_optimizer(trained, tmp_path):
    assert stepped(*trained, tmp_path, as_it_is) == []


def penalized(model):
    model.get_layer("logits").kernel_regularizer = keras.regularizers.L2(0.1)


def dropping(model):
    model.get_layer("lstm_1").cell.dropout = 0.5


def constrained(model):
    model.get_layer("logits").kernel_constraint = keras.constraints.MaxNorm(0.1)


LAYERS = {
    penalized: "gradients of a batch",
    dropping: "gradients of a batch",
    constrained: "losses of resumed steps",
}


@pytest.mark.slow
@pytest.mark.parametrize("change", LAYERS)
def test_steps_are_those_of_the_files_own_layers(trained, tmp_path, change):
    assert LAYERS[change] in stepped(*trained, tmp_path, change)


@pytest.mark.slow
def test_an_optimizer_that_does_not_run_in_float64_is_no_crash(trained, tmp_path):
    def muon(model):
        recompiled(model, keras.optimizers.Muon, learning_rate=0.01)

    with pytest.raises(NoTraining, match="the model's optimizer does not run in float64"):
        stepped(*trained, tmp_path, muon)


@pytest.mark.slow
@pytest.mark.parametrize("change", [computed, nothing_applied])
def test_steps_need_an_optimizer_that_the_graph_says(files, tmp_path, change):
    read = edited(files("Adam")[0], tmp_path, change)
    model, weights = load(files("Adam")[1], read.blueprint)
    with pytest.raises(NoTraining, match=r"learning_rate is computed|no optimizer is applied"):
        list(training_checks(read, weights, model=model, dtype="float32", steps=1))


@pytest.mark.slow
def test_a_model_without_an_optimizer_takes_no_steps(files):
    read = conversion.read(files("Adam")[0])
    model, weights = load(files("Adam")[1], read.blueprint)
    model = uncompiled(model)
    checks = training_checks(read, weights, model=model, dtype="float32", steps=1)
    assert next(checks).passed
    with pytest.raises(NoTraining, match="the model has no optimizer"):
        next(checks)


@pytest.mark.slow
def test_a_model_of_which_nothing_learns_has_no_gradients(files):
    read = conversion.read(files("Adam")[0])
    model, weights = load(files("Adam")[1], read.blueprint)
    model.trainable = False
    with pytest.raises(NoTraining, match="trains nothing"):
        next(training_checks(read, weights, model=model, dtype="float32"))


def decayed(loss, variables):
    train = tf1.train.AdamOptimizer(0.01).minimize(loss)
    with tf1.control_dependencies([train]):
        return tf1.group(*[tf1.assign_sub(v, 0.1 * v) for v in variables])


def clipped_weights(loss, variables):
    train = tf1.train.AdamOptimizer(0.01).minimize(loss)
    with tf1.control_dependencies([train]):
        return tf1.group(*[tf1.assign(v, tf1.clip_by_value(v, -1, 1)) for v in variables])


def without_the_cells_bias(loss, variables):
    trained = [variables[0], *variables[-2:]]
    return tf1.train.AdamOptimizer(0.01).minimize(loss, var_list=trained)


def two_after_each_other(loss, variables):
    tf1.train.AdamOptimizer(0.01).minimize(loss)
    return tf1.train.GradientDescentOptimizer(1.0).minimize(loss)


def by_hand(loss, variables):
    gradients = tf1.gradients(loss, variables)
    pairs = zip(variables, gradients, strict=True)
    return tf1.group(*[tf1.assign_sub(v, 0.1 * g) for v, g in pairs])


def proximal(loss, variables):
    return tf1.train.ProximalGradientDescentOptimizer(0.1).minimize(loss)


def one_for_the_head(loss, variables):
    first = tf1.train.AdamOptimizer(0.01).minimize(loss, var_list=variables[:-2])
    second = tf1.train.GradientDescentOptimizer(0.1).minimize(loss, var_list=variables[-2:])
    return tf1.group(first, second)


LEFT_OUT = {
    by_hand: "is not a known one",
    proximal: "ApplyProximalGradientDescent) is not a known one",
    one_for_the_head: "it is several: Adam of rnn/basic_lstm_cell/bias and 1 more, "
    "GradientDescent of dense/bias and 1 more",
    decayed: "is changed by",
    clipped_weights: "is changed by",
    without_the_cells_bias: "it leaves rnn/basic_lstm_cell/bias as it is",
    two_after_each_other: "is trained by several (Adam, GradientDescent)",
}


@pytest.mark.sampled(3)
@pytest.mark.parametrize("train", LEFT_OUT, ids=lambda train: train.__name__)
def test_what_no_optimizer_of_keras_does_alone_is_left_out(tmp_path, capsys, train):
    with graphs.first_control_flow(), tf1.Graph().as_default():
        x = tf1.placeholder(tf1.float32, [None, 4, 3])
        steps, _ = tf1.nn.dynamic_rnn(tf1.nn.rnn_cell.BasicLSTMCell(4), x, dtype=tf1.float32)
        loss = tf1.reduce_mean(tf1.square(tf1.layers.dense(steps[:, -1], 2) - 1))
        train(loss, tf1.trainable_variables())
        loaded = tf1.placeholder(tf1.float32, [4 + 3, 16])
        tf1.assign(tf1.trainable_variables()[0], loaded)  # by hand, as for embeddings
        with tf1.Session(config=graphs.UNOPTIMIZED) as session:
            session.run(tf1.global_variables_initializer())
            prefix = tf1.train.Saver().save(session, str(tmp_path / "model.ckpt"))
    target = str(tmp_path / "model.keras")
    assert main(["convert", prefix, "--to", target]) == 0
    printed = capsys.readouterr().out
    assert "the optimizer is left out: " in printed
    assert LEFT_OUT[train] in printed
    assert getattr(keras.models.load_model(target), "optimizer", None) is None
    assert main(["verify", prefix, target, "--steps", "2"]) == 3
