"""TF1 checkpoints, opened by their prefix and read one variable at a time.

`inventory` groups its variables; TensorFlow is imported only once the files are known to exist.
"""

import copy
import glob
import os
import textwrap

import numpy as np

from tf1port import limits
from tf1port.errors import UserError
from tf1port.progress import progress
from tf1port.tf1.checkpoint import frozen, soundness
from tf1port.tf1.checkpoint.files import SAVED_MODEL, find_files, graph_beside
from tf1port.tf1.checkpoint.inventory import Cell, Inventory, Layer, group
from tf1port.tf1.checkpoint.partitions import axis, joined_shape, stored_names

__all__ = ["Cell", "Checkpoint", "Inventory", "Layer", "inventory", "open_checkpoint"]

OBJECT_GRAPH = "_CHECKPOINTABLE_OBJECT_GRAPH"


def open_checkpoint(path):
    """Opens a checkpoint; reads names, shapes and dtypes, no values yet.

    Args:
        path: a prefix such as `model.ckpt-100` (or one of the prefix's own files), or a folder with
            the state file `checkpoint`, which names the newest prefix, or a SavedModel's folder, or
            a frozen graph (`.pb`).

    Returns: Checkpoint.

    Raises:
        UserError: there is none, its files are incomplete or damaged, or it is something else.
    """
    path = os.fspath(path)
    if os.path.basename(path) == SAVED_MODEL:
        path = os.path.dirname(path) or "."
    elif path.endswith(frozen.ENDING) and os.path.isfile(path):
        return frozen.FrozenGraph(path)
    prefix, files, format = find_files(path)
    return Checkpoint(prefix, files, format=format)


def inventory(checkpoint):
    """An Inventory in which every variable of the checkpoint is in exactly one group."""
    return group(checkpoint.shapes)


class Checkpoint:
    """A TF1 checkpoint. A partitioned variable counts as one, under its own name without `part_0`.

    Attributes:
        prefix: path that the names of its files begin with.
        files: what TensorFlow opens: the prefix, or a pattern of several files of V1.
        format: "V1" or "V2".
        meta: path of the graph saved beside it, or of its SavedModel; or None.
        shapes, dtypes: by variable name: tuple, np.dtype.
        partitions: {name: {stored name: shape}} of variables that are stored in parts, in order, or
            under another name.
        substitutes: {variable: the one whose value is read in its place}.
        renamed: {variable: the name under which it is stored}, where this is another one.
        hidden: variables whose own name in the files is that of other values, which are not read.
    """

    def __init__(self, prefix, files, *, format):
        import tensorflow as tf

        self.prefix, self.format = prefix, format
        self.meta = graph_beside(prefix)
        self.files = files
        self.substitutes: dict[str, str] = {}
        self.renamed: dict[str, str] = {}
        self.hidden: set[str] = set()
        self._sound: set[str] = set()  # names of variables that were read
        self._guarded(self._check_sizes)
        self._reader = self._guarded(lambda: tf.compat.v1.train.NewCheckpointReader(files))
        # Names that are no UTF-8 are an error of the first who asks for them.
        shapes = self._guarded(self._reader.get_variable_to_shape_map)
        types = self._guarded(self._reader.get_variable_to_dtype_map)
        shapes = {name: tuple(shape) for name, shape in shapes.items()}
        self._refuse(shapes)
        self._stored = stored_names(shapes)
        self.shapes = {
            name: joined_shape([shapes[stored_name] for stored_name in stored])
            for name, stored in self._stored.items()
        }
        self.partitions = {
            name: {stored_name: shapes[stored_name] for stored_name in stored}
            for name, stored in self._stored.items()
            if len(stored) > 1
        }
        self.dtypes = {name: self._dtype(name, types[of[0]]) for name, of in self._stored.items()}

    def with_substitutes(self, substitutes):
        """A copy where some variables have the values of others: {name: name of the substitute}."""
        checkpoint = copy.copy(self)
        checkpoint.substitutes = substitutes
        return checkpoint

    def under_names(self, stored_as):
        """A copy whose variables have other names than in the files.

        Args:
            stored_as: {variable: the name under which it is stored}; what the files lack is left
                out. The other variables keep their names.
        """
        renamed = {name: stored for name, stored in stored_as.items() if stored in self.shapes}
        checkpoint = copy.copy(self)
        names = {name: name for name in self.shapes if name not in {*renamed, *renamed.values()}}
        names |= renamed
        for attribute in ("shapes", "dtypes", "_stored"):
            values = getattr(self, attribute)
            setattr(checkpoint, attribute, {name: values[of] for name, of in names.items()})
        parts = {of: self.partitions.get(of, {of: self.shapes[of]}) for of in renamed.values()}
        parts = {**self.partitions, **parts}
        checkpoint.partitions = {name: parts[of] for name, of in names.items() if of in parts}
        checkpoint.renamed = renamed
        checkpoint.hidden = (renamed.keys() & self.shapes.keys()) - {*renamed.values()}
        checkpoint._sound = set()
        return checkpoint

    def read(self, name):
        """The value of one variable, as a new array.

        Raises:
            KeyError: the checkpoint has no such variable.
            UserError: its data is damaged or missing.
        """
        return self._value(self.substitutes.get(name, name))

    def _value(self, name):
        arrays = [
            self._read(stored_name, dtype=self.dtypes[name]) for stored_name in self._stored[name]
        ]
        self._sound.add(name)
        if len(arrays) == 1:
            return arrays[0]
        return np.concatenate(arrays, axis=axis([array.shape for array in arrays]))

    def check(self):
        """Reads the variables not read yet, one at a time; raises UserError for damaged data."""
        rest = sorted(self.shapes.keys() - self._sound)
        for name in progress(rest, "check", unit=" variables", delay=0.5):
            self._value(name)

    def _dtype(self, name, type):
        try:
            return np.dtype(type.as_numpy_dtype)
        except KeyError:  # the state of an iterator, for one
            raise UserError(
                f"{self.prefix} holds {name}, a {type.name}, which has no array: save it without"
            ) from None

    def _check_sizes(self):
        if self.format == "V2":
            soundness.check_index(self.files)
        else:
            part = self.files.removeprefix(self.prefix)  # "" or the pattern of several files
            soundness.check_first_format(glob.glob(glob.escape(self.prefix) + part))

    def _read(self, name, *, dtype):
        import tensorflow as tf

        def sliced():
            with tf.init_scope():
                return tf.raw_ops.Restore(
                    file_pattern=self.files, tensor_name=name, dt=tf.as_dtype(dtype)
                ).numpy()

        def whole():
            try:
                return self._reader.get_tensor(name)
            except tf.errors.UnimplementedError:  # a V1 file that stores it in slices
                return sliced()

        return np.asarray(self._guarded(whole))

    def _guarded(self, function):
        """Calls `function()`; TensorFlow's errors on damaged files become UserErrors."""
        import tensorflow as tf

        try:
            with limits.step("reading the checkpoint"):
                return function()
        # The reader reports some damage as plain Python errors.
        except (tf.errors.OpError, IndexError, OSError, RuntimeError, ValueError) as error:
            reason = textwrap.shorten(str(getattr(error, "message", error)), 120, placeholder=" …")
            raise UserError(
                f"{self.prefix} is damaged or no TF1 checkpoint: fetch it again ({reason})"
            ) from error

    def _refuse(self, shapes):
        if OBJECT_GRAPH in shapes:
            raise UserError(
                f"{self.prefix} is a TF2 object checkpoint: give one that a TF1 Saver wrote, or "
                "the Keras model as an .h5"
            )
