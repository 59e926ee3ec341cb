"""What the tests of all models ask of a ladder."""

from tf1port.comparison.ladder import checks


def assert_all_pass(results):
    """Asserts that checks 1 to 7 were run and passed; returns the list of their results."""
    results = list(results)
    assert [result for result in results if not result.passed] == []
    assert {checks.number(result.quantity) for result in results} == {1, 2, 3, 4, 5, 6, 7}
    return results


def first_failure(results):
    """The quantity that fails first; "" where none does."""
    return next((result.quantity for result in results if not result.passed), "")
