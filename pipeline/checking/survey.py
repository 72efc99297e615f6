"""Makes one pass over a dataset: writes every pair to disk, and keeps 34 bytes per pair in memory for comparisons."""

import re
import unicodedata
from array import array
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pipeline.checking.pair_file import PairFile
from pipeline.checking.report import EXAMPLES
from pipeline.pair import SPLITS, Pair

Digests = npt.NDArray[np.int64]
Rows = npt.NDArray[np.int64]

NOTHING = 0  # digest of everything that is not compared: empty captions, images that were not decoded
_LIST = re.compile(r"""\[\s*(['"]).*\1,?\s*\]""", re.DOTALL)  # as Python and pandas write a list of texts
_APART = re.compile(r"[\W_]+")


@dataclass(frozen=True)
class Survey:
    """A dataset's pairs on disk, and digests for finding duplicates among them.

    All arrays have shape (N,), with one value per row. Digests have 64 bits and are valid only in this process.

    Attributes:
        splits: names of the splits: train, val, test, then any others.
        split: index of each row's split in `splits`.
        ids: digests of split and id combined.
        images: digests of the image paths.
        captions: digests of the captions.
        plain_captions: digests of the captions normalised by `plain`.
        clip_tokens: number of non-empty captions by length in CLIP tokens.
        long_captions: the first few rows whose caption exceeds CLIP's context.
        damaged, listed: the rows whose caption has a character that could not be decoded, and those whose caption is
            a list of texts written as one text, as `['A', 'B']`.
        languages: number of captions by language (key None: unknown), or None if languages are not detected.
        in_language: the first few rows of each language.
    """

    rows: PairFile
    splits: tuple[str, ...]
    split: npt.NDArray[np.uint16]
    ids: Digests
    images: Digests
    captions: Digests
    plain_captions: Digests
    clip_tokens: Counter[int]
    long_captions: list[int]
    damaged: Rows
    listed: Rows
    languages: Counter[str | None] | None
    in_language: dict[str | None, list[int]]

    def rows_of(self, split: str) -> Rows:
        """Return the rows of a split in ascending order."""
        return np.flatnonzero(self.split == self.splits.index(split))


def plain(caption: str) -> str:
    """Normalise a caption for comparison: fold case and compatibility characters, collapse punctuation and spaces."""
    folded = caption.casefold()
    if not folded.isascii():
        folded = unicodedata.normalize("NFKC", folded).casefold()
    return _APART.sub(" ", folded).strip()


def survey(
    pairs: Iterable[Pair],
    path: Path,
    count_clip_tokens: Callable[[str], int],
    context_length: int,
    language_of: Callable[[str], str | None] | None,
) -> Survey:
    """Read all pairs and write them to a temporary file at `path`. Raises PipelineError if reading fails."""
    found: dict[str, int] = {}
    split, ids, images, captions, plain_captions = array("H"), array("q"), array("q"), array("q"), array("q")
    lengths: Counter[int] = Counter()
    long_captions: list[int] = []
    damaged, listed = array("q"), array("q")
    languages: Counter[str | None] = Counter()
    in_language: dict[str | None, list[int]] = {}
    with PairFile(path) as rows:
        for pair in pairs:
            rows.append(pair)
            split.append(found.setdefault(pair.split, len(found)))
            ids.append(hash((pair.split, pair.id)))
            images.append(hash(pair.image))
            caption = pair.caption.strip()
            captions.append(hash(caption) if caption else NOTHING)
            if "\ufffd" in caption:
                damaged.append(len(rows) - 1)
            if caption[:1] == "[" and _LIST.fullmatch(caption):
                listed.append(len(rows) - 1)
            bare = plain(caption)
            plain_captions.append(hash(bare) if bare else NOTHING)
            if caption:
                tokens = count_clip_tokens(caption)
                lengths[tokens] += 1
                if tokens > context_length and len(long_captions) < EXAMPLES:
                    long_captions.append(len(rows) - 1)
            if caption and language_of is not None:
                language = language_of(caption)
                languages[language] += 1
                if len(first := in_language.setdefault(language, [])) < EXAMPLES:
                    first.append(len(rows) - 1)
    ordered = sorted(found, key=lambda name: (SPLITS.index(name) if name in SPLITS else len(SPLITS), name))
    place = np.array([ordered.index(name) for name in found], np.uint16)
    return Survey(
        rows=rows,
        splits=tuple(ordered),
        split=place[np.asarray(split)],
        ids=np.asarray(ids),
        images=np.asarray(images),
        captions=np.asarray(captions),
        plain_captions=np.asarray(plain_captions),
        clip_tokens=lengths,
        long_captions=long_captions,
        damaged=np.asarray(damaged, np.int64),
        listed=np.asarray(listed, np.int64),
        languages=languages if language_of is not None else None,
        in_language=in_language,
    )
