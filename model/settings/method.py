"""Settings of the method."""

from typing import Self

from pydantic import Field, model_validator

from model.settings.section import Section

AUTHORS_ITM_EPSILON = 1e-8


class MethodSettings(Section):
    """Parts of the method beyond the contrastive loss; a part that is off is neither built nor computed.

    Without mmae, gi_itm, the bridge and the anchors, training is plain CLIP fine-tuning.
    """

    mmae: bool = Field(default=True, description="use Multimodal Attentive Experts and their contrastive loss")
    gi_itm: bool = Field(default=True, description="use Gated Integrative Image-Text Matching on hard negatives")
    image_experts: int = Field(default=4, ge=0, description="n_v, number of experts that read the image")
    shared_experts: int = Field(default=4, ge=0, description="n_s, number of experts that read the explanation")
    text_experts: int = Field(default=4, ge=0, description="n_t, number of experts that read the caption")
    mask_padding: bool = Field(
        default=True, description="experts ignore the padding after a text; false: they read it, as published"
    )
    aux_weight: float = Field(default=0.1, ge=0, description="lambda, weight of the MMAE loss; 0: no MMAE")
    itm_weight: float = Field(default=0.1, ge=0, description="eta, weight of the GI-ITM loss; 0: no GI-ITM")
    bridge_weight: float = Field(
        default=0.0,
        ge=0,
        description="lambda_b, weight of the explanation bridge, L_vtc(V_cls, E_eot) + L_vtc(T_eot, E_eot), our "
        "extension to the paper; 0: off",
    )
    anchor_text_weight: float = Field(
        default=0.0,
        ge=0,
        description="weight of the anchor loss L_anchor(T_eot, A), our extension to the paper, where A is the "
        "explanation as embedded by the text tower before training; 0: off",
    )
    anchor_image_weight: float = Field(
        default=0.0, ge=0, description="weight of the anchor loss L_anchor(V_cls, A), also our extension; 0: off"
    )
    anchor_segments: bool = Field(
        default=False,
        description="A is the normalised mean of the embeddings of the explanation's segments (sentences, usually one "
        "for each entity), our extension; false: the embedding of the whole explanation, cut at the context length",
    )
    fused_weight: float = Field(
        default=0.0,
        ge=0,
        description="weight of the fused loss L_vtc(V_cls, norm(T_eot) + fused_alpha A), our extension: images are "
        "matched with captions together with explanations, as in explained search; 0: off",
    )
    fused_alpha: float = Field(default=1.5, ge=0, description="weight of the anchor A in the fused loss")
    one_sided: bool = Field(
        default=False,
        description="X_v has image experts only, our variant: as published, X_v and X_t of a pair both read its "
        "explanation, so that the MMAE loss can be solved by copying it",
    )
    mmae_fused_weight: float = Field(
        default=0.0, ge=0, description="weight of L_vtc(V*, norm(T*) + A), our extension; 0: off; needs MMAE"
    )
    cached_explanations: bool = Field(
        default=False,
        description="the shared experts read the anchors {A_k} of the explanation's first 8 segments, encoded once "
        "before training, not the tokens that the trained tower gives at each step; ours, and cheaper",
    )
    zero_init: bool = Field(
        default=False,
        description="the experts' output projections start at 0, so that V* and T* start as V_cls and T_eot; ours",
    )
    query_dropout: float = Field(
        default=0.0,
        ge=0,
        lt=1,
        description="probability that a training pair's query T_eot of text and shared experts, and of the gate of "
        "T*, is replaced by 0, so that T* cannot rely on the caption alone; ours",
    )
    distill_weight: float = Field(
        default=0.0,
        ge=0,
        description="weight of the divergence of the scores of captions alone from the fused scores, those of MMAE if "
        "mmae_fused_weight is above 0, else those of the towers; ours; 0: off",
    )
    itm_epsilon: float = Field(
        default=0.0, ge=0, lt=1, description="number added to a match's probability before the log; 0: cross-entropy"
    )
    reference_compat: bool = Field(
        default=False,
        description="follow the authors' code where it differs from the paper, for comparisons with it: a wrong text "
        "is read at the true text's end position, experts read padding, and itm_epsilon is 1e-8 unless set",
    )

    @model_validator(mode="after")
    def _a_gate_needs_experts(self) -> Self:
        if self.has_experts and not (self.shared_experts or (self.image_experts and self.text_experts)):
            raise ValueError(
                "image and text each need at least one expert: set image_experts and text_experts, or shared_experts"
            )
        if self.has_experts and self.one_sided and not self.image_experts:
            raise ValueError("one_sided: the image reads image experts only; set image_experts to at least 1")
        if self.mmae_fused_weight and not self.has_mmae:
            raise ValueError("mmae_fused_weight needs MMAE: set mmae: true and aux_weight above 0")
        if self.distill_weight and not (self.fused_weight or self.mmae_fused_weight):
            raise ValueError("distill_weight needs fused scores: set fused_weight or mmae_fused_weight above 0")
        return self

    @property
    def has_mmae(self) -> bool:
        """Return whether MMAE's gates and loss are used."""
        return self.mmae and self.aux_weight > 0

    @property
    def has_gi_itm(self) -> bool:
        """Return whether GI-ITM and its loss are used."""
        return self.gi_itm and self.itm_weight > 0

    @property
    def has_experts(self) -> bool:
        """Return whether experts are used."""
        return self.has_mmae or self.has_gi_itm

    @property
    def has_anchors(self) -> bool:
        """Return whether explanations are encoded once before training."""
        weights = (self.anchor_text_weight, self.anchor_image_weight, self.fused_weight, self.mmae_fused_weight)
        return any(weight > 0 for weight in weights)

    @property
    def has_segment_anchors(self) -> bool:
        """Return whether shared experts read explanations that are encoded once before training."""
        return self.has_experts and self.shared_experts > 0 and self.cached_explanations

    @property
    def encodes_before_training(self) -> bool:
        """Return whether the text tower reads the explanations before the first step."""
        return self.has_anchors or self.has_segment_anchors

    @property
    def image_side_experts(self) -> int:
        """Return the number of experts in X_v."""
        return self.image_experts + (0 if self.one_sided else self.shared_experts)

    @property
    def reads_explanations(self) -> bool:
        """Return whether every step encodes explanations."""
        of_experts = self.has_experts and self.shared_experts > 0 and not self.cached_explanations
        return of_experts or self.bridge_weight > 0

    @property
    def uses_explanations(self) -> bool:
        """Return whether training uses explanations."""
        return self.reads_explanations or self.encodes_before_training

    @property
    def masks_padding(self) -> bool:
        """Return whether experts ignore tokens after the end of a text."""
        return self.mask_padding and not self.reference_compat

    @property
    def reads_padding(self) -> bool:
        """Return whether training reads text tokens after the end of a text."""
        return self.has_experts and not self.masks_padding

    @property
    def probability_epsilon(self) -> float:
        """Return the number added to a match's probability before taking the logarithm."""
        return self.itm_epsilon or (AUTHORS_ITM_EPSILON if self.reference_compat else 0.0)
