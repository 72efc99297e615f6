"""From an image in a shard to pixels: safe decoding, and the model's own preprocessing in two halves."""

import io
from collections.abc import Callable
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from model.errors import ModelError
from model.shards import Triple


class BadImage(ValueError):  # noqa: N818
    """This one image cannot be used; the message says why."""


def decode(triple: Triple) -> Image.Image:
    """Decode a row's image to RGB, from its bytes or from its path below the image root.

    Raises BadImage: missing, outside the root (also through a link), not decodable, or so large that Pillow
    takes it for a decompression bomb (beyond 179 million pixels).
    """
    source: Any
    if triple.image_bytes is not None:
        source = io.BytesIO(triple.image_bytes)
    elif triple.image_path is not None:
        source = (triple.image_root / triple.image_path).resolve()
        if not source.is_relative_to(triple.image_root.resolve()):
            raise BadImage(f"{triple.image_path} lies outside the image root")
        if not source.is_file():
            raise BadImage(f"no file {triple.image_path} below the image root")
    else:
        raise BadImage("neither bytes nor a path")
    try:
        with Image.open(source) as image:
            return image.convert("RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise BadImage(f"cannot be decoded: {error}") from error


class Preprocessing:
    """A model's inference transform, cut before its normalisation, so that pixels can be kept as bytes.

    Both halves together equal the whole transform to the bit: `ToTensor` divides bytes by 255.
    """

    def __init__(self, transform: Callable[[Any], Tensor]) -> None:
        """Cut an open_clip inference transform. Raises ModelError for one of another make."""
        steps = getattr(transform, "transforms", [])
        if not steps or type(steps[-1]).__name__ != "Normalize":
            raise ModelError(f"the model's image transform does not end with Normalize: {transform}")
        self._geometry: list[Callable[[Any], Any]] = steps[:-1]
        self._normalize: Callable[[Tensor], Tensor] = steps[-1]

    def pixels(self, image: Image.Image) -> Tensor:
        """RGB image -> (3, H, W) uint8, resized and cropped."""
        value: Any = image
        for step in self._geometry:
            value = step(value)
        return (value * 255).round().to(torch.uint8)

    def normalised(self, pixels: Tensor) -> Tensor:
        """(B, 3, H, W) uint8 -> what the image tower reads, float32."""
        return self._normalize(pixels.float() / 255)
