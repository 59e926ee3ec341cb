"""The programs of the table with tf2onnx, beside what convert makes of them.

python -m tests.tf1port.programs.onnx PYTHON [NAME ...]

PYTHON is an interpreter that has tensorflow, tf2onnx and onnxruntime, whose versions rarely go
together with this project's. Each graph is frozen with its trained values and converted there; the
ONNX model is run on the same inputs, and its outputs are compared with those of the session.
"""

import contextlib
import io
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from tests.tf1port.programs import table  # noqa: F401  (it enters the programs)
from tests.tf1port.programs.program import BOUND, PROGRAMS, converted, map_of, running

# isort: split
import tensorflow.compat.v1 as tf1

CHILD = """
import json, sys
import numpy as np, tensorflow as tf, tf2onnx, onnxruntime
folder, names = sys.argv[1], json.loads(sys.argv[2])
graph_def = tf.compat.v1.GraphDef()
graph_def.ParseFromString(open(folder + "/frozen.pb", "rb").read())
arrays = dict(np.load(folder + "/fed.npz"))
print("tf2onnx does not convert it", flush=True)
tf2onnx.convert.from_graph_def(
    graph_def, input_names=names["inputs"], output_names=names["outputs"], opset=17,
    output_path=folder + "/model.onnx",
)
print("onnxruntime does not take its model", flush=True)
session = onnxruntime.InferenceSession(folder + "/model.onnx", providers=["CPUExecutionProvider"])
fed = {name: arrays[str(i)] for i, name in enumerate(names["inputs"])}
fed = {one.name: fed.get(one.name, np.array(False)) for one in session.get_inputs()}  # and flags
print("its model fails when it runs", flush=True)
results = session.run(names["outputs"], fed)
np.savez(folder + "/results.npz", *results)
"""


def exported(run, target: str, python: str, folder: Path) -> str:
    """What became of a program: "equal", or what is in the way, in a few words."""
    tensors = [*map_of(target)["outputs"].values()]
    inputs = [of["tensor"] for of in map_of(target)["inputs"].values()]
    expected = run.values(tensors)
    nodes = [name.rpartition(":")[0] for name in tensors]
    graph_def = run.session.graph.as_graph_def()
    frozen = tf1.graph_util.convert_variables_to_constants(run.session, graph_def, nodes)
    (folder / "frozen.pb").write_bytes(frozen.SerializeToString())
    np.savez(folder / "fed.npz", **{str(i): array for i, array in enumerate(_fed(run, inputs))})
    names = json.dumps({"inputs": inputs, "outputs": tensors})
    command = [python, "-c", CHILD, str(folder), names]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    if done.returncode:
        return (done.stdout.split("\n")[:-1] or [done.stderr[-80:]])[-1]
    with np.load(folder / "results.npz") as results:
        actual = [results[name] for name in results.files]
    shapes = [value.shape for value in actual] == [value.shape for value in expected]
    if not shapes:
        return "its outputs have other shapes"
    pairs = zip(actual, expected, strict=True)
    gap = max(np.abs(a - e).max() / max(1.0, np.abs(e).max()) for a, e in pairs)
    if not np.isfinite(gap):
        return "its outputs are not finite"
    return "equal" if gap <= BOUND else f"differs by {gap:.1e}"


def _fed(run, inputs: list[str]) -> list[np.ndarray]:
    by_name = {tensor.name: (tensor, array) for tensor, array in run.feed.items()}
    found = [by_name[name] for name in inputs]
    return [np.asarray(array, tensor.dtype.as_numpy_dtype) for tensor, array in found]


def main(argv: list[str]) -> int:
    """Prints a line for each program; returns 0."""
    python, *names = argv
    print("| program | carried | this tool | tf2onnx |\n|---|---|---|---|")
    for name in names or PROGRAMS:
        program = PROGRAMS[name]
        with tempfile.TemporaryDirectory() as folder, running(program.build, folder) as run:
            with contextlib.redirect_stdout(io.StringIO()):
                target = converted(run.prefix)
            of_tool = "whole" if map_of(target)["complete"] else "part"
            try:
                result = exported(run, target, python, Path(folder))
            except (subprocess.TimeoutExpired, KeyError) as error:
                result = f"fails: {type(error).__name__}"
        print(f"| {program.kind} | {program.carried} | {of_tool} | {result} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
