"""The section on independent trainings: are both sides' results equivalent?"""

from collections.abc import Sequence
from functools import partial
from itertools import zip_longest

from tf1port.comparison.ladder.bands import strength
from tf1port.comparison.report import figures
from tf1port.comparison.report.blocks import Column, Picture, Section, Table
from tf1port.comparison.report.form import Bands, Report
from tf1port.comparison.report.text import absent, fraction, number, plain, signed
from tf1port.numerics.equivalence import scatter_of

TITLE = "Independent trainings"


def bands(report: Report) -> Section:
    """What the trainings over seeds end with, and the two one-sided tests (TOST)."""
    found = report.get("bands")
    if not found:
        return Section("bands", TITLE, [absent(report, "bands", "No seeds were trained.")])
    verb = "show" if found["equivalent"] else "do not show"
    text = (
        f"{_trainings(found)}, each from weights of its own. Two one-sided tests {verb} that the "
        f"mean {found['quantity']} of the sides differs by less than {_margin(found)}."
    )
    if found["tests"]:
        text += (
            f" That of a training is the median of {found['tests']} tests over its last tenth: a "
            "single test moves as much from step to step as another seed moves it."
        )
    return Section(
        "bands", TITLE, [text], [*_pictures(found), _equivalence(found), _by_seed(found)]
    )


def _pictures(found: Bands) -> list[Picture]:
    low_high = found["band"]
    inside = "within" if found["equivalent"] else "not within"
    band = f" The band {_between(low_high)} is shaded." if low_high else ""
    points = f"A point is one training, a bar the mean of its side.{band}"
    line = (
        f"The {_level(found)} interval, {_interval(found)}, lies {inside} the shaded margin "
        f"{_margin(found)}; the diamond is the difference of the means."
    )
    return [
        Picture("bands-seeds", points, partial(figures.seeds, found)),
        Picture("bands-interval", line, partial(figures.interval, found)),
    ]


def _equivalence(found: Bands) -> Table:
    facts = {
        "difference of the means": signed(found["difference"]),
        f"{_level(found)} interval": _interval(found),
        "margin": _margin(found),
        "alpha": number(found["alpha"]),
        "larger p of the two tests": number(found["p"]),
        "standard deviation": number(scatter_of(found["legacy"], found["modern"])),
        "equal sides would pass": f"{strength(found):.0%} of the time",
        "absolute band": _between(found["band"]) if found["band"] else "none",
        "equivalent": "✓ yes" if found["equivalent"] else "✗ no",
    }
    columns = [Column("Quantity"), Column("Value", "number")]
    rows = [list(fact) for fact in facts.items()]
    return Table("Equivalence (TOST)", columns, rows, "facts")


def _by_seed(found: Bands) -> Table:
    rows = [
        [plain(seed), *map(fraction, pair)]
        for seed, *pair in zip_longest(found["seeds"], found["legacy"], found["modern"])
    ]
    columns = [Column(name, "number") for name in ("Seed", "Legacy", "Modern")]
    return Table(f"{found['quantity'].capitalize()} by seed", columns, rows, "narrow")


def _trainings(found: Bands) -> str:
    legacy, modern = len(found["legacy"]), len(found["modern"])
    return (
        f"{legacy} trainings per side" if legacy == modern else f"{legacy} and {modern} trainings"
    )


def _level(found: Bands) -> str:
    return f"{100 * (1 - 2 * found['alpha']):g} %"


def _interval(found: Bands) -> str:
    return " to ".join(signed(value) for value in found["interval"])


def _margin(found: Bands) -> str:
    return f"±{found['margin']:g}"


def _between(band: Sequence[float]) -> str:
    return f"{band[0]:g} to {band[1]:g}"
