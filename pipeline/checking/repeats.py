"""Findings about what occurs more than once in a split: ids, pairs, captions, images."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipeline.checking.images import ImageLook
from pipeline.checking.report import EXAMPLES, Code, Finding, Severity, example, quoted, rows_named
from pipeline.checking.survey import NOTHING, Digests, Rows, Survey

_ODD = np.int64(-7046029254386353131)  # keeps a pair's digest apart from those of its image and its caption


@dataclass(frozen=True)
class Repeats:
    """Rows whose digest an earlier row has.

    Attributes:
        count: how many such rows.
        groups: the rows of what occurs most often, first row first, the largest groups first; as many as were asked.
        distinct: how many different digests occur at all.
    """

    count: int
    groups: list[list[int]]
    distinct: int


@dataclass(frozen=True)
class Leaks:
    """Rows whose digest also occurs in an earlier split.

    Attributes:
        rows: ascending; partners: for each of them, the first row with the digest in the earliest split that has it.
    """

    rows: Rows
    partners: Rows


def repeats(digests: Digests, rows: Rows, most: int) -> Repeats:
    """What occurs twice among these rows (ascending). `NOTHING` does not count."""
    rows = rows[digests[rows] != NOTHING]
    order = rows[np.argsort(digests[rows], kind="stable")]  # equal digests side by side, their rows ascending
    starts = _starts(digests[order])
    sizes = np.diff(np.append(starts, len(order)))
    several = np.flatnonzero(sizes > 1)
    largest = several[np.lexsort((order[starts[several]], -sizes[several]))][:most]
    groups = [order[starts[group] : starts[group] + sizes[group]].tolist() for group in largest]
    return Repeats(int(len(order) - len(starts)), groups, len(starts))


def later_rows(digests: Digests) -> Rows:
    """All rows whose digest an earlier row has, ascending."""
    first = np.unique(digests, return_index=True)[1]
    later = np.ones(len(digests), np.bool_)
    later[first] = False
    return np.flatnonzero(later)


def first_rows(digests: Digests) -> Rows:
    """For each different digest the first row that has it, ascending."""
    return np.sort(np.unique(digests, return_index=True)[1])


def leaks(digests: Digests, split: npt.NDArray[np.uint16]) -> Leaks:
    """Rows whose digest occurs in a split of a lower number. `NOTHING` does not count."""
    rows = np.flatnonzero(digests != NOTHING)
    order = rows[np.lexsort((rows, split[rows], digests[rows]))]
    starts = _starts(digests[order])
    partner = order[np.repeat(starts, np.diff(np.append(starts, len(order))))]
    leaking = split[order] > split[partner]
    order, partner = order[leaking], partner[leaking]
    ascending = np.argsort(order)
    return Leaks(order[ascending], partner[ascending])


def pairs_of_splits(found: Leaks, split: npt.NDArray[np.uint16]) -> Iterator[tuple[int, int, int]]:
    """For each two splits between which something leaks: the earlier, the later, and how many rows of the later."""
    sides = np.stack([split[found.partners], split[found.rows]], axis=1)
    for (earlier, later), count in zip(*np.unique(sides, axis=0, return_counts=True), strict=True):
        yield int(earlier), int(later), int(count)


def _starts(ordered: Digests) -> Rows:
    """Where a new value begins in an ordered array."""
    if not len(ordered):
        return np.zeros(0, np.int64)
    return np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1]))


def repeat_findings(survey: Survey) -> list[Finding]:
    """What occurs twice in a split, as the dataset says it."""
    pairs = survey.captions + survey.images * _ODD
    pairs[survey.captions == NOTHING] = NOTHING
    return [
        *_finding(
            survey,
            survey.ids,
            "repeated_ids",
            "error",
            "pairs with an id that an earlier pair of their split has",
            "generating refuses them, for a row is found by split and id: give each pair an id of its own",
            _image_of,
        ),
        *_finding(
            survey,
            pairs,
            "repeated_pairs",
            "warning",
            "pairs with both image and caption of an earlier pair of their split",
            "they weigh more in training and count twice in evaluation: keep one of each",
            _caption_of,
        ),
        *_finding(
            survey,
            survey.captions,
            "repeated_captions",
            "info",
            "pairs with the caption of an earlier pair of their split",
            "nothing, if several images share a caption: it is explained once, and they are no negatives of each other",
            _caption_of,
        ),
        *_finding(
            survey,
            survey.images,
            "repeated_images",
            "info",
            "pairs with the image of an earlier pair of their split",
            "nothing, if an image has several captions: they are no negatives of each other",
            _image_of,
        ),
    ]


def repeated_content_findings(survey: Survey, look: ImageLook) -> list[Finding]:
    """The same bytes under several paths in a split, of the images that were looked at."""
    contents = look.contents_by_row(survey.images)
    first_of_path = [
        rows[np.sort(np.unique(survey.images[rows], return_index=True)[1])]
        for rows in map(survey.rows_of, survey.splits)
    ]
    return _finding(
        survey,
        contents,
        "repeated_image_bytes",
        "warning",
        "images that are, byte for byte, an earlier one of their split under another path",
        "training takes them for different pictures, so for negatives of each other: let their pairs name one path",
        _image_of,
        first_of_path,
    )


def _finding(
    survey: Survey,
    digests: Digests,
    code: Code,
    severity: Severity,
    what: str,
    mend: str,
    detail: Callable[[Survey, int], str],
    among: Iterable[Rows] | None = None,
) -> list[Finding]:
    """What occurs twice among the rows of each split, or among those given for each; its largest groups as examples."""
    found: list[Repeats] = [repeats(digests, rows, EXAMPLES) for rows in among or map(survey.rows_of, survey.splits)]
    count = sum(one.count for one in found)
    if not count:
        return []
    groups = sorted((group for one in found for group in one.groups), key=lambda group: (-len(group), group[0]))
    examples = [
        example(survey.rows, group[0], f"{detail(survey, group[0])}; again {rows_named(survey.rows, group[1:])}")
        for group in groups[:EXAMPLES]
    ]
    return [Finding(code=code, severity=severity, count=count, what=what, mend=mend, examples=examples)]


def _image_of(survey: Survey, row: int) -> str:
    return f"image {survey.rows.pair(row).image}"


def _caption_of(survey: Survey, row: int) -> str:
    return quoted(survey.rows.pair(row).caption)
