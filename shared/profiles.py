"""Three numbers about a row of pixels, the nested RNN's second input beside the row itself.

The sums are integers below 2**24, exact in float32 in any order of summation, and each is divided
once: the same bytes on every NumPy. A profile depends on its row alone.
"""

import numpy as np

NAMES = ("brightness", "centroid", "strokes")
LIGHT = 128  # pixels from this value on belong to a stroke


def profiles(rows):
    """The profiles of rows [..., W] uint8, white on black: [..., 3] float32 in [0, 1].

    brightness: the mean of the row's pixels.
    centroid: where the brightness is, 0 at the first column and 1 at the last; 0.5 in a black row.
    strokes: changes from dark to light, the left border being dark, over the W / 2 that fit.

    Only the first is linear in the pixels. The second is a ratio, and the third counts comparisons
    of neighbours: a linear layer over the row, such as a cell's kernel, can compute neither.
    """
    width = rows.shape[-1]
    columns = np.arange(width, dtype=np.float32)
    light = rows >= LIGHT
    strokes = light[..., 0] + np.count_nonzero(light[..., 1:] > light[..., :-1], axis=-1)
    total, moment = np.moveaxis(rows @ np.stack([np.ones_like(columns), columns], axis=-1), -1, 0)
    centroid = moment / (np.maximum(total, np.float32(1)) * columns[-1])
    return np.stack(
        [
            total / np.float32(255 * width),
            np.where(total > 0, centroid, np.float32(0.5)),
            strokes.astype(np.float32) / np.float32(width // 2),
        ],
        axis=-1,
    )
