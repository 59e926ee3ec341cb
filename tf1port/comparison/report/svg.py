"""Figures as SVG within a page, with the page's colors and font."""

import io
import math
import re
from collections.abc import Callable
from typing import Any

import matplotlib
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

# The colors that a figure is drawn in, and the page's that replace them: light, dark and print.
INK, GRID, PAGE = "#000000", "#d0d0d1", "#fefefe"
LEGACY, MODERN = "#b3541e", "#1e6fb3"
FIRST, SECOND, THIRD = "#4a4a4b", "#2b7a62", "#7c4d9e"
HEAT, SHADE, FAIL = "#8a2d52", "#88898a", "#b3261f"
PAINT = {
    INK: "currentColor",
    GRID: "var(--grid)",
    PAGE: "var(--page)",
    LEGACY: "var(--legacy)",
    MODERN: "var(--modern)",
    FIRST: "var(--first)",
    SECOND: "var(--second)",
    THIRD: "var(--third)",
    HEAT: "var(--heat)",
    SHADE: "var(--shade)",
    FAIL: "var(--fail)",
}
SIDES: dict[str, dict[str, Any]] = {
    "legacy": {"color": LEGACY, "linestyle": "-", "linewidth": 4, "alpha": 0.5},
    "modern": {"color": MODERN, "linestyle": (0, (4, 2)), "linewidth": 1.4},
}
WIDTH = 420  # of a figure, in points: near a phone's, so that letters keep their size there

_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",  # text stays text
    "text.parse_math": False,  # a $ in a name is a $
    "font.family": "DejaVu Sans",
    "font.size": 11.5,
    "axes.labelsize": 11.5,
    "xtick.labelsize": 11,
    "ytick.labelsize": 11,
    "legend.fontsize": 11,
    "legend.frameon": False,
    "legend.borderaxespad": 0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.8,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.formatter.useoffset": False,
    "axes.unicode_minus": True,
    "grid.color": GRID,
    "grid.linewidth": 0.7,
    "xtick.major.size": 3,
    "ytick.major.size": 3,
    "figure.constrained_layout.use": True,
    "figure.dpi": 72,
}
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def svg(name: str, draw: Callable[[], Figure]) -> str:
    """The SVG element of a figure.

    Args:
        name: of the figure in its page; ids begin with it.
        draw: returns a matplotlib Figure.

    Returns:
        Text from `<svg` on: no size of its own, no metadata, the same bytes each time.
    """
    buffer = io.StringIO()
    with matplotlib.rc_context({**_STYLE, "svg.hashsalt": name}):
        draw().savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    return _embedded(buffer.getvalue(), name)


def power_of_ten(value: float, _: int | None = None) -> str:
    """A power of ten as `10⁻⁶`."""
    return "10" + str(round(math.log10(value))).translate(_SUPERSCRIPTS)


def log_axis(axis: Axis) -> None:
    """Labels the powers of ten of a logarithmic axis, without minor ticks."""
    axis.set_major_formatter(FuncFormatter(power_of_ten))
    axis.set_major_locator(LogLocator(numticks=8))
    axis.set_minor_locator(NullLocator())


def _embedded(text: str, name: str) -> str:
    """Removes the elements of a separate file, and sets the page's colors and font."""
    view = text.partition('viewBox="')[2].partition('"')[0]
    body = text[text.index("<g ") : text.rindex("</svg>")]
    clips = re.findall(r"<clipPath.*?</clipPath>", text, re.S)
    body = re.sub(r"<defs>\s*(<clipPath.*?</clipPath>\s*)+</defs>", "", body, flags=re.S)
    body = re.sub(r' id="[\w.]+_\d+"', "", f"<defs>{''.join(clips)}</defs>{body}")
    body = re.sub(r' id="(\w+)"', rf' id="{name}-\1"', body)
    body = re.sub(r'xlink:href="#', f'href="#{name}-', body)
    body = re.sub(r"url\(#", f"url(#{name}-", body)
    body = re.sub(r" font-family: [^;\"]*;?", "", body)
    for drawn, painted in PAINT.items():
        body = re.sub(rf"(fill|stroke): {drawn}\b", rf"\1: {painted}", body)
    body = re.sub(r' (d|x|y)="[^"]*"', _rounded, body)
    return f'<svg viewBox="{view}">{body}</svg>\n'


def _rounded(match: re.Match[str]) -> str:
    return re.sub(r"\d+\.\d{3,}", lambda digits: f"{float(digits.group()):.2f}", match.group())
