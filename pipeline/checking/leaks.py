"""Findings about leakage: content shared with an earlier split (order: train, val, test), which inflates metrics."""

from collections.abc import Callable

import numpy as np

from pipeline.checking.images import ImageLook
from pipeline.checking.repeats import Leaks, leaks, pairs_of_splits
from pipeline.checking.report import EXAMPLES, Code, Finding, example, quoted, rows_named
from pipeline.checking.survey import Survey
from pipeline.pair import Pair

_MEND = "leave these pairs out of one of the two splits, or metrics on the later one will be too good"


def leak_findings(survey: Survey) -> list[Finding]:
    """Report image paths and captions (exact, or ignoring case, spaces and punctuation) found in an earlier split."""
    by_caption = leaks(survey.captions, survey.split)
    return [
        *_finding(
            survey,
            leaks(survey.images, survey.split),
            "leaked_images",
            "pairs with an image (by its path) of an earlier split",
            lambda pair, _: f"image {pair.image}",
        ),
        *_finding(
            survey,
            by_caption,
            "leaked_captions",
            "pairs with a caption of an earlier split",
            lambda pair, _: quoted(pair.caption),
        ),
        *_finding(
            survey,
            _without(leaks(survey.plain_captions, survey.split), by_caption),
            "leaked_similar_captions",
            "further pairs with a caption of an earlier split, ignoring case, spaces and punctuation",
            lambda pair, other: f"{quoted(pair.caption)} like {quoted(other.caption)}",
        ),
    ]


def leaked_content_findings(survey: Survey, look: ImageLook) -> list[Finding]:
    """Report decoded images whose bytes occur in an earlier split under a different path."""
    by_content = leaks(look.contents_by_row(survey.images), survey.split)
    return _finding(
        survey,
        _without(by_content, leaks(survey.images, survey.split)),
        "leaked_image_bytes",
        "further pairs with an image of an earlier split, byte for byte, under another path",
        lambda pair, other: f"image {pair.image} is {other.image}",
    )


def _without(found: Leaks, known: Leaks) -> Leaks:
    new = ~np.isin(found.rows, known.rows, assume_unique=True)
    return Leaks(found.rows[new], found.partners[new])


def _finding(survey: Survey, found: Leaks, code: Code, what: str, detail: Callable[[Pair, Pair], str]) -> list[Finding]:
    if not len(found.rows):
        return []
    names = survey.splits
    by_splits = ", ".join(
        f"{count:,} of {names[later]} in {names[earlier]}"
        for earlier, later, count in pairs_of_splits(found, survey.split)
    )
    examples = [
        example(
            survey.rows,
            int(row),
            f"{detail(survey.rows.pair(row), survey.rows.pair(partner))}; see {rows_named(survey.rows, [partner])}",
        )
        for row, partner in zip(found.rows[:EXAMPLES], found.partners[:EXAMPLES], strict=True)
    ]
    return [
        Finding(
            code=code,
            severity="warning",
            count=len(found.rows),
            what=f"{what} ({by_splits})",
            mend=_MEND,
            examples=examples,
        )
    ]
