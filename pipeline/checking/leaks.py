"""Finds leaks: content of an earlier split (in the order train, val, test) that occurs again and inflates metrics."""

from collections.abc import Callable

import numpy as np

from pipeline.checking.images import ImageLook
from pipeline.checking.repeats import Leaks, leaks, pairs_of_splits
from pipeline.checking.report import EXAMPLES, Code, Finding, example, quoted, rows_named
from pipeline.checking.survey import Survey
from pipeline.pair import Pair

# For each code: the text of the finding, and the detail of an example, given a pair and the earlier pair it repeats.
_WORDS: dict[Code, tuple[str, Callable[[Pair, Pair], str]]] = {
    "leaked_images": ("pairs whose image path occurs in an earlier split", lambda pair, _: f"image {pair.image}"),
    "leaked_captions": ("pairs whose caption occurs in an earlier split", lambda pair, _: quoted(pair.caption)),
    "leaked_similar_captions": (
        "further pairs whose caption occurs in an earlier split, ignoring case, spaces and punctuation",
        lambda pair, other: f"{quoted(pair.caption)} like {quoted(other.caption)}",
    ),
    "leaked_image_bytes": (
        "further pairs whose image occurs, byte for byte, in an earlier split under another path",
        lambda pair, other: f"image {pair.image} is {other.image}",
    ),
}


def leak_findings(survey: Survey) -> list[Finding]:
    """Report image paths and captions (exact, or ignoring case, spaces and punctuation) found in an earlier split."""
    by_caption = leaks(survey.captions, survey.split)
    return [
        *_finding(survey, leaks(survey.images, survey.split), "leaked_images"),
        *_finding(survey, by_caption, "leaked_captions"),
        *_finding(survey, _without(leaks(survey.plain_captions, survey.split), by_caption), "leaked_similar_captions"),
    ]


def leaked_content_findings(survey: Survey, look: ImageLook) -> list[Finding]:
    """Report decoded images whose bytes occur in an earlier split under a different path."""
    by_content = leaks(look.contents_by_row(survey.images), survey.split)
    new = _without(by_content, leaks(survey.images, survey.split))
    return _finding(survey, new, "leaked_image_bytes")


def _without(found: Leaks, known: Leaks) -> Leaks:
    new = ~np.isin(found.rows, known.rows, assume_unique=True)
    return Leaks(found.rows[new], found.partners[new])


def _finding(survey: Survey, found: Leaks, code: Code) -> list[Finding]:
    if not len(found.rows):
        return []
    what, detail = _WORDS[code]
    by_splits = ", ".join(
        f"{count:,} of {survey.splits[later]} in {survey.splits[earlier]}"
        for (earlier, later), count in sorted(pairs_of_splits(found, survey.split).items())
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
            mend="remove these pairs from one of the two splits; otherwise metrics on the later one will be too good",
            examples=examples,
        )
    ]
