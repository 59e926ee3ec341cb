"""The process that runs a command for tf1port.isolation, which starts and monitors it.

It reads a request from standard input, a line of JSON, and writes lines of JSON to a pipe: the
steps that have a limit as they begin, at last the answer. Standard output and error of TensorFlow
and of graphs go to a file; progress and messages go where the parent's do.
"""

import contextlib
import gc
import io
import json
import os
import sys
import threading
from collections.abc import Iterator


def main() -> None:
    """Runs one command. The answer has its exit code and its output."""
    request = json.loads(sys.stdin.readline())
    sys.path[:] = request["path"]
    _without_core_file()
    # Graphs are many small objects that stay: to look for garbage among them takes a seventh of
    # the time of converting a large one.
    gc.set_threshold(200_000, 50, 50)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    sys.stderr = os.fdopen(request["stderr"], "w", buffering=1, errors="backslashreplace")
    events = os.fdopen(request["events"], "w", buffering=1, encoding="utf-8")

    from tf1port import __main__, limits  # before TensorFlow: it says how much that may write

    with _without("sklearn", "matplotlib"):
        import keras  # noqa: F401

    def send(**event: object) -> None:
        events.write(json.dumps(event) + "\n")

    limits.configure(request["seconds"], lambda step: send(step=step))
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        code = __main__.main(request["argv"])
    send(code=code, printed=printed.getvalue())
    sys.stderr.flush()
    events.close()
    os._exit(code)  # without waiting for threads that a library has left running


def _end_with_parent() -> None:
    """Ends this process once the parent is gone, and with it the other end of standard input."""
    sys.stdin.read()
    os._exit(1)


@contextlib.contextmanager
def _without(*names: str) -> Iterator[None]:
    """While entered, these modules cannot be imported; afterwards they can.

    Keras imports them where they are installed, for its wrappers and pictures, which nothing here
    needs: 2.1 of 6.3 s.
    """
    hidden = [name for name in names if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]


def _without_core_file() -> None:
    """Prevents a core file where TensorFlow aborts."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    main()
