"""The command line of the TF1 side: python -m legacy_tf1 COMMAND MODEL ..."""

import sys

from shared import command_line, startup
from shared.distribution import Strategy


def start():
    """Imports TensorFlow and finds its devices, without the lines that its libraries write."""
    with startup.quiet():
        import tensorflow.compat.v1 as tf

        tf.config.experimental.list_physical_devices()


def train(run, dataset, *, initial_weights):
    """As training.train."""
    from legacy_tf1 import training

    return training.train(run, dataset, initial_weights=initial_weights)


def work(run, dataset, *, cluster, initial_weights):
    """As distributed.train."""
    start()

    from legacy_tf1 import distributed

    return distributed.train(run, dataset, cluster=cluster, initial_weights=initial_weights)


def serve(cluster):
    """As distributed.serve."""
    start()

    from legacy_tf1 import distributed

    return distributed.serve(cluster)


def evaluate(run, dataset):
    """As training.evaluate."""
    from legacy_tf1 import training

    return training.evaluate(run, dataset)


def predict(run, image):
    """As serving.predict."""
    from legacy_tf1 import serving

    return serving.predict(run, image)


def export(run, target):
    """As serving.export."""
    from legacy_tf1 import serving

    return serving.export(run, target)


def check(config):
    """As feedforward.check_layout."""
    from legacy_tf1 import feedforward

    feedforward.check_layout(config)


FUNCTIONS = {"train": train, "evaluate": evaluate, "predict": predict, "export": export}
FUNCTIONS.update(study=train, time=train)
STRATEGIES = {
    "parameter-server": Strategy(work, is_cluster=True, serve=serve),
}


def main(argv=None):
    """Runs one command and returns its exit code."""
    return command_line.main(
        "legacy", FUNCTIONS, argv, check=check, start=start, strategies=STRATEGIES
    )


if __name__ == "__main__":
    sys.exit(main())
