"""Checks whether an image can be used before any LLM tokens are spent on its caption."""

import hashlib
from pathlib import Path

from entityclip.contract.digests import digest
from entityclip.contract.image_rules import BadImage, ImageFault, image_file, load, open_image

_SHOWS_TRUNCATION = 32  # pixels; small, so that a JPEG is decoded to its end, but at an eighth of its size


def image_fault(root: Path, relative: str) -> tuple[ImageFault, str] | None:
    """Return the kind of fault and a message if the image `root/relative` cannot be used, otherwise None.

    Decodes the image as packing and training do, but skips steps that cannot fail. Never reads outside `root`.
    """
    try:
        with open_image(root, relative) as image:
            load(image, _SHOWS_TRUNCATION)
    except BadImage as error:
        return error.fault, str(error)
    return None


def image_problem(root: Path, relative: str) -> str | None:
    """Return the reason why the image `root/relative` cannot be used, or None if it can be used."""
    found = image_fault(root, relative)
    return None if found is None else found[1]


def image_digest(root: Path, relative: str) -> str:
    """Return the hex SHA-256 of an image file, or the digest of b"" if the file is unreadable or outside `root`."""
    try:
        return digest(image_file(root, relative))
    except (BadImage, OSError):
        return hashlib.sha256().hexdigest()  # the row gets the status bad_image and the reason
