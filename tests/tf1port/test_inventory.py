"""The groups of a checkpoint's variables: names and shapes of every era, and look-alikes."""

from functools import partial

import pytest
import tensorflow.compat.v1 as tf1
from hypothesis import given
from hypothesis import strategies as st

from legacy_tf1.training import session_config
from tests.tf1port import checkpoint_cases as cases
from tf1port.tf1.checkpoint.cell_names import sizes
from tf1port.tf1.checkpoint.inventory import SLOTS, group
from tf1port.tf1.checkpoint.reader import inventory, open_checkpoint

F, U = cases.F, cases.U
LSTM = cases.shapes(cases.CASES["lstm, from 1.2"])
KERNEL = "rnn/multi_rnn_cell/cell_0/basic_lstm_cell/kernel"


def found_in(cells):
    return [(c.family, c.layer, c.direction, c.variables) for c in cells]


@pytest.mark.parametrize("case", cases.CASES)
def test_cells_are_found_in_order_with_role_layer_and_direction(case):
    wanted = [
        (family, layer, direction, {role: name for role, (name, _) in variables.items()})
        for family, layer, direction, variables in cases.CASES[case]
    ]
    contents = group(cases.shapes(cases.CASES[case]))
    assert found_in(contents.cells) == wanted
    assert contents.others == contents.unexplained == []
    for cell, (family, *_, variables) in zip(contents.cells, cases.CASES[case], strict=True):
        assert all(name.startswith(cell.scope) for name in cell.variables.values())
        shapes = {role: shape for role, (_, shape) in variables.items()}
        assert (sizes(family, shapes) is None) == (family == "opaque")


@pytest.mark.parametrize("case", cases.CASES)
def test_a_cell_of_which_a_variable_is_missing_or_misshapen_is_none(case):
    cells = cases.CASES[case]
    if cells[0][0] == "opaque":
        return
    whole = cases.shapes(cells)
    role = next(role for role in cells[0][3] if role.endswith("kernel") and "proj" not in role)
    name, shape = cells[0][3][role]
    without = {other: size for other, size in whole.items() if other != name}
    wrong = {**whole, name: (*shape[:-1], shape[-1] + 1)}
    for shapes in (without, wrong):
        contents = group(shapes)
        assert len(contents.cells) < len(cells) or found_in(contents.cells) != found_in(
            group(whole).cells
        )
        assert contents.others or contents.unexplained
        assert sorted(contents.names()) == sorted(shapes)


# what looks like a cell and may be something else


def dense(scope, rows, columns):
    return {f"{scope}/kernel": (rows, columns), f"{scope}/bias": (columns,)}


@pytest.mark.parametrize(
    "shapes",
    [
        dense("lstm_output", 128, 40),  # fits an LSTM of 10 units
        dense("rnn/dense", 20, 16),
        dense("rnn/LSTMProjection", 20, 16),
        dense("bidirectional_rnn/fw/dense", 20, 16),
        dense("encoder", 9, 16),
        dense("attention_lstm/hidden", 9, 16),
    ],
)
def test_a_dense_layer_is_no_cell(shapes):
    contents = group(shapes)
    assert contents.cells == []
    assert [layer.kind for layer in contents.layers] == ["dense"]


@pytest.mark.parametrize(
    "shapes",
    [
        dense("my_rnn", 20, 16),  # an RNN of 16 units or an LSTM of 4
        dense("lstm/encoder/cell_0", 4, 16) | {"lstm/encoder/cell_0/bias": (15,)},
        dense("lstm", 4, 16),  # no row left for the state
        dense("ugru", 20, 16),
        dense("rnn", 9, 16) | {"rnn/recurrent_kernel": (4, 16)},  # a layer of tf.keras
        dense("encoder", 9, 16) | {"encoder/recurrent_kernel": (4, 16)},
        dense("rnn/multi_rnn_cell/cell_0/gates", 7, 8),  # a part of a cell
        cases.shapes(cases.alone("gru", cases.gru("decoder"))),
        cases.shapes(cases.alone("gru", cases.gru("gru_with_attention"))),
    ],
)
def test_in_doubt_it_is_one_of_the_others(shapes):
    contents = group(shapes)
    assert contents.cells == []
    assert contents.layers == []
    assert sorted(contents.others) == sorted(shapes)
    assert set(contents.notes) == set(contents.others)


