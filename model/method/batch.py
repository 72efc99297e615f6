"""What one training step reads."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor


@dataclass(frozen=True)
class Batch:
    """B triples of (image, caption, explanation), ready for the towers.

    The three groups say which rows may not be each other's hard negatives: equal numbers mean the same
    image, the same caption, the same explanation key.
    """

    ids: list[str]
    images: Tensor  # (B, 3, H, W), normalised
    captions: Tensor  # (B, Lt) token ids
    explanations: Tensor | None  # (B, Lt) token ids; None where nothing reads them
    image_group: Tensor  # (B,)
    caption_group: Tensor  # (B,)
    key_group: Tensor  # (B,)
    anchors: Tensor | None = (
        None  # (B, D) explanations as the text tower had them before training, if anything reads them
    )

    @property
    def groups(self) -> Tensor:
        """The three groups, (3, B)."""
        return torch.stack([self.image_group, self.caption_group, self.key_group])

    def rows(self, rows: slice) -> "Batch":
        """Some neighbouring rows, their texts as long as they were."""
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
