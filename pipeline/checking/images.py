"""Decodes images ahead of a run, in parallel threads (Pillow and hashing release the GIL), and reports faults."""

import itertools
import os
from collections import Counter, deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from entityclip.contract.image_rules import ImageFault
from entityclip.contract.progress import Progress
from pipeline.checking.pair_file import PairFile
from pipeline.checking.report import EXAMPLES, Code, Finding, ImageCounts, example
from pipeline.checking.survey import NOTHING, Digests, Rows
from pipeline.images.check import image_digest, image_fault

_IMAGES_A_TASK = 16
_TASKS_A_WORKER = 4  # in flight, to bound the number of futures
_WORDS: dict[ImageFault, tuple[Code, str, str]] = {
    ImageFault.MISSING: (
        "missing_images",
        "images missing",
        "put them below the image root, or name the right folder",
    ),
    ImageFault.OUTSIDE: (
        "outside_images",
        "images outside the image root",
        "paths are relative to it, and links out of it are not followed: copy the images, or set another root",
    ),
    ImageFault.TOO_LARGE: ("too_large_images", "images with too many pixels", "make them smaller"),
    ImageFault.UNSUPPORTED: (
        "unsupported_images",
        "images with an unsupported shape or pixel format",
        "save them with 8 bits per channel, no side over 512 times the other",
    ),
    ImageFault.UNDECODABLE: (
        "undecodable_images",
        "images that cannot be decoded",
        "fetch them again, or drop their pairs",
    ),
}


@dataclass(frozen=True)
class ImageLook:
    """Results of decoding the images of some rows.

    Attributes:
        rows: first rows of the distinct images that were decoded, ascending, (N,).
        contents: digests of their bytes, `NOTHING` for unusable images, (N,).
        faulty: number of images by fault.
        examples: the first rows of each fault, with the reason.
    """

    rows: Rows
    contents: Digests
    faulty: Counter[ImageFault]
    examples: dict[ImageFault, list[tuple[int, str]]]

    def contents_by_row(self, images: Digests) -> Digests:
        """Return the digest of the image's bytes, or `NOTHING`, for every row; `images`: path digests of all rows."""
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
    """Draw a seeded sample of rows, ascending; all of them if there are no more."""
    if sample >= len(rows):
        return rows
    return np.sort(np.random.default_rng(0).choice(rows, sample, replace=False))


def look_at_images(rows: PairFile, chosen: Rows, root: Path, workers: int | None = None) -> ImageLook:
    """Decode and hash the images of the chosen rows.

    Args:
        workers: threads; by default one per core that this process may use.
    """
    contents = np.full(len(chosen), NOTHING, np.int64)
    faulty: Counter[ImageFault] = Counter()
    examples: dict[ImageFault, list[tuple[int, str]]] = {}
    with Progress("images", "images", len(chosen)) as progress:
        paths = (rows.pair(row).image for row in chosen)
        for place, (content, fault) in enumerate(_looked_at(paths, root, workers or cores())):
            contents[place] = content
            if fault is not None:
                kind, reason = fault
                faulty[kind] += 1
                if len(some := examples.setdefault(kind, [])) < EXAMPLES:
                    some.append((int(chosen[place]), reason))
            progress.add()
    return ImageLook(chosen, contents, faulty, examples)


def cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


_Looked = tuple[int, tuple[ImageFault, str] | None]


def _look(root: Path, images: tuple[str, ...]) -> list[_Looked]:
    looked: list[_Looked] = []
    for image in images:
        fault = image_fault(root, image)
        content = NOTHING if fault is not None else int(image_digest(root, image)[:15], 16)  # 60 bits
        looked.append((content, fault))
    return looked


def _looked_at(images: Iterator[str], root: Path, workers: int) -> Iterator[_Looked]:
    tasks: deque[Future[list[_Looked]]] = deque()
    with ThreadPoolExecutor(workers) as pool:
        try:
            while batch := tuple(itertools.islice(images, _IMAGES_A_TASK)):
                tasks.append(pool.submit(_look, root, batch))
                if len(tasks) == workers * _TASKS_A_WORKER:
                    yield from tasks.popleft().result()
            while tasks:
                yield from tasks.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)  # an interrupt waits only for running tasks


def image_counts(look: ImageLook, distinct: int) -> ImageCounts:
    """Count the decoded images by result."""
    return ImageCounts(
        distinct=distinct,
        looked_at=len(look.rows),
        usable=len(look.rows) - look.faulty.total(),
        **{fault.value: look.faulty[fault] for fault in ImageFault},
    )


def image_findings(look: ImageLook, rows: PairFile) -> list[Finding]:
    """Report faults by kind: as errors if no image can be used, else as warnings."""
    all_faulty = look.faulty.total() == len(look.rows)
    return [
        Finding(
            code=code,
            severity="error" if all_faulty else "warning",
            count=look.faulty[fault],
            what=f"{words} (of {len(look.rows):,} decoded)",
            mend=mend + ("" if all_faulty else "; until then their rows get the status bad_image"),
            examples=[example(rows, row, reason) for row, reason in look.examples[fault]],
        )
        for fault, (code, words, mend) in _WORDS.items()
        if look.faulty[fault]
    ]
