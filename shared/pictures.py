"""Pictures of digits: drawn in a terminal, saved as PNG, read from the user's own files."""

from __future__ import annotations

import logging
import os
import warnings

import numpy as np
from PIL import Image, ImageOps

from shared.errors import UserError
from shared.files import replacing

logging.getLogger("PIL").addHandler(logging.NullHandler())  # or it prints beside our one line

SIDE = 28  # pixels
BLOCKS = " ▀▄█"  # at 1: the upper pixel is lit, at 2: the lower one
RAMP = " .:-=+*#%@"  # dark to light
CONTRAST = 32  # levels of grey, below which a picture is blank
MOST = 50_000_000  # pixels of a picture: what is unpacked of one takes 13 bytes each
OFF_CENTRE = 3  # pixels; those of MNIST lie within one


def terminal(image: np.ndarray, *, ascii: bool = False) -> str:
    """image [28, 28] uint8 as 14 lines of 28 characters, two rows of pixels to a line.

    Half blocks show a pixel as lit from 128 up; `ascii` shows the mean of two pixels as grey.
    """
    upper, lower = image[::2].astype(np.int64), image[1::2].astype(np.int64)
    if ascii:
        characters, index = RAMP, (upper + lower) * len(RAMP) // 511
    else:
        characters, index = BLOCKS, (upper > 127) + 2 * (lower > 127)
    return "\n".join("".join(characters[i] for i in row) for row in index)


def save_png(image: np.ndarray, path: str, *, scale: int = 10) -> None:
    """Writes image [28, 28] uint8 as a grey PNG, each pixel a square of `scale` pixels.

    Raises UserError where the file can't be written.
    """
    large = image.repeat(scale, axis=0).repeat(scale, axis=1)
    try:
        with replacing(path) as beside:
            Image.fromarray(large).save(beside, format="PNG")
    except OSError as error:
        raise UserError(f"{path} can't be written: {error.strerror or error}") from None


def read_image(path: str) -> np.ndarray:
    """A user's picture as uint8 [28, 28]: grey, fitted into the square with its proportions kept.

    MNIST is white on black: a picture whose edge is light is inverted. Transparent pixels count as
    white. Raises UserError where the file is missing or no picture.
    """
    if not os.path.isfile(path):
        raise UserError(f"there is no file {path}; name a picture of one digit")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what Pillow warns of is an error, or it reads on
            grey = _open(path)
        if _edge(np.asarray(grey)) > 127:
            grey = ImageOps.invert(grey)
        return np.array(ImageOps.pad(grey, (SIDE, SIDE), method=Image.Resampling.BOX))
    except UserError:
        raise
    except Exception as error:  # on broken files Pillow's decoders raise nearly anything
        reason = " ".join(str(error).split())
        raise UserError(f"{path} is no picture that can be read ({reason}); use a PNG") from None


def remarks(image: np.ndarray) -> list[str]:
    """What of image [28, 28] uint8 is unlike MNIST's digits: it is blank, or off-centre.

    MNIST's digits lie with their centre of mass in the middle of the picture.
    """
    mass = image.astype(np.float64)
    if mass.max() - mass.min() < CONTRAST:
        return ["the picture is blank: no digit is to be seen"]
    centre = [np.average(np.arange(SIDE), weights=mass.sum(axis)) for axis in (1, 0)]
    # As Python's floats: NumPy 1.18 rounds its own to floats.
    down, right = (round(float(one) - (SIDE - 1) / 2) for one in centre)
    if max(abs(down), abs(right)) <= OFF_CENTRE:
        return []
    vertical, horizontal = "down" if down > 0 else "up", "right" if right > 0 else "left"
    return [
        f"the digit is off-centre, {abs(down)} rows {vertical} and {abs(right)} columns "
        f"{horizontal}: MNIST's lie in the middle"
    ]


def _open(path: str) -> Image.Image:
    """8 bits of grey. Raises UserError where it has more pixels than MOST."""
    with Image.open(path) as file:
        width, height = file.size
        if width * height > MOST:
            raise UserError(
                f"{path} has {width} × {height} pixels, more than {MOST:,}: make it smaller"
            )
        return _grey(ImageOps.exif_transpose(file))


def _grey(picture: Image.Image) -> Image.Image:
    """8 bits of grey, on white."""
    if picture.mode.startswith("I"):  # 16 bits of grey, which Pillow would clip instead of scale
        return Image.fromarray((np.asarray(picture).astype(np.int64) >> 8).astype(np.uint8))
    picture = picture.convert("RGBA")
    paper = Image.new("RGBA", picture.size, "white")
    return Image.alpha_composite(paper, picture).convert("L")


def _edge(grey: np.ndarray) -> float:
    """The median of the outermost pixels, robust against a stroke that touches the edge."""
    return float(np.median(np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])))
