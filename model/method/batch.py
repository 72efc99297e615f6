"""Input of a training step."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor


@dataclass(frozen=True)
class Batch:
    """B triples of (image, caption, explanation), ready for the towers.

    Rows with an equal number in one of the three groups have the same image, caption or explanation key, and are not
    used as each other's hard negatives.
    """

    ids: list[str]
    images: Tensor  # (B, 3, H, W), normalised
    captions: Tensor  # (B, Lt) token ids
    explanations: Tensor | None  # (B, Lt) token ids; None if unused
    image_group: Tensor  # (B,)
    caption_group: Tensor  # (B,)
    key_group: Tensor  # (B,)
    anchors: Tensor | None = None  # (B, D) explanations embedded by the untrained text tower; None if unused

    @property
    def groups(self) -> Tensor:
        """The three groups stacked, (3, B)."""
        return torch.stack([self.image_group, self.caption_group, self.key_group])

    def rows(self, rows: slice) -> "Batch":
        """Return a slice of the rows, without trimming texts."""
        explanations = None if self.explanations is None else self.explanations[rows]
        return Batch(
            ids=self.ids[rows],
            images=self.images[rows],
            captions=self.captions[rows],
            explanations=explanations,
            image_group=self.image_group[rows],
            caption_group=self.caption_group[rows],
            key_group=self.key_group[rows],
            anchors=None if self.anchors is None else self.anchors[rows],
        )

    def to(self, device: torch.device) -> "Batch":
        """Return the same batch on `device`."""
        explanations = None if self.explanations is None else self.explanations.to(device)
        return replace(
            self,
            images=self.images.to(device),
            captions=self.captions.to(device),
            explanations=explanations,
            image_group=self.image_group.to(device),
            caption_group=self.caption_group.to(device),
            key_group=self.key_group.to(device),
            anchors=None if self.anchors is None else self.anchors.to(device),
        )
