"""Draws the guide's pictures, as SVG files that are the same bytes every time.

python docs/pictures/drawing.py [FOLDER]    # without a folder: beside this file
"""

import sys
from html import escape
from pathlib import Path

INK, PAPER, GREY = "#1f2933", "#ffffff", "#8a94a0"
BLUE, ORANGE, GREEN, VIOLET = "#cfe3f7", "#fbdcc4", "#d3ecd3", "#e4d9f2"
CELL = 55  # width of a gate's columns
FONT = "font-family='system-ui, sans-serif'"


class Picture:
    """Shapes on a white ground; coordinates are in pixels, from the upper left corner."""

    def __init__(self, width, height, title):
        self.width, self.height, self.title, self.parts = width, height, title, []

    def box(self, x, y, width, height, text="", *, fill=PAPER, size=13, stroke=INK):
        """A rectangle with lines of text in its middle."""
        self.parts.append(
            f"<rect x='{x}' y='{y}' width='{width}' height='{height}' rx='3' "
            f"fill='{fill}' stroke='{stroke}'/>"
        )
        lines = text.split("\n") if text else []
        top = y + height / 2 - (len(lines) - 1) * (size + 3) / 2
        for row, line in enumerate(lines):
            self.text(x + width / 2, top + row * (size + 3) + size * 0.35, line, size=size)

    def text(self, x, y, text, *, size=13, anchor="middle", color=INK, weight="normal"):
        """A line of text; y is its base line."""
        self.parts.append(
            f"<text x='{x:g}' y='{y:g}' font-size='{size}' text-anchor='{anchor}' "
            f"fill='{color}' font-weight='{weight}' {FONT}>{escape(text)}</text>"
        )

    def arrow(self, x1, y1, x2, y2, *, color=INK):
        """A line with a head at its end."""
        self.parts.append(
            f"<line x1='{x1}' y1='{y1}' x2='{x2}' y2='{y2}' stroke='{color}' "
            "stroke-width='1.5' marker-end='url(#head)'/>"
        )

    def svg(self):
        """The file's text."""
        head = (
            f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {self.width} {self.height}' "
            f"width='{self.width}' height='{self.height}' role='img'>\n"
            f"<title>{escape(self.title)}</title>\n"
            "<defs><marker id='head' viewBox='0 0 8 8' refX='7' refY='4' markerWidth='7' "
            f"markerHeight='7' orient='auto'><path d='M0 0L8 4L0 8z' fill='{INK}'/></marker></defs>"
        )
        ground = f"<rect width='{self.width}' height='{self.height}' fill='{PAPER}'/>"
        return "\n".join([head, ground, *self.parts, "</svg>\n"])


CHECKS = [
    ("variables", "every weight, by name"),
    ("outputs", "each layer at each time step, final states, logits; all lengths"),
    ("loss", "loss and accuracy of a batch"),
    ("gradients", "of each variable, by name"),
    ("one step", "weights and optimizer slots after it; constants as data"),
    ("losses of N steps", "200 steps on the same batches"),
    ("resume", "TF1 trains, Keras goes on; and the reverse"),
    ("exports", "both SavedModels, one signature"),
    ("bands", "final accuracies of independent trainings are equivalent"),
]


def checks():
    """The ladder: nine checks, each built on those below."""
    picture = Picture(760, 420, "The ladder of nine checks")
    for number, (name, compared) in enumerate(CHECKS, 1):
        y = 420 - 24 - 42 * number
        inset = 8 * (number - 1)
        fill = GREEN if number < 9 else ORANGE
        picture.box(20 + inset, y, 200, 34, f"{number}  {name}", fill=fill, size=14)
        picture.text(240 + inset, y + 22, compared, anchor="start", size=13)
    note = "float32 and float64 · the first failure is where to look"
    picture.text(20, 412, note, anchor="start", size=12, color=GREY)
    return picture


