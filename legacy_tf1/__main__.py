"""The command line of the TF1 side: python -m legacy_tf1 COMMAND MODEL ..."""

import sys

from shared import command_line


def train(run, dataset, *, initial_weights):
    from legacy_tf1 import training

    return training.train(run, dataset, initial_weights=initial_weights)


def evaluate(run, dataset):
    from legacy_tf1 import training

    return training.evaluate(run, dataset)


def predict(run, image):
    from legacy_tf1 import serving

    return serving.predict(run, image)


def export(run, target):
    from legacy_tf1 import serving

    return serving.export(run, target)


def main(argv=None):
    functions = {"train": train, "evaluate": evaluate, "predict": predict, "export": export}
    return command_line.main("legacy", functions, argv)


if __name__ == "__main__":
    sys.exit(main())
