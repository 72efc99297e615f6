"""From an image in a shard to pixels: safe decoding, and the model's own preprocessing in two halves.

Pixels are taken as they are stored, as open_clip and the authors' code take them: an EXIF orientation is not applied.
"""

import io
import math
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from model.data.triple_table import Triple
from model.errors import ModelError

DRAFT_FACTOR = 2  # a JPEG is not decoded to less than this times the size that is wanted
# Not EPS, for which Pillow starts Ghostscript, nor the many formats that nobody keeps photographs in.
FORMATS = ("JPEG", "PNG", "WEBP", "AVIF", "GIF", "BMP", "TIFF", "PPM")
MAX_ASPECT = 512  # a transform that resizes the shorter side makes the longer one this times as long
DEFAULT_LIMIT = 0.01  # share of the rows, see data.max_bad_images
_NAMED = 10


class BadImage(ValueError):  # noqa: N818
    """This one image cannot be used; the message says why."""


def decode(triple: Triple) -> Image.Image:
    """Decode a row's image to RGB, from its bytes or from its path below the image root. Raises BadImage."""
    if triple.packed is not None:
        return decode_bytes(triple.packed.read())
    if triple.image_path is not None:
        return decode_file(triple.image_root, triple.image_path)
    raise BadImage("neither bytes nor a path")


def decode_file(root: Path, path: str, wanted: int | None = None) -> Image.Image:
    """Decode the image at `path` below `root` to RGB; `wanted` as for `decode_bytes`.

    Raises BadImage: missing, outside the root (also through a link), or as `decode_bytes` does.
    """
    shown = path if path.isprintable() and len(path) < 300 else ascii(path[:300])
    try:
        whole_root = _resolved(root)
        source = (whole_root / path).resolve()
        is_below, is_file = source.is_relative_to(whole_root), source.is_file()
    except (OSError, ValueError, RuntimeError) as error:  # a NUL, a name too long, links that go round in a circle
        raise BadImage(f"{shown} can be no path: {error}") from error
    if not is_below:
        raise BadImage(f"{shown} lies outside the image root")
    if not is_file:
        raise BadImage(f"no file {shown} below the image root")
    return _decoded(source, wanted)


def decode_bytes(data: bytes, wanted: int | None = None) -> Image.Image:
    """Decode an image file's bytes to RGB.

    With `wanted`, a JPEG that is far larger is decoded at a half, a quarter or an eighth of its size, as long as no
    side falls below DRAFT_FACTOR times that many pixels.

    Of an animation it is the first frame; 16-bit grey is scaled to 8 bits.

    Raises BadImage: not decodable or of another format than FORMATS, beyond 179 million pixels (Pillow then takes it
    for a decompression bomb), beyond MAX_ASPECT, or with 32-bit pixels, whose range no one states.
    """
    return _decoded(io.BytesIO(data), wanted)


def _decoded(source: Any, wanted: int | None) -> Image.Image:
    try:
        with Image.open(source, formats=FORMATS) as image:
            if max(image.size) > MAX_ASPECT * min(image.size):
                raise BadImage(f"{image.width}x{image.height} pixels: one side is over {MAX_ASPECT} times the other")
            if image.mode in ("I", "F"):
                raise BadImage("it has 32-bit pixels; save it with 8 or 16 bits")
            if wanted is not None:
                image.draft("RGB", (DRAFT_FACTOR * wanted, DRAFT_FACTOR * wanted))  # nothing but for JPEG
            if image.mode.startswith("I;16"):  # `convert` would saturate all but the darkest of them
                return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8)).convert("RGB")
            image.load()
            return image if image.mode == "RGB" else image.convert("RGB")
    except BadImage:
        raise
    except Exception as error:  # Pillow's decoders raise whatever Python can; a bad image costs its row and no more
        raise BadImage(f"cannot be decoded: {error}") from error


@lru_cache(maxsize=64)
def _resolved(root: Path) -> Path:
    return root.resolve()


class Preprocessing:
    """A model's inference transform, cut before its normalisation, so that pixels can be kept as bytes.

    Both halves together equal the whole transform to the bit: `ToTensor` divides bytes by 255.
    """

    def __init__(self, transform: Callable[[Any], Tensor]) -> None:
        """Cut an open_clip inference transform. Raises ModelError for one of another make."""
        steps = getattr(transform, "transforms", [])
        if [type(step).__name__.removeprefix("Maybe") for step in steps[-2:]] != ["ToTensor", "Normalize"]:
            raise ModelError(f"the model's image transform does not end with ToTensor and Normalize: {transform}")
        self._geometry: list[Callable[[Any], Any]] = steps[:-2]
        self._normalize: Any = steps[-1]

    def pixels(self, image: Image.Image) -> Tensor:
        """RGB image -> (3, H, W) uint8, resized and cropped."""
        for step in self._geometry:
            image = step(image)
        return torch.from_numpy(np.array(image)).permute(2, 0, 1).contiguous()

    def normalised(self, pixels: Tensor) -> Tensor:
        """(B, 3, H, W) uint8 -> what the image tower reads, float32, on the same device."""
        if pixels.device.type != "cpu":
            on_device: Tensor = self._normalize(pixels.float() / 255)
            return on_device
        normalised = torch.empty(pixels.shape)
        mean, std = (torch.tensor(values)[:, None, None] for values in (self._normalize.mean, self._normalize.std))
        for image, result in zip(pixels, normalised, strict=True):  # one at a time stays in the processor's cache
            torch.div(image, 255, out=result)
            result.sub_(mean).div_(std)
        return normalised


class BadImages(dict[str, str]):
    """Why an image cannot be used, by the id of its row."""

    def __init__(self, rows: int, limit: float, expected: int = 0) -> None:
        """Of `rows` rows the share `limit`, rounded up, may have a bad image, beside those `expected` to."""
        super().__init__()
        self._rows, self._limit, self._allowed = rows, limit, math.ceil(limit * rows) + expected

    def add(self, row_id: str, why: str) -> None:
        """One more, once. Raises ModelError beyond the limit."""
        if row_id in self:
            return
        self[row_id] = why
        if len(self) > self._allowed:
            raise ModelError(
                f"{len(self)} of {self._rows} images cannot be used, more than data.max_bad_images={self._limit:g} "
                f"allows; the last one, {row_id!r}: {why}. Is data.image_root right, and are all images there? If so, "
                "raise data.max_bad_images"
            )

    def lines(self) -> list[str]:
        """The first of them by name, and how many more there are."""
        named = [f"left out {row_id}: {why}" for row_id, why in list(self.items())[:_NAMED]]
        more = len(self) - len(named)
        return named + ([f"left out {more:,} more rows whose image cannot be used"] if more else [])
