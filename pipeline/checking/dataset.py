"""Findings about a dataset as a whole: whether it can be read, its splits, its captions."""

import numpy as np

from pipeline.checking.lengths import lengths_of
from pipeline.checking.repeats import repeats
from pipeline.checking.report import (
    EXAMPLES,
    IN_WHAT,
    Code,
    Finding,
    Languages,
    Lengths,
    SplitCounts,
    captions,
    example,
)
from pipeline.checking.survey import NOTHING, Survey
from pipeline.errors import PipelineError

_USES = {
    "train": "training learns from it",
    "val": "training chooses the checkpoint by it",
    "test": "evaluation measures on it",
}


def failed(code: Code, error: PipelineError) -> Finding:
    """A step that could not be taken; the message says how to mend it."""
    return Finding(code=code, severity="error", count=1, what=str(error), mend=IN_WHAT)


def no_pairs() -> Finding:
    """A dataset that can be read and holds nothing."""
    mend = "see whether `dataset` in the manifest names the right file"
    return Finding(code="no_pairs", severity="error", count=1, what="the dataset has no pairs", mend=mend)


def split_counts(survey: Survey) -> dict[str, SplitCounts]:
    """By split, in the order train, val, test, others."""
    counts = {}
    for split in survey.splits:
        rows = survey.rows_of(split)
        counts[split] = SplitCounts(
            pairs=len(rows),
            images=len(np.unique(survey.images[rows])),
            captions=repeats(survey.captions, rows, 0).distinct,
            empty_captions=int((survey.captions[rows] == NOTHING).sum()),
        )
    return counts


def split_findings(survey: Survey) -> list[Finding]:
    """Splits that training and evaluation ask for and that are not there."""
    return [
        Finding(
            code="absent_split",
            severity="warning",
            count=1,
            what=f"split without a pair: {split} ({use})",
            mend="give pairs this split, or name another one in the training settings",
        )
        for split, use in _USES.items()
        if split not in survey.splits
    ]


def empty_caption_findings(survey: Survey) -> list[Finding]:
    """Captions of which nothing is left without white space."""
    empty = np.flatnonzero(survey.captions == NOTHING)
    if not len(empty):
        return []
    every = len(empty) == len(survey.rows)
    return [
        Finding(
            code="empty_captions",
            severity="error" if every else "warning",
            count=len(empty),
            what="pairs with an empty caption" + (": all of them" if every else ""),
            mend="they get a status and no explanation: drop them, or see whether the right field is read",
            examples=[example(survey.rows, int(r), f"image {survey.rows.pair(r).image}") for r in empty[:EXAMPLES]],
        )
    ]


def caption_lengths(survey: Survey, context_length: int) -> tuple[Lengths | None, list[Finding]]:
    """Lengths for CLIP, and captions of which it reads the beginning only."""
    lengths = lengths_of(survey.clip_tokens, context_length)
    if lengths is None or not lengths.over_limit:
        return lengths, []
    finding = Finding(
        code="captions_over_context",
        severity="warning",
        count=lengths.over_limit,
        what=f"captions with more than {context_length} tokens for CLIP",
        mend="CLIP reads only their beginning: shorten them, or train a CLIP with a longer context",
        examples=captions(survey.rows, survey.long_captions),
    )
    return lengths, [finding]


def caption_languages(survey: Survey, expected: str | None) -> tuple[Languages | None, list[Finding]]:
    """Captions by language, and those in another one than the judge expects explanations in."""
    if survey.languages is None:
        return None, []
    known = [(language, count) for language, count in survey.languages.most_common() if language is not None]
    languages = Languages(captions=dict(known), undecided=survey.languages[None])
    others = {language: count for language, count in known if language != expected}
    if expected is None or not others:
        return languages, []
    some = sorted(row for language in others for row in survey.in_language[language])[:EXAMPLES]
    finding = Finding(
        code="other_languages",
        severity="warning",
        count=sum(others.values()),
        what=f"captions that seem to be in another language than generation.judge.language, {expected}",
        mend="leave them out, or set generation.judge.language to null, so that explanations may be in any",
        examples=captions(survey.rows, some),
    )
    return languages, [finding]
