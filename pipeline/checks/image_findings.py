"""Findings about images that cannot be used."""

from pipeline.checks.examples import example
from pipeline.checks.image_look import ImageLook
from pipeline.checks.report import Code, Finding, ImageCounts
from pipeline.checks.row_store import RowStore
from pipeline.images import ImageFault

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
    ImageFault.UNDECODABLE: (
        "undecodable_images",
        "images that cannot be decoded",
        "fetch them again, or drop their pairs",
    ),
}


def image_counts(look: ImageLook, distinct: int) -> ImageCounts:
    """How many images were looked at, and what was found."""
    return ImageCounts(
        distinct=distinct,
        looked_at=len(look.rows),
        usable=len(look.rows) - look.faulty.total(),
        **{fault.value: look.faulty[fault] for fault in ImageFault},
    )


def image_findings(look: ImageLook, rows: RowStore) -> list[Finding]:
    """By kind of fault. An error if no image can be used; else rows without an explanation, and a warning."""
    hopeless = look.faulty.total() == len(look.rows)
    return [
        Finding(
            code=code,
            severity="error" if hopeless else "warning",
            count=look.faulty[fault],
            what=f"{words} (of {len(look.rows):,} looked at)",
            mend=mend + ("" if hopeless else "; until then their rows have the status bad_image"),
            examples=[example(rows, row, reason) for row, reason in look.examples[fault]],
        )
        for fault, (code, words, mend) in _WORDS.items()
        if look.faulty[fault]
    ]
