"""EntityCLIP (arXiv 2410.17810): two CLIP towers and the modules that train them with explanations.

Inference uses the towers only: `model.clip` is a plain open_clip model. docs/method.md defines the numbered steps
that docstrings refer to, and distinguishes the paper's method from our extensions.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor, nn

from model.clip.towers import (
    TokenFeatures,
    at_position,
    check_towers,
    embed_width,
    eot_position,
    image_tokens,
    text_tokens,
)
from model.distributed.local import LocalBatch
from model.errors import ModelError
from model.method.batch import Batch
from model.method.diagnostics import expert_names, gate_usage, matching_accuracy
from model.method.gi_itm import GIITM, MatchingOutput
from model.method.hard_negatives import HardNegatives, draw_hard_negatives, possible_negatives
from model.method.losses import (
    MATCH,
    NO_MATCH,
    Contrast,
    anchor_loss,
    bridge_loss,
    contrastive_loss,
    distillation_loss,
    matching_loss,
    with_anchors,
)
from model.method.mmae import MMAE, Context, ExpertGate, ExpertOutputs, as_context
from model.settings.schema import MethodSettings


class StepOutput(NamedTuple):
    """Losses and metrics of a training step."""

    losses: dict[str, Tensor]  # "total" and its terms: "vtc" and, if on, "mmae", "itm", "bridge", "anchor_*"
    report: dict[str, Tensor]  # detached scalar metrics


class EntityCLIP(nn.Module):
    """The towers and the training-only modules; modules that the settings turn off are not built."""

    def __init__(self, clip: nn.Module, method: MethodSettings) -> None:
        """Wrap an open_clip model, without copying its parameters. Raises ModelError for unsupported towers."""
        super().__init__()
        check_towers(clip)
        self.method = method
        self.clip = clip
        width = embed_width(clip)
        image, shared, text = method.image_experts, method.shared_experts, method.text_experts
        on_image = method.image_side_experts
        variants = {"one_sided": method.one_sided, "zero_init": method.zero_init}
        self.experts = MMAE(width, image=image, shared=shared, text=text, **variants) if method.has_experts else None
        self.image_gate = ExpertGate(width, on_image) if method.has_mmae else None
        self.text_gate = ExpertGate(width, text + shared) if method.has_mmae else None
        self.matching = GIITM(width, on_image + text + shared) if method.has_gi_itm else None

    def forward(
        self,
        batch: Batch,
        *,
        generator: torch.Generator | None = None,
        negatives: HardNegatives | None = None,
        whole: LocalBatch | None = None,
    ) -> StepOutput:
        """Compute the token features (step 1) and the losses; `losses` documents the keyword arguments.

        Raises ModelError as `token_features` and `losses` do.
        """
        features = self.token_features(batch)
        return self.losses(features, batch.groups, generator=generator, negatives=negatives, whole=whole)

    def losses(
        self,
        features: TokenFeatures,
        groups: Tensor,
        *,
        generator: torch.Generator | None = None,
        negatives: HardNegatives | None = None,
        whole: LocalBatch | None = None,
    ) -> StepOutput:
        """Compute step 5: L = L_vtc(V_cls, T_eot) + lambda L_vtc(V*, T*) + eta L_itm.

        Our extensions add lambda_b [L_vtc(V_cls, E_eot) + L_vtc(T_eot, E_eot)] if `bridge_weight` > 0, and
        L_anchor(T_eot, A), L_anchor(V_cls, A), L_vtc(V_cls, norm(T_eot) + alpha A), L_vtc(V*, norm(T*) + A) and the
        divergence of the first term's scores from those of the last two, with their weights; A are the anchors.

        Args:
            features: token features of b triples, from `token_features`.
            groups: the image, caption and key groups (3, b) of these triples, as in `Batch.groups`.
            generator: random generator for drawing the hard negatives.
            negatives: hard negatives to use instead of drawing them.
            whole: the whole batch of B rows that these b belong to; None: b = B. Losses are this process's
                share of the whole batch's loss, to be summed over processes; metrics cover the whole batch.

        Raises ModelError if GI-ITM is on and the whole batch has fewer than 2 rows.
        """
        assert isinstance(self.clip.logit_scale, Tensor)
        whole = whole or LocalBatch(len(features.image))
        scale = self.clip.logit_scale.exp()
        main = contrastive_loss(features.v_cls, features.t_eot, scale, whole)
        losses = {"total": main.loss, "vtc": main.loss}
        report = {"logit_scale": scale.detach()}
        if self.method.bridge_weight:
            losses["bridge"] = bridge_loss(features.v_cls, features.t_eot, features.e_eot, scale, whole)
            losses["total"] = losses["total"] + self.method.bridge_weight * losses["bridge"]
        if self.method.has_anchors:
            if features.anchors is None:
                raise ModelError("these settings train with anchors, but the batch has none")
            for name, weight, side in (
                ("anchor_text", self.method.anchor_text_weight, features.t_eot),
                ("anchor_image", self.method.anchor_image_weight, features.v_cls),
            ):
                if weight:
                    losses[name] = anchor_loss(side, features.anchors, scale, whole)
                    losses["total"] = losses["total"] + weight * losses[name]
            if self.method.fused_weight:
                queries = with_anchors(features.t_eot, features.anchors, self.method.fused_alpha)
                fused = contrastive_loss(features.v_cls, queries, scale, whole)
                losses["fused"] = fused.loss
                losses["total"] = losses["total"] + self.method.fused_weight * losses["fused"]
                if self.method.distill_weight and not self.method.mmae_fused_weight:
                    self._distil(losses, main, fused, whole)
        if self.experts is None:
            return StepOutput(losses, report)

        explanation = self._explanation_context(features)
        text_query = self._text_query(features.t_eot, generator, whole)
        outputs = self.experts(features, explanation, text_query)
        x_v_names, x_t_names = expert_names(outputs)
        if self.image_gate is not None and self.text_gate is not None:
            image_weights, v_star = self.image_gate(features.v_cls, outputs.x_v)
            text_weights, t_star = self.text_gate(text_query, outputs.x_t)
            report |= gate_usage("image_gate", image_weights, x_v_names, whole)
            report |= gate_usage("text_gate", text_weights, x_t_names, whole)
            losses["mmae"] = contrastive_loss(v_star, t_star, scale, whole).loss
            losses["total"] = losses["total"] + self.method.aux_weight * losses["mmae"]
            if self.method.mmae_fused_weight:
                assert features.anchors is not None
                queries = with_anchors(t_star, features.anchors, 1.0)
                fused = contrastive_loss(v_star, queries, scale, whole)
                losses["mmae_fused"] = fused.loss
                losses["total"] = losses["total"] + self.method.mmae_fused_weight * losses["mmae_fused"]
                if self.method.distill_weight:
                    self._distil(losses, main, fused, whole)
        if self.matching is not None:
            if negatives is None:
                allowed = possible_negatives(whole.gather(groups.T).T, groups)
                negatives = draw_hard_negatives(main.per_image, main.per_text, allowed, generator, whole)
            passes = self.match(features, outputs, explanation, negatives, whole)
            losses["itm"], itm_report = _itm_loss(passes, negatives, self.method.probability_epsilon, whole)
            losses["total"] = losses["total"] + self.method.itm_weight * losses["itm"]
            report |= itm_report | gate_usage("matching_gate", passes[0].gate, x_v_names + x_t_names, whole)
        return StepOutput(losses, report)

    def _distil(self, losses: dict[str, Tensor], captions: Contrast, fused: Contrast, whole: LocalBatch) -> None:
        """Add the divergence of scores by captions alone from those together with explanations."""
        losses["distill"] = distillation_loss(captions, fused, whole)
        losses["total"] = losses["total"] + self.method.distill_weight * losses["distill"]

    def image_mixture(self, images: Tensor) -> Tensor:
        """Return V* (B, D) of images (B, 3, H, W), for search with the experts (our extension).

        Needs a one-sided MMAE: else V* reads the explanation of a caption, which an image does not have.
        """
        assert self.experts is not None and self.image_gate is not None and self.experts.one_sided
        tokens = image_tokens(self.clip, images)
        v_cls = tokens[:, 0]
        return self.image_gate(v_cls, self.experts.on_image(v_cls, tokens))[1]

    def text_mixture(self, captions: Tensor, explanations: Tensor) -> Tensor:
        """Return T* (B, D) of captions and explanations, for search with the experts (our extension); needs MMAE.

        Args:
            captions: token ids (B, Lt).
            explanations: token ids (B, Lt); with `cached_explanations`, the anchors of their segments, as in `Batch`.
        """
        assert self.experts is not None and self.text_gate is not None
        text, eot, readable = self._text_features(captions)
        query = at_position(text, eot)
        if self.method.has_segment_anchors:
            context = as_context(explanations.to(text.dtype), explanations.any(dim=-1))
        else:
            tokens, _, of_explanation = self._text_features(explanations)
            context = as_context(tokens, of_explanation)
        explanation = context if self.method.shared_experts else None
        return self.text_gate(query, self.experts.on_text(query, as_context(text, readable), explanation))[1]

    def _explanation_context(self, features: TokenFeatures) -> Context | None:
        if features.segments is not None:
            return as_context(features.segments.to(features.image.dtype), features.segments.any(dim=-1))
        if features.explanation is None or not self.method.shared_experts:
            return None
        return as_context(features.explanation, features.explanation_readable)

    def _text_query(self, t_eot: Tensor, generator: torch.Generator | None, whole: LocalBatch) -> Tensor:
        """Return T_eot (b, D), in training with rows replaced by 0 with the probability `query_dropout`."""
        if not (self.training and self.method.query_dropout):
            return t_eot
        noise = torch.rand(whole.size, generator=generator, device=t_eot.device)[whole.first :][: len(t_eot)]
        return t_eot * (noise >= self.method.query_dropout)[:, None]

    def token_features(self, batch: Batch) -> TokenFeatures:
        """Compute step 1: V with the image tower; T and, if used, E with the text tower.

        Without experts, V_cls, T_eot and E_eot are the only tokens.

        Raises ModelError if the method reads explanations and the batch has none.
        """
        if not batch.ids:  # every row in this process's part of the batch may have an unusable image
            return self.token_features(_one_blank_row(batch)).first(0)
        explanation: tuple[Tensor | None, Tensor | None, Tensor | None] = (None, None, None)
        if self.method.reads_explanations:
            if batch.explanations is None:
                raise ModelError("these settings train with explanations, but the batch has none")
            explanation = self._text_features(batch.explanations)
        segments = None
        if self.method.has_segment_anchors:
            if batch.segments is None:
                raise ModelError("these settings train with explanations encoded before, but the batch has none")
            segments = batch.segments
        image = image_tokens(self.clip, batch.images)
        features = TokenFeatures(image, *self._text_features(batch.captions), *explanation, batch.anchors, segments)
        return features if self.experts is not None else features.pooled()

    def _text_features(self, tokens: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
        """Return features (B, Lt, D), end-of-text positions (B,) and a mask (B, Lt) that is False for padding.

        The mask is None if experts read padding, as published.
        """
        eot = eot_position(self.clip, tokens)
        readable = torch.arange(tokens.shape[1], device=tokens.device) <= eot[:, None]
        return text_tokens(self.clip, tokens), eot, readable if self.method.masks_padding else None

    def match(
        self,
        features: TokenFeatures,
        outputs: ExpertOutputs,
        explanation: Context | None,
        negatives: HardNegatives,
        whole: LocalBatch | None = None,
    ) -> tuple[MatchingOutput, MatchingOutput, MatchingOutput]:
        """Compute step 4: GI-ITM on true triples, wrong texts for the images, and wrong images for the texts.

        A caption keeps its explanation, so for a wrong pair only the shared experts' outputs on image and explanation
        are recomputed; all other outputs are gathered. Wrong texts are read at their own EOT (with `reference_compat`,
        at the true text's EOT, as in the authors' code).

        Args:
            features, outputs: token features and expert outputs of the b true triples.
            explanation: E (b, Lt, D), the shared experts' context; None if there are no shared experts.
            negatives: row indices in the whole batch, (b,) each; rows without a negative are computed but not counted.
            whole: see `losses`.
        """
        assert self.experts is not None and self.matching is not None
        whole = whole or LocalBatch(len(features.image))
        v_cls, t_eot = features.v_cls, features.t_eot
        positive = self.matching(v_cls, t_eot, outputs.x_v, outputs.x_t)

        wrong = whole.rows(negatives.text_index)
        wrong_explanation = None if explanation is None else explanation.rows(wrong)
        shared = self.experts.on_explanation_of_image(v_cls, wrong_explanation)
        x_v = torch.cat([outputs.image, shared], dim=1)
        if self.method.reference_compat:
            text = wrong.of_texts(features.text)
            query = at_position(text, features.text_eot)
            wrong_text = self.matching(
                v_cls, query, x_v, self.experts.on_text(query, as_context(text, None), wrong_explanation)
            )
        else:
            wrong_text = self.matching(v_cls, wrong.of(t_eot), x_v, wrong.of(outputs.x_t))
        wrong = whole.rows(negatives.image_index)
        wrong_v_cls = wrong.of(v_cls)
        shared = self.experts.on_explanation_of_image(wrong_v_cls, explanation)
        x_v = torch.cat([wrong.of(outputs.image), shared], dim=1)
        wrong_image = self.matching(wrong_v_cls, t_eot, x_v, outputs.x_t)
        return positive, wrong_text, wrong_image


def _one_blank_row(empty: Batch) -> Batch:
    """Return a batch of one blank row, shaped like the given empty batch: the towers cannot encode zero rows."""
    tensors = {name: value for name, value in vars(empty).items() if isinstance(value, Tensor)}
    return replace(empty, ids=[""], **{name: value.new_zeros(1, *value.shape[1:]) for name, value in tensors.items()})


def _itm_loss(
    passes: Iterable[MatchingOutput], negatives: HardNegatives, epsilon: float, whole: LocalBatch
) -> tuple[Tensor, dict[str, Tensor]]:
    """Return L_itm = (CE(positive) + CE(wrong text) + CE(wrong image)) / 3 and its metrics."""
    positive, wrong_text, wrong_image = (one.logits for one in passes)
    texts, images = whole.sum(torch.stack([negatives.text_exists.sum(), negatives.image_exists.sum()]))
    terms = {
        "itm_positive": matching_loss(positive, MATCH, epsilon=epsilon, count=whole.size),
        "itm_wrong_text": matching_loss(wrong_text, NO_MATCH, negatives.text_exists, epsilon=epsilon, count=texts),
        "itm_wrong_image": matching_loss(wrong_image, NO_MATCH, negatives.image_exists, epsilon=epsilon, count=images),
    }
    values = torch.stack(list(terms.values()))
    report = dict(zip(terms, whole.sum(values), strict=True))
    report |= matching_accuracy(positive, wrong_text, wrong_image, negatives, whole)
    report["rows_with_negatives"] = (texts + images) / (2 * whole.size)
    return values.sum() / 3, report
