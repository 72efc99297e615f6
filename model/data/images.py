"""The model's image preprocessing, split before normalisation, and a record of unusable images."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from model.errors import ModelError

DEFAULT_LIMIT = 0.01  # share of rows, see data.max_bad_images
_NAMED = 10  # rows listed in a message


class Preprocessing:
    """A model's inference transform, split before normalisation so that pixels can be stored as bytes.

    `ToTensor` divides bytes by 255, so both halves together give the same result as the whole transform, bit for bit.
    """

    def __init__(self, transform: Callable[[Any], Tensor]) -> None:
        """Split an open_clip inference transform. Raises ModelError if it does not end with ToTensor and Normalize."""
        steps = getattr(transform, "transforms", [])
        if [type(step).__name__.removeprefix("Maybe") for step in steps[-2:]] != ["ToTensor", "Normalize"]:
            raise ModelError(f"the model's image transform does not end with ToTensor and Normalize: {transform}")
        self._geometry: list[Callable[[Any], Any]] = steps[:-2]
        self._normalize: Any = steps[-1]

    def pixels(self, image: Image.Image) -> Tensor:
        """Resize and crop an RGB image to (3, H, W) uint8."""
        for step in self._geometry:
            image = step(image)
        return torch.from_numpy(np.array(image)).permute(2, 0, 1).contiguous()

    def normalised(self, pixels: Tensor) -> Tensor:
        """Normalise pixels (B, 3, H, W) uint8 to the image tower's input, float32, on the same device."""
        if pixels.device.type != "cpu":
            return self._normalize(pixels.float() / 255)
        normalised = torch.empty(pixels.shape)
        mean, std = (torch.tensor(values)[:, None, None] for values in (self._normalize.mean, self._normalize.std))
        for image, result in zip(pixels, normalised, strict=True):  # one at a time fits in the CPU cache
            torch.div(image, 255, out=result)
            result.sub_(mean).div_(std)
        return normalised


class BadImages(dict[str, str]):
    """Reasons why images cannot be used, by row id."""

    def __init__(self, rows: int, limit: float, expected: int = 0) -> None:
        """Allow `limit * rows` bad images, rounded up, in addition to the `expected` ones."""
        super().__init__()
        self._rows, self._limit, self._allowed = rows, limit, math.ceil(limit * rows) + expected

    def add(self, row_id: str, why: str) -> None:
        """Record a row unless it is already recorded. Raises ModelError if the limit is exceeded."""
        if row_id in self:
            return
        self[row_id] = why
        if len(self) > self._allowed:
            raise ModelError(
                f"{len(self)} of {self._rows} images cannot be used, more than data.max_bad_images={self._limit:g} "
                f"allows. The latest is the image of row {row_id!r}: {why}. Check data.image_root and that no image is "
                "missing, or raise data.max_bad_images"
            )

    def lines(self) -> list[str]:
        """Return a line for each of the first few rows, and a line with the number of remaining rows."""
        named = [f"skipped {row_id}: {why}" for row_id, why in list(self.items())[:_NAMED]]
        more = len(self) - len(named)
        return named + ([f"skipped {more:,} more rows with unusable images"] if more else [])
