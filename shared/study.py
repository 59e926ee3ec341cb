"""How the window's length changes training: one training for each window and seed, one table.

All of them have the same number of steps, not of epochs: the shorter the window, the more places
it can start at, and the longer the epoch.
"""

import dataclasses
import os
import shlex
import sys

from tqdm import tqdm

from shared import plots, records, runs, study_report
from shared.config import CONFIGS, check_range
from shared.errors import UserError
from shared.files import write_json
from shared.reporting import interpreter

FLAGS = ("steps", "batch_size", "learning_rate")  # hyper-parameters that the command line may set
WINDOWS, SEEDS, STEPS = "4,10,16,22,28", 2, 1500
MAX_SEEDS = 1000
LOG_EVERY = 100  # steps: a run's seconds per step are the median over its log lines


def add_flags(parser):
    """Adds the flags of this command alone."""
    parser.add_argument(
        "--windows", metavar="N,N", default=WINDOWS, help="rows (default: %s)" % WINDOWS
    )
    parser.add_argument(
        "--seeds", type=int, default=SEEDS, metavar="N", help="of each (default: %d)" % SEEDS
    )
    parser.add_argument("--out", metavar="DIR", help="(default: runs/study/MODEL)")


def check(arguments):
    """Raises UserError where the model has no window, or --windows or --seeds are wrong."""
    fields = {
        model: [field.name for field in dataclasses.fields(config)]
        for model, config in CONFIGS.items()
    }
    if "window" not in fields[arguments.model]:
        able = ", ".join(model for model in fields if "window" in fields[model])
        raise UserError(
            "%s always sees the whole image: study a model with a window: %s"
            % (arguments.model, able)
        )
    _windows(arguments)
    check_range("--seeds", arguments.seeds, 1, MAX_SEEDS)


def run(side, train, arguments, *, config, dataset):
    """Trains all that is not trained yet, prints the table, writes study.json and study.png.

    Args:
        side: "legacy" or "modern".
        train: the side's `train(run, dataset, initial_weights=)`.
        arguments: the flags, checked.
        config: the model's config, fitted to the dataset.
        dataset: shared.datasets.Dataset.

    Raises:
        UserError: a folder cannot be written, or a training fails.
        KeyboardInterrupt: it was stopped; the command that continues it is printed.
    """
    out = arguments.out or os.path.join("runs", "study", config.model)
    configs = [
        _fixed_steps(config, config.steps or STEPS, window=window, seed=seed)
        for window in _windows(arguments)
        for seed in range(arguments.seeds)
    ]
    try:
        finished = _train_all(side, train, configs, dataset=dataset, out=out)
    except KeyboardInterrupt:
        print("stopped; continue with: %s" % _command(side, arguments))
        raise
    study = study_report.summary(finished)
    print("\n".join(study_report.lines(study)))
    write_json(os.path.join(out, side, "study.json"), study)
    studies = sorted([study, *_other_side(study, out)], key=lambda entry: entry["side"])
    picture = os.path.join(out, "study.png")
    plots.write(picture, lambda figure: study_report.draw(figure, studies), size=(15, 4.5))


def _windows(arguments):
    """The windows asked for, in ascending order."""
    try:
        windows = sorted(int(word) for word in arguments.windows.split(","))
    except ValueError:
        raise UserError(
            "--windows is %s: give whole numbers with commas, as in %s"
            % (arguments.windows, WINDOWS)
        ) from None
    for window in windows:
        check_range("--windows", window, 1, CONFIGS[arguments.model].rows)
    if len(set(windows)) < len(windows):
        raise UserError("--windows is %s: name each window once" % arguments.windows)
    return windows


def _fixed_steps(config, steps, **changes):
    """The config with as many epochs as `steps` need."""
    config = dataclasses.replace(config, log_every=LOG_EVERY, **changes)
    epochs = -(-steps // config.steps_per_epoch)
    return dataclasses.replace(config, steps=steps, epochs=epochs)


def _train_all(side, train, configs, *, dataset, out):
    """The runs of all configs, trained to their ends."""
    finished = []
    with tqdm(configs, unit="training", disable=not sys.stderr.isatty()) as bar:
        for config in bar:
            name = "window-%d-seed-%d" % (config.window, config.seed)
            run, kept = _open(os.path.join(out, side, name), side, config=config, dataset=dataset)
            if not kept and not train(run, dataset, initial_weights=None)["finished"]:
                raise KeyboardInterrupt
            finished.append(run)
            accuracy = run.result()["test"][-1]["accuracy"]
            bar.write("%s  accuracy %.4f%s" % (name, accuracy, "  kept" if kept else ""))
    return finished


def _open(path, side, *, config, dataset):
    """The quiet run of a config, as it was left or else a new one, and whether it is finished."""
    former = _former(path, side, config=config, dataset=dataset)
    kept = former is not None and former.config == config and former.result()["finished"]
    if kept:
        run = former
    elif former is not None:
        run = runs.resume_run(path, side, model=config.model, changes=_length(config))
    else:
        run = runs.create_run(path, side, config=config, dataset=dataset.name, overwrite=True)
    run.quiet = True
    return run, kept


def _former(path, side, *, config, dataset):
    """The run in `path` if the one asked for is the same or its continuation, else None."""
    try:
        run = runs.open_run(path, side, model=config.model)
        result = run.result()
    except UserError:  # where it cannot be replaced either, create_run says why
        return None
    if result is None or result["steps"] > config.total_steps:
        return None
    same = dataclasses.replace(run.config, **_length(config)) == config
    return run if same and run.dataset == dataset.name else None


def _length(config):
    return {"steps": config.steps, "epochs": config.epochs}


def _other_side(study, out):
    """The other side's study, in a list; none where it is missing or has other settings."""
    side = {"legacy": "modern", "modern": "legacy"}[study["side"]]
    try:
        loaded = records.read_json(os.path.join(out, side, "study.json"))
    except (OSError, ValueError):
        return []
    if not study_report.is_study(loaded):
        print("the figure leaves out %s, whose study.json is broken" % side)
        return []
    same = all(study[name] == loaded.get(name) for name in ("model", "dataset", "config"))
    if not same:
        print("the figure leaves out %s, which was studied with other settings" % side)
    return [loaded] if same else []


def _command(side, arguments):
    """The command that continues a study."""
    package = {"legacy": "legacy_tf1", "modern": "modern_tf2"}[side]
    words = [interpreter(), "-m", package, arguments.command, arguments.model]
    for name, value in sorted(vars(arguments).items()):
        if name not in ("command", "model") and value is not None:
            words += ["--" + name.replace("_", "-"), str(value)]
    return " ".join(map(shlex.quote, words))