@pytest.mark.parametrize(
    "scope",
    [
        "ugrnn_cell",
        "coupled_input_forget_gate_lstm_cell",
        "nas_cell",
        "TimeFreqLSTMCell",
        "my_cell",
    ],
)
def test_a_cell_of_other_mathematics_is_not_taken_for_a_known_one(scope):
    shapes = dense(f"rnn/multi_rnn_cell/cell_0/{scope}", F + 4, 12)
    contents = group(shapes)
    assert contents.cells == contents.layers == []
    assert contents.unexplained == sorted(shapes)
    assert set(contents.notes) == set(shapes)


def test_a_dense_layer_named_projection_is_not_the_cells():
    shapes = dense("lstm", F + U, 4 * U) | dense("lstm/projection", U, 3)
    contents = group(shapes)
    assert found_in(contents.cells) == [
        ("lstm", None, None, {"kernel": "lstm/kernel", "bias": "lstm/bias"})
    ]
    assert [layer.scope for layer in contents.layers] == ["lstm/projection"]


def test_what_lies_under_a_cell_beside_it_is_not_dropped():
    contents = group({**LSTM, KERNEL.replace("kernel", "gain"): (U,)})
    assert len(contents.cells) == 2
    assert contents.unexplained == [KERNEL.replace("kernel", "gain")]


# layers

NORMAL = ("gamma", "beta", "moving_mean", "moving_variance")


@pytest.mark.parametrize(
    ("kind", "scope", "variables"),
    [
        (
            "dense",
            "dense_1",
            {"kernel": ("dense_1/kernel", (4, 3)), "bias": ("dense_1/bias", (3,))},
        ),
        ("dense", "fc", {"kernel": ("fc/weights", (4, 3)), "bias": ("fc/biases", (3,))}),
        ("dense", "Linear", {"kernel": ("Linear/Matrix", (4, 3)), "bias": ("Linear/Bias", (3,))}),
        ("dense", "head", {"kernel": ("head/weights", (4, 3)), "bias": ("head/bias", (3,))}),
        ("dense", "dense", {"kernel": ("dense/kernel", (4, 3))}),
        ("embedding", "", {"embeddings": ("embedding", (9, 4))}),
        ("embedding", "rnn", {"embeddings": ("rnn/word_embedding", (9, 4))}),
        ("embedding", "a", {"embeddings": ("a/embedding_matrix", (9, 4))}),
        ("embedding", "embedding", {"embeddings": ("embedding/W", (9, 4))}),
        (
            "conv1d",
            "conv1d",
            {"kernel": ("conv1d/kernel", (3, 4, 5)), "bias": ("conv1d/bias", (5,))},
        ),
        ("conv2d", "Conv_1", {"kernel": ("Conv_1/weights", (3, 3, 4, 5))}),
        ("batch_normalization", "bn", {role: (f"bn/{role}", (4,)) for role in NORMAL}),
        ("batch_normalization", "a/BatchNorm", {r: (f"a/BatchNorm/{r}", (4,)) for r in NORMAL[1:]}),
        ("layer_normalization", "LayerNorm", {r: (f"LayerNorm/{r}", (4,)) for r in NORMAL[:2]}),
    ],
)
def test_layers_are_found_by_names_and_shapes(kind, scope, variables):
    contents = group(dict(variables.values()))
    roles = {role: name for role, (name, _) in variables.items()}
    assert [(layer.kind, layer.scope, layer.variables) for layer in contents.layers] == [
        (kind, scope, roles)
    ]
    assert contents.cells == contents.others == contents.unexplained == []


@pytest.mark.parametrize(
    "shapes",
    [
        {"dense/kernel": (4, 3), "dense/bias": (4,)},
        {"conv2d_transpose/kernel": (3, 3, 4, 5)},
        {"instance_norm/gamma": (4,), "instance_norm/beta": (4,)},
        {"bn/moving_mean": (4,), "bn/moving_variance": (5,)},
        {"weights": (4, 3), "bias": (3,)},
        {"embedding": (9,)},
        {"gru/kernel": (4, 3), "gru/bias": (3,)},
    ],
)
def test_layers_in_doubt_are_others(shapes):
    contents = group(shapes)
    assert contents.layers == []
    assert sorted(contents.others) == sorted(shapes)


