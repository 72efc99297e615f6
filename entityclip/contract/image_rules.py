"""Which images can be used, and as which pixels: the one rule of `check`, `generate`, `pack` and training.

An image is used if it lies below the image root, is of one of FORMATS, has no more than MAX_PIXELS pixels, no side over
MAX_ASPECT times the other, pixels whose range is known, and decodes to its end. Pixels are taken as they are stored
(no EXIF orientation, no colour profile, transparency dropped, of an animation the first frame), as open_clip takes
them, and become RGB of 8 bits:

- grey of 12 or 16 bits keeps its 8 highest bits;
- floats are 0 to 1 where none is above, else 0 to 255, with room for the overshoot of resampling; others are refused;
- whole numbers of 32 bits, or with a sign, are refused: no format says where their white is;
- grey of 16 bits and more of a TIFF whose zero is white is inverted, which Pillow leaves to its reader.
"""

import io
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

# Not EPS, for which Pillow starts Ghostscript, nor the many formats that nobody keeps photographs in.
FORMATS = ("JPEG", "PNG", "WEBP", "AVIF", "GIF", "BMP", "TIFF", "PPM")
MAX_PIXELS = 178_956_970  # Pillow's own bound: 2**31 bytes / 4 bytes a pixel / 3
MAX_ASPECT = 512  # a transform that resizes the shorter side makes the longer one this times as long
DRAFT_FACTOR = 2  # a JPEG is not decoded to less than this times the size that is wanted

_FLOAT_WHITES = (1.0, 255.0)
_OVERSHOOT = 0.5  # of white; as much again as a sharp edge gains by resampling
_BITS_PER_SAMPLE, _PHOTOMETRIC, _WHITE_IS_ZERO = 258, 262, 0  # TIFF
_VALUES_AT_ONCE = 1 << 20
_ADDRESS = re.compile(r" <_io\.BytesIO object at 0x[0-9a-f]+>")

# Pillow says on stderr what it finds odd in an image; what counts is whether it can be used.
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")


class ImageFault(StrEnum):
    """Why an image cannot be used."""

    OUTSIDE = "outside"
    MISSING = "missing"
    TOO_LARGE = "too_large"
    UNSUPPORTED = "unsupported"
    UNDECODABLE = "undecodable"


class BadImage(ValueError):  # noqa: N818
    """This image cannot be used; the message says why, `fault` of which kind that is."""

    def __init__(self, why: str, fault: ImageFault = ImageFault.UNDECODABLE) -> None:
        super().__init__(why)
        self.fault = fault


def image_file(root: Path, path: str | None) -> Path:
    """Find the image at `path` below `root`, links followed. Nothing outside `root` is opened.

    Raises:
        BadImage: no path, one that leads out of the root (also through a link), or no file there.
    """
    if not path:
        raise BadImage("the record names no image", ImageFault.MISSING)
    shown = _shown(path)
    try:
        whole_root = _resolved(root.absolute())
        file = (whole_root / path).resolve()
        is_below = file.is_relative_to(whole_root)
    except (OSError, ValueError, RuntimeError):  # a NUL, or links that go round in a circle
        is_below = False
    if not is_below:
        raise BadImage(f"{shown}: lies outside the image root", ImageFault.OUTSIDE)
    try:
        is_file = file.is_file()
    except OSError:  # a name that is too long
        is_file = False
    if not is_file:
        raise BadImage(f"{shown}: no such image", ImageFault.MISSING)
    return file


@contextmanager
def open_image(root: Path, path: str | None, data: bytes | None = None) -> Iterator[Image.Image]:
    """Open an image as a row has it: its bytes, or its path below the image root. What its header tells is checked.

    What decoding raises inside the block becomes a BadImage.

    Raises:
        BadImage: as `image_file` does, or the image cannot be used.
    """
    source: Path | io.BytesIO = image_file(root, path) if data is None else io.BytesIO(data)
    name = f"{_shown(path or '')}: " if data is None else ""
    try:
        with Image.open(source, formats=FORMATS) as image:
            _check_header(image)
            yield image
    except BadImage as error:
        raise BadImage(f"{name}{error}", error.fault) from error
    except Exception as error:  # Pillow's decoders raise whatever Python can; a bad image costs its row and no more
        said = _ADDRESS.sub("", str(error)[:500]) or type(error).__name__
        for folder in (str(_resolved(root.absolute())), str(root)) if data is None else ():
            said = said.replace(folder, ".")
        is_bomb = isinstance(error, Image.DecompressionBombError)
        fault = ImageFault.TOO_LARGE if is_bomb else ImageFault.UNDECODABLE
        raise BadImage(f"{name}cannot be decoded: {said}", fault) from error


