"""Input of a training step."""

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True)
class Batch:
    """B triples of (image, caption, explanation), ready for the towers.

    Rows that share a number in `image_group` have the same image, and likewise for captions and explanation keys; such
    rows are never used as each other's hard negatives.
    """

    ids: list[str]
    images: Tensor  # (B, 3, H, W), normalised
    captions: Tensor  # (B, Lt) token ids
    explanations: Tensor | None  # (B, Lt) token ids; None if unused
    image_group: Tensor  # (B,)
    caption_group: Tensor  # (B,)
    key_group: Tensor  # (B,)
    anchors: Tensor | None = None  # (B, D) explanations as embedded by the text tower before training; None if unused
    segments: Tensor | None = None  # (B, K, D) the same by segment, 0 where there are fewer than K; None if unused

    @property
    def groups(self) -> Tensor:
        """Return the three groups, stacked into one tensor (3, B)."""
        return torch.stack([self.image_group, self.caption_group, self.key_group])

    def rows(self, rows: slice) -> "Batch":
        """Return a slice of the rows, without trimming texts."""
        parts: dict[str, Any] = {name: None if value is None else value[rows] for name, value in vars(self).items()}
        return Batch(**parts)

    def to(self, device: torch.device) -> "Batch":
        """Return the same batch on `device`."""
        moved: dict[str, Any] = {n: value.to(device) for n, value in vars(self).items() if isinstance(value, Tensor)}
        return replace(self, **moved)