def gates():
    """Kernels of an LSTM and a GRU: rows [x; h] in TF1, split in Keras; gates as columns."""
    picture = Picture(760, 430, "Rows and gates of recurrent kernels")
    colors = {"i": BLUE, "j": ORANGE, "c": ORANGE, "f": GREEN, "o": VIOLET}
    colors.update({"r": BLUE, "u": GREEN, "z": GREEN, "h": ORANGE})
    picture.text(170, 24, "TF1", size=15, weight="bold")
    picture.text(570, 24, "Keras 3", size=15, weight="bold")
    _kernel(picture, 60, 60, ["i", "j", "f", "o"], colors, "LSTM: kernel [F + U, 4 U]")
    picture.arrow(320, 120, 420, 120)
    picture.text(370, 108, "rows split,", size=12)
    picture.text(370, 138, "columns moved", size=12)
    _split(picture, 460, 60, ["i", "f", "c", "o"], colors)
    picture.text(170, 214, "j and c are one thing; + forget_bias on f", size=12, color=GREY)
    _kernel(picture, 60, 268, ["r", "u"], colors, "GRU: gates [F + U, 2 U]")
    _kernel(picture, 230, 268, ["h"], colors, "candidate [F + U, U]")
    picture.arrow(320, 328, 420, 328)
    _split(picture, 460, 268, ["z", "r", "h"], colors)
    picture.text(170, 414, "u is z; reset_after=False", size=12, color=GREY)
    return picture


def _kernel(picture, x, y, names, colors, title):
    """A TF1 kernel: the input's rows above the state's."""
    picture.text(x, y - 8, title, size=12, anchor="start")
    for column, name in enumerate(names):
        picture.box(x + column * CELL, y, CELL, 50, name, fill=colors[name])
        picture.box(x + column * CELL, y + 50, CELL, 70, name, fill=colors[name])
    picture.text(x - 14, y + 30, "x")
    picture.text(x - 14, y + 90, "h")


def _split(picture, x, y, names, colors):
    """Keras' kernel and recurrent kernel, apart."""
    picture.text(x, y - 8, "kernel [F, …]", size=12, anchor="start")
    picture.text(x, y + 142, "recurrent_kernel [U, …]", size=12, anchor="start")
    for column, name in enumerate(names):
        picture.box(x + column * CELL, y, CELL, 50, name, fill=colors[name])
        picture.box(x + column * CELL, y + 58, CELL, 70, name, fill=colors[name])


def pieces():
    """A graph on the left, the pieces in the middle, the functional model on the right."""
    picture = Picture(760, 380, "A graph becomes pieces, pieces become a model")
    for x, title in ((120, "the graph's ops"), (380, "pieces"), (640, "Keras model")):
        picture.text(x, 24, title, size=15, weight="bold")
    rows = [
        (["GatherV2"], "table looked up", "Embedding", BLUE),
        (["Enter · Merge · Switch", "MatMul BiasAdd Split", "Sigmoid Tanh Mul Add", "Exit"],
         "loop over time,\nits cell known\nby its equations", "LSTM", GREEN),
        (["StridedSlice"], "last step", "return_sequences=False", GREEN),
        (["MatMul", "BiasAdd"], "product with a variable", "Dense", ORANGE),
        (["Softmax"], "any other op", "keras.ops.softmax", VIOLET),
    ]  # fmt: skip
    y = 44
    for ops, piece, layer, fill in rows:
        height = 22 * len(ops) + 16
        for index, op in enumerate(ops):
            picture.box(30, y + 8 + 22 * index, 180, 20, op, fill=fill, size=11)
        picture.box(290, y + 4, 180, height - 8, piece, fill=fill, size=12)
        picture.box(550, y + 4, 180, height - 8, layer, fill=fill, size=13)
        picture.arrow(214, y + height / 2, 286, y + height / 2)
        picture.arrow(474, y + height / 2, 546, y + height / 2)
        y += height + 8
    note = "each op and each variable belongs to one piece, or is named as left out"
    picture.text(380, 372, note, size=12, color=GREY)
    return picture


PICTURES = {"checks.svg": checks, "gates.svg": gates, "pieces.svg": pieces}


def main(folder):
    """Writes all pictures into a folder."""
    for name, draw in PICTURES.items():
        (folder / name).write_text(draw().svg(), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if sys.argv[1:] else Path(__file__).parent)
