"""Findings about a dataset as a whole: its readability, splits and captions."""

import numpy as np

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
    lengths_of,
)
from pipeline.checking.survey import NOTHING, Rows, Survey
from pipeline.errors import PipelineError
from pipeline.manifest.datasets import Dataset, OwnDataset

_USES = {
    "train": "training uses it",
    "val": "training selects the best checkpoint with it",
    "test": "evaluation uses it",
}


def failed(code: Code, error: PipelineError) -> Finding:
    """Return the finding for a failed step; the error's message says how to fix it."""
    return Finding(code=code, severity="error", count=1, what=str(error), mend=IN_WHAT)


def no_pairs() -> Finding:
    """Return the finding for a dataset that can be read but has no pairs."""
    mend = "check that `dataset` in the manifest names the right file"
    return Finding(code="no_pairs", severity="error", count=1, what="the dataset has no pairs", mend=mend)


def split_counts(survey: Survey) -> dict[str, SplitCounts]:
    """Count pairs, images and captions per split, in the order train, val, test, then any others."""
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


def split_findings(survey: Survey, dataset: Dataset) -> list[Finding]:
    """Report splits that have no pairs although training or evaluation needs them, and splits that neither uses."""
    mend = "assign pairs to this split, or name another one in the training settings"
    if isinstance(dataset, OwnDataset):
        drawn = "" if dataset.ignore_splits else ", with dataset.ignore_splits: true if the data has splits"
        mend = (
            f"set dataset.held_out higher ({dataset.held_out} now; percent of the images for val and for test{drawn}), "
            f"{mend}"
        )
    return [
        Finding(
            code="absent_split",
            severity="warning",
            count=1,
            what=f"split without pairs: {split} ({use})",
            mend=mend,
        )
        for split, use in _USES.items()
        if split not in survey.splits
    ] + [_unused(split, len(survey.rows_of(split)), dataset) for split in survey.splits if split not in _USES]


def _unused(split: str, pairs: int, dataset: Dataset) -> Finding:
    mend = "name it in the training settings (data.splits)"
    if isinstance(dataset, OwnDataset):
        mend = f"set dataset.rename_splits: {{{split}: train}} to train on them (or val, or test), or {mend}"
    return Finding(
        code="unused_split",
        severity="warning",
        count=pairs,
        what=f"pairs of the split {split}, which neither training nor evaluation uses",
        mend=mend,
    )


def caption_text_findings(survey: Survey) -> list[Finding]:
    """Report captions with characters that could not be decoded, and lists of captions that are written as one text."""
    found: tuple[tuple[Code, Rows, str, str], ...] = (
        (
            "damaged_captions",
            survey.damaged,
            "captions with characters that could not be decoded, replaced by U+FFFD",
            "correct them in the data, or set dataset.encoding if they are in another encoding than UTF-8",
        ),
        (
            "listed_captions",
            survey.listed,
            "captions that are a list written as text, as Python and pandas write it",
            "each is read as one caption: write one caption per row, or real lists in JSON lines or Parquet",
        ),
    )
    return [
        Finding(
            code=code,
            severity="warning",
            count=len(rows),
            what=what,
            mend=mend,
            examples=captions(survey.rows, rows[:EXAMPLES].tolist()),
        )
        for code, rows, what, mend in found
        if len(rows)
    ]


def empty_caption_findings(survey: Survey) -> list[Finding]:
    """Report captions that are empty or consist of white space only."""
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
            mend="remove them, or check that the right column is read; their rows get the status empty_caption",
            examples=[example(survey.rows, int(r), f"image {survey.rows.pair(r).image}") for r in empty[:EXAMPLES]],
        )
    ]


def caption_lengths(survey: Survey, context_length: int) -> tuple[Lengths | None, list[Finding]]:
    """Return statistics of the captions' lengths in CLIP tokens, and a finding if any exceed `context_length`."""
    lengths = lengths_of(survey.clip_tokens, context_length)
    if lengths is None or not lengths.over_limit:
        return lengths, []
    finding = Finding(
        code="captions_over_context",
        severity="warning",
        count=lengths.over_limit,
        what=f"captions with more than {context_length} CLIP tokens",
        mend="CLIP reads only their beginning: shorten them, or train a CLIP with a longer context",
        examples=captions(survey.rows, survey.long_captions),
    )
    return lengths, [finding]


def caption_languages(survey: Survey, expected: str | None) -> tuple[Languages | None, list[Finding]]:
    """Return the number of captions per language, and a finding if any captions are not in the language `expected`."""
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
        what=f"captions that do not seem to be in {expected}, which generation.judge.language expects",
        mend="remove them, or set generation.judge.language to null to accept explanations in any language",
        examples=captions(survey.rows, some),
    )
    return languages, [finding]
