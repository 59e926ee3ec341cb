"""Draws docs/layouts.png: the memory order of one small batch in each layout.

python docs/figures/layouts.py [FILE]
"""

import sys
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

matplotlib.use("Agg")

IMAGES, ROWS, PIXELS, CHANNELS = 2, 3, 2, 2
COLORS = ["#b3541e", "#1e6fb3"]  # of image A and image B


def layouts():
    """Title and numbers of each layout; a number says image, row, pixel and channel."""
    nhwc = np.arange(IMAGES * ROWS * PIXELS * CHANNELS).reshape(IMAGES, ROWS, PIXELS, CHANNELS)
    rows = nhwc.reshape(IMAGES, ROWS, PIXELS * CHANNELS)
    time_major = rows.transpose(1, 0, 2)
    return [
        ("dense  [batch, input]", [rows.reshape(IMAGES, -1)]),
        ("batch-major  [batch, time, input]", [rows]),
        ("NHWC  [batch, height, width, channel]", [nhwc]),
        ("NCHW  [batch, channel, height, width]", [nhwc.transpose(0, 3, 1, 2)]),
        ("time-major  [time, batch, input]", [time_major]),
        ("list of steps  time × [batch, input]", list(time_major)),
    ]


def draw():
    """The figure: one strip of cells per layout."""
    figure = Figure(figsize=(10, 4.2), layout="constrained")
    axes = figure.subplots()
    for line, (title, tensors) in enumerate(layouts()):
        top = -1.7 * line
        axes.text(0, top + 1.12, title, fontsize=9, va="bottom")
        at = 0.0
        for tensor in tensors:
            for number in tensor.ravel():
                _cell(axes, at, top, int(number))
                at += 1
            at += 0.5 if len(tensors) > 1 else 0
    axes.set(xlim=(-0.2, 25.3), ylim=(-1.7 * 5 - 0.2, 1.8), aspect="equal")
    axes.axis("off")
    return figure


def _cell(axes, x, y, number):
    """One number: colored by image, darker by row, named image row.pixel and channel."""
    image, row, pixel, channel = np.unravel_index(number, (IMAGES, ROWS, PIXELS, CHANNELS))
    strength = (0.3, 0.55, 0.85)[row]
    color = 1 - strength * (1 - np.array(to_rgb(COLORS[image])))
    axes.add_patch(Rectangle((x, y), 1, 1, facecolor=color, edgecolor="white", linewidth=1.2))
    ink = "white" if row == ROWS - 1 else "black"
    name = f"{'AB'[image]}{row + 1}{pixel + 1}\n{'rg'[channel]}"
    axes.text(x + 0.5, y + 0.5, name, fontsize=6.5, ha="center", va="center", color=ink)


if __name__ == "__main__":
    target = sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent.parent / "layouts.png"
    draw().savefig(target, dpi=110)
    print(f"wrote {target}")
