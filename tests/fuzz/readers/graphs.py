"""Graphs: the .meta of a checkpoint, a SavedModel, a frozen graph."""

from tests.fuzz.messages import message_file
from tests.fuzz.readers.ports import only
from tests.fuzz.worker import Reader, printed
from tf1port.command_line import reporting


def write_meta(folder):
    from tests.tf1port import graphs

    graphs.save(graphs.Case(), folder)


def write_saved_model(folder):
    """The graph of a checkpoint as a SavedModel, and its variables."""
    from tensorflow.core.protobuf import saved_model_pb2

    from tests.tf1port import graphs

    write_meta(folder)
    (folder / "variables").mkdir()
    saved = saved_model_pb2.SavedModel(saved_model_schema_version=1)
    meta = saved.meta_graphs.add()
    meta.MergeFromString((folder / "model.ckpt-3.meta").read_bytes())
    meta.meta_info_def.tags.append("serve")
    signature = meta.signature_def["serving_default"]
    signature.inputs["x"].name = "Placeholder:0"
    signature.outputs["y"].name = "logits/BiasAdd:0"
    (folder / "saved_model.pb").write_bytes(saved.SerializeToString())
    for path in folder.glob("model.ckpt-3.*"):
        if path.suffix != ".meta":
            path.rename(folder / "variables" / path.name.replace("model.ckpt-3", "variables"))
        else:
            path.unlink()
    assert graphs


def write_frozen(folder):
    """The graph of a checkpoint, with constants in place of its variables."""
    import tensorflow.compat.v1 as tf1

    from tests.tf1port import graphs

    prefix = graphs.save(graphs.Case(optimizer=""), folder).prefix
    with tf1.Graph().as_default(), tf1.Session() as session:
        tf1.train.import_meta_graph(prefix + ".meta").restore(session, prefix)
        frozen = tf1.graph_util.convert_variables_to_constants(
            session, session.graph.as_graph_def(), ["logits/BiasAdd"]
        )
    for path in folder.iterdir():
        path.unlink()
    (folder / "frozen.pb").write_bytes(frozen.SerializeToString())


def signature(folder, name):
    """What is read of the file alone."""
    from tf1port.tf1.graph.files import load_graph, signature_outputs
    from tf1port.tf1.graph.index import Graph
    from tf1port.tf1.graph.searching import searching

    path = str(folder / name)
    signature_outputs(path)
    with searching(path):
        Graph(load_graph(path))


def read(path):
    """What convert reads, up to a Keras model: as a stack of layers, or op by op."""
    from tf1port import api

    printed(str(api.convert(str(path), str(path.parent.parent / "out.keras"))))


def reader(name, make, file, message, *, whole=None):
    """The reader of a file alone; with `whole`, the path to convert, of all that convert reads."""

    def kind():
        import tensorflow.compat.v1 as tf1
        from tensorflow.core.protobuf import saved_model_pb2

        return getattr(saved_model_pb2 if message == "SavedModel" else tf1, message)()

    read_it = (lambda folder: read(folder / whole)) if whole is not None else None
    return Reader(
        name,
        make,
        only(file, message_file(kind, damaged=0.1 if whole is not None else 0.5)),
        read_it or (lambda folder: signature(folder, file)),
        reporting,
        isolated=True,
        inputs=25 if whole is not None else 500,
    )


READERS = (
    reader(".meta", write_meta, "model.ckpt-3.meta", "MetaGraphDef"),
    reader("saved_model.pb", write_saved_model, "saved_model.pb", "SavedModel"),
    reader("frozen .pb", write_frozen, "frozen.pb", "GraphDef"),
    reader("convert .meta", write_meta, "model.ckpt-3.meta", "MetaGraphDef", whole="model.ckpt-3"),
    reader("convert SavedModel", write_saved_model, "saved_model.pb", "SavedModel", whole=""),
    reader("convert frozen", write_frozen, "frozen.pb", "GraphDef", whole="frozen.pb"),
)
