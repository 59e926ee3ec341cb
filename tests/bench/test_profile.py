"""Which kinds of op are counted, and what is printed of them."""

import pytest
from tensorflow.tsl.profiler.protobuf import xplane_pb2

from bench import profile


def space(*events):
    """An XSpace of events, each a name and a duration in s."""
    made = xplane_pb2.XSpace()
    plane = made.planes.add(name="/host:CPU")
    lines = [plane.lines.add(), plane.lines.add()]  # two threads
    for number, (name, seconds) in enumerate(events):
        plane.event_metadata[number].name = name
        lines[number % 2].events.add(metadata_id=number, duration_ps=round(1e12 * seconds))
    return made


def test_kernels_are_counted_over_all_threads_and_containers_are_not():
    found = profile.by_kind(
        space(
            ("rnn/MatMul:_MklMatMul", 2e-6),
            ("rnn/MatMul_1:_MklMatMul", 4e-6),
            ("rnn/Tanh:Tanh", 1e-6),
            ("while/body:While", 1.0),
            ("call:StatefulPartitionedCall", 1.0),
            ("ExecutorState::Process", 1.0),
            ("EagerLocalExecute: ReadVariableOp", 1.0),
        ),
        2,
    )
    assert {kind.name: (kind.calls, kind.seconds) for kind in found} == {
        "MklMatMul": (1, pytest.approx(3e-6)),
        "Tanh": (0.5, pytest.approx(5e-7)),
    }


def test_the_rest_is_one_row():
    kinds = [profile.Kind(f"op {n}", 1, 1e-6 * n) for n in range(1, profile.ROWS + 3)]
    *_, second, others, total = profile.lines("modern", kinds)
    assert second.split() == ["op", "3", "1.0", "3.0", "3%"]
    assert others.split() == ["2", "other", "kinds", "2.0", "3.0", "3%"]
    assert total.split() == ["all", "14.0", "105.0", "100%"]


@pytest.mark.slow
def test_a_kernel_is_found_in_a_step(capfd):
    words = ["row-lstm", "--variants", "modern fused-cpu", "--data", "digits"]
    assert profile.main(words) == 0
    lines = capfd.readouterr().out.splitlines()
    (found,) = [line.split() for line in lines if line.startswith("BlockLSTMV2 ")]
    assert float(found[1]) >= 1  # the halves of a batch, or one of them
    assert float(found[2]) > 0


def test_a_wrong_variant_is_refused(capfd):
    assert profile.main(["row-lstm", "--variants", "modern", "--data", "digits"]) == 2
    assert "--variants has 'modern': choose from" in capfd.readouterr().err
