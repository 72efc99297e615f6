"""Defines which images are usable, and how they are converted to RGB, for `check`, `generate`, `pack` and training.

An image is usable if its path is below the image root, its format is one of FORMATS, it has at most MAX_PIXELS pixels,
its longer side is at most MAX_ASPECT times the shorter, the range of its pixel values is known, and it decodes
completely. It is used as people see it: EXIF orientation is applied, and transparent parts are white. As in open_clip,
colour profiles are ignored, and only the first frame of an animation is used. Pixels are converted to 8-bit RGB:

- of 12- and 16-bit grey values, the 8 highest bits are kept;
- floats are scaled from 0..1 or, if a value exceeds 1, from 0..255 (with a margin for overshoot from resampling);
  other ranges are rejected;
- 32-bit and signed integers are rejected: no format defines their white level;
- grey TIFFs that have 16 or more bits and use zero for white are inverted, because Pillow does not invert them.
"""

import io
import os
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from entityclip.contract.as_seen import on_white, upright

# Excludes EPS, for which Pillow starts Ghostscript, and formats that are not used for photographs.
FORMATS = ("JPEG", "PNG", "WEBP", "AVIF", "GIF", "BMP", "TIFF", "PPM")
MAX_PIXELS = 178_956_970  # Pillow's own limit: 2**31 bytes / 4 bytes per pixel / 3
MAX_ASPECT = 512  # longer side / shorter side
MAX_SCANNED = 4_000_000_000  # pixels in all scans of a progressive JPEG together; there are usually 10 scans
_START_OF_SCAN = b"\xff\xda"
DRAFT_FACTOR = 2  # a JPEG is decoded to at least this multiple of the wanted size

_OVERSHOOT = 0.5  # share of white; twice the overshoot of resampling at a sharp edge
_BITS_PER_SAMPLE, _PHOTOMETRIC, _WHITE_IS_ZERO = 258, 262, 0  # TIFF
_VALUES_AT_ONCE = 1 << 20
_ADDRESS = re.compile(r" ?<[^<>]* at 0x[0-9a-fA-F]+>| at 0x[0-9a-fA-F]{6,}")

# Pillow's warnings about odd images would clutter stderr; unusable images raise BadImage.
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")


class ImageFault(StrEnum):
    """The reason why an image is unusable."""

    OUTSIDE = "outside"
    MISSING = "missing"
    TOO_LARGE = "too_large"
    UNSUPPORTED = "unsupported"
    UNDECODABLE = "undecodable"


class BadImage(ValueError):  # noqa: N818
    """The image is unusable. The message says why; `fault` is the category."""

    def __init__(self, why: str, fault: ImageFault = ImageFault.UNDECODABLE) -> None:
        super().__init__(why)
        self.fault = fault


def image_file(root: Path, path: str | None) -> Path:
    """Return the resolved path of the image at `path` below `root`.

    Raises:
        BadImage: `path` is empty, leads outside `root` (possibly through a symbolic link), or is not a file.
    """
    if not path:
        raise BadImage("the record has no image path", ImageFault.MISSING)
    shown = _shown(path)
    if "://" in path:
        raise BadImage(
            f"{shown} is a URL, but images are files below the image root; download them and name their paths, or set "
            "dataset.root to the URL of the folder that they have in common",
            ImageFault.MISSING,
        )
    try:
        whole_root = _resolved(root.absolute())
        file = (whole_root / path).resolve()
        is_below = file.is_relative_to(whole_root) and not os.path.islink(file)  # noqa: PTH114 - still a link: part of a cycle
    except (OSError, ValueError, RuntimeError):  # a NUL, or, before Python 3.13, a cycle of symbolic links
        is_below = False
    if not is_below:
        raise BadImage(f"{shown} is outside the image root", ImageFault.OUTSIDE)
    if not os.path.isfile(file):  # noqa: PTH113 - `Path.is_file` raises an error for a name that is too long
        raise BadImage(f"{shown}: no such image{_reason(path)}", ImageFault.MISSING)
    return file


@contextmanager
def open_image(root: Path, path: str | None, data: bytes | None = None) -> Iterator[Image.Image]:
    """Open an image from its bytes, or from its path below the image root, and check its header.

    Decoding errors inside the block are raised as BadImage.

    Raises:
        BadImage: the path is invalid (see `image_file`), or the image is unusable.
    """
    source: Path | io.BytesIO = image_file(root, path) if data is None else io.BytesIO(data)
    name = _shown(path or "") if data is None else ""
    try:
        with Image.open(source, formats=FORMATS) as image:
            _check_header(image)
            if (
                image.format == "TIFF"
            ):  # Pillow would map it into memory, and mix up the rows if it is turned by 90 degrees
                image.filename = ""
            yield image
    except BadImage as error:
        raise BadImage(f"{name}: {error}" if name else str(error), error.fault) from error
    except Exception as error:  # Pillow's decoders raise errors of any class; a bad image must cost only its row
        reason = _ADDRESS.sub("", str(error)[:500]) or type(error).__name__
        for folder in (str(_resolved(root.absolute())), str(root)) if data is None else ():
            reason = reason.replace(folder, ".")
        is_huge = isinstance(error, Image.DecompressionBombError)
        fault = ImageFault.TOO_LARGE if is_huge else ImageFault.UNDECODABLE
        raise BadImage(f"{name or 'the image'} cannot be decoded: {reason}", fault) from error


