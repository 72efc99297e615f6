"""How often training has met the names in a caption. A rule of thumb, the same for all runs.

Where case tells names (mixed case), a name is a run of capitalised words; lower-case particles (of, de, van, the ...)
join, punctuation parts. A capitalised word alone at the start of a sentence is none, unless it is all capitals (NATO).
Titles, days, months, photo credits and single letters are not distinctive, and a run without a distinctive word is no
name. Where case says nothing (all lower or upper case, scripts without case), a name is a run of the caption's words,
stop words apart, that its explanation repeats: explanations are asked to say who or what the named entities are.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from functools import lru_cache

import numpy as np

Name = frozenset[str]  # distinctive words, folded; their order does not count

_WORD = re.compile(r"[^\W_]+")
_POSSESSIVE = re.compile(r"['\u2019]s\b")
_EDGES = re.compile(r"^(\W*)(.*?)(\W*)$", re.DOTALL)
_PARTICLES = frozenset("of the de del della di da dos du des la le el al van der den von zu bin ibn ben abu y".split())
_STOP_WORDS = _PARTICLES | frozenset(
    "a an and are as at be been before behind between by during for from had has have he her his in into is it "
    "its near not on or over she that their they this to under was were when where which while who will with".split()
)
_NOT_DISTINCTIVE = _STOP_WORDS | frozenset(
    "mr mrs ms miss dr sir dame lord lady saint st king queen prince princess pope bishop archbishop cardinal "
    "president vice prime minister chancellor secretary foreign defense defence senator governor gov mayor judge "
    "justice professor captain capt general gen colonel col sergeant sgt sen rep prof officer director chief "
    "chairman coach ambassador former monday tuesday wednesday thursday friday saturday sunday january february "
    "march april may june july august september october november december jan feb mar apr jun jul aug sept sep "
    "oct nov dec photo photograph photographer picture credit file handout image reuters ap afp epa getty "
    "shutterstock alamy".split()
)
# By the least number of training captions in a bucket. Fixed, so that runs and data sets can be compared: quantiles
# would mean something else in each of them.
BUCKETS = {"unseen": 0, "1-4": 1, "5-19": 5, "20 or more": 20}
NO_NAME = "no name found"


def words(text: str) -> tuple[str, ...]:
    """The text's words without case, diacritics and possessive 's."""
    folded = unicodedata.normalize("NFKD", text.casefold())
    bare = "".join(c for c in folded if not unicodedata.combining(c))
    return tuple(_WORD.findall(_POSSESSIVE.sub("", bare)))


def names_in(caption: str, explanation: str | None = None) -> set[Name]:
    """The names in a caption, each as its distinctive words; the explanation is read only where case says nothing."""
    if caption.upper() != caption != caption.lower():
        runs = _capitalised_runs(caption)
    else:
        runs = _repeated_runs(caption, explanation or "")
    names = {frozenset(w for w in run if len(w) > 1 and w not in _NOT_DISTINCTIVE) for run in runs}
    return names - {frozenset()}


def _repeated_runs(caption: str, explanation: str) -> list[list[str]]:
    said = set(words(explanation))
    runs: list[list[str]] = [[]]
    for word in words(caption):
        if word in said and word not in _STOP_WORDS:
            runs[-1].append(word)
        elif runs[-1]:
            runs.append([])
    return runs


def _capitalised_runs(caption: str) -> list[list[str]]:
    runs: list[list[str]] = []
    run: list[str] = []  # pieces, as they are written
    starts = begins_sentence = True

    def close() -> None:
        nonlocal run
        alone = begins_sentence and len(run) == 1 and not (len(run[0]) > 1 and run[0].isupper())
        if run and not alone:
            runs.append([word for piece in run for word in words(piece)])
        run = []

    for piece in caption.split():
        before, core, after = _parts(piece)
        if before:
            close()
        if core[:1].isupper():
            if not run:
                begins_sentence = starts
            run.append(core)
        elif not run or core not in _PARTICLES or (begins_sentence and len(run) == 1):
            close()  # also `Supporters of Donald Trump`: the first word is a common one
        abbreviates = after == "." and (len(core) == 1 or core.casefold() in _NOT_DISTINCTIVE)
        if after and not abbreviates:
            close()
        starts = any(mark in after for mark in ".!?:") and not abbreviates
    close()
    return runs


@lru_cache(maxsize=1 << 15)
def _parts(piece: str) -> tuple[str, str, str]:
    """Punctuation before, what is between, punctuation after."""
    match = _EDGES.match(piece)
    assert match is not None
    return match[1], match[2], match[3]


def frequencies(names: Sequence[set[Name]], training_captions: Iterable[str]) -> list[int | None]:
    """For each caption's names, in how many training captions the rarest occurs; None for a caption without names.

    Memory is one number for each time that a training caption has a word of one of the names.
    """
    wanted = {word for of_caption in names for name in of_caption for word in name}
    places: dict[str, list[int]] = {word: [] for word in wanted}
    for number, caption in enumerate(training_captions):
        for word in wanted.intersection(words(caption)):
            places[word].append(number)
    postings = {word: np.array(found, dtype=np.int64) for word, found in places.items()}
    counts = {name: _captions_with(name, postings) for name in set().union(*names)}
    return [min((counts[name] for name in of_caption), default=None) for of_caption in names]


def buckets(found: Sequence[int | None]) -> dict[str, list[int]]:
    """Rows by bucket, the rarest first, captions without a name last; buckets may be empty."""
    rows: dict[str, list[int]] = {name: [] for name in [*BUCKETS, NO_NAME]}
    for row, frequency in enumerate(found):
        if frequency is None:
            rows[NO_NAME].append(row)
        else:
            rows[[name for name, least in BUCKETS.items() if least <= frequency][-1]].append(row)
    return rows


def _captions_with(name: Name, postings: dict[str, np.ndarray]) -> int:
    """How many captions have all words of a name, from the sorted numbers of the captions that have each."""
    rarest, *others = sorted((postings[word] for word in name), key=len)
    for other in others:
        if not len(rarest):
            break
        at = np.searchsorted(other, rarest)
        rarest = rarest[(at < len(other)) & (other[np.minimum(at, len(other) - 1)] == rarest)]
    return len(rarest)
