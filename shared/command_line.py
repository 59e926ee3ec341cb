"""The command line that both sides share: the same commands, the same flags, the same errors.

A side's `__main__.py` gives its own four functions; the rest is here. TensorFlow is
imported by those functions only, so that bad input is refused before its start-up.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from functools import partial
from typing import Any, Callable

from shared import datasets, distribution, kernel_times, parent, pictures, runs, study, weights
from shared.config import CONFIGS, MAX_STEPS, check_range
from shared.errors import UserError
from shared.flags import Parser, add_config_flags, add_data_flags, config_changes, new_config
from shared.reporting import reporting

PACKAGES = {"legacy": "legacy_tf1", "modern": "modern_tf2"}


def main(side, functions, argv=None, *, check, start, strategies=None):
    """Runs one command of a side and returns its exit code.

    Args:
        side: "legacy" or "modern".
        functions: the side's own `train(run, dataset, initial_weights=)`,
            `evaluate(run, dataset)`, `predict(run, image)` and `export(run, target)`, by command;
            `train` is that of the commands `study` and `time` too. Keras' side has
            `kernel(config, path=)` as well, which returns lines of text.
        argv: the arguments after the program's name; None: those of this process.
        check: `check(config)`, which raises UserError where this machine cannot run a config; it is
            asked before a former run is replaced by a new one.
        start: `start()`, which imports TensorFlow; it is called before any of these.
        strategies: shared.distribution.Strategy by name, for --strategy of `train`.
    """
    parent.end_with_starter()
    functions = {name: _started(function, start) for name, function in functions.items()}
    functions["train"] = (functions["train"], _started(check, start))
    argv = sys.argv[1:] if argv is None else argv
    return reporting(lambda: _dispatch(side, functions, argv, strategies=strategies or {}))


def _started(function, start):
    """The function, called after `start()`."""

    def started(*arguments, **options):
        start()
        return function(*arguments, **options)

    return started


def _dispatch(side, functions, argv, *, strategies):
    arguments = make_parser(side, functions, strategies).parse_args(argv)
    if getattr(arguments, "strategy", None):
        return _train_distributed(side, strategies, arguments, argv)
    command, _, _ = _COMMANDS[arguments.command]
    return command(side, functions[arguments.command], arguments)


def make_parser(side, functions, strategies=()):
    """The parser of a side's command line, with the commands that `functions` names."""
    package = PACKAGES[side]
    parser = Parser(prog="python -m " + package, description="The %s side." % side)
    parsers = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=Parser)
    parsers.required = True
    for command in functions:
        _, add_flags, text = _COMMANDS[command]
        sub = parsers.add_parser(command, help=text, description=text)
        sub.add_argument("model", choices=sorted(CONFIGS), metavar="MODEL", help=", ".join(CONFIGS))
        add_flags(sub)
        if command == "train":
            distribution.add_flags(sub, strategies)
    return parser


def _train_flags(parser):
    add_data_flags(parser)
    add_config_flags(parser)
    parser.add_argument("--out", metavar="RUN", help="folder to write (default: runs/SIDE/MODEL)")
    parser.add_argument("--resume", action="store_true", help="go on where --out stopped")
    parser.add_argument("--overwrite", action="store_true", help="remove the run that is in --out")
    parser.add_argument(
        "--checkpoint-every",
        type=int,
        metavar="STEPS",
        help="between two checkpoints (default: one a minute, and one at each test)",
    )
    parser.add_argument("--init", metavar="FILE.npz", help="start from these weights")


def _run_flag(parser):
    parser.add_argument("--from", dest="run", metavar="RUN", help="(default: runs/SIDE/MODEL)")


def _evaluate_flags(parser):
    _run_flag(parser)
    add_data_flags(parser)


def _predict_flags(parser):
    _run_flag(parser)
    add_data_flags(parser)
    parser.add_argument("--index", type=int, default=0, help="which test image (default: 0)")
    parser.add_argument("--image", metavar="FILE", help="a picture of one's own instead")
    parser.add_argument("--save", metavar="FILE.png", help="write the picture as well")


def _export_flags(parser):
    _run_flag(parser)
    parser.add_argument("--to", metavar="DIR", help="(default: RUN/export)")


def _kernel_flags(parser):
    add_config_flags(parser, ["kernel"])
    parser.add_argument("--file", metavar="FILE.keras", help="look into this model instead")


def _experiment_flags(module, parser):
    add_data_flags(parser)
    add_config_flags(parser, module.FLAGS)
    module.add_flags(parser)


def _folder(side, arguments, path):
    return path or os.path.join("runs", side, arguments.model)


def _load_data(arguments, expected=None):
    """The dataset that the flags ask for; `expected` is the one that a former run had."""
    data = arguments.data
    if expected is not None and data == "auto":
        data = expected
    dataset = datasets.load(data, data_dir=arguments.data_dir)
    if expected not in (None, dataset.name):
        raise UserError("the run was trained on %s: leave out --data %s" % (expected, data))
    return dataset


def _train_distributed(side, strategies, arguments, argv):
    """The command `train` with --strategy: in this process, or in new ones for a cluster."""
    distribution.check(arguments)
    strategy = strategies[arguments.strategy]
    if not strategy.is_cluster:
        workers = arguments.workers
        train = partial(strategy.train, workers=workers)
        check = partial(distribution.check_config, workers=workers)
        return _train(side, (train, check), arguments)
    cluster = distribution.find_cluster(strategy, arguments.workers)
    if cluster is None:
        return distribution.run_locally(
            PACKAGES[side], argv, strategy=strategy, workers=arguments.workers
        )
    distribution.leave(reporting(lambda: _work(side, strategy, arguments, cluster)))


