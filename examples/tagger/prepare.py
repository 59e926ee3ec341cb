"""Writes what tf1port needs beside the checkpoint: python prepare.py FOLDER.

own.keras is the compiled model, untrained; examples.npz has sentences of the corpus, by the names
of the TF1 program's placeholders.
"""

import os
import sys

import corpus
import modern_tagger
import numpy as np

LONGEST, ROWS = 12, 8  # words of a sentence; sentences of a batch of `tf1port compare`


def examples(rows, vocabulary):
    """Arrays [N, ...]: each batch of them has a sentence of all 12 words.

    The TF1 program pads to the longest sentence of a batch, and its loss relies on that:
    `sequence_mask(lengths)` is as long as the longest one, whatever the padding.
    """
    long = [row for row in rows if len(row[0]) == LONGEST]
    others = [row for row in rows if len(row[0]) < LONGEST]
    chosen = []
    for i, row in enumerate(long[:25]):
        chosen += [row, *others[i * (ROWS - 1) : (i + 1) * (ROWS - 1)]]
    return dict(zip(("words", "chars", "tags"), vocabulary.batch(chosen), strict=True))


def main(folder):
    """Writes both files."""
    os.makedirs(folder, exist_ok=True)
    rows = corpus.sentences(600, seed=0)
    vocabulary = corpus.Vocabulary(rows)
    sizes = len(vocabulary.words) + 2, len(vocabulary.chars) + 2, len(corpus.TAGS)
    modern_tagger.build_model(*sizes).save(os.path.join(folder, "own.keras"))
    np.savez(os.path.join(folder, "examples.npz"), **examples(rows, vocabulary))


if __name__ == "__main__":
    main(sys.argv[1])
