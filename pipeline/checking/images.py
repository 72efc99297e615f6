"""Decodes images before a run and reports faulty ones. Uses threads, since Pillow and hashing release the GIL."""

import os
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np

from entityclip.contract.image_rules import ImageFault
from entityclip.contract.progress import Progress
from pipeline.checking.pair_file import PairFile
from pipeline.checking.report import EXAMPLES, Code, Finding, ImageCounts, example
from pipeline.checking.survey import NOTHING, Digests, Rows
from pipeline.images.check import image_digest, image_fault

_IMAGES_AT_ONCE = 1024  # bounds the number of futures
_WORDS: dict[ImageFault, tuple[Code, str, str]] = {
    ImageFault.MISSING: (
        "missing_images",
        "missing images",
        "move them below the image root, or correct the image root in the manifest",
    ),
    ImageFault.OUTSIDE: (
        "outside_images",
        "images outside the image root",
        "links that lead out of the image root are not followed: copy the images into it, or set another root",
    ),
    ImageFault.TOO_LARGE: ("too_large_images", "images with too many pixels", "resize them"),
    ImageFault.UNSUPPORTED: (
        "unsupported_images",
        "images with an unsupported shape or pixel format",
        "save them with 8 bits per channel and no side more than 512 times the other",
    ),
    ImageFault.UNDECODABLE: (
        "undecodable_images",
        "images that cannot be decoded",
        "download them again, or remove their pairs",
    ),
}


@dataclass(frozen=True)
class ImageLook:
    """Result of decoding the images of some rows.

    Attributes:
        rows: array of shape (N,): the first row of each distinct image that was decoded, in ascending order.
        contents: array of shape (N,): digest of each image's bytes, or `NOTHING` if the image is unusable.
        faulty: number of images per kind of fault.
        examples: for each kind of fault, the first few rows affected, with the reason.
    """

    rows: Rows
    contents: Digests
    faulty: Counter[ImageFault]
    examples: dict[ImageFault, list[tuple[int, str]]]

    def contents_by_row(self, images: Digests) -> Digests:
        """Return the digest of each row's image bytes, or `NOTHING`; `images` holds digests of the rows' paths."""
        contents = np.full(len(images), NOTHING, np.int64)
        if not len(self.rows):
            return contents
        known = images[self.rows]
        order = np.argsort(known)
        place = np.minimum(np.searchsorted(known[order], images), len(known) - 1)
        same = known[order][place] == images
        contents[same] = self.contents[order][place][same]
        return contents


def choose(rows: Rows, sample: int) -> Rows:
    """Return `sample` rows drawn with a fixed seed, in ascending order, or all rows if there are no more than that."""
    if sample >= len(rows):
        return rows
    return np.sort(np.random.default_rng(0).choice(rows, sample, replace=False))


def look_at_images(rows: PairFile, chosen: Rows, root: Path, workers: int | None = None) -> ImageLook:
    """Decode and hash the images of the chosen rows in `workers` threads (default: one per available core)."""
    contents = np.full(len(chosen), NOTHING, np.int64)
    faulty: Counter[ImageFault] = Counter()
    examples: dict[ImageFault, list[tuple[int, str]]] = {}
    with Progress("images", "images", len(chosen)) as progress:
        paths = (rows.pair(row).image for row in chosen)
        for place, (content, fault) in enumerate(_looked_at(paths, root, workers)):
            contents[place] = content
            if fault is not None:
                kind, reason = fault
                faulty[kind] += 1
                if len(some := examples.setdefault(kind, [])) < EXAMPLES:
                    some.append((int(chosen[place]), reason))
            progress.add()
    return ImageLook(chosen, contents, faulty, examples)


_Looked = tuple[int, tuple[ImageFault, str] | None]


def _look(root: Path, image: str) -> _Looked:
    fault = image_fault(root, image)
    return NOTHING if fault is not None else int(image_digest(root, image)[:15], 16), fault  # 60 bits


def _looked_at(images: Iterator[str], root: Path, workers: int | None) -> Iterator[_Looked]:
    with ThreadPoolExecutor(workers or len(os.sched_getaffinity(0))) as pool:
        while batch := list(islice(images, _IMAGES_AT_ONCE)):
            yield from pool.map(partial(_look, root), batch)  # on an interrupt, cancels what has not started


def image_counts(look: ImageLook, distinct: int) -> ImageCounts:
    """Count the usable images among the decoded ones, and the faulty images by kind of fault."""
    return ImageCounts(
        distinct=distinct,
        looked_at=len(look.rows),
        usable=len(look.rows) - look.faulty.total(),
        **{fault.value: look.faulty[fault] for fault in ImageFault},
    )


def image_findings(look: ImageLook, rows: PairFile) -> list[Finding]:
    """Report faulty images by kind of fault: as errors if no decoded image is usable, otherwise as warnings."""
    all_faulty = look.faulty.total() == len(look.rows)
    return [
        Finding(
            code=code,
            severity="error" if all_faulty else "warning",
            count=look.faulty[fault],
            what=f"{words} (of {len(look.rows):,} checked)",
            mend=mend + ("" if all_faulty else "; until then their rows get the status bad_image"),
            examples=[example(rows, row, reason) for row, reason in look.examples[fault]],
        )
        for fault, (code, words, mend) in _WORDS.items()
        if look.faulty[fault]
    ]
