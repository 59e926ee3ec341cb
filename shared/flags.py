"""The flags of data and hyper-parameters, which several commands share."""

import argparse
import dataclasses

from shared.config import CONFIGS, FORMATS, KERNELS, for_dataset
from shared.errors import UserError


class Parser(argparse.ArgumentParser):
    """Reports a wrong flag as one line, without the usage text."""

    def parse_known_args(self, args=None, namespace=None):
        """As of argparse, but the parser of a command reports what it does not know itself."""
        known, unknown = super().parse_known_args(args, namespace)
        if unknown:
            self.error("unrecognized arguments: %s" % " ".join(unknown))
        return known, unknown

    def error(self, message):
        raise UserError("%s (%s --help lists the flags)" % (message, self.prog))


def add_data_flags(parser):
    """Adds --data and --data-dir."""
    parser.add_argument(
        "--data",
        choices=("auto", "mnist", "digits"),
        default="auto",
        help="auto: MNIST where it can be had, else scikit-learn's digits (default: auto)",
    )
    parser.add_argument(
        "--data-dir",
        metavar="DIR",
        help="folder with MNIST's IDX files or mnist.npz (default: $MNIST_DIR)",
    )


def add_config_flags(parser, names=None):
    """Adds one flag per hyper-parameter that the command line may set; `names`: for these alone."""
    for name in names or _CONFIG_FLAGS:
        kind, word, text = _CONFIG_FLAGS[name]
        parser.add_argument("--" + name.replace("_", "-"), type=kind, metavar=word, help=text)


def config_changes(arguments):
    """The hyper-parameters on the command line, by field name.

    Raises:
        UserError: the model has no such hyper-parameter.
    """
    changes = flag_values(arguments)
    fields = {field.name for field in dataclasses.fields(CONFIGS[arguments.model])}
    for name in sorted(set(changes) - fields):
        raise UserError("%s has no --%s: leave it out" % (arguments.model, name.replace("_", "-")))
    return changes


def flag_values(arguments):
    """The hyper-parameters on the command line, whether the model has them or not."""
    values = {name: getattr(arguments, name, None) for name in _CONFIG_FLAGS}
    return {name: value for name, value in values.items() if value is not None}


def new_config(model, changes, dataset):
    """A config of `model` with the changes, fitted to the dataset's sizes and length of epoch."""
    if dataset.name == "digits":
        changes = dict({"epochs": CONFIGS[model].digits_epochs}, **changes)
    # First the flags alone: a wrong one is reported as such, whatever the dataset.
    return for_dataset(CONFIGS[model](**changes), dataset)


_CONFIG_FLAGS = {
    "epochs": (int, "EPOCHS", "passes over the training split"),
    "steps": (int, "STEPS", "stop after so many training steps in all"),
    "batch_size": (int, "EXAMPLES", "examples per step"),
    "window": (int, "ROWS", "rows that the model sees"),
    "units": (int, "UNITS", "of a recurrent cell or hidden layer"),
    "layers": (int, "LAYERS", "stacked cells of window-rnn"),
    "learning_rate": (float, "RATE", "the optimizer's step size"),
    "seed": (int, "SEED", "of initial weights and batch order"),
    "kernel": (str, "KERNEL", "what computes the recurrent layer: " + ", ".join(KERNELS)),
    "data_format": (str, "FORMAT", "layout of the batches of conv: " + ", ".join(FORMATS)),
}
