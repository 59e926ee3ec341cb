"""The process that does a command for tf1port.isolation, which starts it and watches over it.

It reads a request from standard input, a line of JSON, and writes lines of JSON to a pipe: the
steps that have a limit as they begin, at last the answer. What TensorFlow and graphs write to
standard output and error goes to a file; progress and messages go where the parent's do.
"""

import contextlib
import io
import json
import os
import sys
import threading


def main() -> None:
    """Does one command. The answer has its exit code and what it would have printed."""
    request = json.loads(sys.stdin.readline())
    sys.path[:] = request["path"]
    _without_core_file()
    threading.Thread(target=_end_with_parent, daemon=True).start()
    sys.stderr = os.fdopen(request["stderr"], "w", buffering=1, errors="backslashreplace")
    events = os.fdopen(request["events"], "w", buffering=1, encoding="utf-8")

    from tf1port import __main__, limits

    def tell(**event: object) -> None:
        events.write(json.dumps(event) + "\n")

    limits.configure(request["seconds"], lambda step: tell(step=step))
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        code = __main__.main(request["words"])
    tell(code=code, printed=printed.getvalue())
    sys.stderr.flush()
    events.close()
    os._exit(code)  # nothing that a library has left running is waited for


def _end_with_parent() -> None:
    """Ends this process once the parent is gone, which holds the other end of standard input."""
    sys.stdin.read()
    os._exit(1)


def _without_core_file() -> None:
    """No file is left where TensorFlow aborts."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    main()