def load(image: Image.Image, wanted: int | None = None) -> None:
    """Decode an opened image and check its pixel values.

    Args:
        wanted: size in pixels that the caller needs. A much larger JPEG is decoded at 1/2, 1/4 or 1/8 of its size, but
            no side becomes shorter than DRAFT_FACTOR * `wanted`.

    Raises:
        BadImage: the float pixels have an unknown range.
        Exception: any error raised by Pillow; `open_image` turns it into a BadImage.
    """
    if wanted is not None:
        image.draft("RGB", (DRAFT_FACTOR * wanted, DRAFT_FACTOR * wanted))  # has an effect on JPEGs only
    image.load()
    if image.mode == "F":
        _float_white(image)


def to_rgb(image: Image.Image) -> Image.Image:
    """Convert a loaded image to RGB as people see it; an upright, opaque RGB image is returned unchanged."""
    if image.mode in ("F", "I") or image.mode.startswith("I;16"):  # `convert` would clip these at 255
        pixels = _grey(image).convert("RGB")
        pixels.info = image.info
    else:
        pixels = on_white(image)
    return upright(pixels)


def decode_image(root: Path, path: str | None, data: bytes | None = None, wanted: int | None = None) -> Image.Image:
    """Decode an image to RGB, from its bytes or from its path below the image root. For `wanted`, see `load`.

    Raises:
        BadImage: the image is unusable.
    """
    with open_image(root, path, data) as image:
        load(image, wanted)
        return to_rgb(image)


def _check_header(image: Image.Image) -> None:
    size = f"the image has {image.width}x{image.height} pixels"
    if image.width * image.height > MAX_PIXELS:
        raise BadImage(f"{size}; the limit is {MAX_PIXELS:,}", ImageFault.TOO_LARGE)
    if max(image.size) > MAX_ASPECT * min(image.size):
        raise BadImage(f"{size}; one side is more than {MAX_ASPECT} times the other", ImageFault.UNSUPPORTED)
    if image.mode == "I" and image.format != "PPM":  # Pillow scales PPM to 16 bits
        raise BadImage(
            "the image has signed or 32-bit pixels, which have no defined range; save it with 8 or 16 bits",
            ImageFault.UNSUPPORTED,
        )
    if image.format == "JPEG" and image.info.get("progressive"):
        _check_scans(image)
    if not _becomes_rgb(image.mode):
        raise BadImage(f"the pixel format ({image.mode}) cannot be converted to RGB", ImageFault.UNSUPPORTED)


def _check_scans(image: Image.Image) -> None:
    """Reject a JPEG that decoders would pass over thousands of times: a scan of a few bytes takes as long as any."""
    file: Any = image.fp  # type: ignore[attr-defined]
    at = file.tell()
    file.seek(0)
    scans = file.read().count(_START_OF_SCAN)
    file.seek(at)
    if scans * image.width * image.height > MAX_SCANNED:
        raise BadImage(
            f"the JPEG has {scans:,} scans of {image.width}x{image.height} pixels; save it again, with fewer scans",
            ImageFault.TOO_LARGE,
        )


@lru_cache(maxsize=64)
def _becomes_rgb(mode: str) -> bool:
    """Return True if Pillow can convert this mode to RGB; for LAB, this depends on how Pillow was built."""
    try:
        Image.new(mode, (1, 1)).convert("RGB")
    except (ImportError, ValueError):
        return False
    return True


def _grey(image: Image.Image) -> Image.Image:
    tags: Any = getattr(image, "tag_v2", {})
    grey = Image.new("L", image.size)
    white = _float_white(image) if image.mode == "F" else None
    shift = max(tags.get(_BITS_PER_SAMPLE, (16,))) - 8
    for top, values in _strips(image):
        bits = values >> shift if white is None else np.rint(np.clip(values / white, 0, 1) * 255)
        bits = bits.astype(np.uint8)
        grey.paste(Image.fromarray(255 - bits if tags.get(_PHOTOMETRIC) == _WHITE_IS_ZERO else bits), (0, top))
    return grey


def _float_white(image: Image.Image) -> float:
    """Return the pixel value of white. Raises BadImage if the range is unknown."""
    bounds = [(float(values.min()), float(values.max())) for _, values in _strips(image)]
    low, high = np.min([low for low, _ in bounds]), np.max([high for _, high in bounds])  # NaN if any pixel is NaN
    white = next((white for white in (1.0, 255.0) if high <= (1 + _OVERSHOOT) * white), None)
    if white is not None and low >= -_OVERSHOOT * white:
        return white
    raise BadImage(
        f"the float pixels range from {low:g} to {high:g}; expected 0 to 1 or 0 to 255. Save it with 8 or 16 bits",
        ImageFault.UNSUPPORTED,
    )


def _strips(image: Image.Image) -> Iterator[tuple[int, npt.NDArray[Any]]]:
    """Yield an image in strips, as (number of the first row, values), to avoid a second full copy in memory."""
    rows = max(1, _VALUES_AT_ONCE // image.width)
    for top in range(0, image.height, rows):
        yield top, np.asarray(image.crop((0, top, image.width, min(top + rows, image.height))))


@lru_cache(maxsize=64)
def _resolved(root: Path) -> Path:
    return root.resolve()


def _reason(path: str) -> str:
    """Return what a path looks like, if not like one of a file below an image root; "" otherwise."""
    if path[:1] == "[" and path[-1:] == "]":
        return "; the path is a list that is written as text"
    if re.match(r"[A-Za-z]:[\\/]", path):
        return "; the path is one of Windows, with a drive: write it relative to the image root, with forward slashes"
    if "\\" in path:
        return "; the path has backslashes: write forward slashes"
    return ""


def _shown(path: str) -> str:
    """Format a path for a message, escaping control characters."""
    return path if path.isprintable() and len(path) < 300 else ascii(path[:300])
