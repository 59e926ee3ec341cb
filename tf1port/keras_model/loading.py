"""Reads `.keras` files."""

import contextlib
import importlib
import os
import re
import runpy
import sys
import warnings
import zipfile

import keras

import tf1port.cells.keras  # noqa: F401  (a file may name them)
from tf1port.errors import UserError
from tf1port.keras_model import layer_weights, sizes
from tf1port.keras_model.program import STATEFUL, TRANSLATED
from tf1port.keras_model.trusted_layers import configurations, foreign_classes
from tf1port.reading import check_members, parsed_json, read_json

_LOOKED_AT = 50_000_000  # bytes of weights; what larger ones take is limited by the process alone


def check_map(path, *, mapped):
    """Checks that a model is verified with a map if, and only if, it was converted with one.

    Raises:
        UserError: only one of the two has a map.
    """
    try:
        was_mapped = read_json(os.path.splitext(path)[0] + ".json").get("mapped", False)
    except (OSError, ValueError, AttributeError):
        return  # nothing says so
    if was_mapped and not mapped:
        raise UserError(f"{path} was made with a map: give --map to verify as well")
    if mapped and not was_mapped:
        raise UserError(f"{path} was made without a map: leave --map out")


def check_outputs(path, tensors, named):
    """Checks that a model is verified with the outputs that it was converted with.

    Args:
        named: the graph's tensor of a name; None if it has none.

    Raises:
        UserError: it gives other tensors.
    """
    try:
        outputs = read_json(os.path.splitext(path)[0] + ".json").get("outputs", {})
        given = [name for name in outputs.values() if isinstance(name, str)]
    except (OSError, ValueError, AttributeError):
        return  # nothing says so
    if not given or set(given) == set(tensors):
        return
    missing = [name for name in given if named(name) is None]
    if missing:
        raise UserError(
            f"{path} is not of this checkpoint: the graph has no {missing[0]}, which it gives"
        )
    names = ",".join(given)
    raise UserError(f"{path} was made with other outputs: give --outputs {names} to verify as well")


def is_translated(path):
    """Whether the model of a `.keras` file was translated op by op, by the name that it has."""
    try:
        return _config(path)["config"]["name"] in (TRANSLATED, STATEFUL)
    except (KeyError, TypeError, ValueError):
        return False


def is_stateful(path):
    """Whether the model of a `.keras` file hands its states on, by the name that it has."""
    try:
        return _config(path)["config"]["name"] == STATEFUL
    except (KeyError, TypeError, ValueError):
        return False


def registered_names(path):
    """The registered names of the classes in a `.keras` file that are not Keras'; set() if none."""
    try:
        config = _config(path)
    except ValueError:
        return set()
    names = [item.get("registered_name") for item in configurations(config)]
    return {name for name in names if isinstance(name, str) and ">" in name}


def load(path, blueprint, *, trust=False):
    """A `.keras` file that has the layers of a Blueprint: the model, its weights by layer and role.

    Raises:
        UserError: it does not, or as open_model.
    """
    model = open_model(path, trust=trust)
    try:
        weights = layer_weights.weights_of(model, [spec.name for spec in blueprint.specs])
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path} is not of this checkpoint: {_line(error)}") from None
    return model, weights


def open_model(path, *, trust=False):
    """The model of a `.keras` file.

    Args:
        trust: its layers may run code and read files.

    Raises:
        UserError: there is none, it is damaged, it needs a class that is not registered, or one
            that runs code.
    """
    if not os.path.isfile(path):
        raise UserError(
            f"there is no {path}: give a .keras file, as python -m tf1port convert writes it"
        )
    if not trust:
        _check_trusted(path)
    try:
        with warnings.catch_warnings():  # of an optimizer that was saved before its first step
            warnings.filterwarnings("ignore", "Skipping variable loading for optimizer")
            warnings.filterwarnings("ignore", "Casting complex values to real")  # of a damaged file
            # Weights would stay as they were drawn.
            warnings.filterwarnings("error", "Skipping nested container")
            return keras.models.load_model(path, safe_mode=not trust)
    except Exception as error:  # a custom class may raise anything
        raise _unreadable(path, error) from None


def import_modules(names):
    """Imports modules, or Python files by their paths, that register custom classes.

    Raises:
        UserError: one is not there, or raises.
    """
    for name in names:
        is_file = str(name).endswith(".py")
        folder = os.path.dirname(os.path.abspath(name)) if is_file else os.getcwd()
        sys.path.insert(0, folder)  # where the modules are that it imports
        try:
            if is_file:
                runpy.run_path(name, run_name=os.path.splitext(os.path.basename(name))[0])
            else:
                importlib.import_module(name)
        except Exception as error:  # the module may raise anything
            line = f"{type(error).__name__}: {error}".partition("\n")[0]
            raise UserError(f"cannot import {name}: {line}") from None
        finally:
            sys.path.remove(folder)


def _unreadable(path, error):
    """A UserError for what Keras raises at a file whose archive is sound."""
    line = _line(error)
    missing = re.search(r"Could not locate class '([^']+)'", str(error))
    if missing:
        return UserError(
            f"{path} has layers of the class {missing[1]}: give --import MODULE, which defines it "
            "and registers it by keras.saving.register_keras_serializable"
        )
    if _is_sound(path):
        return UserError(
            f"{path} cannot be loaded: a class in it raises {type(error).__name__}: {line}"
        )
    return UserError(f"{path} is damaged or not a .keras file: {line}")


def _is_sound(path):
    """Whether a file is a whole archive of Keras'."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = {"config.json", "metadata.json", "model.weights.h5"}
            return names <= {*archive.namelist()} and archive.testzip() is None
    except Exception:  # Python's reader raises nearly anything
        return False


def _weights(path):
    """The size in bytes of the weights in a `.keras` file, and these, where they are not large."""
    with contextlib.suppress(Exception), zipfile.ZipFile(path) as archive:
        member = archive.getinfo("model.weights.h5")
        return member.file_size, archive.read(member) if member.file_size < _LOOKED_AT else b""
    return 0, b""


def _config(path):
    """The configuration in a `.keras` file.

    Raises:
        ValueError: there is none. UserError: the file unpacks to too much.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            check_members(archive, path)
            return parsed_json(archive.read("config.json"))
    except UserError:
        raise
    except Exception as error:  # Python's reader raises nearly anything
        raise ValueError(str(error) or type(error).__name__) from None


def _check_trusted(path):
    """Refuses a file whose model has layers that run code, read other files or are too large.

    Raises:
        UserError: it has, or it is no `.keras` file; an older format may hold code unseen.
    """
    if not str(path).endswith(".keras"):  # by which Keras distinguishes the formats
        raise UserError(f"{path} is not a .keras file by its name: rename it if it is one")
    try:
        config = _config(path)
    except ValueError as error:
        raise UserError(f"{path} is damaged or not a .keras file: {_line(error)}") from None
    untrusted = foreign_classes(config)
    if untrusted:
        raise UserError(
            f"{path} has layers that run code or read files ({', '.join(untrusted)}): "
            "pass --trust if you know where it comes from"
        )
    size, content = _weights(path)
    sizes.check_file(config, size, path)
    sizes.check_weights(content, path)


def _line(error):
    return (str(error).strip() or type(error).__name__).splitlines()[0]
