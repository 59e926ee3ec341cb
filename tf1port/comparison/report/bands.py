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
    """The final accuracies of the trainings over seeds, and the two one-sided tests (TOST)."""
    bands_ = report.get("bands")
    if not bands_:
        return Section("bands", TITLE, [absent(report, "bands", "No seeds were trained.")])
    verb = "show" if bands_["equivalent"] else "do not show"
    text = (
        f"{_trainings(bands_)}, each from weights of its own. Two one-sided tests {verb} that the "
        f"mean {bands_['quantity']} of the sides differs by less than {_margin(bands_)}."
    )
    if bands_["tests"]:
        text += (
            f" That of a training is the median of {bands_['tests']} tests over its last tenth: a "
            "single test moves as much from step to step as another seed moves it."
        )
    return Section(
        "bands", TITLE, [text], [*_pictures(bands_), _equivalence(bands_), _by_seed(bands_)]
    )


def _pictures(bands_: Bands) -> list[Picture]:
    low_high = bands_["band"]
    inside = "within" if bands_["equivalent"] else "not within"
    band = f" The band {_between(low_high)} is shaded." if low_high else ""
    points = f"A point is one training, a bar the mean of its side.{band}"
    line = (
        f"The {_level(bands_)} interval, {_interval(bands_)}, lies {inside} the shaded margin "
        f"{_margin(bands_)}; the diamond is the difference of the means."
    )
    return [
        Picture("bands-seeds", points, partial(figures.seeds, bands_)),
        Picture("bands-interval", line, partial(figures.interval, bands_)),
    ]


def _equivalence(bands_: Bands) -> Table:
    facts = {
        "difference of the means": signed(bands_["difference"]),
        f"{_level(bands_)} interval": _interval(bands_),
        "margin": _margin(bands_),
        "alpha": number(bands_["alpha"]),
        "larger p of the two tests": number(bands_["p"]),
        "standard deviation": number(scatter_of(bands_["legacy"], bands_["modern"])),
        "equal sides would pass": f"{strength(bands_):.0%} of the time",
        "absolute band": _between(bands_["band"]) if bands_["band"] else "none",
        "equivalent": "✓ yes" if bands_["equivalent"] else "✗ no",
    }
    columns = [Column("Quantity"), Column("Value", "number")]
    rows = [list(fact) for fact in facts.items()]
    return Table("Equivalence (TOST)", columns, rows, "facts")


def _by_seed(bands_: Bands) -> Table:
    rows = [
        [plain(seed), *map(fraction, pair)]
        for seed, *pair in zip_longest(bands_["seeds"], bands_["legacy"], bands_["modern"])
    ]
    columns = [Column(name, "number") for name in ("Seed", "Legacy", "Modern")]
    return Table(f"{bands_['quantity'].capitalize()} by seed", columns, rows, "narrow")


def _trainings(bands_: Bands) -> str:
    legacy, modern = len(bands_["legacy"]), len(bands_["modern"])
    return (
        f"{legacy} trainings per side" if legacy == modern else f"{legacy} and {modern} trainings"
    )


def _level(bands_: Bands) -> str:
    return f"{100 * (1 - 2 * bands_['alpha']):g} %"


def _interval(bands_: Bands) -> str:
    return " to ".join(signed(value) for value in bands_["interval"])


def _margin(bands_: Bands) -> str:
    return f"±{bands_['margin']:g}"


def _between(band: Sequence[float]) -> str:
    return f"{band[0]:g} to {band[1]:g}"
