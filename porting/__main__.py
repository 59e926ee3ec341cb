"""Says where `python -m porting` went."""

import sys

WENT = {"compare": "equivalence MODEL, or tf1port compare for a port of your own", "bench": "bench"}


def main():
    """Prints one line; returns 2."""
    command = sys.argv[1] if len(sys.argv) > 1 else "COMMAND"
    went = WENT.get(command, f"tf1port {command}")
    print(f"error: porting has been renamed: use python -m {went}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
