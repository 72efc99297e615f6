"""Can this image be used? Asked before any LLM token is spent on its caption."""

import hashlib
import warnings
from enum import StrEnum
from pathlib import Path

from PIL import Image

# Not EPS, for which Pillow starts Ghostscript, nor the many formats that nobody keeps photographs in.
FORMATS = ("JPEG", "PNG", "WEBP", "AVIF", "GIF", "BMP", "TIFF", "PPM")
MAX_PIXELS = 178_956_970  # Pillow's own bound: 2**31 bytes / 4 bytes a pixel / 3


# Pillow says on stderr what it finds odd in an image; what counts is in its row's status.
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")


class ImageFault(StrEnum):
    """Why an image cannot be used."""

    OUTSIDE = "outside"
    MISSING = "missing"
    TOO_LARGE = "too_large"
    UNDECODABLE = "undecodable"


def image_fault(root: Path, relative: str) -> tuple[ImageFault, str] | None:
    """Why the image `root/relative` cannot be used, in kind and in words, or None. Never reads outside `root`."""
    if not relative:
        return ImageFault.MISSING, "the record names no image"
    path = below(root, relative)
    shown = _shown(relative)
    if path is None:
        return ImageFault.OUTSIDE, f"{shown}: lies outside the image root"
    try:
        if not path.is_file():
            return ImageFault.MISSING, f"{shown}: no such image"
        with Image.open(path, formats=FORMATS) as image:
            if image.width * image.height > MAX_PIXELS:
                return (
                    ImageFault.TOO_LARGE,
                    f"{shown}: {image.width}x{image.height} pixels is more than {MAX_PIXELS}",
                )
            image.draft("RGB", (64, 64))  # JPEG: a cheap pass over the whole file, so truncation shows
            image.load()
    except Image.DecompressionBombError as error:
        return ImageFault.TOO_LARGE, f"{shown}: cannot be decoded: {error}"
    except Exception as error:  # Pillow's decoders raise whatever Python can; a bad image is a bad row and no more
        said = str(error)[:500] or type(error).__name__
        return ImageFault.UNDECODABLE, f"{shown}: cannot be decoded: {said}".replace(str(root), ".")
    return None


def image_problem(root: Path, relative: str) -> str | None:
    """Why the image `root/relative` cannot be used, in words, or None."""
    found = image_fault(root, relative)
    return None if found is None else found[1]


def image_digest(root: Path, relative: str) -> str:
    """SHA-256 of an image's bytes, in hex; that of nothing where it cannot be read or lies outside `root`."""
    path = below(root, relative)
    try:
        if path is not None and path.is_file():
            with path.open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        pass  # the row becomes a bad_image with the reason
    return hashlib.sha256().hexdigest()


def read_image(root: Path, relative: str) -> bytes | None:
    """An image's file, undecoded; None where it cannot be read or lies outside `root`."""
    path = below(root, relative)
    try:
        return path.read_bytes() if path is not None and path.is_file() else None
    except OSError:
        return None


def image_url(root: Path, relative: str) -> str:
    """The file:// URL of an image, links followed, as a server compares it with the folder it may read."""
    return (root / relative).resolve().as_uri()


def below(root: Path, relative: str) -> Path | None:
    """The path, links followed; None if it leads out of `root` or can be no path."""
    try:
        path = (root / relative).resolve()
        return path if path.is_relative_to(root.resolve()) else None
    except (OSError, ValueError, RuntimeError):  # a NUL, or links that go round in a circle
        return None


def _shown(relative: str) -> str:
    """A path in a message: what would move a terminal's cursor is spelt out."""
    return relative if relative.isprintable() and len(relative) < 300 else ascii(relative[:300])