# the optimizer


@pytest.mark.parametrize("kind", SLOTS)
@pytest.mark.parametrize("scope", ["", "train/OptimizeLoss/"])
def test_slots_go_to_their_variable(kind, scope):
    slots = {f"{scope}{name}/{slot}": LSTM[name] for name in LSTM for slot in SLOTS[kind]}
    contents = group({**LSTM, **slots, "global_step": ()})
    assert contents.slots == {
        name: {slot: f"{scope}{name}/{slot}" for slot in SLOTS[kind]} for name in LSTM
    }
    assert contents.optimizer == kind
    assert len(contents.cells) == 2
    assert contents.others == contents.unexplained == []


@pytest.mark.parametrize("slots", [(), ("Mine", "Mine_1"), ("Adam",), ("Adam", "Adam_1", "Adam_2")])
def test_an_optimizer_is_named_only_where_its_slots_are_all_there(slots):
    contents = group({**LSTM, **{f"{KERNEL}/{slot}": LSTM[KERNEL] for slot in slots}})
    assert contents.optimizer is None
    assert set(contents.slots.get(KERNEL, {})) == set(slots)
    assert contents.others == contents.unexplained == []


def test_slots_of_a_buffer_that_was_saved_as_cells():
    cells = cases.shapes(cases.CASES["CudnnLSTM"])
    contents = group({**cells, "cudnn_lstm/opaque_kernel/Adam": (77,)})
    assert contents.slots == {"cudnn_lstm/opaque_kernel": {"Adam": "cudnn_lstm/opaque_kernel/Adam"}}
    assert contents.unexplained == []


@pytest.mark.parametrize(
    ("name", "shape"), [("gone/kernel/Adam", (3, 4)), (f"{KERNEL}/Adam", (3,))]
)
def test_a_slot_without_its_variable_is_unexplained(name, shape):
    contents = group({**LSTM, name: shape})
    assert contents.slots == {}
    assert contents.unexplained == [name]


def test_a_second_slot_of_one_name_is_not_dropped():
    slots = {f"{scope}{KERNEL}/Adam": LSTM[KERNEL] for scope in ("", "other/")}
    contents = group({**LSTM, **slots})
    assert contents.slots == {KERNEL: {"Adam": f"{KERNEL}/Adam"}}
    assert contents.unexplained == [f"other/{KERNEL}/Adam"]


def test_counters_go_by_what_they_count():
    names = ("beta1_power", "optimizer/beta1_power", "train/beta2_power", "beta1_power_1")
    contents = group(dict.fromkeys((*names, "global_step"), ()))
    assert contents.counters == {
        "global_step": "global_step",
        "beta1_power": "beta1_power",
        "optimizer/beta1_power": "optimizer/beta1_power",
        "beta2_power": "train/beta2_power",
        "beta1_power_1": "beta1_power_1",
    }
    assert group({"global_step": (3,)}).counters == {}


def test_averages_go_by_their_variable_also_where_it_was_not_saved():
    shadow = f"{KERNEL}/ExponentialMovingAverage"
    contents = group({**LSTM, shadow: LSTM[KERNEL], "gone/ExponentialMovingAverage": (3,)})
    assert contents.averages == {KERNEL: shadow, "gone": "gone/ExponentialMovingAverage"}
    assert contents.slots == {}
    assert len(contents.cells) == 2


def test_what_an_average_keeps_for_its_start_is_no_slot():
    names = {role: f"bn/{role}" for role in NORMAL}
    shapes = dict.fromkeys(names.values(), (4,))
    more = {"bn/moving_mean/biased": (4,), "bn/moving_mean/local_step": ()}
    contents = group({**shapes, **more})
    assert contents.slots == contents.counters == {}
    assert [layer.kind for layer in contents.layers] == ["batch_normalization"]
    note = "a variable of a running average, for its bias correction"
    assert set(contents.notes.values()) == {note}


# the others


