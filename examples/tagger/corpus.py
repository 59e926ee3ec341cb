"""Made-up sentences with a tag for each word, and their ids: words, characters, tags."""

import numpy as np

TAGS = ["O", "PER", "LOC", "NUM"]
FIRST = ["ann", "boris", "chloe", "dan", "edith", "farid", "greta", "hugo"]
PLACE = ["ton", "ville", "burg", "field", "port"]
STEM = ["nor", "ash", "lin", "gray", "stone", "mill", "oak", "red"]
PLAIN = ["met", "saw", "in", "at", "near", "the", "train", "left", "with", "tickets", "for", "and"]


def sentences(count, seed):
    """Pairs of words and tags, 4 to 12 words each."""
    stream = np.random.RandomState(seed)

    def pick(words):
        return words[stream.randint(len(words))]

    def word_after(before):
        kind = stream.randint(7)
        if kind == 3:  # the same names, people or places by the word before
            return pick(STEM), "LOC" if before in ("in", "at", "near", "the") else "PER"
        if kind == 0:
            return pick(FIRST), "PER"
        if kind == 1:
            return pick(STEM) + pick(PLACE), "LOC"  # most of these are seen once: characters tell
        if kind == 2:
            return str(stream.randint(10, 99999)), "NUM"
        return pick(PLAIN), "O"

    rows = []
    for _ in range(count):
        row = [("", "")]
        for _ in range(stream.randint(4, 13)):
            row.append(word_after(row[-1][0]))
        rows.append(([word for word, _ in row[1:]], [tag for _, tag in row[1:]]))
    return rows


class Vocabulary:
    """Ids of words and characters; 0 is padding, 1 stands for what is not known."""

    def __init__(self, rows, min_count=3):
        words = [word for row, _ in rows for word in row]
        common = sorted(word for word in set(words) if words.count(word) >= min_count)
        self.words = {word: i + 2 for i, word in enumerate(common)}
        self.chars = {char: i + 2 for i, char in enumerate(sorted(set("".join(words))))}

    def batch(self, rows):
        """Words [B, T], characters [B, T, C] and tags [B, T], int32, padded on the right."""
        time = max(len(words) for words, _ in rows)
        width = max(len(word) for words, _ in rows for word in words)
        words = np.zeros([len(rows), time], np.int32)
        chars = np.zeros([len(rows), time, width], np.int32)
        tags = np.zeros([len(rows), time], np.int32)
        for b, (row, row_tags) in enumerate(rows):
            for t, word in enumerate(row):
                words[b, t] = self.words.get(word, 1)
                chars[b, t, : len(word)] = [self.chars.get(char, 1) for char in word]
                tags[b, t] = TAGS.index(row_tags[t])
        return words, chars, tags


def batches(rows, vocabulary, batch_size, seed=None):
    """Yields batches in a new order, or in that of the rows without a seed."""
    order = np.arange(len(rows))
    if seed is not None:
        np.random.RandomState(seed).shuffle(order)
    for start in range(0, len(rows), batch_size):
        yield vocabulary.batch([rows[i] for i in order[start : start + batch_size]])
