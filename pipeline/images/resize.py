"""One image resized: for a packed shard as small as training needs it, for a page as a thumbnail."""

import io
from pathlib import Path

import numpy as np
from PIL import Image

from pipeline.images.check import FORMATS, MAX_PIXELS, below

_MAX_ASPECT = 512  # as model/data/images.py has it
_KEPT_AS_THEY_ARE = ("JPEG", "PNG", "WEBP", "GIF")
_DRAFT_FACTOR = 2  # a JPEG is decoded at no less than this times the size that is wanted, as model/data/images.py does
MAX_BYTES = 64 << 20  # of a file
MAX_DECODED = 50_000_000  # pixels, three bytes each; of a JPEG after it was scaled down in decoding
_QUALITY = 88


class UnusableImage(ValueError):  # noqa: N818
    """This image cannot be used; the message says why."""


def packed_image(root: Path, path: str | None, data: bytes | None, *, size: int, quality: int) -> bytes:
    """An image's bytes, its shorter side `size` pixels, as JPEG of that quality.

    One that is no larger stays as it is, so nothing is lost. Pixels are as stored: no EXIF orientation is applied.

    What can be used, and as which pixels, is as model/data/images.py has it: training by reference and packed must
    agree.

    Raises:
        UnusableImage: missing, outside of the root, not decodable, too large or too long, or with 32-bit pixels.
    """
    if data is None:
        data = read_file(root, path)
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            check_usable(image)
            short = min(image.size)
            if short > size:
                image.draft("RGB", (_DRAFT_FACTOR * size, _DRAFT_FACTOR * size))
            image.load()
            if short <= size and image.format in _KEPT_AS_THEY_ARE:
                return data
            pixels = rgb(image)
    except UnusableImage:
        raise
    except Exception as error:  # Pillow's decoders raise whatever Python can; a bad image costs its row and no more
        raise UnusableImage(f"cannot be decoded: {error}") from error
    short = min(pixels.size)
    if short > size:
        width, height = (max(size, round(side * size / short)) for side in pixels.size)
        pixels = pixels.resize((width, height), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    pixels.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def check_usable(image: Image.Image) -> None:
    """Look at an opened image before it is decoded. Raises UnusableImage."""
    if image.width * image.height > MAX_PIXELS:
        raise UnusableImage(f"{image.width}x{image.height} pixels is more than {MAX_PIXELS}")
    if max(image.size) > _MAX_ASPECT * min(image.size):
        raise UnusableImage(f"{image.width}x{image.height}: one side is over {_MAX_ASPECT} times the other")
    if image.mode in ("I", "F"):
        raise UnusableImage("it has 32-bit pixels; save it with 8 or 16 bits")


def rgb(image: Image.Image) -> Image.Image:
    """Its pixels as RGB; 16-bit grey is scaled to 8 bits."""
    if image.mode.startswith("I;16"):
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8)).convert("RGB")
    return image.convert("RGB")


def file_below(root: Path, path: str | None) -> Path:
    """Where the image `path` is, if it is there. Raises UnusableImage: no path, or one that leads out of the root."""
    if path is None:
        raise UnusableImage("neither bytes nor a path")
    file = below(root, path)
    if file is None:
        raise UnusableImage(f"{path} lies outside the image root")
    return file


def read_file(root: Path, path: str | None) -> bytes:
    """The bytes of the image `path` below `root`. Raises UnusableImage: missing, or outside of the root."""
    file = file_below(root, path)
    try:
        return file.read_bytes()
    except OSError as error:
        raise UnusableImage(f"no file {path} below the image root ({error.strerror})") from error


def shown_image(root: Path, path: str | None, data: bytes | None, longest: int) -> bytes:
    """An image as JPEG, no side longer than `longest` pixels, nor longer than it was.

    Pixels are as training reads them: as stored (no EXIF orientation is applied), RGB, of an animation the first frame.

    Raises:
        UnusableImage: missing, outside of the root, not decodable, or too large to be shown.
    """
    try:
        source = _file(root, path) if data is None else io.BytesIO(data)
        with Image.open(source, formats=FORMATS) as image:
            check_usable(image)
            image.draft("RGB", (longest, longest))  # JPEG alone: decoded at a half, a quarter or an eighth
            if image.width * image.height > MAX_DECODED:
                raise UnusableImage(f"{image.width}x{image.height} pixels are too many to be shown here")
            image.load()
            pixels = rgb(image)
        pixels.thumbnail((longest, longest), Image.Resampling.LANCZOS)
        buffer = io.BytesIO()
        pixels.save(buffer, "JPEG", quality=_QUALITY)
    except UnusableImage:
        raise
    except Exception as error:  # Pillow's decoders raise whatever Python can; a bad image costs its place and no more
        raise UnusableImage(f"cannot be decoded: {error}".replace(str(root), ".")) from error
    return buffer.getvalue()


def _file(root: Path, path: str | None) -> Path:
    file = file_below(root, path)
    if not file.is_file():
        raise UnusableImage(f"no file {path} below the image root")
    if file.stat().st_size > MAX_BYTES:
        raise UnusableImage(f"{path}: {file.stat().st_size:,} bytes are too many to be shown here")
    return file
