"""Entity frequency: how often the names in a caption occur in training captions, and frequency buckets."""

from collections.abc import Iterable, Sequence

import numpy as np

from entityclip.contract.entity_names import Name
from entityclip.contract.words import words

# Bucket -> its minimum number of training captions. Fixed, unlike quantiles, so that runs and data sets are comparable.
BUCKETS = {"unseen": 0, "1-4": 1, "5-19": 5, "20 or more": 20}
NO_NAME = "no name found"


def frequencies(names: Sequence[set[Name]], training_captions: Iterable[str]) -> list[int | None]:
    """Return, for each set of names, how many training captions contain its rarest name; None for an empty set.

    Needs memory for one integer per occurrence, in the training captions, of a word that is part of a name.
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
    """Return row numbers by bucket: rarest names first, captions without names last. Buckets may be empty."""
    rows: dict[str, list[int]] = {name: [] for name in [*BUCKETS, NO_NAME]}
    for row, frequency in enumerate(found):
        bucket = NO_NAME if frequency is None else [name for name, least in BUCKETS.items() if least <= frequency][-1]
        rows[bucket].append(row)
    return rows


def _captions_with(name: Name, postings: dict[str, np.ndarray]) -> int:
    """Count the captions that contain all words of a name, from sorted postings lists."""
    rarest, *others = sorted((postings[word] for word in name), key=len)
    for other in others:
        at = np.searchsorted(other, rarest)
        rarest = rarest[(at < len(other)) & (other[np.minimum(at, len(other) - 1)] == rarest)]
    return len(rarest)
