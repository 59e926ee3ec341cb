"""How tight the tolerances are: each bound, the largest gap in the table and on this machine."""

from shared.tables import table
from tf1port.numerics.tolerances import tolerance

SEEDS = 4  # of ladders in addition to the comparison's own


def lines(entries):
    """A row per tolerance used in entries of the report.

    The last column is the bound over the larger gap of the two: below 4 it is tight for a machine
    that rounds otherwise.
    """
    worst: dict[tuple[str, str], float] = {}
    for entry in entries:
        if entry["applies"]:
            key = entry["quantity"], entry["dtype"]
            worst[key] = max(worst.get(key, 0.0), entry["max_abs"])
    rows = [["tolerance", "dtype", "bound", "in table", "here", "bound / largest"]]
    for (quantity, dtype), here in worst.items():
        bound, observed, _ = tolerance(quantity, dtype)
        largest = max(here, observed)
        ratio = f"{bound / largest:.2g}" if largest else "-"
        numbers = (f"{number:.2g}" for number in (bound, observed, here))
        rows.append([quantity, dtype, *numbers, ratio])
    return table(rows, "<<>>><")