def _work(side, strategy, arguments, cluster):
    """One process of a cluster."""
    if cluster.is_server:
        return strategy.serve(cluster)
    train = partial(strategy.train, cluster=cluster)
    check = partial(distribution.check_config, workers=cluster.workers)
    out = _folder(side, arguments, arguments.out)
    with distribution.process(out, cluster, resume=arguments.resume) as arguments.out:
        return _train(side, (train, check), arguments)


def _train(side, functions, arguments):
    train, check = functions
    distribution.check(arguments)
    out = _folder(side, arguments, arguments.out)
    changes = config_changes(arguments)
    if arguments.checkpoint_every is not None:
        check_range("--checkpoint-every", arguments.checkpoint_every, 1, MAX_STEPS)
    if arguments.resume:
        if arguments.overwrite:
            raise UserError("--resume goes on with the run in --out: leave out --overwrite")
        if arguments.init:
            raise UserError("--resume continues from the run's own weights: leave out --init")
        run = runs.resume_run(out, side, model=arguments.model, changes=changes)
        dataset = _load_data(arguments, run.dataset)
        initial = None
    else:
        CONFIGS[arguments.model](**changes)  # refuse a wrong flag before anything is loaded
        dataset = _load_data(arguments)
        config = new_config(arguments.model, changes, dataset)
        initial = weights.load(arguments.init, config) if arguments.init else None
        check(config)
        run = runs.create_run(
            out, side, config=config, dataset=dataset.name, overwrite=arguments.overwrite
        )
    run.pace.steps = arguments.checkpoint_every
    result = train(run, dataset, initial_weights=initial)
    if not result["finished"]:
        command = run.resume_command(data_dir=arguments.data_dir)
        print("stopped after step %d; continue with: %s" % (result["steps"], command))
        return 128 + (run.signal or signal.SIGINT)  # as a shell has it
    test = result["test"][-1]
    print(
        "test accuracy %.4f on %s after %d steps; wrote %s"
        % (test["accuracy"], run.dataset, result["steps"], run.path)
    )
    return 0


def _evaluate(side, evaluate, arguments):
    run = runs.open_run(_folder(side, arguments, arguments.run), side, model=arguments.model)
    print(json.dumps(evaluate(run, _load_data(arguments, run.dataset))))


def _predict(side, predict, arguments):
    run = runs.open_run(_folder(side, arguments, arguments.run), side, model=arguments.model)
    if arguments.image:
        image, target = pictures.read_image(arguments.image), None
        notes = pictures.remarks(image)
    else:
        test = _load_data(arguments, run.dataset).test
        check_range("--index", arguments.index, 0, len(test.images) - 1)
        image, target = test.images[arguments.index], int(test.labels[arguments.index])
        notes = []
    probabilities = predict(run, image)
    if arguments.save:
        pictures.save_png(image, arguments.save)
    print(pictures.terminal(image, ascii=not _blocks_printable()))
    for note in notes:
        print("note: %s" % note)
    print(_verdict(probabilities, target))


def _blocks_printable():
    try:
        pictures.BLOCKS.encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return False
    return True


def _verdict(probabilities, target):
    lines = ["%d  %.4f  %s" % (d, p, "#" * int(40 * p + 0.5)) for d, p in enumerate(probabilities)]
    lines.append("predicted: %d" % probabilities.argmax())
    if target is not None:
        lines.append("target:    %d" % target)
    return "\n".join(lines)


def _export(side, export, arguments):
    run = runs.open_run(_folder(side, arguments, arguments.run), side, model=arguments.model)
    target = arguments.to or run.file("export")
    if os.path.exists(target):
        raise UserError("%s exists already: remove it or choose another --to" % target)
    export(run, target)
    print("wrote %s" % target)


def _experiment(module, side, train, arguments):
    """Several trainings and what they show: shared.study or shared.kernel_times."""
    changes = config_changes(arguments)
    CONFIGS[arguments.model](**changes)  # refuse a wrong flag before anything is loaded
    module.check(arguments)
    dataset = _load_data(arguments)
    config = new_config(arguments.model, changes, dataset)
    return module.run(side, train, arguments, config=config, dataset=dataset)


def _kernel(side, kernel, arguments):
    config = CONFIGS[arguments.model](**config_changes(arguments))
    if arguments.file and arguments.kernel:
        raise UserError("--file holds its own kernel: leave out --kernel")
    print("\n".join(kernel(config, path=arguments.file)))


# By name: what runs the command, what adds its flags, what it does.
_COMMANDS: dict[str, tuple[Callable[..., Any], Callable[..., Any], str]] = {
    "train": (_train, _train_flags, "train, test, and write a run's folder"),
    "evaluate": (_evaluate, _evaluate_flags, "test loss and accuracy of a run"),
    "predict": (_predict, _predict_flags, "classify one image on the CPU"),
    "export": (_export, _export_flags, "write a SavedModel"),
    "study": (
        partial(_experiment, study),
        partial(_experiment_flags, study),
        "train with windows of several lengths and compare them",
    ),
    "time": (
        partial(_experiment, kernel_times),
        partial(_experiment_flags, kernel_times),
        "train with each kernel and compare their speed",
    ),
    "kernel": (_kernel, _kernel_flags, "say what a GPU would run on cuDNN, and why not the rest"),
}
