"""Damaged and malicious graphs: `python -m tests.tf1port.mutants PREFIX FIRST LAST`.

Each number is a mutation of the `.meta` of a checkpoint, which `convert` is given in this process;
a line of JSON says what came of it. A process that says nothing more hangs, or has crashed.
"""

import contextlib
import io
import json
import os
import random
import shutil
import sys
import tempfile
import time

# Ops that read or write, end the process, wait for ever or take what there is; and plain ones.
OPS = [
    "WriteFile", "ReadFile", "SaveV2", "PyFunc", "Abort", "FIFOQueueV2", "QueueDequeueV2", "Print",
    "PrintV2", "Svd", "Fill", "Range", "While", "Enter", "NextIteration", "Merge", "Switch",
    "Identity", "AddV2", "MatMul", "Reshape", "Transpose", "ConcatV2", "Split", "StridedSlice",
    "Sigmoid", "Tanh", "Const", "Placeholder", "VariableV2", "NoSuchOp", "TensorArrayReadV3",
]  # fmt: skip


def mutated(data, number):
    """The bytes of a `.meta` with a few changes, which the number decides."""
    stream = random.Random(number)
    if number % 5 == 0:
        found = bytearray(data)
        for _ in range(stream.randint(1, 8)):
            found[stream.randrange(len(found))] = stream.randrange(256)
        return bytes(found)
    from tests.tf1port.graphs import tf1

    meta = tf1.MetaGraphDef.FromString(data)
    for _ in range(stream.randint(1, 4)):
        stream.choice(CHANGES)(meta.graph_def, stream)
    return meta.SerializeToString()


def _op(graph, stream):
    stream.choice(graph.node).op = stream.choice(OPS)


def _rewire(graph, stream):
    node = stream.choice(graph.node)
    other = stream.choice(graph.node).name
    if node.input:
        node.input[stream.randrange(len(node.input))] = stream.choice(["", "^"]) + other
    else:
        node.input.append(other)


def _drop(graph, stream):
    del graph.node[stream.randrange(len(graph.node))]


def _twice(graph, stream):
    graph.node.add().CopyFrom(stream.choice(graph.node))


def _rename(graph, stream):
    stream.choice(graph.node).name = stream.choice(["", "a b", "../x", "\x1b[2J", "while/Enter"])


def _inputs(graph, stream):
    node = stream.choice(graph.node)
    if node.input and stream.random() < 0.5:
        del node.input[stream.randrange(len(node.input))]
    else:
        node.input.append(f"{stream.choice(graph.node).name}:{stream.randrange(3)}")


def _attribute(graph, stream):
    node = stream.choice(graph.node)
    if not node.attr:
        return
    name = stream.choice(sorted(node.attr))
    change = stream.randrange(4)
    if change == 0:
        del node.attr[name]
    elif change == 1:
        node.attr[name].type = stream.choice([1, 2, 3, 7, 9, 10, 20, 101, 999])
    elif change == 2:
        node.attr[name].i = stream.choice([-1, 0, 2**31, 2**62])
    else:
        node.attr[name].shape.dim.add().size = stream.choice([-2, 0, 2**31, 2**62])


def _constant(graph, stream):
    nodes = [node for node in graph.node if node.op == "Const"]
    if nodes:
        tensor = stream.choice(nodes).attr["value"].tensor
        tensor.tensor_shape.dim.add().size = stream.choice([-1, 0, 7, 2**40])
        if stream.random() < 0.5:
            tensor.tensor_content = stream.randbytes(stream.randrange(16))


CHANGES = [_op, _rewire, _drop, _twice, _rename, _inputs, _attribute, _constant]


def main(prefix, first, last):
    from tf1port import __main__

    with open(prefix + ".meta", "rb") as file:
        data = file.read()
    folder = tempfile.mkdtemp()
    os.chdir(folder)
    for path in (".index", ".data-00000-of-00001"):
        shutil.copy(prefix + path, "model" + path)
    for number in range(first, last):
        with open("model.meta", "wb") as file:
            file.write(mutated(data, number))
        print(json.dumps({"number": number}), flush=True)
        began = time.monotonic()
        out, errors = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(errors):
            code = __main__.main(["convert", "model", "--to", "new.keras"])
        found = {"number": number, "code": code, "seconds": time.monotonic() - began}
        found["files"] = sorted(os.listdir())
        found["errors"] = errors.getvalue()
        print(json.dumps(found), flush=True)
        for name in found["files"]:
            if not name.startswith("model."):
                shutil.rmtree(name) if os.path.isdir(name) else os.remove(name)
    shutil.rmtree(folder)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
