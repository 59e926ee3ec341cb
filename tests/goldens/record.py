"""Records the goldens by running legacy_tf1 under TensorFlow 1.15.

Without --write they go to a temporary folder, and how far they are from those in the tree is
printed, file by file.
"""

import argparse
import dataclasses
import hashlib
import os
import shutil
import sys
import tempfile

import numpy as np

from shared import versions
from shared.errors import UserError
from shared.files import replacing, write_json
from tests import goldens
from tests.goldens import MODELS, traces
from tf1port.numerics.differences import difference

COMMAND = "python -m tests.goldens.record --write"


def main(argv=None):
    arguments = _parser().parse_args(argv)
    try:
        _require_tensorflow_1_15()
        for model in arguments.models or MODELS:
            _record(model, bands=arguments.bands, write=arguments.write)
    except UserError as error:
        print("error: %s" % error, file=sys.stderr)
        return 2
    if not arguments.write:
        print("nothing is written without --write")
    return 0


def record(model, target):
    """Writes golden.npz, golden.json and the checkpoints of a model into the folder `target`."""
    from tests.goldens.graph import LegacyGraph

    config, batches = goldens.config_and_batches(model)
    legacy = LegacyGraph(config)
    initial = _initial(legacy)  # in float32, for both dtypes
    end = None
    if model in goldens.CHECKPOINTED:
        end = _save_checkpoints(legacy, batches, target=target)

    groups = {"initial": initial}
    for dtype in goldens.DTYPES:
        legacy = LegacyGraph(config, initial, dtype=dtype)
        found = traces.trace(legacy, batches)
        if end is not None:
            legacy.restore(end)  # in float64 too: its own checkpoint would be twice as large
            found.update(traces.resumed_trace(legacy, batches))
        groups.update({"%s/%s" % (dtype, group): values for group, values in found.items()})
    arrays = {
        "%s/%s" % (group, name): value for group, of in groups.items() for name, value in of.items()
    }
    _write(target, config, arrays)


def changes(model, target):
    """Compares a recorded folder with the one in the tree: a line for every file."""
    readers = {
        "golden.npz": _read_arrays,
        "model.ckpt-0": _read_checkpoint,
        "model.ckpt-%d" % goldens.STEPS: _read_checkpoint,
        "bands.json": _read_bands,
    }
    for name, read in readers.items():
        old, new = (read(os.path.join(path, name)) for path in (goldens.folder(model), target))
        if new is None:
            continue
        if old is None:
            yield "%s %s: new" % (model, name)
        else:
            yield "%s %s: max-abs %.3g at %s" % (model, name, *difference(old, new))


def _record(model, *, bands, write):
    from tests.goldens.bands import record_bands

    if model not in MODELS:
        raise UserError("there are no goldens of %s: choose %s" % (model, ", ".join(MODELS)))
    with tempfile.TemporaryDirectory() as target:
        record(model, target)
        if bands:
            record_bands(model, target)
        for line in changes(model, target):
            print(line)
        if write:
            _install(target, goldens.folder(model))


def _require_tensorflow_1_15():
    if sys.version_info < (3, 8):
        import tensorflow

        version = tensorflow.__version__
    else:  # without importing it, for that takes seconds and has messages of its own
        from importlib import metadata

        version = metadata.version("tensorflow")
    if not version.startswith("1.15."):
        raise UserError(
            "goldens are recorded under TensorFlow 1.15, not %s: run make golden" % version
        )


def _initial(legacy):
    """The weights that the graph draws; it also starts from those returned.

    Of all models but window-rnn the vectors are moved a little: zeros and ones would hide a bias or
    a statistic that is left behind.
    """
    initial = legacy.weights()
    if legacy.config.model == "window-rnn":
        return initial
    stream = np.random.RandomState(legacy.config.seed)
    for name in sorted(initial):
        if initial[name].ndim == 1:
            initial[name] += stream.uniform(-0.2, 0.2, initial[name].shape).astype("float32")
    legacy.start(initial)
    return initial


def _save_checkpoints(legacy, batches, *, target):
    """Trains a graph for STEPS; returns the path of the second checkpoint."""
    start, end = (os.path.join(target, "model.ckpt-%d" % step) for step in (0, goldens.STEPS))
    legacy.save(start)
    legacy.train_steps(batches[: goldens.STEPS])
    legacy.save(end)
    with open(end + ".meta", "wb") as file:
        # TensorFlow lists the names in its while_context in an order of its own, new every time.
        file.write(legacy.meta_graph.SerializeToString())
    return end


def _write(target, config, arrays):
    path = os.path.join(target, "golden.npz")
    np.savez_compressed(path, **arrays)  # with 1980 as the time of each member: always the same
    with open(path, "rb") as file:
        digest = hashlib.sha256(file.read()).hexdigest()
    facts = {
        "model": config.model,
        "versions": versions.installed("tensorflow"),
        "seed": config.seed,
        "dataset": "digits",
        "config": dataclasses.asdict(config),
        "command": "%s %s" % (COMMAND, config.model),
        "sha256": {"golden.npz": digest},
    }
    write_json(os.path.join(target, "golden.json"), facts)


def _install(source, target):
    os.makedirs(target, exist_ok=True)
    for name in sorted(os.listdir(source)):
        with replacing(os.path.join(target, name)) as beside:
            shutil.copyfile(os.path.join(source, name), beside)


def _read_arrays(path):
    if not os.path.exists(path):
        return None
    with np.load(path) as archive:
        return {name: archive[name] for name in archive.files}


def _read_checkpoint(path):
    import tensorflow.compat.v1 as tf

    if not os.path.exists(path + ".index"):
        return None
    reader = tf.train.load_checkpoint(path)
    return {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()}


def _read_bands(path):
    if not os.path.exists(path):
        return None
    return {
        "%s/%d/%s" % (dataset, run["seed"], quantity): run[quantity]
        for dataset, recorded in goldens.read_json(path).items()
        for run in recorded["runs"]
        for quantity in ("accuracy", "loss")
    }


def _parser():
    parser = argparse.ArgumentParser(prog="python -m tests.goldens.record", description=__doc__)
    parser.add_argument("models", nargs="*", metavar="MODEL", help="default: all that have goldens")
    parser.add_argument("--write", action="store_true", help="replace the goldens in the tree")
    parser.add_argument(
        "--bands",
        action="store_true",
        help="also train in full, on the digits and, where MNIST_DIR is set, on MNIST: minutes",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
