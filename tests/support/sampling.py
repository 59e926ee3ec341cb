"""A run has a sample of the cases that are alike; make test-all has each.

`@pytest.mark.sampled(n)` above a parametrized test says that it does the same for many programs,
models or mistakes, so that a change which breaks one case is likely to break its neighbours. A run
then has the first of them and every n-th after it.
"""

import collections

import pytest


def pytest_addoption(parser):
    parser.addoption("--all-cases", action="store_true", help="each case of the sampled tests")


# First of all: -m and -k choose among the cases of the sample.
@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config, items):
    if not config.getoption("all_cases"):
        items[:], left = sampled(items)
        config.hook.pytest_deselected(items=left)


def sampled(items):
    """Parts collected tests into those of the sample and those that are left out.

    The slow cases of a function and the others are counted apart, for they are not run together.

    Args:
        items: pytest's items, in the order of collection.

    Returns:
        The lists (sample, left out), each in that order.
    """
    seen = collections.Counter()
    sample, left = [], []
    for item in items:
        mark = item.get_closest_marker("sampled")
        every = mark.args[0] if mark else 1
        kind = item.nodeid.split("[")[0], item.get_closest_marker("slow") is not None
        (left if seen[kind] % every else sample).append(item)
        seen[kind] += 1
    return sample, left
