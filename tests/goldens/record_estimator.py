"""Trains the Estimator of the recipe under TensorFlow 1.15.5, and keeps its checkpoint.

Without --write nothing in the tree changes: what a new training predicts is compared with what is
there, and the difference printed.
"""

import argparse
import os
import shutil
import sys
import tempfile

import numpy as np

from shared.errors import UserError
from tests.goldens import record

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
GOLDEN = os.path.join(ROOT, "tests", "goldens", "estimator")
STEPS = 300
FILES = ["model.ckpt-%d.%s" % (STEPS, end) for end in ("data-00000-of-00001", "index", "meta")]


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--write", action="store_true", help="replace the files in the tree")
    arguments = parser.parse_args(argv)
    try:
        record._require_tensorflow_1_15()
    except UserError as error:
        print("error: %s" % error, file=sys.stderr)
        return 2
    sys.path.insert(0, os.path.join(ROOT, "examples", "estimator"))
    import legacy_estimator

    folder = tempfile.mkdtemp()
    try:
        legacy_estimator.main(folder, STEPS)
        print("probabilities differ by up to %.2g" % _change(folder))
        if arguments.write:
            os.makedirs(GOLDEN, exist_ok=True)
            for name in [*FILES, "predicted.npz"]:
                shutil.copy(os.path.join(folder, name), GOLDEN)
    finally:
        shutil.rmtree(folder)
    return 0


def _change(folder):
    """How far the new probabilities are from those in the tree; nan where there are none."""
    path = os.path.join(GOLDEN, "predicted.npz")
    if not os.path.exists(path):
        return float("nan")
    new = np.load(os.path.join(folder, "predicted.npz"))["probabilities"]
    return np.abs(new - np.load(path)["probabilities"]).max()


if __name__ == "__main__":
    sys.exit(main())
