"""Can this image be used? Asked before any LLM token is spent on its caption."""

import hashlib
from pathlib import Path

from entityclip.contract.image_rules import BadImage, ImageFault, image_file, load, open_image

_SHOWS_TRUNCATION = 32  # pixels: JPEG is passed over whole, at an eighth of its size


def image_fault(root: Path, relative: str) -> tuple[ImageFault, str] | None:
    """Why the image `root/relative` cannot be used, in kind and in words, or None. Never reads outside `root`.

    It is decoded as packing and training decode it, but for what no image fails at.
    """
    try:
        with open_image(root, relative) as image:
            load(image, _SHOWS_TRUNCATION)
    except BadImage as error:
        return error.fault, str(error)
    return None


def image_problem(root: Path, relative: str) -> str | None:
    """Why the image `root/relative` cannot be used, in words, or None."""
    found = image_fault(root, relative)
    return None if found is None else found[1]


def image_digest(root: Path, relative: str) -> str:
    """SHA-256 of an image's bytes, in hex; that of nothing where it cannot be read or lies outside `root`."""
    try:
        with image_file(root, relative).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except (BadImage, OSError):
        return hashlib.sha256().hexdigest()  # the row becomes a bad_image with the reason


def read_image(root: Path, relative: str) -> bytes | None:
    """An image's file, undecoded; None where it cannot be read or lies outside `root`."""
    try:
        return image_file(root, relative).read_bytes()
    except (BadImage, OSError):
        return None


def image_url(root: Path, relative: str) -> str:
    """The file:// URL of an image, links followed, as a server compares it with the folder it may read."""
    return (root / relative).resolve().as_uri()
