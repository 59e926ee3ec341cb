"""Runs the snippets of the pitfalls and writes what they do: effects.json.

    python -m tf1port.pitfalls.measure            all of them (needs tf_keras: TF1's cells)
    python -m tf1port.pitfalls.measure P36 P54    prints these alone

Each snippet is executed as it stands in the docs, with these names: np, keras, ops (keras.ops) and
what `given` defines; TF1's as well with tf (tensorflow.compat.v1), in a graph of its own. It
assigns `result`; TF1's may assign `train`, which is run `steps` times first. Only code of this
package is executed.
"""

import contextlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import numpy as np

from tf1port.errors import UserError
from tf1port.pitfalls.entry import EFFECTS, Effect, Entry, entries

COMMAND = "python -m tf1port.pitfalls.measure"
_TF_KERAS = "TF_USE_LEGACY_KERAS"
_IMPORTS = "import keras\nimport numpy as np\n\nops = keras.ops"
_HEADING = "Exception encountered when calling"  # what Keras puts above an error in a layer


def measure(entry: Entry) -> Effect:
    """The Effect of an entry's wrong port: runs TF1's code, if it runs here, and both ports."""
    right = run(entry, "right")
    reference, distance = right, None
    if "result" in entry.tf1:
        reference = run_tf1(entry)
        distance = max_abs(right, reference)
    scale = float(np.abs(reference).max(initial=0))
    if entry.alone:
        return Effect(None, scale, error_alone(entry), distance)
    try:
        wrong = run(entry, "wrong")  # without a result, infinitely far
    except Exception as error:  # it may be any, and is what a user meets
        return Effect(None, scale, first_line(error), distance)
    return Effect(max_abs(wrong, reference), scale, "", distance)


def run(entry: Entry, part: str) -> np.ndarray:
    """The `result` of the snippet "wrong" or "right", as one flat float64 array."""
    names = _given(entry)
    _execute(entry, part, names)
    return flat(names.get("result", []))


def run_tf1(entry: Entry) -> np.ndarray:
    """The `result` of TF1's snippet, run in a graph and a session."""
    names = _given(entry)
    with _tf1_cells():
        import tensorflow.compat.v1 as tf

        with tf.Graph().as_default():
            tf.set_random_seed(0)
            names["tf"] = tf
            _execute(entry, "tf1", names)
            with tf.Session() as session:
                session.run([tf.global_variables_initializer(), tf.local_variables_initializer()])
                _load(tf.global_variables(), names.get("variables", {}), session)
                for _ in range(names.get("steps", 1) if "train" in names else 0):
                    session.run(names["train"])
                return flat(_fetched(names["result"], session))


def error_alone(entry: Entry) -> str:
    """The last line that the wrong port prints in a process of its own, without tf_keras."""
    program = "\n".join([_IMPORTS, entry.given, entry.wrong])
    environment = {**os.environ, _TF_KERAS: "0"}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True
    )
    return done.stderr.strip().splitlines()[-1] if done.returncode else ""


def flat(result: Any) -> np.ndarray:
    """Arrays, tensors or numbers, in lists or alone, as one flat float64 array."""
    import keras

    parts = keras.tree.flatten(result)
    return np.concatenate([np.ravel(np.asarray(part, "float64")) for part in parts])


def max_abs(one: np.ndarray, other: np.ndarray) -> float:
    """The largest absolute difference of two flat arrays; of different sizes, infinite."""
    return float(np.abs(one - other).max(initial=0)) if one.shape == other.shape else np.inf


def first_line(error: Exception) -> str:
    """The type of an exception and the first line of its message, below Keras' heading.

    Paths and addresses, which are of one machine or one run, are "…".
    """
    plain = re.sub(r"\x1b\[\d*m", "", str(error))
    plain = re.sub(r"(/[\w.-]+){2,}(:\d+)*|0x[0-9a-f]+", "…", plain)
    lines = [line.strip() for line in plain.splitlines() if line.strip()]
    lines = [line for line in lines if not line.startswith(_HEADING)] or lines
    return f"{type(error).__name__}: {lines[0] if lines else ''}"


def _given(entry: Entry) -> dict[str, Any]:
    import keras

    keras.utils.set_random_seed(0)
    names = {"np": np, "keras": keras, "ops": keras.ops}
    _execute(entry, "given", names)
    return names


def _execute(entry: Entry, part: str, names: dict[str, Any]) -> None:
    exec(compile(getattr(entry, part), f"<{entry.id} {part}>", "exec"), names)


def _fetched(result: Any, session: Any) -> Any:
    import keras

    def fetch(value: Any) -> Any:
        return session.run(value) if hasattr(value, "op") else value  # a tensor or a variable

    return keras.tree.map_structure(fetch, result)


def _load(variables: Any, values: dict[str, Any], session: Any) -> None:
    """Assigns to each variable the value of the key that its name ends with."""
    for variable in variables:
        for suffix, value in values.items():
            if f"/{variable.op.name}".endswith(f"/{suffix}"):
                variable.load(value, session)


@contextlib.contextmanager
def _tf1_cells() -> Iterator[None]:
    """TF1's cells are those of tf_keras: TensorFlow looks at the variable when they are used."""
    before = os.environ.get(_TF_KERAS)
    os.environ[_TF_KERAS] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[_TF_KERAS]
        else:
            os.environ[_TF_KERAS] = before


def document(effects: dict[str, Effect]) -> str:
    """The content of effects.json."""
    import keras
    import tensorflow as tf

    versions = {"tensorflow": tf.__version__, "keras": keras.__version__}
    found = {id_: _rounded(effect) for id_, effect in effects.items()}
    head = {"command": COMMAND, "versions": versions}
    return json.dumps({**head, "effects": found}, indent=1, ensure_ascii=False) + "\n"


def _rounded(effect: Effect) -> dict[str, Any]:
    return {
        name: float(f"{value:.3g}") if isinstance(value, float) else value
        for name, value in asdict(effect).items()
    }


def main(ids: list[str]) -> None:
    """Measures the entries with these ids and prints them; without ids all, and writes the file."""
    unknown = [id_ for id_ in ids if id_ not in entries()]
    if unknown:
        raise UserError(f"{unknown[0]} is no pitfall: give ids such as P36")
    chosen = [entries()[id_] for id_ in ids] or list(entries().values())
    found = {entry.id: measure(entry) for entry in chosen}
    for id_, effect in found.items():
        print(id_, effect)
    if not ids:
        EFFECTS.write_text(document(found), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
