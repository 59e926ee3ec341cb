"""A graph without the attributes that are defaults, as exporters write it, is the same graph."""

import pytest

from tests.tf1port.programs import conditions, loops, normalized, sequences, stacks
from tests.tf1port.programs.program import converted, map_of, running, source_of
from tf1port.tf1.graph.defaults import fill_defaults
from tf1port.tf1.graph.op_defs import output_type

# isort: split
import tensorflow.compat.v1 as tf1

SLOW = [
    sequences.translator,
    stacks.tagger,
    loops.own_cell,
    conditions.adaptive_steps,
    loops.mapped,
]
STRIPPED = [
    normalized.normalized_images,
    *(pytest.param(build, marks=pytest.mark.slow) for build in SLOW),
]


def attributes(graph_def):
    return {
        node.name: {name: node.attr[name].SerializeToString() for name in node.attr}
        for node in graph_def.node
    }


@pytest.mark.parametrize("build", [sequences.translator, normalized.normalized_images])
def test_what_an_exporter_strips_is_filled_in(build):
    with tf1.Graph().as_default() as graph:
        build()
        stripped = tf1.train.export_meta_graph(strip_default_attrs=True).graph_def
    expected = attributes(graph.as_graph_def(add_shapes=True))
    assert attributes(stripped) != expected
    fill_defaults(stripped)
    assert attributes(stripped) == expected


def test_so_it_is_in_functions():
    graph_def = tf1.GraphDef()
    function = graph_def.library.function.add()
    function.node_def.add(name="product", op="MatMul")
    function.node_def.add(name="of a library", op="SomebodysOwn")
    fill_defaults(graph_def)
    product, unknown = function.node_def
    assert not product.attr["transpose_a"].b
    assert {"transpose_a", "transpose_b"} <= set(product.attr)
    assert not unknown.attr


def test_the_type_of_an_output_may_be_a_default():
    """Programs from before TopKV2 had the attribute index_type."""
    node = tf1.NodeDef(name="top", op="TopKV2")
    node.attr["T"].type = tf1.float32.as_datatype_enum
    assert [output_type(node, port) for port in range(3)] == [1, 3, None]


@pytest.mark.sampled(3)
@pytest.mark.parametrize("build", STRIPPED, ids=lambda one: one.__name__)
def test_convert_reads_the_same_of_it(build, tmp_path):
    with running(build, tmp_path) as run:
        target = converted(run.prefix)
        expected = source_of(target), map_of(target)
        with run.session.graph.as_default():
            tf1.train.export_meta_graph(run.prefix + ".meta", strip_default_attrs=True)
        assert (source_of(converted(run.prefix)), map_of(target)) == expected
