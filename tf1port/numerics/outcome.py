"""The four outcomes of a command that proves, and their exit codes."""

from enum import StrEnum


class Outcome(StrEnum):
    """The outcome of a comparison; its text stands in reports.

    Attributes:
        EQUAL: all that the claim needs was compared, and is equal.
        DIFFERENT: a check failed.
        REFUSED: the input is damaged, unknown or unsafe, which raises UserError.
        NOT_PROVED: nothing differs, but something that the claim needs was not compared.
    """

    EQUAL = "equal"
    DIFFERENT = "different"
    REFUSED = "refused"
    NOT_PROVED = "not proved"

    @property
    def exit_code(self) -> int:
        """The exit code of a command with this outcome."""
        return EXIT_CODES[self]


EQUAL, DIFFERENT, NOT_PROVED = Outcome.EQUAL, Outcome.DIFFERENT, Outcome.NOT_PROVED

EXIT_CODES = {EQUAL: 0, DIFFERENT: 1, Outcome.REFUSED: 2, NOT_PROVED: 3}
