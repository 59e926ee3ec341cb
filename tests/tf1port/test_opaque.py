"""cuDNN's buffer against the variables that TensorFlow 1.15.5's own savers make of it."""

import numpy as np
import pytest

from tests import goldens
from tests.goldens import cells
from tf1port.cells.families import FAMILIES, canonical_from_opaque, opaque_from_canonical
from tf1port.numerics.differences import difference

CASES = [pytest.param(case, id=case.name) for case in cells.OPAQUE]


@pytest.fixture(scope="module")
def recorded():
    return cells.load()


def expected(case, recorded):
    roles = FAMILIES[case.family].roles.required
    return cells.by_cell(goldens.under(recorded, case.name + "/variables"), roles)


def decoded(case, buffer, **sizes):
    sizes = {"features": cells.FEATURES, "units": cells.UNITS, "layers": case.layers} | sizes
    return canonical_from_opaque(
        buffer, family=case.family, bidirectional=case.bidirectional, **sizes
    )


def gap(actual, expected):
    assert actual.keys() == expected.keys()
    return max(difference(actual[place], expected[place]).max_abs for place in actual)


@pytest.mark.parametrize("case", CASES)
def test_a_buffer_is_decoded_as_tf1_does(recorded, case):
    actual = decoded(case, recorded[case.name + "/buffer"])
    assert gap(actual, expected(case, recorded)) == 0


@pytest.mark.parametrize("case", CASES)
def test_a_buffer_is_encoded_as_tf1_does(recorded, case):
    actual = opaque_from_canonical(expected(case, recorded), family=case.family)
    assert difference({"": actual}, {"": recorded[case.name + "/restored"]}).max_abs == 0


@pytest.mark.parametrize("case", CASES)
def test_there_and_back_is_exact(recorded, case):
    start = expected(case, recorded)
    buffer = opaque_from_canonical(start, family=case.family)
    assert gap(decoded(case, buffer), start) == 0


@pytest.mark.parametrize("case", CASES)
def test_the_cells_have_the_roles_and_shapes_of_their_family(recorded, case):
    for (layer, _), arrays in decoded(case, recorded[case.name + "/buffer"]).items():
        width = cells.UNITS * (2 if case.bidirectional else 1) if layer else cells.FEATURES
        assert FAMILIES[case.family].sizes(arrays) == (width, cells.UNITS, cells.UNITS)


@pytest.mark.parametrize("case", CASES)
def test_the_buffer_is_neither_mutated_nor_shared(recorded, case):
    buffer = recorded[case.name + "/buffer"].copy()
    before = buffer.copy()
    for arrays in decoded(case, buffer).values():
        for value in arrays.values():
            value += 1
    assert np.array_equal(buffer, before)


@pytest.mark.parametrize("case", CASES)
def test_another_order_of_the_numbers_is_seen(recorded, case):
    buffer = recorded[case.name + "/buffer"]
    right = expected(case, recorded)
    for wrong in (np.roll(buffer, cells.UNITS**2), np.roll(buffer, 1), buffer[::-1]):
        assert gap(decoded(case, wrong), right) > 0


@pytest.mark.parametrize("sizes", [{"units": 5}, {"layers": 1}, {"features": 4}])
def test_a_buffer_of_other_sizes_is_refused(recorded, sizes):
    case = cells.OPAQUE[1]
    with pytest.raises(ValueError, match=r"the buffer is \(304,\), not"):
        decoded(case, recorded[case.name + "/buffer"], **sizes)


def test_another_family_is_refused(recorded):
    case = cells.OPAQUE[1]._replace(family="gru")
    with pytest.raises(ValueError, match="cuDNN has no 'gru': only rnn, lstm, cudnn_gru"):
        decoded(case, recorded[cells.OPAQUE[1].name + "/buffer"])


@pytest.mark.parametrize("case", CASES)
def test_a_missing_cell_is_refused(recorded, case):
    whole = expected(case, recorded)
    for place in whole:
        remaining = {kept: arrays for kept, arrays in whole.items() if kept != place}
        if remaining.keys() != {(0, None)}:  # which is a whole network of one layer
            with pytest.raises(ValueError, match="not the cells of all layers"):
                opaque_from_canonical(remaining, family=case.family)
    with pytest.raises(ValueError, match="not the cells of all layers"):
        opaque_from_canonical({}, family=case.family)
