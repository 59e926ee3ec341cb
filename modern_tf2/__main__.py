"""The command line of the Keras 3 side: python -m modern_tf2 COMMAND MODEL ..."""

import sys

from shared import command_line, startup
from shared.distribution import Strategy


def start():
    """Imports TensorFlow and finds its devices, without the lines that its libraries write."""
    with startup.quiet(), startup.without(*startup.OPTIONAL_OF_KERAS):
        import keras  # noqa: F401
        import tensorflow as tf

        tf.config.list_physical_devices()


def train(run, dataset, *, initial_weights):
    """As training.train."""
    from modern_tf2 import training

    return training.train(run, dataset, initial_weights=initial_weights)


def work(run, dataset, *, cluster, initial_weights):
    """As distributed.train."""
    start()

    from modern_tf2 import distributed

    return distributed.train(run, dataset, cluster=cluster, initial_weights=initial_weights)


def mirror(run, dataset, *, workers, initial_weights):
    """As distributed.train_mirrored."""
    start()

    from modern_tf2 import distributed

    return distributed.train_mirrored(
        run, dataset, workers=workers, initial_weights=initial_weights
    )


def evaluate(run, dataset):
    """As training.evaluate."""
    from modern_tf2 import training

    return training.evaluate(run, dataset)


def predict(run, image):
    """As serving.predict."""
    from modern_tf2 import serving

    return serving.predict(run, image)


def export(run, target):
    """As serving.export."""
    from modern_tf2 import serving

    return serving.export(run, target)


def kernel(config, *, path):
    """As kernels.report."""
    from modern_tf2 import kernels

    return kernels.report(config, path=path)


def check(config):
    """As feedforward.check_layout."""
    from modern_tf2 import feedforward

    feedforward.check_layout(config)


FUNCTIONS = {"train": train, "evaluate": evaluate, "predict": predict, "export": export}
FUNCTIONS.update(study=train, time=train, kernel=kernel)
STRATEGIES = {
    "mirrored": Strategy(mirror, is_cluster=False),
    "multiworker": Strategy(work, is_cluster=True),
}


def main(argv=None):
    """Runs one command and returns its exit code."""
    return command_line.main(
        "modern", FUNCTIONS, argv, check=check, start=start, strategies=STRATEGIES
    )


if __name__ == "__main__":
    sys.exit(main())
