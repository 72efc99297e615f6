"""Resizes images for packed shards and for display."""

import io
from pathlib import Path
from typing import Any

from PIL import Image

from entityclip.contract.as_seen import is_as_seen
from entityclip.contract.image_rules import BadImage, ImageFault, image_file, load, open_image, to_rgb

MAX_BYTES = 64 << 20  # size of an image file
MAX_DECODED = 50_000_000  # pixels of three bytes each; a JPEG may be larger, because it is decoded at a reduced size


def packed_image(root: Path, path: str | None, data: bytes | None, *, size: int, quality: int) -> bytes:
    """Return the encoded image, resized so that its shorter side is at most `size` pixels.

    A JPEG, PNG, WebP or GIF that is already small enough is returned unchanged if it is upright and opaque, so that any
    reader shows it right; else it becomes a JPEG or PNG that is. Other images become JPEGs.
    Raises BadImage if the image is unusable.
    """
    with open_image(root, path, data) as image:
        short, is_kept = min(image.size), image.format in ("JPEG", "PNG", "WEBP", "GIF")
        load(image, size if short > size else None)
        is_lossless = short <= size and image.format in ("PNG", "WEBP", "GIF")
        if short <= size and is_kept and is_as_seen(image):
            return image_file(root, path).read_bytes() if data is None else data
        pixels = to_rgb(image)
    if is_lossless:
        return _encoded(pixels, "PNG")
    short = min(pixels.size)
    if short > size:
        width, height = (max(size, round(side * size / short)) for side in pixels.size)
        pixels = pixels.resize((width, height), Image.Resampling.LANCZOS)
    return _jpeg(pixels, quality)


def shown_image(root: Path, path: str | None, data: bytes | None, longest: int) -> bytes:
    """Return the image as a JPEG of at most `longest` pixels per side. Raises BadImage if it cannot be displayed."""
    return _jpeg(shown_pixels(root, path, data, longest), quality=88)


def shown_pixels(root: Path, path: str | None, data: bytes | None, longest: int) -> Image.Image:
    """Return the image in RGB with at most `longest` pixels per side. Raises BadImage if it cannot be displayed."""
    if data is None and (size := image_file(root, path).stat().st_size) > MAX_BYTES:
        raise BadImage(f"{path} is too large to display ({size:,} bytes)", ImageFault.TOO_LARGE)
    with open_image(root, path, data) as image:
        image.draft("RGB", (longest, longest))  # JPEG only: decodes at a half, a quarter or an eighth of the size
        if image.width * image.height > MAX_DECODED:
            raise BadImage(f"image too large to display ({image.width}x{image.height} pixels)", ImageFault.TOO_LARGE)
        load(image)
        pixels = to_rgb(image)
    pixels.thumbnail((longest, longest), Image.Resampling.LANCZOS)
    return pixels


def _jpeg(pixels: Image.Image, quality: int) -> bytes:
    return _encoded(pixels, "JPEG", quality=quality)


def _encoded(pixels: Image.Image, form: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    pixels.info = {}  # no EXIF or transparency of the original
    pixels.save(buffer, form, **options)
    return buffer.getvalue()
