"""Split off from tf1port/comparison/ladder/outcome.py."""

EQUAL, DIFFERENT, NOT_PROVED = "equal", "different", "not proved"


EXIT_CODES = {EQUAL: 0, DIFFERENT: 1, NOT_PROVED: 3}
