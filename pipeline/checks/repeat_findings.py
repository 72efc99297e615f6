"""Findings about what occurs more than once in a split: ids, pairs, captions, images."""

from collections.abc import Callable, Iterable

import numpy as np

from pipeline.checks.examples import example, quoted, rows_named
from pipeline.checks.image_look import ImageLook
from pipeline.checks.repeats import Repeats, repeats
from pipeline.checks.report import EXAMPLES, Code, Finding, Severity
from pipeline.checks.survey import NOTHING, Digests, Rows, Survey

_ODD = np.int64(-7046029254386353131)  # keeps a pair's digest apart from those of its image and its caption


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
