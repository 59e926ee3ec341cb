"""Text as batches of character ids whose rows go on from one batch to the next."""

import collections

import numpy as np

SUBJECTS = ["the cat", "a dog", "the old man", "my sister", "a small bird", "the sea"]
VERBS = ["sees", "hears", "follows", "remembers", "does not like", "waits for"]
PLACES = ["in the garden", "at night", "near the river", "every day", "on the hill", "again"]


def sentences(count, seed):
    """A text of made-up sentences."""
    stream = np.random.RandomState(seed)

    def pick(words):
        return words[stream.randint(len(words))]

    rows = [
        "%s %s %s %s.\n" % (pick(SUBJECTS), pick(VERBS), pick(SUBJECTS), pick(PLACES))
        for _ in range(count)
    ]
    return "".join(rows)


class Vocabulary:
    """Characters and their ids, the commonest first; id 0 is for characters that are not known."""

    def __init__(self, text):
        counts = collections.Counter(text)
        self.chars = [None, *sorted(counts, key=lambda char: (-counts[char], char))]
        self.ids = {char: i for i, char in enumerate(self.chars) if char is not None}

    def __len__(self):
        return len(self.chars)

    def encode(self, text):
        """Ids of a text: [N] int32."""
        return np.array([self.ids.get(char, 0) for char in text], np.int32)

    def decode(self, ids):
        """The text of ids."""
        return "".join(self.chars[i] or "?" for i in ids)


def batches(ids, batch_size, num_steps):
    """Yields (x, y), each [B, T]: row b of a batch continues row b of the batch before."""
    length = (len(ids) - 1) // (batch_size * num_steps) * num_steps
    x = ids[: batch_size * length].reshape(batch_size, length)
    y = ids[1 : batch_size * length + 1].reshape(batch_size, length)
    for start in range(0, length, num_steps):
        yield x[:, start : start + num_steps], y[:, start : start + num_steps]
