"""General complaints, in which no word says what is wrong: questions first, then likely pitfalls.

"Accuracy is 2 % lower than before" fits half of the catalogue. What helps is the ladder of checks,
which tells where to look, and the pitfalls of that kind by their measured effect.
"""

import re
from dataclasses import dataclass

from tf1port.pitfalls.entry import Entry, entries
from tf1port.pitfalls.words import STOP

QUESTIONS = (
    ("With TF1's weights and without dropout, are a batch's outputs equal?", "variables,outputs"),
    ("Is its loss equal? Mean or sum, masked or not, penalties included?", "loss"),
    ("Are its gradients?", "gradients"),
    ("Are weights and slots after one step of the optimizer?", "one-step"),
    ("Are the losses of many steps on the same batches?", "losses-of-N-steps"),
)
COMMAND = "python -m tf1port compare --legacy CKPT --modern FILE.keras --map MAP.toml"
_MOST = 8  # pitfalls that are named


@dataclass(frozen=True)
class Complaint:
    """A kind of complaint.

    Attributes:
        id: its name. title: in a few words. words: a pattern of the words that it is told by.
        hint: what to look at before anything else.
        likely: ids of the pitfalls that it is mostly about.
    """

    id: str
    title: str
    words: str
    hint: str
    likely: tuple[str, ...]


COMPLAINTS = (  # the first that fits counts
    Complaint(
        "nan",
        "a loss or an output that is not a number",
        r"nans?|inf|infinite|infinity|explod\w*|diverg\w*|blow\w*",
        "Which step is the first one, and what is particular in its batch: an empty row, an id out "
        "of range, a probability of 0? Is it there at the first step, from TF1's weights?",
        ("P79", "P52", "P58", "P102", "P38", "P23", "P95", "P45", "P74"),
    ),
    Complaint(
        "evaluation",
        "training is as before, evaluation is not",
        r"val|validation|eval\w*|test|tests|inference|serving|overfit\w*|generali\w*",
        "Is it the same batch, with training=False on both sides? What differs there is dropout, "
        "normalization, a state that is kept, or how the average is taken.",
        ("P60", "P61", "P42", "P75", "P37", "P33", "P100", "P17", "P2"),
    ),
    Complaint(
        "slow",
        "it learns slower, or not at all",
        r"slow\w*|converg\w*|learn\w*|stuck|plateau\w*|stall\w*|improv\w*|decreas\w*|longer|flat",
        "Is it so from the same weights on the same batches, too? Curves of other seeds differ by "
        "themselves: train TF1 with three of them first.",
        ("P50", "P45", "P47", "P52", "P69", "P74", "P41", "P96", "P58", "P66", "P54", "P73"),
    ),
    Complaint(
        "loss",
        "accuracy is lower, or the loss higher, than before",
        r"accura\w*|loss|losses|metrics?|f1|perplexity|auc|bleu|wer|quality|performance|worse\w*"
        r"|degrad\w*|bad|poor\w*",
        "By how much do two trainings of TF1 with other seeds differ? Is the metric itself the "
        "same for the same predictions?",
        ("P38", "P79", "P89", "P43", "P45", "P60", "P31", "P6", "P3", "P74", "P58", "P54"),
    ),
    Complaint(
        "outputs",
        "outputs differ with the same weights",
        r"predict\w*|outputs?|results?|logits?|scores?|probabilit\w*|differ\w*|mismatch\w*|match\w*"
        r"|wrong|garbage|identical|equal|reproduc\w*|discrepanc\w*|deviat\w*",
        "Also in float64? Then it is no rounding: that is some 1e-6 of the largest value in "
        "float32, and grows with the steps. Which layer and time step is the first?",
        ("P6", "P8", "P3", "P36", "P31", "P30", "P32", "P27", "P82", "P26", "P81", "P37"),
    ),
)
_SMALL = r"\b(?:slight\w*|little|bit|small|almost|nearly|marginal\w*)\b|\b\d ?(?:%|percent|points?)"
_NEUTRAL = (
    r"tf|tf1|tf2|tensorflow|keras|lstm|gru|rnn|lstms|rnns|models?|net|nets|networks?|port\w*"
    r"|perform\w*|marginal\w*|migrat\w*|upgrad\w*|convert\w*|conversion|rewr\w*|moved?|moving"
    r"|switch\w*|version|new|old"
    r"|original|former\w*|previous\w*|legacy|modern|same|weights|before|after|now|since|again|still"
    r"|percent|points?|about|around|much|many|little|bit|slight\w*|small|large|low\w*|high\w*|big"
    r"|less|more|drops?|dropped|gets?|got|getting|become\w*|goes|going|go|down|up|code|program|we"
    r"|our|me|train\w*|than|there|only|just|every\w*|never|always|no|doesn|don|t|can|cannot|am|were"
    r"|compared|vs|versus|rather|some|few|all|any|too|very|one|two|first|starts?|epochs?|steps?"
    r"|value|values|numbers?|something|reach\w*|as|well|why|help|2|1|3|x|s|fine|good|ok|other|wise"
    r"|while|during|anymore|longer|until|time|times|runs?|work\w*|far|off|way|almost|nearly"
)


def of(text: str) -> Complaint | None:
    """The complaint that a text is, if all of its words are general ones."""
    words = re.findall(r"[a-z_][a-z0-9_]*", text.lower())
    told = [found for found in COMPLAINTS if any(_is(found.words, word) for word in words)]
    known = "|".join([_NEUTRAL, *(found.words for found in COMPLAINTS)])
    return told[0] if told and all(word in STOP or _is(known, word) for word in words) else None


def likely(complaint: Complaint, text: str) -> list[Entry]:
    """Its pitfalls by measured effect: the largest first, or the smallest where little is wrong."""
    found = [entries()[id_] for id_ in complaint.likely]
    return sorted(found, key=effect, reverse=not is_small(text))[:_MOST]


def is_small(text: str) -> bool:
    """Whether a text complains of something small."""
    return re.search(_SMALL, text.lower()) is not None


def effect(entry: Entry) -> float:
    """The measured difference as a share of the largest value; 0 where nothing was measured."""
    found = entry.effect
    if found is None:
        return 0.0
    return float("inf") if found.max_abs is None else found.max_abs / (found.scale or 1.0)


def _is(pattern: str, word: str) -> bool:
    return re.fullmatch(pattern, word) is not None
