"""The command that compares a port, as one may paste it."""

import os
import shlex
import sys
from collections.abc import Sequence


def compare_command(
    checkpoint: str,
    keras_file: str,
    map_file: str,
    *,
    load_weights: bool = False,
    trust: bool = False,
    imports: Sequence[str] = (),
) -> str:
    """The words of `python -m tf1port compare` for these files, with this Python."""
    words = [_interpreter(), "-m", "tf1port", "compare", "--legacy", checkpoint]
    words += ["--modern", keras_file, "--map", map_file]
    words += [word for name in imports for word in ("--import", name)]
    words += ["--load-weights"] if load_weights else []
    words += ["--trust"] if trust else []
    return shlex.join(words)


def _interpreter() -> str:
    """The path of this Python: from here where it lies below, else as a whole."""
    path = sys.executable or "python"
    try:
        relative = os.path.relpath(path)
    except ValueError:  # on another drive
        return path
    return path if relative.startswith(os.pardir) else relative
