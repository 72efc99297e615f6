"""Findings about duplicate ids, pairs, captions and images within a split."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipeline.checking.images import ImageLook
from pipeline.checking.report import EXAMPLES, Code, Finding, Severity, example, quoted, rows_named
from pipeline.checking.survey import NOTHING, Digests, Rows, Survey

_ODD = np.int64(-7046029254386353131)  # odd multiplier for combining a pair's caption and image digests
_WORDS: dict[Code, tuple[Severity, str, str]] = {
    "repeated_ids": (
        "error",
        "pairs whose id occurs in an earlier pair of the same split",
        "generation rejects them, because split and id identify a row: give each pair a unique id",
    ),
    "repeated_pairs": (
        "warning",
        "pairs whose image and caption both occur in an earlier pair of the same split",
        "they weigh more in training and count twice in evaluation: keep one of each",
    ),
    "repeated_captions": (
        "info",
        "pairs whose caption occurs in an earlier pair of the same split",
        "no change needed if images share a caption: it is explained once, and they are not negatives of each other",
    ),
    "repeated_images": (
        "info",
        "pairs whose image occurs in an earlier pair of the same split",
        "no change needed if an image has several captions: they are not negatives of each other",
    ),
    "repeated_image_bytes": (
        "warning",
        "images that are byte-for-byte copies of an earlier image of the same split, under another path",
        "training treats copies as different images, and so as negatives of each other: use one path for all pairs",
    ),
}


@dataclass(frozen=True)
class Repeats:
    """Duplicates among rows.

    Attributes:
        count: number of rows whose digest already occurs in an earlier row.
        groups: for each of the most frequent digests, its rows in ascending order; the largest groups come first.
        distinct: number of distinct digests.
    """

    count: int
    groups: list[list[int]]
    distinct: int


@dataclass(frozen=True)
class Leaks:
    """Rows whose digest also occurs in an earlier split.

    Attributes:
        rows: numbers of these rows, ascending.
        partners: for each of `rows`, the first row with the same digest in the earliest split that contains it.
    """

    rows: Rows
    partners: Rows


def repeats(digests: Digests, rows: Rows, most: int) -> Repeats:
    """Find duplicates among `rows` (ascending), and return up to `most` groups; the digest `NOTHING` is ignored."""
    rows = rows[digests[rows] != NOTHING]
    order = rows[np.argsort(digests[rows], kind="stable")]  # equal digests adjacent, their rows ascending
    _, starts, sizes = np.unique(digests[order], return_index=True, return_counts=True)
    several = np.flatnonzero(sizes > 1)
    largest = several[np.lexsort((order[starts[several]], -sizes[several]))][:most]
    groups = [order[starts[group] : starts[group] + sizes[group]].tolist() for group in largest]
    return Repeats(len(order) - len(starts), groups, len(starts))


def later_rows(digests: Digests) -> Rows:
    """Return, in ascending order, all rows whose digest already occurs in an earlier row."""
    return np.setdiff1d(np.arange(len(digests)), first_rows(digests), assume_unique=True)


def first_rows(digests: Digests) -> Rows:
    """Return, in ascending order, the first row with each distinct digest."""
    return np.sort(np.unique(digests, return_index=True)[1])


def leaks(digests: Digests, split: npt.NDArray[np.uint16]) -> Leaks:
    """Find rows whose digest also occurs in a split with a lower number; the digest `NOTHING` is ignored."""
    rows = np.flatnonzero(digests != NOTHING)
    order = rows[np.lexsort((rows, split[rows], digests[rows]))]
    _, starts, sizes = np.unique(digests[order], return_index=True, return_counts=True)
    partner = order[np.repeat(starts, sizes)]
    leaking = split[order] > split[partner]
    order, partner = order[leaking], partner[leaking]
    ascending = np.argsort(order)
    return Leaks(order[ascending], partner[ascending])


def pairs_of_splits(found: Leaks, split: npt.NDArray[np.uint16]) -> Counter[tuple[int, int]]:
    """Count the leaked rows for each pair of split numbers: (earlier split, later split)."""
    return Counter(zip(split[found.partners].tolist(), split[found.rows].tolist(), strict=True))


def repeat_findings(survey: Survey) -> list[Finding]:
    """Report ids, pairs, captions and image paths that occur more than once in a split."""
    pairs = survey.captions + survey.images * _ODD
    pairs[survey.captions == NOTHING] = NOTHING
    return [
        *_finding(survey, survey.ids, "repeated_ids"),
        *_finding(survey, pairs, "repeated_pairs"),
        *_finding(survey, survey.captions, "repeated_captions"),
        *_finding(survey, survey.images, "repeated_images"),
    ]


def repeated_content_findings(survey: Survey, look: ImageLook) -> list[Finding]:
    """Report decoded images that occur under several paths in a split, byte for byte the same."""
    contents = look.contents_by_row(survey.images)
    first_of_path = [rows[first_rows(survey.images[rows])] for rows in map(survey.rows_of, survey.splits)]
    return _finding(survey, contents, "repeated_image_bytes", first_of_path)


def _finding(survey: Survey, digests: Digests, code: Code, among: Iterable[Rows] | None = None) -> list[Finding]:
    """Report duplicates within each split, or within each set of rows in `among`; the largest groups are examples."""
    found = [repeats(digests, rows, EXAMPLES) for rows in among or map(survey.rows_of, survey.splits)]
    count = sum(one.count for one in found)
    if not count:
        return []
    groups = sorted((group for one in found for group in one.groups), key=lambda group: (-len(group), group[0]))
    examples = []
    for first, *others in groups[:EXAMPLES]:
        pair = survey.rows.pair(first)
        detail = quoted(pair.caption) if code in ("repeated_pairs", "repeated_captions") else f"image {pair.image}"
        examples.append(example(survey.rows, first, f"{detail}; also in {rows_named(survey.rows, others)}"))
    severity, what, mend = _WORDS[code]
    return [Finding(code=code, severity=severity, count=count, what=what, mend=mend, examples=examples)]
