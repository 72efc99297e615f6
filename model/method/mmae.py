"""Steps 2 and 3 of the method: expert blocks and Multimodal Attentive Experts (MMAE).

Only one query per expert is used (the image's CLS or the text's end-of-text token), so no other query is
computed. With one head and one query, the key and value projections and the affine part of LN1 can be applied
to the query and to the attended mixture instead of to every token; what remains per token, the normalisation,
is shared by all experts.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from model.clip.towers import TokenFeatures
from model.distributed.local import Rows
from model.precision import at_least_fp32, fine_matmul


class Context(NamedTuple):
    """Normalised tokens, shared by all experts."""

    tokens: Tensor  # (B, L, D), normalised over D, before the experts' affine parts
    readable: Tensor | None  # (B, L) bool; None: all

    def rows(self, rows: Rows) -> "Context":
        """Return the context of the given rows of the whole batch."""
        return Context(rows.of_texts(self.tokens), None if self.readable is None else rows.of_texts(self.readable))


def as_context(tokens: Tensor, readable: Tensor | None) -> Context:
    """Build a context from token features (B, L, D) and `readable`, a mask (B, L) that is False for padding."""
    return Context(F.layer_norm(tokens, tokens.shape[-1:]), readable)


class ExpertBlock(nn.Module):
    """Step 2: n pre-LayerNorm cross-attention blocks with one head, batched over n.

    q <- q + Attn(LN1(q), LN1(kv), LN1(kv));  q <- q + MLP(LN2(q)), where the MLP is four times as wide
    and uses QuickGELU. Query and context share LN1.

    With u = W_q LN1(q) + b_q, scores need u . (W_k y + b_k) for every token y = g * y' + b (y' is normalised; g and b
    are LN1's affine part). Everything except (g * W_k^T u) . y' is the same for every token and cancels in the softmax,
    so b_k has no gradient. The attended value is W_v (g * sum p y' + b) + b_v, where p are the softmax weights.

    Scores and softmax are always fp32. Under bf16 autocast, outputs are off by 0.2 % (initial attention) to
    0.8 % (sharp attention), as in a plain block; with scores in bf16, they were off by up to 1.2 %
    (tests/model/method/test_precision.py).
    """

    def __init__(self, count: int, width: int, *, zero_init: bool = False) -> None:
        """Draw the parameters; with `zero_init`, the block starts as the identity of its query."""
        super().__init__()
        self.ln_1_weight = nn.Parameter(torch.ones(count, width))
        self.ln_1_bias = nn.Parameter(torch.zeros(count, width))
        self.in_proj_weight = _normal(count, 3 * width, width, std=width**-0.5)  # query, key, value
        self.in_proj_bias = nn.Parameter(torch.zeros(count, 3 * width))
        # CLIP's initialisation for a one-layer transformer
        self.out_proj_weight = _normal(count, width, width, std=(2 * width) ** -0.5)
        self.out_proj_bias = nn.Parameter(torch.zeros(count, width))
        self.ln_2_weight = nn.Parameter(torch.ones(count, width))
        self.ln_2_bias = nn.Parameter(torch.zeros(count, width))
        self.c_fc_weight = _normal(count, 4 * width, width, std=(2 * width) ** -0.5)
        self.c_fc_bias = nn.Parameter(torch.zeros(count, 4 * width))
        self.c_proj_weight = _normal(count, width, 4 * width, std=(2 * width) ** -0.5)
        self.c_proj_bias = nn.Parameter(torch.zeros(count, width))
        if zero_init:
            nn.init.zeros_(self.out_proj_weight)
            nn.init.zeros_(self.c_proj_weight)

    def forward(self, query: Tensor, context: Context) -> Tensor:
        """Attend from a query (B, D) to a context (B, L, D); return (B, n, D)."""
        width = query.shape[-1]
        w_query, w_key, w_value = self.in_proj_weight.chunk(3, dim=1)
        b_query, _, b_value = self.in_proj_bias.chunk(3, dim=1)
        scale, shift = self.ln_1_weight[:, None], self.ln_1_bias[:, None]

        normed = F.layer_norm(query, (width,)) * scale + shift  # (n, B, D)
        key_side = scale * torch.bmm(_linear(normed, w_query, b_query), w_key)
        scores = fine_matmul(key_side.transpose(0, 1), context.tokens.transpose(1, 2)) / width**0.5  # (B, n, L)
        if context.readable is not None:
            scores = scores.masked_fill(~context.readable[:, None], float("-inf"))
        read = scores.softmax(dim=-1).to(context.tokens.dtype) @ context.tokens  # (B, n, D)

        value = _linear(read.transpose(0, 1) * scale + shift, w_value, b_value)
        x = query + _linear(value, self.out_proj_weight, self.out_proj_bias)
        hidden = F.layer_norm(x, (width,)) * self.ln_2_weight[:, None] + self.ln_2_bias[:, None]
        hidden = _linear(hidden, self.c_fc_weight, self.c_fc_bias)
        hidden = hidden * torch.sigmoid(1.702 * hidden)
        return (x + _linear(hidden, self.c_proj_weight, self.c_proj_bias)).transpose(0, 1)


class ExpertOutputs(NamedTuple):
    """Outputs of all experts for a batch."""

    image: Tensor  # (B, n_v, D) image experts: q = V_cls, kv = V
    image_shared: Tensor  # (B, n_s, D) shared experts: q = V_cls, kv = E; (B, 0, D) if one-sided
    text: Tensor  # (B, n_t, D) text experts: q = T_eot, kv = T
    text_shared: Tensor  # (B, n_s, D) shared experts: q = T_eot, kv = E

    @property
    def x_v(self) -> Tensor:
        """Return X_v (B, n_v + n_s, D): image experts, then shared experts."""
        return torch.cat([self.image, self.image_shared], dim=1)

    @property
    def x_t(self) -> Tensor:
        """Return X_t (B, n_t + n_s, D): text experts, then shared experts."""
        return torch.cat([self.text, self.text_shared], dim=1)


class MMAE(nn.Module):
    """Step 3: n_v image, n_s shared and n_t text experts of width D; the shared experts read the explanation."""

    def __init__(
        self, width: int, *, image: int, shared: int, text: int, one_sided: bool = False, zero_init: bool = False
    ) -> None:
        """Build the experts; `one_sided` and `zero_init` are our variants, as in `MethodSettings`."""
        super().__init__()
        self.image = ExpertBlock(image, width, zero_init=zero_init) if image else None
        self.shared = ExpertBlock(shared, width, zero_init=zero_init) if shared else None
        self.text = ExpertBlock(text, width, zero_init=zero_init) if text else None
        self.one_sided = one_sided

    def forward(
        self, features: TokenFeatures, explanation: Context | None, text_query: Tensor | None = None
    ) -> ExpertOutputs:
        """Return all experts' outputs for B true triples; without explanations, the shared ones are (B, 0, D).

        `text_query` (B, D) replaces T_eot as the query of text and shared experts.
        """
        v_cls, t_eot = features.v_cls, features.t_eot if text_query is None else text_query
        return ExpertOutputs(
            image=self.on_image(v_cls, features.image),
            image_shared=self.on_explanation_of_image(v_cls, explanation),
            text=_read(self.text, t_eot, as_context(features.text, features.text_readable)),
            text_shared=_read(self.shared, t_eot, explanation),
        )

    def on_image(self, v_cls: Tensor, image: Tensor) -> Tensor:
        """Return the image experts' outputs (B, n_v, D) for V_cls (B, D) and V (B, Lv, D): all of X_v if one-sided."""
        return _read(self.image, v_cls, as_context(image, None))

    def on_explanation_of_image(self, v_cls: Tensor, explanation: Context | None) -> Tensor:
        """Return the shared experts' outputs (B, n_s, D) for V_cls; (B, 0, D) if one-sided."""
        return self.on_explanation(v_cls, None if self.one_sided else explanation)

    def on_explanation(self, query: Tensor, explanation: Context | None) -> Tensor:
        """Return the shared experts' outputs (B, n_s, D) for a query (B, D) that attends to explanations."""
        return _read(self.shared, query, explanation)

    def on_text(self, query: Tensor, text: Context, explanation: Context | None) -> Tensor:
        """Return X_t (B, n_t + n_s, D) for a query (B, D), not necessarily the end token of the text."""
        return torch.cat([_read(self.text, query, text), self.on_explanation(query, explanation)], dim=1)


class ExpertGate(nn.Module):
    """Step 3: weights softmax(W x + b) over n expert outputs, and the weighted mixture."""

    def __init__(self, features: int, experts: int) -> None:
        super().__init__()
        self.score = nn.Linear(features, experts)

    def forward(self, x: Tensor, outputs: Tensor) -> tuple[Tensor, Tensor]:
        """Return weights (B, n), which sum to 1, and the mixture (B, D), for x (B, F) and outputs (B, n, D)."""
        weights = at_least_fp32(self.score(x)).softmax(dim=-1)
        return weights, (weights[:, None].to(outputs.dtype) @ outputs)[:, 0]


def _read(experts: ExpertBlock | None, query: Tensor, context: Context | None) -> Tensor:
    if experts is None or context is None:
        return query.new_empty(len(query), 0, query.shape[1])
    return experts(query, context)


def _linear(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Apply n linear layers, with weight (n, O, I) and bias (n, O), to x (n, B, I); return (n, B, O)."""
    # W x^T rather than x W^T: the weight's gradient then has the weight's layout and needs no copy
    return torch.baddbmm(bias[:, :, None], weight, x.transpose(1, 2)).transpose(1, 2)


def _normal(*shape: int, std: float) -> nn.Parameter:
    return nn.Parameter(torch.randn(shape) * std)
