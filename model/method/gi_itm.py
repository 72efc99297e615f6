"""Step 4 of the method: Gated Integrative Image-Text Matching (GI-ITM); for its negatives, see `hard_negatives`."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from model.method.mmae import ExpertGate


class MatchingOutput(NamedTuple):
    """Output of GI-ITM for B (image, caption, explanation) combinations."""

    experts: Tensor  # [X_v ; X_t] (B, n_v + n_s + n_t + n_s, D)
    gate: Tensor  # g (B, n_v + n_s + n_t + n_s), sums to 1
    fused: Tensor  # f (B, D)
    logits: Tensor  # (B, 2); class 0 means "match"


class GIITM(nn.Module):
    """Step 4: g = softmax(W_f [V_cls ; T_eot]);  f = g [X_v ; X_t];  logits = Linear(D, 2)(f)."""

    def __init__(self, width: int, rows: int) -> None:
        super().__init__()
        self.gate = ExpertGate(2 * width, rows)
        self.head = nn.Linear(width, 2)

    def forward(self, v_cls: Tensor, t_eot: Tensor, x_v: Tensor, x_t: Tensor) -> MatchingOutput:
        """Compute GI-ITM from V_cls and T_eot (B, D), X_v (B, n_v + n_s, D) and X_t (B, n_t + n_s, D)."""
        experts = torch.cat([x_v, x_t], dim=1)
        gate, fused = self.gate(torch.cat([v_cls, t_eot], dim=-1), experts)
        return MatchingOutput(experts, gate, fused, self.head(fused))
