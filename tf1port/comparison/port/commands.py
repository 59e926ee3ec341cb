"""The command that compares a port, as one may paste it."""

import shlex
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
    """The words of `python -m tf1port compare` for these files."""
    words = ["python", "-m", "tf1port", "compare", "--legacy", checkpoint]
    words += ["--modern", keras_file, "--map", map_file]
    words += [word for name in imports for word in ("--import", name)]
    words += ["--load-weights"] if load_weights else []
    words += ["--trust"] if trust else []
    return shlex.join(words)
