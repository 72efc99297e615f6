"""One image as it goes into a packed shard: as small as training needs it."""

import io
from pathlib import Path

from PIL import Image

from pipeline.images import MAX_PIXELS, below

_KEPT_AS_THEY_ARE = ("JPEG", "PNG", "WEBP", "GIF")
_DRAFT_FACTOR = 2  # a JPEG is decoded at no less than this times the size that is wanted, as model/images.py does


class UnusableImage(ValueError):  # noqa: N818
    """This image cannot be used; the message says why."""


def packed_image(root: Path, path: str | None, data: bytes | None, *, size: int, quality: int) -> bytes:
    """An image's bytes, its shorter side `size` pixels, as JPEG of that quality.

    One that is no larger stays as it is, so nothing is lost. Pixels are as stored: no EXIF orientation is applied.

    Raises:
        UnusableImage: missing, outside of the root, not decodable, or beyond MAX_PIXELS.
    """
    if data is None:
        data = _read(root, path)
    try:
        with Image.open(io.BytesIO(data)) as image:
            if image.width * image.height > MAX_PIXELS:
                raise UnusableImage(f"{image.width}x{image.height} pixels is more than {MAX_PIXELS}")
            short = min(image.size)
            if short > size:
                image.draft("RGB", (_DRAFT_FACTOR * size, _DRAFT_FACTOR * size))
            pixels = image.convert("RGB")
            if short <= size and image.format in _KEPT_AS_THEY_ARE:
                return data
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise UnusableImage(f"cannot be decoded: {error}") from error
    short = min(pixels.size)
    if short > size:
        width, height = (max(size, round(side * size / short)) for side in pixels.size)
        pixels = pixels.resize((width, height), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    pixels.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def _read(root: Path, path: str | None) -> bytes:
    if path is None:
        raise UnusableImage("neither bytes nor a path")
    file = below(root, path)
    if file is None:
        raise UnusableImage(f"{path} lies outside the image root")
    try:
        return file.read_bytes()
    except OSError as error:
        raise UnusableImage(f"no file {path} below the image root ({error.strerror})") from error
