"""Training settings: one YAML file, validated before anything slow begins."""

from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

LOCAL_DIR = "local-dir:"  # open_clip's own schema for a model folder


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class TowerSettings(_Section):
    """Which CLIP to start from."""

    model: str = Field(description="an open_clip model name, or local-dir:PATH of an open_clip model folder")
    pretrained: str | None = Field(
        default=None,
        description="open_clip's tag of pre-trained weights; null for local-dir or for random weights",
    )

    @model_validator(mode="after")
    def _local_folder_has_its_own_weights(self) -> Self:
        if self.model.startswith(LOCAL_DIR) and self.pretrained is not None:
            raise ValueError(f"pretrained must be null: a {LOCAL_DIR} model brings its own weights")
        return self

    @property
    def folder(self) -> Path | None:
        """The model folder, if `model` names one."""
        return Path(self.model.removeprefix(LOCAL_DIR)) if self.model.startswith(LOCAL_DIR) else None


class MethodSettings(_Section):
    """What is trained beside the contrastive loss. With mmae and gi_itm off: plain CLIP fine-tuning."""

    mmae: bool = Field(default=True, description="Multimodal Attentive Experts and their contrastive loss")
    gi_itm: bool = Field(default=True, description="Gated Integrative Image-Text Matching on hard negatives")
    image_experts: int = Field(default=4, ge=0, description="n_v, experts on the image")
    shared_experts: int = Field(default=4, ge=0, description="n_s, experts on the explanation")
    text_experts: int = Field(default=4, ge=0, description="n_t, experts on the caption")
    mask_padding: bool = Field(
        default=True, description="experts skip padding after the end of a text; as published they read it"
    )
    aux_weight: float = Field(default=0.1, ge=0, description="lambda, weight of the MMAE loss")
    itm_weight: float = Field(default=0.1, ge=0, description="eta, weight of the GI-ITM loss")

    @model_validator(mode="after")
    def _a_gate_needs_experts(self) -> Self:
        if (self.mmae or self.gi_itm) and not (
            self.image_experts + self.shared_experts and self.text_experts + self.shared_experts
        ):
            raise ValueError("the image and the text each need an expert of their own or a shared one")
        return self

    @property
    def reads_explanations(self) -> bool:
        """Whether training looks at explanations at all."""
        return (self.mmae or self.gi_itm) and self.shared_experts > 0

    @property
    def reads_padding(self) -> bool:
        """Whether training looks at text tokens after the end of a text."""
        return (self.mmae or self.gi_itm) and not self.mask_padding


class SplitSettings(_Section):
    """Names of the splits in the explanation folder."""

    train: str = Field(default="train", description="trained on")
    val: str | None = Field(default="val", description="chooses the checkpoint; null keeps the last step")
    test: str = Field(default="test", description="evaluated at the end")


Status = Literal["ok", "truncated"]


class DataSettings(_Section):
    """Where the triples are."""

    explanations: Path = Field(description="folder of explanation shards, as `entityclip generate` writes it")
    image_root: Path | None = Field(default=None, description="overrides the image root recorded in the shards")
    splits: SplitSettings = Field(default_factory=SplitSettings)
    statuses: tuple[Status, ...] = Field(
        default=("ok",), min_length=1, description="train on rows whose explanation has one of these statuses"
    )
    cache_mib: int = Field(
        default=1024,
        ge=0,
        description="a split whose preprocessed images fit in this is decoded once, at the start",
    )


class OptimSettings(_Section):
    """AdamW with warm-up and cosine decay to zero."""

    steps: int = Field(ge=1, description="optimiser steps")
    batch_size: int = Field(ge=2, description="pairs a step; hard negatives need at least 2")
    lr: float = Field(default=1e-5, gt=0, description="peak learning rate of the towers")
    new_lr: float = Field(default=1e-4, gt=0, description="peak learning rate of the training-only modules")
    weight_decay: float = Field(
        default=0.01, ge=0, description="not applied to biases, norms, embeddings and logit_scale"
    )
    warmup: float = Field(default=0.05, ge=0, lt=1, description="share of the steps in which the learning rate rises")
    beta1: float = Field(default=0.9, ge=0, lt=1, description="AdamW's first momentum")
    beta2: float = Field(default=0.98, ge=0, lt=1, description="AdamW's second momentum")


class EvaluationSettings(_Section):
    """When and how retrieval is measured."""

    every: int = Field(default=100, ge=1, description="steps between validations; the last step is always validated")
    batch_size: int = Field(default=256, ge=1, description="pairs encoded together")


class TrainSettings(_Section):
    """Everything that decides a training run."""

    towers: TowerSettings
    method: MethodSettings = Field(default_factory=MethodSettings)
    data: DataSettings
    optim: OptimSettings
    evaluation: EvaluationSettings = Field(default_factory=EvaluationSettings)
    seed: int = Field(default=0, ge=0, lt=2**31, description="of new weights, batch order and hard negatives")
    threads: int | None = Field(default=None, ge=1, description="torch threads; null: torch's own choice")
    device: Literal["auto", "cpu", "cuda"] = Field(default="auto", description="auto: a GPU if there is one")

    def as_plain(self) -> dict[str, Any]:
        """The settings as plain types, for YAML and JSON."""
        return self.model_dump(mode="json")
