"""A search of a graph takes time in proportion to its size: calls are counted, not seconds."""

import sys
from pathlib import Path

import pytest

from tests.tf1port import graphs
from tests.tf1port.graphs import Case, tf1
from tf1port.conversion.plan import read
from tf1port.tf1.checkpoint.inventory import group
from tf1port.tf1.graph import losses
from tf1port.tf1.graph.index import Graph
from tf1port.tf1.graph.wiring import find_wiring

SIZES = (150, 300, 600)
MOST = 1.2  # times the calls that a linear search of the largest graph would take


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """A checkpoint with a plain graph, whose reading has imported what there is to import."""
    prefix = graphs.save(Case(), tmp_path_factory.mktemp("plain")).prefix
    read(prefix)
    return prefix


def chain(graph, first, size, inputs=1):
    """Nodes that each take the one before; the name of the last."""
    for number in range(size):
        node = graph.node.add(name=f"more{number}", op="Identity" if inputs == 1 else "AddV2")
        node.input.extend([first] * inputs)
        node.attr["T"].type = 1
        first = node.name
    return first


def before(graph, size):
    """What is fed is passed on many times before the cells."""
    own = [node for node in graph.node if "Placeholder" in node.input]
    last = chain(graph, "Placeholder", size)
    for node in own:
        node.input[:] = [last if name == "Placeholder" else name for name in node.input]


def after(graph, size):
    chain(graph, "logits/BiasAdd", size)


def doubled(graph, size):
    """Each sum takes the one before twice: there are 2 ** size ways through."""
    chain(graph, "logits/BiasAdd", size, inputs=2)


def wide(graph, size):
    """Many nodes take one tensor."""
    for number in range(size):
        node = graph.node.add(name=f"more{number}", op="Relu", input=["logits/BiasAdd"])
        node.attr["T"].type = 1


def calls(prefix, folder, make, size):
    """How many functions are called to read a graph that has so many nodes more."""
    for path in Path(prefix).parent.glob(Path(prefix).name + ".*"):
        (folder / f"model{path.suffix}").write_bytes(path.read_bytes())
    meta = tf1.MetaGraphDef.FromString((folder / "model.meta").read_bytes())
    make(meta.graph_def, size)
    (folder / "model.meta").write_bytes(meta.SerializeToString())
    return counted(lambda: read(str(folder / "model")))


def counted(function):
    """How many functions are called by a function."""
    count = 0

    def counting(frame, event, _):
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(counting)
    try:
        function()
    finally:
        sys.setprofile(None)
    return count


def unrolled(steps):
    """An index over a graph of so many unrolled steps with lengths, and its cell."""
    with graphs.first_control_flow(), tf1.Graph().as_default() as graph:
        x, lengths = tf1.placeholder(tf1.float32, [3, steps, 2]), tf1.placeholder(tf1.int32, [3])
        cell = tf1.nn.rnn_cell.BasicLSTMCell(4)
        inputs = tf1.unstack(x, axis=1)
        tf1.nn.static_rnn(cell, inputs, sequence_length=lengths, dtype=tf1.float32)
        shapes = {one.op.name: tuple(one.shape.as_list()) for one in tf1.global_variables()}
        return Graph(graph.as_graph_def()), group(shapes).cells


def test_twice_the_unrolled_steps_are_twice_the_calls():
    counts = []
    for steps in (10, 20, 40):
        graph, cells = unrolled(steps)
        found = {}
        counts.append(counted(lambda g=graph, c=cells, f=found: f.update(wiring=find_wiring(g, c))))
        (runs,) = found["wiring"].runs.values()
        assert len(runs[0].steps) == steps
        assert runs[0].lengths == "Placeholder_1:0"
    assert counts[2] - counts[1] < MOST * 2 * (counts[1] - counts[0])


@pytest.mark.parametrize("make", [before, after, doubled, wide])
def test_twice_the_nodes_are_twice_the_calls(plain, tmp_path, make):
    small, middle, large = (calls(plain, tmp_path, make, size) for size in SIZES)
    assert large - middle < MOST * 2 * (middle - small)


def test_all_names_are_looked_through_once_for_a_graph(plain, tmp_path):
    before = losses._scopes_of_logarithms.cache_info().misses
    calls(plain, tmp_path, wide, 20)
    assert losses._scopes_of_logarithms.cache_info().misses == before + 1
