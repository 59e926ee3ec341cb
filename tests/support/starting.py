"""A side's start in a process of its own, as a user's terminal sees it."""

import os
import subprocess
import sys


def start_of(package):
    """Exit code, standard output and standard error of a package's `start`, called twice."""
    source = "from %s import __main__; __main__.start(); __main__.start()" % package
    names = ("TF_CPP_MIN_LOG_LEVEL", "CUDA_VISIBLE_DEVICES")
    done = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", source],
        env={name: value for name, value in os.environ.items() if name not in names},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    output, errors = done.communicate()
    return done.returncode, output, errors