def load(image: Image.Image, wanted: int | None = None) -> None:
    """Decode an opened image, and look at what its pixels alone tell. After this it can be used.

    Args:
        wanted: pixels. A JPEG that is far larger is decoded at a half, a quarter or an eighth of its size, as long as
            no side falls below DRAFT_FACTOR times that many.

    Raises:
        BadImage: floats whose range cannot be told.
        Exception: whatever Pillow raises; `open_image` makes it a BadImage.
    """
    if wanted is not None:
        image.draft("RGB", (DRAFT_FACTOR * wanted, DRAFT_FACTOR * wanted))  # nothing but for JPEG
    image.load()
    if image.mode == "F":
        _float_white(image)


def to_rgb(image: Image.Image) -> Image.Image:
    """Make RGB of a loaded image: itself, if it is."""
    if image.mode == "RGB":
        return image
    if image.mode in ("F", "I") or image.mode.startswith("I;16"):  # `convert` saturates, at 255 of 65,535
        return _grey(image).convert("RGB")
    return image.convert("RGB")


def decode_image(root: Path, path: str | None, data: bytes | None = None, wanted: int | None = None) -> Image.Image:
    """Decode an image to RGB, from its bytes or from its path below the image root; `wanted` as for `load`.

    Raises:
        BadImage: it cannot be used.
    """
    with open_image(root, path, data) as image:
        load(image, wanted)
        return to_rgb(image)


def _check_header(image: Image.Image) -> None:
    size = f"{image.width}x{image.height} pixels"
    if image.width * image.height > MAX_PIXELS:
        raise BadImage(f"{size} is more than {MAX_PIXELS}", ImageFault.TOO_LARGE)
    if max(image.size) > MAX_ASPECT * min(image.size):
        raise BadImage(f"{size}: one side is over {MAX_ASPECT} times the other", ImageFault.UNSUPPORTED)
    if image.mode == "I" and image.format != "PPM":  # there Pillow has scaled them to 16 bits
        raise BadImage(
            "it has signed or 32-bit pixels, whose range no one states; save it with 8 or 16 bits",
            ImageFault.UNSUPPORTED,
        )
    if not _becomes_rgb(image.mode):
        raise BadImage(f"its pixels ({image.mode}) cannot become RGB", ImageFault.UNSUPPORTED)


@lru_cache(maxsize=64)
def _becomes_rgb(mode: str) -> bool:
    """Ask Pillow: what it converts depends on the mode alone, and LAB on how it was built."""
    try:
        Image.new(mode, (1, 1)).convert("RGB")
    except (ImportError, ValueError):
        return False
    return True


def _grey(image: Image.Image) -> Image.Image:
    """8-bit grey of an image with deeper pixels."""
    tags: Any = getattr(image, "tag_v2", {})
    grey = Image.new("L", image.size)
    if image.mode == "F":
        white = _float_white(image)
    else:
        shift = max(tags.get(_BITS_PER_SAMPLE, (16,))) - 8
    for top, values in _strips(image):
        if image.mode == "F":
            bits = np.rint(np.clip(values / white, 0, 1) * 255).astype(np.uint8)
        else:
            bits = (values >> shift).astype(np.uint8)
        grey.paste(Image.fromarray(255 - bits if tags.get(_PHOTOMETRIC) == _WHITE_IS_ZERO else bits), (0, top))
    return grey


def _float_white(image: Image.Image) -> float:
    """The value of white. Raises BadImage where it cannot be told."""
    bounds = [(float(values.min()), float(values.max())) for _, values in _strips(image)]
    low, high = np.min([low for low, _ in bounds]), np.max([high for _, high in bounds])  # NaN, if there is one
    white = next((white for white in _FLOAT_WHITES if high <= (1 + _OVERSHOOT) * white), None)
    if white is not None and low >= -_OVERSHOOT * white:
        return white
    raise BadImage(
        f"its float pixels reach from {low:g} to {high:g}, which is neither 0 to 1 nor 0 to 255; save it with 8 or 16 "
        "bits",
        ImageFault.UNSUPPORTED,
    )


def _strips(image: Image.Image) -> Iterator[tuple[int, npt.NDArray[Any]]]:
    """An image's values, some rows at a time, and where these begin: a second copy of the whole would be large."""
    rows = max(1, _VALUES_AT_ONCE // image.width)
    for top in range(0, image.height, rows):
        yield top, np.asarray(image.crop((0, top, image.width, min(top + rows, image.height))))


@lru_cache(maxsize=64)
def _resolved(root: Path) -> Path:
    return root.resolve()


def _shown(path: str) -> str:
    """A path in a message: what would move a terminal's cursor is spelt out."""
    return path if path.isprintable() and len(path) < 300 else ascii(path[:300])
