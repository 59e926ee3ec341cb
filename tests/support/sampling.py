"""A run has a sample of the cases that are alike; make test-all has each.

`@pytest.mark.sampled(n)` above a parametrized test says that it does the same for many programs,
models or mistakes, so that a change which breaks one case is likely to break its neighbours. A run
then has the first of those that it chooses and every n-th after it, and what is asked for by name.
"""

import collections

import pytest


def pytest_addoption(parser):
    parser.addoption("--all-cases", action="store_true", help="each case of the sampled tests")


# Last: of what -m and -k choose, so that a run with them is never without a case.
@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config, items):
    asked_for = any("[" in argument for argument in config.args)
    if not (config.getoption("all_cases") or asked_for):
        items[:], left = sampled(items)
        config.hook.pytest_deselected(items=left)


def sampled(items):
    """Parts chosen tests into those of the sample and those that are left out.

    Args:
        items: pytest's items, in the order of collection.

    Returns:
        The lists (sample, left out), each in that order.
    """
    seen = collections.Counter()
    sample, left = [], []
    for item in items:
        mark = item.get_closest_marker("sampled")
        function = item.nodeid.split("[")[0]
        (left if mark and seen[function] % mark.args[0] else sample).append(item)
        seen[function] += 1
    return sample, left
