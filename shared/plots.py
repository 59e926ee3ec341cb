"""PNG figures, where there is matplotlib: the environment of TensorFlow 1.15.5 has none."""

from shared.files import replacing

COLORS = {"legacy": "#b3541e", "modern": "#1e6fb3"}
LINES = {"legacy": "-", "modern": "--"}


def write(path, draw, *, size):
    """Writes a PNG that `draw(figure)` fills; prints its path, or that matplotlib is missing.

    Args:
        path: file to write.
        draw: fills a matplotlib Figure.
        size: (width, height) in hundreds of pixels.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        print(f"no {path}: matplotlib is not installed")
        return
    figure = Figure(figsize=size, layout="constrained")
    draw(figure)
    for axes in figure.axes:
        axes.grid(alpha=0.3)
    with replacing(path) as beside:
        figure.savefig(beside, dpi=100, format="png")
    print(f"wrote {path}")
