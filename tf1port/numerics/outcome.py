"""The four things that a command which proves can come to, and their exit codes."""

from enum import StrEnum


class Outcome(StrEnum):
    """What a comparison comes to; its text stands in reports.

    EQUAL: all that the claim needs was compared, and is equal. DIFFERENT: a check failed.
    REFUSED: the input is damaged, unknown or unsafe, which raises UserError.
    NOT_PROVED: nothing differs, but something that the claim needs was not compared.
    """

    EQUAL = "equal"
    DIFFERENT = "different"
    REFUSED = "refused"
    NOT_PROVED = "not proved"

    @property
    def exit_code(self) -> int:
        """What a command ends with."""
        return EXIT_CODES[self]


EQUAL, DIFFERENT, NOT_PROVED = Outcome.EQUAL, Outcome.DIFFERENT, Outcome.NOT_PROVED

EXIT_CODES = {EQUAL: 0, DIFFERENT: 1, Outcome.REFUSED: 2, NOT_PROVED: 3}
