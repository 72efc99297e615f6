"""Decodes images before a run and reports faulty ones. Uses threads, since Pillow and hashing release the GIL."""

import os
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
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
        "move them below the image root, or correct the image root in the manifest (dataset.root); images at URLs are "
        "read only if dataset.root is a URL",
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
        if not len(self.rows):
            return np.full_like(images, NOTHING)
        order = np.argsort(images[self.rows])
        known = images[self.rows][order]
        place = np.minimum(np.searchsorted(known, images), len(known) - 1)
        return np.where(known[place] == images, self.contents[order][place], NOTHING)


def choose(rows: Rows, sample: int) -> Rows:
    """Return `sample` of the rows in ascending order, drawn with a fixed seed, or all rows if there are fewer."""
    if sample >= len(rows):
        return rows
    return np.sort(np.random.default_rng(0).choice(rows, sample, replace=False))


def look_at_images(rows: PairFile, chosen: Rows, root: Path, workers: int | None = None) -> ImageLook:
    """Decode and hash the images of the chosen rows in `workers` threads (default: one per available core)."""
    contents = np.full(len(chosen), NOTHING, np.int64)
    faulty: Counter[ImageFault] = Counter()
    examples: dict[ImageFault, list[tuple[int, str]]] = {}
    look = partial(_look, root)
    pool = ThreadPoolExecutor(workers or len(os.sched_getaffinity(0)))
    with pool, Progress("images", "images", len(chosen)) as progress:
        for start in range(0, len(chosen), _IMAGES_AT_ONCE):
            paths = [rows.pair(row).image for row in chosen[start : start + _IMAGES_AT_ONCE]]
            # On an interrupt, `map` cancels what has not started.
            for place, (content, fault) in enumerate(pool.map(look, paths), start):
                contents[place] = content
                if fault is not None:
                    kind, reason = fault
                    faulty[kind] += 1
                    if len(some := examples.setdefault(kind, [])) < EXAMPLES:
                        some.append((int(chosen[place]), reason))
                progress.add()
    return ImageLook(chosen, contents, faulty, examples)


def _look(root: Path, image: str) -> tuple[int, tuple[ImageFault, str] | None]:
    fault = image_fault(root, image)
    return NOTHING if fault is not None else int(image_digest(root, image)[:15], 16), fault  # 60 bits


def image_counts(look: ImageLook, distinct: int) -> ImageCounts:
    """Count the distinct, decoded and usable images, and the faulty images by kind of fault."""
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
