"""Naive implementation of MMAE and GI-ITM, which recomputes every expert on every token in each of the four passes.

The published code does this too, and `model/method/mmae.py` avoids it. The naive version is a baseline and a reference
(tests/benchmarks/test_naive_entityclip.py checks equality). Like the published code, it has no padding mask.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from model.clip.towers import at_position, embed_width, eot_position, image_tokens, text_tokens
from model.method.batch import Batch
from model.method.entityclip import EntityCLIP
from model.method.hard_negatives import HardNegatives, draw_hard_negatives, possible_negatives
from model.method.losses import MATCH, NO_MATCH, contrastive_loss, matching_loss
from model.settings.schema import MethodSettings


class Block(nn.Module):
    """Expert block, with one head and QuickGELU: q <- q + Attn(LN1(q), LN1(kv), LN1(kv)); q <- q + MLP(LN2(q))."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.ln_1, self.ln_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = nn.MultiheadAttention(width, 1, batch_first=True)
        self.c_fc, self.c_proj = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, query: Tensor, context: Tensor) -> Tensor:
        """Attend from `query`, shape (B, Lq, D), to `context`, shape (B, L, D). The result has shape (B, Lq, D)."""
        keys = self.ln_1(context)
        x = query + self.attention(self.ln_1(query), keys, keys, need_weights=False)[0]
        hidden = self.c_fc(self.ln_2(x))
        return x + self.c_proj(hidden * torch.sigmoid(1.702 * hidden))


class Triples(NamedTuple):
    """Token features of (image, caption, explanation) triples, which may or may not match."""

    image: Tensor  # V (B, Lv, D)
    text: Tensor  # T (B, Lt, D)
    eot: Tensor  # positions of the captions' end tokens (B,)
    explanation: Tensor  # E (B, Lt, D)


class NaiveOutput(NamedTuple):
    """Losses and intermediate results of one step."""

    losses: dict[str, Tensor]  # with the keys of StepOutput.losses
    x_v: Tensor  # (B, n_v + n_s, D)
    x_t: Tensor  # (B, n_t + n_s, D)
    match_logits: tuple[Tensor, Tensor, Tensor]  # for positives, wrong texts, and wrong images, each (B, 2)


class NaiveEntityCLIP(nn.Module):
    """Equivalent of `EntityCLIP` with MMAE, GI-ITM and at least one shared expert, without `mask_padding`."""

    def __init__(self, clip: nn.Module, method: MethodSettings) -> None:
        super().__init__()
        self.clip, self.method = clip, method
        width = embed_width(clip)
        counts = {"image": method.image_experts, "shared": method.shared_experts, "text": method.text_experts}
        experts = {name: nn.ModuleList(Block(width) for _ in range(count)) for name, count in counts.items()}
        self.experts: Any = nn.ModuleDict(experts)
        rows_v = method.image_experts + method.shared_experts
        rows_t = method.text_experts + method.shared_experts
        self.image_gate, self.text_gate = nn.Linear(width, rows_v), nn.Linear(width, rows_t)
        self.full_gate, self.head = nn.Linear(2 * width, rows_v + rows_t), nn.Linear(width, 2)

    def forward(self, batch: Batch, negatives: HardNegatives | None = None) -> NaiveOutput:
        """Compute L_vtc(V_cls, T_eot) + lambda L_vtc(V*, T*) + eta L_itm. Draw negatives if `negatives` is None."""
        assert batch.explanations is not None and isinstance(self.clip.logit_scale, Tensor)
        scale = self.clip.logit_scale.exp()
        triples = Triples(
            image_tokens(self.clip, batch.images),
            text_tokens(self.clip, batch.captions),
            eot_position(self.clip, batch.captions),
            text_tokens(self.clip, batch.explanations),
        )
        v_cls, t_eot = triples.image[:, 0], at_position(triples.text, triples.eot)
        vtc, per_image, per_text = contrastive_loss(v_cls, t_eot, scale)
        x_v, x_t = self.read(triples)
        v_star, t_star = _mix(self.image_gate(v_cls), x_v), _mix(self.text_gate(t_eot), x_t)
        mmae = contrastive_loss(v_star, t_star, scale).loss
        if negatives is None:
            negatives = draw_hard_negatives(per_image, per_text, possible_negatives(batch.groups))
        positive = self.match(triples)
        texts = (part[negatives.text_index] for part in triples[1:])
        wrong_text = self.match(Triples(triples.image, *texts))
        wrong_image = self.match(triples._replace(image=triples.image[negatives.image_index]))
        itm = (
            matching_loss(positive, MATCH)
            + matching_loss(wrong_text, NO_MATCH, negatives.text_exists)
            + matching_loss(wrong_image, NO_MATCH, negatives.image_exists)
        ) / 3
        total = vtc + self.method.aux_weight * mmae + self.method.itm_weight * itm
        losses = {"total": total, "vtc": vtc, "mmae": mmae, "itm": itm}
        return NaiveOutput(losses, x_v, x_t, (positive, wrong_text, wrong_image))

    def read(self, triples: Triples) -> tuple[Tensor, Tensor]:
        """Return X_v (B, n_v + n_s, D) and X_t (B, n_t + n_s, D): one token per expert. Experts run on all tokens."""
        image, text, explanation = triples.image, triples.text, triples.explanation
        on_image = [block(image, image) for block in self.experts["image"]]
        on_image += [block(image, explanation) for block in self.experts["shared"]]
        on_text = [block(text, text) for block in self.experts["text"]]
        on_text += [block(text, explanation) for block in self.experts["shared"]]
        x_v = torch.stack([tokens[:, 0] for tokens in on_image], dim=1)
        x_t = torch.stack([at_position(tokens, triples.eot) for tokens in on_text], dim=1)
        return x_v, x_t

    def match(self, triples: Triples) -> Tensor:
        """Run one pass of GI-ITM and return match logits of shape (B, 2)."""
        x_v, x_t = self.read(triples)
        v_cls, t_eot = triples.image[:, 0], at_position(triples.text, triples.eot)
        gate = self.full_gate(torch.cat([v_cls, t_eot], dim=-1))
        logits: Tensor = self.head(_mix(gate, torch.cat([x_v, x_t], dim=1)))
        return logits

    def parameters_of(self, model: EntityCLIP) -> Iterator[tuple[str, Tensor, Tensor, int | None]]:
        """Yield (name, parameter, counterpart in `model`, index); index is None unless the counterpart is stacked."""
        others = dict(model.named_parameters())
        for group in self.experts:
            for place, block in enumerate(self.experts[group]):
                for name, parameter in block.named_parameters():
                    yield f"{group}.{place}.{name}", parameter, others[f"experts.{group}.{stacked_name(name)}"], place
        gates = {"image_gate": "image_gate.score", "text_gate": "text_gate.score"}
        for ours, theirs in {**gates, "full_gate": "matching.gate.score", "head": "matching.head"}.items():
            for name, parameter in self.get_submodule(ours).named_parameters():
                yield f"{ours}.{name}", parameter, others[f"{theirs}.{name}"], None


def stacked_name(name: str) -> str:
    """Return the name of the stacked parameter in `ExpertBlock` that corresponds to a block's parameter."""
    return name.removeprefix("attention.").replace(".", "_")


def _mix(scores: Tensor, outputs: Tensor) -> Tensor:
    """Average `outputs` (B, n, D) with the softmax of `scores` (B, n) as weights. The result has shape (B, D)."""
    return torch.einsum("bn,bnd->bd", scores.softmax(dim=-1).to(outputs.dtype), outputs)