@pytest.mark.parametrize(
    ("name", "shape", "text"),
    [
        ("learning_rate", (), "learning rate"),
        ("train/lr", (), "learning rate"),
        ("Variable", (), "number of the program's own"),
        ("keep_prob", (), "dropout"),
        ("softmax_loss/avg", (), "running average"),
        ("my_epoch", (), "counter"),
        ("input/Variable", (9, F), "before rnn/multi_rnn_cell/cell_0"),
        ("softmax_w", (U, 7), "dense kernel over rnn/multi_rnn_cell/cell_1"),
        ("Variable_1", (2 * U, 7), "in two directions"),
        ("Variable_2", (50, 60), "dense kernel, an embedding or"),
        ("softmax_b", (7,), "bias or an initial state"),
        ("W_conv1", (5, 5, 1, 32), "conv2d"),
    ],
)
def test_others_come_with_what_they_could_be(name, shape, text):
    contents = group({**LSTM, name: shape})
    assert contents.others == [name]
    assert text in contents.notes[name]
    assert contents.unexplained == []


def test_a_vector_is_put_beside_the_matrix_whose_name_is_nearest():
    contents = group({"a/W": (3, 7), "softmax_w": (4, 7), "softmax_b": (7,), "softmax_v": (4, 6)})
    assert contents.notes["softmax_b"] == "a bias, perhaps beside softmax_w"


def test_a_rank_that_no_layer_has_is_unexplained():
    assert group({"x": (1, 2, 3, 4, 5)}).unexplained == ["x"]


# all together

EXTRA = {
    "dense/kernel": (4, 3),
    "dense/kernel/Adam": (4, 3),
    "dense/bias": (3,),
    "Variable": (),
    "embedding": (9, 4),
    "softmax_w": (4, 9),
    "beta1_power": (),
    "k/part_1": (3,),
    "nas_cell/kernel": (4, 8),
    "dense/bias/ExponentialMovingAverage": (3,),
}


@given(
    st.lists(st.sampled_from(sorted(cases.CASES)), max_size=4),
    st.lists(st.sampled_from(sorted(EXTRA)), unique=True),
)
def test_every_variable_is_in_exactly_one_group(chosen, extra):
    shapes = {name: EXTRA[name] for name in extra}
    for number, case in enumerate(chosen):
        of_case = cases.shapes(cases.CASES[case])
        shapes.update({f"m{number}/{name}": shape for name, shape in of_case.items()})
    contents = group(shapes)
    assert sorted(contents.names()) == sorted(shapes)
    assert len(contents.cells) == sum(len(cases.CASES[case]) for case in chosen)
    assert set(contents.notes) == {*contents.others, *contents.unexplained}


def test_what_tensorflow_writes_is_understood(tmp_path):
    """A Saver's checkpoint of three classes of today, in a stack of each direction."""
    with tf1.Graph().as_default(), tf1.Session(config=session_config()) as session:
        lstm = partial(tf1.nn.rnn_cell.LSTMCell, use_peepholes=True, num_proj=3)
        makers = lstm, tf1.nn.rnn_cell.GRUCell, tf1.nn.rnn_cell.BasicRNNCell
        stacks = [tf1.nn.rnn_cell.MultiRNNCell([make(U) for make in makers]) for _ in "fb"]
        inputs = tf1.placeholder(tf1.float32, [2, F])
        outputs, *_ = tf1.nn.static_bidirectional_rnn(*stacks, [inputs], dtype=tf1.float32)
        loss = tf1.reduce_mean(tf1.layers.dense(outputs[0], 2) ** 2)
        optimizer = tf1.train.RMSPropOptimizer(0.1, centered=True)
        optimizer.minimize(loss, global_step=tf1.train.get_or_create_global_step())
        session.run(tf1.global_variables_initializer())
        prefix = tf1.train.Saver().save(session, str(tmp_path / "model"))
    contents = inventory(open_checkpoint(prefix))
    assert [(cell.family, cell.layer, cell.direction) for cell in contents.cells] == [
        (family, layer, way)
        for way in ("fw", "bw")
        for layer, family in enumerate(("lstm", "gru", "rnn"))
    ]
    assert [layer.kind for layer in contents.layers] == ["dense"]
    assert contents.optimizer == "centered RMSProp"
    assert contents.counters == {"global_step": "global_step"}
    assert contents.others == contents.unexplained == []
