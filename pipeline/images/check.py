"""Checks whether an image can be used, before any LLM token is spent on its caption."""

import hashlib
from pathlib import Path

from entityclip.contract.image_rules import BadImage, ImageFault, image_file, load, open_image

_SHOWS_TRUNCATION = 32  # pixels: a JPEG is decoded to its end, at an eighth of its size


def image_fault(root: Path, relative: str) -> tuple[ImageFault, str] | None:
    """Return why the image `root/relative` cannot be used, as kind and message, or None. Never reads outside `root`.

    Decodes it as packing and training do, without the steps that cannot fail.
    """
    try:
        with open_image(root, relative) as image:
            load(image, _SHOWS_TRUNCATION)
    except BadImage as error:
        return error.fault, str(error)
    return None


def image_problem(root: Path, relative: str) -> str | None:
    """Return why the image `root/relative` cannot be used, or None."""
    found = image_fault(root, relative)
    return None if found is None else found[1]


def image_digest(root: Path, relative: str) -> str:
    """Return the SHA-256 of an image's bytes in hex; of b"" if it cannot be read or lies outside `root`."""
    try:
        with image_file(root, relative).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except (BadImage, OSError):
        return hashlib.sha256().hexdigest()  # the row gets the status bad_image and the reason


def read_image(root: Path, relative: str) -> bytes | None:
    """Return an image file's bytes; None if it cannot be read or lies outside `root`."""
    try:
        return image_file(root, relative).read_bytes()
    except (BadImage, OSError):
        return None


def image_url(root: Path, relative: str) -> str:
    """Return the file:// URL of an image with links resolved, as a server compares it with its allowed folder."""
    return (root / relative).resolve().as_uri()
