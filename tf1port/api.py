"""The functions of tf1port, which the commands call; each imports its modules when it is called.

They run in the caller's process. A third party's files are safer with the commands, which run in
a process of their own with limits: see SECURITY.md.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tf1port.errors import UserError
from tf1port.results import (
    Comparison,
    Controls,
    Converted,
    Explanation,
    Inspection,
    LoadedWeights,
    MapDraft,
    Reversed,
    Scan,
    Verification,
)

if TYPE_CHECKING:
    import keras

    from tf1port.comparison.ladder.entries import Compared
    from tf1port.comparison.port.port import Port


def inspect(checkpoint: str) -> Inspection:
    """Says what a TF1 checkpoint holds, by its names and shapes, and what its graph is fed.

    No graph is needed: where there is none, or a damaged one, the rest is said all the same.

    Args:
        checkpoint: its prefix, or the folder of its training.

    Raises:
        UserError: it is missing, damaged or of no known format.
    """
    from tf1port.conversion import inspect_report
    from tf1port.conversion.interface import read_interface
    from tf1port.conversion.keras2 import hdf5
    from tf1port.conversion.keras2 import inspect_report as keras2_report
    from tf1port.tf1.checkpoint.reader import inventory, open_checkpoint

    if hdf5.is_hdf5(checkpoint):
        return Inspection(**keras2_report.report(checkpoint))
    opened = open_checkpoint(checkpoint)
    opened.check()
    interface = fault = None
    try:
        interface = read_interface(opened.meta) if opened.meta else None
    except UserError as error:
        fault = str(error)
    return Inspection(**inspect_report.report(opened, inventory(opened), interface, fault))


def convert(
    checkpoint: str,
    to: str,
    *,
    trust: bool = False,
    averages: bool = False,
    forget_bias: float | None = None,
    activation: str | None = None,
    map: str | None = None,
    outputs: Sequence[str] = (),
    stateful: bool = False,
) -> Converted:
    """Writes a TF1 checkpoint as a Keras model: FILE.keras, its source FILE.py, its map FILE.json.

    Args:
        checkpoint: its prefix or folder; the graph in its `.meta` says what the model is.
        to: path of FILE.keras.
        trust: also accept a graph whose ops run Python or access files.
        averages: use the moving averages of the variables instead of these.
        forget_bias, activation: of all cells, where there is no `.meta`.
        map: a TOML file with the layers after the cells, where none are found.
        outputs: the graph's tensors that the model should give; by default what its loss is
            computed of, or what a SavedModel's signature names.
        stateful: the states of its layers are inputs and outputs, to go on from one call to the
            next; it takes any number of rows and of steps.

    Raises:
        UserError: the checkpoint is damaged or not known, a model of it computes something else
            than its graph, or the files cannot be written. Then none is.
    """
    from tf1port.conversion import conversion_report
    from tf1port.conversion.convert import convert as write
    from tf1port.conversion.keras2 import hdf5

    options = _reading(trust, averages, forget_bias, activation, map, outputs)
    if hdf5.is_hdf5(checkpoint):
        return _convert_keras2(checkpoint, to, options | {"stateful": stateful})
    conversion = write(checkpoint, to, stateful=stateful, **options)
    diagram = tuple(conversion_report.diagram(conversion))
    return Converted(to, conversion_report.report(conversion), diagram)


def reverse(keras_file: str, to: str, *, rest: str | None = None, trust: bool = False) -> Reversed:
    """Writes a converted Keras model as a TF1 checkpoint, for the program that it came from.

    Args:
        keras_file: FILE.keras, with the FILE.json beside it that `convert` wrote.
        to: the prefix of the checkpoint.
        rest: an older checkpoint, whose further variables are copied.
        trust: the model's layers may run code and read files.

    Raises:
        UserError: a file is missing or damaged, or cannot be written.
    """
    from tf1port.conversion.reverse import reverse as write

    return Reversed(to, tuple(write(keras_file, to, rest=rest, trust=trust)))


def verify(
    checkpoint: str,
    keras_file: str,
    *,
    steps: int = 0,
    seed: int = 0,
    data: str | None = None,
    feed: Mapping[str, Any] | None = None,
    trust: bool = False,
    averages: bool = False,
    forget_bias: float | None = None,
    activation: str | None = None,
    map: str | None = None,
    outputs: Sequence[str] = (),
) -> Verification:
    """Runs a checkpoint's own graph against the Keras model that `convert` made of it.

    Args:
        checkpoint, trust, averages, forget_bias, activation, map, outputs: as for `convert`.
        keras_file: FILE.keras.
        steps: train both so many steps from the checkpoint, and compare these too.
        seed: of the random inputs.
        data: an `.npz` file with a batch for the graph's placeholders, by their names, in place of
            random numbers. feed: values that placeholders have throughout, by name.

    Raises:
        UserError: a file is missing or damaged, or the model is of another checkpoint.
    """
    from tf1port.conversion.keras2 import hdf5
    from tf1port.progress import reached
    from tf1port.verification import keras2, verdict
    from tf1port.verification import verify as verification

    options = _reading(trust, averages, forget_bias, activation, map, outputs)
    options |= {"steps": steps, "seed": seed, "data": data, "feed": feed}
    verifying = keras2.verify if hdf5.is_hdf5(checkpoint) else verification.verify
    run = verifying(checkpoint, keras_file, **options)
    groups = run.checks
    bar = {"unit": " groups", "total": groups.total, "place": lambda _: groups.done}
    checks = verdict.counted(list(reached(groups, "verify", **bar)))
    return Verification(
        outcome=verdict.outcome(checks, run.unproved),
        verdict=verdict.verdict(checks, run.unproved, run.claim),
        checks=tuple(checks),
        not_compared=tuple(run.unproved),
        notes=tuple(run.notes),
        against=run.against,
        claim=run.claim,
        seed=seed,
    )


def draft_map(
    checkpoint: str,
    keras_file: str,
    to: str = "map.toml",
    *,
    overwrite: bool = False,
    trust: bool = False,
    imports: Sequence[str] = (),
) -> MapDraft:
    """Drafts the map of a user's own port, and writes it: what is unsure has a comment.

    Layers and scopes are matched by shapes and kinds, then by names and order.

    Args:
        checkpoint: its prefix or folder; the graph in its `.meta` says what it is fed.
        keras_file: path of the port's `.keras` file.
        to: path of the map, a TOML file.
        overwrite: replace a file of that name.
        trust: also accept a graph whose ops run Python or access files, and layers that do.
        imports: modules, or Python files, that register the model's own classes.

    Raises:
        UserError: a file is missing or damaged, or `to` exists or cannot be written.
    """
    from tf1port.comparison.drafting import writing

    options: dict[str, Any] = {"overwrite": overwrite, "trust": trust, "imports": imports}
    return MapDraft(**writing.draft_file(checkpoint, keras_file, to, **options))


def load_weights(
    checkpoint: str,
    keras_file: str,
    map: str,
    to: str,
    *,
    partial: bool = False,
    trust: bool = False,
    imports: Sequence[str] = (),
) -> LoadedWeights:
    """Loads a checkpoint's weights, slots and step into a user's own model, and saves it.

    Args:
        checkpoint, keras_file, trust, imports: as for `draft_map`.
        map: path of the TOML file that says which layer is which scope.
        to: path of the `.keras` file with the loaded model.
        partial: weights and slots of the model that get nothing stay as they are.

    Raises:
        UserError: a file is missing or damaged, or does not fit the others; something of the model
            gets nothing, without `partial`; `to` cannot be written. Then it is as it was.
    """
    from tf1port.comparison.port import loading

    options: dict[str, Any] = {"partial": partial, "trust": trust, "imports": imports}
    return LoadedWeights(**loading.write_loaded(checkpoint, keras_file, map, to, **options))


def load_port(
    legacy: str,
    modern: "str | keras.Model",
    map: str,
    *,
    load_weights: bool = False,
    trust: bool = False,
    seed: int = 0,
    steps: int | None = None,
    only: Sequence[str] = (),
    imports: Sequence[str] = (),
    data: str | None = None,
    feed: Mapping[str, Any] | None = None,
) -> "Port":
    """A user's own port, to be proved: a TF1 checkpoint with its graph, and a Keras model.

    Args:
        legacy: prefix or folder of the checkpoint.
        modern: path of a `.keras` file, or a keras.Model; compiled.
        map: path of the TOML file that says which layer is which scope.
        load_weights: load the checkpoint's weights and optimizer state into the model first.
        trust: also accept a graph whose ops run Python or access files.
        seed: of the random batches.
        steps: of training; None: 200.
        only: names of the checks and dtypes that are claimed; empty: all.
        imports: modules, or Python files, that register the model's own classes.
        data: an `.npz` file with examples [N, ...] for the placeholders of inputs and labels, by
            their names, in place of random numbers.
        feed: values that placeholders have throughout, by name, as [feed] of the map.

    Raises:
        UserError: a file is missing or damaged, or does not fit the others.
    """
    from tf1port.comparison.port.batches import STEPS
    from tf1port.comparison.port.port import load

    count = STEPS if steps is None else steps
    options: dict[str, Any] = {"trust": trust, "seed": seed, "only": only, "imports": imports}
    options |= {"data": data, "feed": feed}
    return load(legacy, modern, map, load_weights=load_weights, steps=count, **options)


def compare(
    legacy: str, modern: "str | keras.Model", map: str, *, name: str = "port", **options: Any
) -> Comparison:
    """Proves a user's own port: a TF1 checkpoint with its graph against a Keras model.

    Args:
        legacy, modern, map, options: as for `load_port`.
        name: its name in the report.

    Raises:
        UserError: as `load_port`.
    """
    return prove(load_port(legacy, modern, map, **options), name=name)


def prove(
    port: "Port",
    *,
    name: str = "port",
    command: str = "",
    on_check: "Callable[[Compared], None] | None" = None,
) -> Comparison:
    """Proves a Port, which may be of a user's own sides.

    Args:
        port: the two sides to be compared.
        name, command: its name in the report, and the command that reproduces it.
        on_check: called with each entry of the report that was compared, as soon as it is.
    """
    from tf1port.comparison.port import port as ports

    return Comparison(ports.prove(port, name=name, command=command, on_check=on_check))


def controls(port: "Port") -> Controls:
    """Makes each known mistake in a Port on purpose, and reports whether `prove` notices it."""
    from tf1port.comparison.controls import port as known

    return Controls(tuple(known.matrix(port)))


def scan(
    paths: Sequence[str],
    *,
    exclude: Sequence[str] = (),
    ignore: Sequence[str] = (),
    select: Sequence[str] = (),
) -> Scan:
    """Finds what programs use of TF1 and Keras 2, by their source: nothing of it is imported.

    Args:
        paths: Python files, notebooks, folders.
        exclude: patterns of paths and names to leave out.
        ignore, select: ids of idioms (docs/idioms.md), or how they begin: "S512", "S1".

    What `[tool.tf1port.scan]` of the nearest pyproject.toml says of these counts as well.

    Raises:
        UserError: a path is missing, a folder has no Python file, or no idiom has such an id.
    """
    from tf1port.scanning import scanner, settings
    from tf1port.scanning.report import form

    chosen = settings.read(paths, exclude=exclude, ignore=ignore, select=select)
    return Scan(form.report(scanner.scan(paths, chosen)))


def explain(text: str | None = None) -> Explanation:
    """Looks up known porting mistakes; imports no TensorFlow.

    Args:
        text: an id such as "P36", some words, or the text of an error; None: all of them.

    Raises:
        UserError: the text is empty, or no mistake has such an id.
    """
    from tf1port.pitfalls import finding

    return Explanation(text, finding.look_up(text))


def _convert_keras2(path: str, to: str, options: Mapping[str, Any]) -> Converted:
    """Converts a Keras 2 HDF5 file."""
    from tf1port.conversion.keras2 import convert as keras2
    from tf1port.conversion.keras2 import hdf5, write

    hdf5.check_options(path, options)
    conversion = write.convert(path, to)
    return Converted(to, keras2.report(conversion), tuple(keras2.diagram(conversion)))


def _reading(
    trust: bool,
    averages: bool,
    forget_bias: float | None,
    activation: str | None,
    head_map: str | None,
    outputs: Sequence[str],
) -> dict[str, Any]:
    """The options of tf1port.conversion.plan.read, and the outputs of a translated graph."""
    return {
        "trust": trust,
        "averages": averages,
        "forget_bias": forget_bias,
        "activation": activation,
        "head_map": head_map,
        "outputs": tuple(outputs),
    }
