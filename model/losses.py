"""Step 5 of the method: the terms of the loss, in fp32 whatever the towers run in."""

import torch
import torch.nn.functional as F
from torch import Tensor

MATCH, NO_MATCH = 0, 1


def contrastive_loss(image: Tensor, text: Tensor, scale: Tensor) -> tuple[Tensor, Tensor]:
    """L_vtc: CLIP's symmetric cross-entropy on cosines times `scale` = exp(logit_scale).

    Args:
        image, text: (B, D), not normalised; row b of one belongs to row b of the other.
        scale: scalar.

    Returns the loss (scalar) and logits_per_image (B, B).
    """
    logits = scale.float() * F.normalize(image.float(), dim=-1) @ F.normalize(text.float(), dim=-1).T
    target = torch.arange(len(logits), device=logits.device)
    return (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)) / 2, logits


def matching_loss(logits: Tensor, label: int, rows: Tensor | None = None) -> Tensor:
    """Cross-entropy of match logits (B, 2) against one label, averaged over `rows` (B,) bool (None: all).

    Zero where no row is chosen.
    """
    target = torch.full((len(logits),), label, device=logits.device)
    loss = F.cross_entropy(logits.float(), target, reduction="none")
    if rows is None:
        return loss.mean()
    return (loss * rows).sum() / rows.sum().clamp(min=1)
