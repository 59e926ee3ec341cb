"""Programs of any shape become models that compute what their own sessions do."""

import keras
import numpy as np
import pytest

from tests.tf1port.graphs import first_control_flow, second_control_flow
from tests.tf1port.programs import (  # noqa: F401  (they enter their programs)
    conditions,
    decoders,
    loops,
    normalized,
    sequences,
    stacks,
)
from tests.tf1port.programs.program import (
    BOUND,
    PROGRAMS,
    converted,
    gap,
    loaded,
    map_of,
    running,
    source_of,
    verified,
)
from tf1port.numerics.tolerances import tolerance

FLOWS = {"": first_control_flow, ", control flow v2": second_control_flow}
FAST = {"encoder_decoder", "own_cell", "dense_between", "adaptive_steps"}
FAST |= {"fed_steps, control flow v2"}
# A loop as a function is read as one of nodes is: by its kind, once the functions are lowered. So
# under control flow v2 only programs whose loops and branches differ from one another.
LOWERED = ["encoder_decoder", "char_rnn", "both_directions", "own_cell_with_lengths", "mapped"]
LOWERED += ["translator", "greedy_decoder", "loop_by_hand", "queue"]
LOWERED += ["adaptive_steps", "fed_steps", "branch", "branch_in_the_loop"]
LOWERED += ["characters_in_words", "thinking", "normalized_between"]
PARAMS = [
    pytest.param(
        (name, flow), marks=[] if name + flow in FAST else pytest.mark.slow, id=name + flow
    )
    for flow, names in zip(FLOWS, (PROGRAMS, LOWERED), strict=True)
    for name in names
]


@pytest.fixture(scope="module", params=PARAMS)
def ported(request, tmp_path_factory):
    """A program whose session is open, and the model that convert made of it."""
    name, flow = request.param
    folder = tmp_path_factory.mktemp("ported")
    with running(PROGRAMS[name].build, folder, control_flow=FLOWS[flow]) as run:
        yield run, converted(run.prefix)


@pytest.mark.sampled(3)
def test_the_model_computes_what_the_session_does(ported):
    run, target = ported
    assert map_of(target)["complete"], map_of(target)["left_out"]
    assert gap(run, target, loaded(target)) <= BOUND
    lines = source_of(target).splitlines()
    assert max(map(len, lines)) <= 100
    compile(source_of(target), "model.py", "exec")


@pytest.mark.slow
@pytest.mark.sampled(3)
def test_verify_proves_it(ported, capsys):
    run, target = ported
    flags = ("--steps", "3") if run.train is not None else ()
    code, report = verified(run.prefix, target, capsys, *flags)
    assert code == 0, report["verdict"]
    quantities = {check["quantity"] for check in report["checks"]}
    of_training = {"gradients of a batch", "losses of resumed steps"} if flags else set()
    assert {"outputs, end to end", *of_training} <= quantities


@pytest.mark.slow
@pytest.mark.parametrize("clipped", [True, False])
def test_training_goes_on_as_in_the_session(clipped, tmp_path):
    """D20: without the norm that makes the embedding's gradients dense, the losses part."""
    with running(sequences.encoder_decoder, tmp_path, steps=4) as run:
        target = converted(run.prefix)
        model = loaded(target)
        labels = next(a for t, a in run.feed.items() if t.name == "y:0")
        options = model.optimizer.get_config()
        assert options["global_clipnorm"] == 1e9
        if not clipped:
            model.optimizer.global_clipnorm = None
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(model.optimizer, loss, run_eagerly=True)
        theirs, ours = [], []
        for _ in range(8):
            theirs.append(run.session.run([run.loss, run.train], run.feed)[0])
            ours.append(model.train_on_batch(run.fed(target), labels))
    worst = float(np.abs(np.subtract(theirs, ours)).max())
    bound = tolerance("losses of 50 steps", "float32").bound * max(1.0, *theirs)
    assert (worst <= bound) == clipped, worst


@pytest.mark.parametrize("flow", FLOWS)
def test_a_state_of_unknown_cells_that_is_fed_is_given_back(flow, tmp_path):
    with running(sequences.states_in_one, tmp_path, control_flow=FLOWS[flow]) as run:
        tensors = map_of(converted(run.prefix))["outputs"].values()
        last = [value for value in run.values(list(tensors)) if value.ndim == 2]
        (init,) = [array for tensor, array in run.feed.items() if "init" in tensor.name]
    assert [value.shape for value in last] == [init.shape]
