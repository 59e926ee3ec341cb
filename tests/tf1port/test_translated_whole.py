"""What a stack of layers leaves out is in the model that is translated, and proved."""

import pytest

from tests.tf1port.test_end_to_end import (
    BESIDE,
    BEYOND,
    MOVED,
    between,
    beyond,
    converted,
    halved,
    lengths_reversed,
    map_of,
    mask_by_hand,
    moved,
    picked,
    scaled_inputs,
    skipped_steps,
    temperature,
    verified,
)
from tests.tf1port.test_refusals import saved

LOGITS = ["logits/BiasAdd:0"]
# By graph: what the model is fed, and what it gives.
WHOLE = {
    temperature: (["temperature:0", "x:0"], LOGITS),
    between: (["extra:0", "x:0"], LOGITS),
    picked: (["place:0", "x:0"], LOGITS),
    scaled_inputs: (["x:0"], LOGITS),
    halved: (["x:0"], ["halved:0"]),
    lengths_reversed: (["n:0", "x:0"], LOGITS),
    mask_by_hand: (["x:0"], LOGITS),
    skipped_steps: (["x:0"], LOGITS),
}
# By kind of BEYOND: what the loss takes, which is computed of the labels as well where it is named.
MADE = {
    "probabilities": "Neg:0",
    "logarithms": "Neg:0",
    "squares": "Square:0",
    "clipped": "clip_by_value:0",
    "a mean": "Mean:0",
    "one class": "strided_slice_1:0",
    "scaled": "mul:0",
    "the largest": "Cast:0",
    "masked": "Mean:0",
}
OF_LABELS = {"probabilities", "logarithms", "masked"}


def check(folder, capsys, build, *, head=True):
    """The tensors that a whole model is fed and gives, once it is proved."""
    prefix = saved(folder, build, head=head)
    code, target = converted(prefix, folder)
    assert code == 0
    model_map = map_of(target)
    assert model_map["complete"], model_map["left_out"]
    code, report = verified(capsys, prefix, target)
    assert code == 0, report["verdict"]
    return sorted(of["tensor"] for of in model_map["inputs"].values()), [
        *model_map["outputs"].values()
    ]


@pytest.mark.slow
@pytest.mark.parametrize("build", WHOLE, ids=lambda build: build.__name__)
def test_what_is_fed_and_computed_besides_is_in_the_model(tmp_path, capsys, build):
    assert check(tmp_path, capsys, build, head=build is not halved) == WHOLE[build]


@pytest.mark.slow
@pytest.mark.parametrize("kind", BEYOND)
def test_what_a_loss_takes_is_the_output(tmp_path, capsys, kind):
    fed, outputs = check(tmp_path, capsys, lambda: beyond(kind), head=False)
    assert outputs == [MADE[kind]]
    assert fed == (["x:0", "y:0"] if kind in OF_LABELS else ["x:0"])


@pytest.mark.slow
@pytest.mark.parametrize("build", BESIDE, ids=lambda build: build.__name__)
def test_what_branches_off_is_an_output_as_well(tmp_path, capsys, build):
    fed, outputs = check(tmp_path, capsys, build)
    assert fed == ["x:0"]
    assert outputs == [
        *LOGITS,
        "AddN:0" if build.__name__ == "mean_of_unrolled" else "l2_normalize:0",
    ]


@pytest.mark.slow
@pytest.mark.parametrize("kind", MOVED)
def test_inputs_are_moved_as_in_the_graph(tmp_path, capsys, kind):
    assert check(tmp_path, capsys, lambda: moved(kind)) == (["x:0"], LOGITS)
