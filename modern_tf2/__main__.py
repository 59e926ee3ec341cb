"""The command line of the Keras 3 side: python -m modern_tf2 COMMAND MODEL ..."""

import sys

from shared import command_line


def train(run, dataset, *, initial_weights):
    from modern_tf2 import training

    return training.train(run, dataset, initial_weights=initial_weights)


def evaluate(run, dataset):
    from modern_tf2 import training

    return training.evaluate(run, dataset)


def predict(run, image):
    from modern_tf2 import serving

    return serving.predict(run, image)


def export(run, target):
    from modern_tf2 import serving

    return serving.export(run, target)


def main(argv=None):
    functions = {"train": train, "evaluate": evaluate, "predict": predict, "export": export}
    return command_line.main("modern", functions, argv)


if __name__ == "__main__":
    sys.exit(main())
