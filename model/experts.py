"""Steps 2 and 3 of the method: expert blocks and Multimodal Attentive Experts (MMAE).

Only one query per expert is ever read (the image's CLS or the text's end-of-text token), so only that one is
computed; the rest of a tower's tokens serve as keys and values.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from model.towers import TokenFeatures


class QuickGELU(nn.Module):
    """x * sigmoid(1.702 x), OpenAI CLIP's activation."""

    def forward(self, x: Tensor) -> Tensor:
        """Any shape, elementwise."""
        return x * torch.sigmoid(1.702 * x)


class ExpertBlock(nn.Module):
    """Pre-LayerNorm cross-attention block with one head (paper, "attentive expert").

    q <- q + Attn(LN1(q), LN1(kv), LN1(kv));  q <- q + MLP(LN2(q)). The same LN1 serves the query and the
    context, and padding in the context is read like any token, as published.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.ln_1 = nn.LayerNorm(width)
        self.attn = nn.MultiheadAttention(width, num_heads=1, batch_first=True)
        self.ln_2 = nn.LayerNorm(width)
        self.mlp = nn.Sequential()
        self.mlp.add_module("c_fc", nn.Linear(width, 4 * width))
        self.mlp.add_module("gelu", QuickGELU())
        self.mlp.add_module("c_proj", nn.Linear(4 * width, width))
        self._initialise(width)

    def _initialise(self, width: int) -> None:
        # CLIP's own initialisation of a transformer of one layer
        residual_std = width**-0.5 * 2**-0.5
        nn.init.normal_(self.attn.in_proj_weight, std=width**-0.5)
        nn.init.normal_(self.attn.out_proj.weight, std=residual_std)
        nn.init.normal_(self.mlp.get_parameter("c_fc.weight"), std=(2 * width) ** -0.5)
        nn.init.normal_(self.mlp.get_parameter("c_proj.weight"), std=residual_std)

    def forward(self, query: Tensor, context: Tensor) -> Tensor:
        """Query (B, D) over context (B, L, D) -> (B, D)."""
        keys = self.ln_1(context)
        attended, _ = self.attn(self.ln_1(query)[:, None], keys, keys, need_weights=False)
        query = query + attended[:, 0]
        return query + self.mlp(self.ln_2(query))


class ExpertOutputs(NamedTuple):
    """What every expert says of every pair of a batch."""

    image: Tensor  # (B, n_v, D) image experts: q = V_cls, kv = V
    image_shared: Tensor  # (B, n_s, D) shared experts: q = V_cls, kv = E
    text: Tensor  # (B, n_t, D) text experts: q = T_eot, kv = T
    text_shared: Tensor  # (B, n_s, D) shared experts: q = T_eot, kv = E

    @property
    def x_v(self) -> Tensor:
        """X_v (B, n_v + n_s, D): own experts first, shared ones after."""
        return torch.cat([self.image, self.image_shared], dim=1)

    @property
    def x_t(self) -> Tensor:
        """X_t (B, n_t + n_s, D): own experts first, shared ones after."""
        return torch.cat([self.text, self.text_shared], dim=1)


class Experts(nn.Module):
    """n_v image, n_s shared and n_t text experts; the shared ones read the explanation."""

    def __init__(self, width: int, *, image: int, shared: int, text: int) -> None:
        super().__init__()
        self.image = nn.ModuleList(ExpertBlock(width) for _ in range(image))
        self.shared = nn.ModuleList(ExpertBlock(width) for _ in range(shared))
        self.text = nn.ModuleList(ExpertBlock(width) for _ in range(text))

    def forward(self, features: TokenFeatures) -> ExpertOutputs:
        """Outputs of all experts for B true triples."""
        v_cls, t_eot = features.v_cls, features.t_eot
        return ExpertOutputs(
            image=_stack(self.image, v_cls, features.image),
            image_shared=self.on_explanation(v_cls, features.explanation),
            text=_stack(self.text, t_eot, features.text),
            text_shared=self.on_explanation(t_eot, features.explanation),
        )

    def on_explanation(self, query: Tensor, explanation: Tensor | None) -> Tensor:
        """Shared experts: query (B, D) over explanation tokens E (B, Lt, D) -> (B, n_s, D).

        `explanation` is None only where there are no shared experts.
        """
        if explanation is None:
            return query.new_empty(len(query), 0, query.shape[1])
        return _stack(self.shared, query, explanation)


class ExpertGate(nn.Module):
    """Weights over n expert outputs, softmax(W x), and the mixture they make."""

    def __init__(self, features: int, experts: int) -> None:
        super().__init__()
        self.score = nn.Linear(features, experts)

    def forward(self, x: Tensor, outputs: Tensor) -> tuple[Tensor, Tensor]:
        """x (B, F), outputs (B, n, D) -> weights (B, n) that sum to 1, mixture (B, D)."""
        weights = self.score(x).float().softmax(dim=-1)
        return weights, (weights[:, None].to(outputs.dtype) @ outputs)[:, 0]


def _stack(experts: nn.ModuleList, query: Tensor, context: Tensor) -> Tensor:
    if len(experts) == 0:
        return query.new_empty(len(query), 0, query.shape[1])
    return torch.stack([expert(query, context) for expert in experts], dim=1)
