"""Step 5 of the method: the terms of the loss, in fp32 or better whatever the towers run in."""

import torch
import torch.nn.functional as F
from torch import Tensor

from model.precision import at_least_fp32, fine_matmul

MATCH, NO_MATCH = 0, 1


def contrastive_loss(image: Tensor, text: Tensor, scale: Tensor) -> tuple[Tensor, Tensor]:
    """L_vtc: CLIP's symmetric cross-entropy on cosines times `scale` = exp(logit_scale).

    Args:
        image, text: (B, D), not normalised; row b of one belongs to row b of the other.
        scale: scalar.

    Returns the loss (scalar) and logits_per_image (B, B).
    """
    image, text = (F.normalize(at_least_fp32(x), dim=-1) for x in (image, text))
    logits = fine_matmul(at_least_fp32(scale) * image, text.T)
    target = torch.arange(len(logits), device=logits.device)
    return (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)) / 2, logits


def bridge_loss(v_cls: Tensor, t_eot: Tensor, e_eot: Tensor, scale: Tensor) -> Tensor:
    """The explanation bridge, our extension and not the paper's: L_vtc(V_cls, E_eot) + L_vtc(T_eot, E_eot).

    As published, V* and T* of a pair read the same explanation, so L_vtc(V*, T*) can fall without the towers
    learning from it; here they have to meet it. V_cls, T_eot, E_eot (B, D); `scale` as in `contrastive_loss`.
    """
    return contrastive_loss(v_cls, e_eot, scale)[0] + contrastive_loss(t_eot, e_eot, scale)[0]


def matching_loss(logits: Tensor, label: int, rows: Tensor | None = None, *, epsilon: float = 0.0) -> Tensor:
    """-log(p + epsilon), p the probability that softmax gives the label; a mean over the rows.

    Args:
        logits: (B, 2) match logits.
        label: MATCH or NO_MATCH, the same for every row.
        rows: (B,) bool, which rows count; None: all. Zero where none does.
        epsilon: 0 is cross-entropy. Above 0, a pair that is firmly wrong loses its gradient.
    """
    logits = at_least_fp32(logits)
    log_p = (logits.softmax(dim=-1) + epsilon).log() if epsilon else logits.log_softmax(dim=-1)
    loss = -log_p[:, label]
    if rows is None:
        return loss.mean()
    return (loss * rows).sum() / rows.sum().clamp(min=1)
