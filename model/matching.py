"""Step 4 of the method: hard negatives and Gated Integrative Image-Text Matching (GI-ITM)."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from model.batch import Batch
from model.errors import ModelError
from model.experts import ExpertGate
from model.precision import at_least_fp32


class HardNegatives(NamedTuple):
    """One wrong text for every image and one wrong image for every text, where the batch has one."""

    text_index: Tensor  # (B,) for image b: row of a wrong (caption, explanation)
    text_exists: Tensor  # (B,) bool
    image_index: Tensor  # (B,) for text b: row of a wrong image
    image_exists: Tensor  # (B,) bool


class MatchingOutput(NamedTuple):
    """One pass of GI-ITM over B (image, caption, explanation) combinations."""

    experts: Tensor  # [X_v ; X_t] (B, n_v + n_s + n_t + n_s, D)
    gate: Tensor  # g (B, n_v + n_s + n_t + n_s), sums to 1
    fused: Tensor  # f (B, D)
    logits: Tensor  # (B, 2); class 0 means "match"


class GatedMatching(nn.Module):
    """Step 4: g = softmax(W_f [V_cls ; T_eot]);  f = g [X_v ; X_t];  logits = Linear(D, 2)(f)."""

    def __init__(self, width: int, rows: int) -> None:
        super().__init__()
        self.gate = ExpertGate(2 * width, rows)
        self.head = nn.Linear(width, 2)

    def forward(self, v_cls: Tensor, t_eot: Tensor, x_v: Tensor, x_t: Tensor) -> MatchingOutput:
        """V_cls, T_eot (B, D); X_v (B, n_v + n_s, D); X_t (B, n_t + n_s, D)."""
        experts = torch.cat([x_v, x_t], dim=1)
        gate, fused = self.gate(torch.cat([v_cls, t_eot], dim=-1), experts)
        return MatchingOutput(experts, gate, fused, self.head(fused))


def possible_negatives(batch: Batch) -> Tensor:
    """(B, B) bool: rows i and j share neither image, nor caption, nor explanation key. Symmetric."""
    groups = torch.stack([batch.image_group, batch.caption_group, batch.key_group])
    return (groups[:, :, None] != groups[:, None, :]).all(dim=0)


def draw_hard_negatives(
    logits_per_image: Tensor, allowed: Tensor, generator: torch.Generator | None = None
) -> HardNegatives:
    """Draw once per row from softmax(similarity), masked before the softmax.

    Args:
        logits_per_image: (B, B) similarities of the main loss, image rows and text columns; detached here.
        allowed: (B, B) bool, symmetric, False on the diagonal (see `possible_negatives`).
        generator: on the device of the logits; a seeded one makes the draw repeatable.

    A row of `allowed` with no True gets no negative (`*_exists` False, index 0). A similarity that is not
    finite is never drawn; the loss that it belongs to is not finite either, which stops the training run.

    Raises ModelError for B < 2.
    """
    size = len(logits_per_image)
    if size < 2:
        raise ModelError(f"hard negatives need a batch of at least 2 pairs, this one has {size}")
    chances = negative_chances(logits_per_image, allowed)
    exists = chances.any(dim=1)
    # multinomial refuses a row without any chance
    drawn = torch.multinomial(torch.where(exists[:, None], chances, 1.0), 1, generator=generator)[:, 0]
    index = torch.where(exists, drawn, 0)
    return HardNegatives(index[:size], exists[:size], index[size:], exists[size:])


def negative_chances(logits_per_image: Tensor, allowed: Tensor) -> Tensor:
    """(2B, B) chances of a draw, at least fp32: B images choosing texts, then B texts choosing images.

    Masked before the softmax, so a row sums to 1 however small its allowed similarities are beside the
    others; a row with nothing to choose is all zeros. Arguments as in `draw_hard_negatives`.
    """
    similarity = at_least_fp32(logits_per_image.detach())
    scores = torch.cat([similarity, similarity.T])
    open_to = torch.cat([allowed, allowed.T]) & scores.isfinite()
    chances = scores.masked_fill(~open_to, float("-inf")).softmax(dim=1)
    return torch.where(open_to, chances, 0.0)  # a row with nothing to choose comes out of softmax as NaN
