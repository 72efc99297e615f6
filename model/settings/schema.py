"""Schema of training settings."""

import re
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from entityclip.contract.locations import has_credentials, is_url
from entityclip.contract.status import ExplainedStatus

LOCAL_DIR = "local-dir:"  # open_clip's prefix for a model folder
AUTHORS_ITM_EPSILON = 1e-8


class Section(BaseModel):
    """Base of all sections: immutable, rejects unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class GroupSettings(Section):
    """Learning rate or weight decay of parameters selected by name; the first matching pattern applies."""

    pattern: str = Field(
        description="regular expression, searched in names such as clip.visual.proj or "
        "experts.shared.c_fc_weight; it is an error if nothing matches"
    )
    lr: float | None = Field(default=None, gt=0, description="peak learning rate; null: unchanged")
    weight_decay: float | None = Field(
        default=None, ge=0, description="for parameters that have weight decay; null: unchanged"
    )

    @field_validator("pattern")
    @classmethod
    def _is_a_pattern(cls, pattern: str) -> str:
        try:
            re.compile(pattern)
        except re.error as error:
            raise ValueError(f"not a regular expression: {error}") from None
        return pattern

    @model_validator(mode="after")
    def _changes_something(self) -> Self:
        if self.lr is None and self.weight_decay is None:
            raise ValueError("a group without lr and weight_decay has no effect")
        return self


class OptimSettings(Section):
    """AdamW or Adam, with warm-up and cosine decay to zero."""

    optimizer: Literal["adamw", "adam"] = Field(
        default="adamw", description="adam is the authors' choice and has no weight decay"
    )
    steps: int | None = Field(default=None, ge=1, description="optimiser steps; set either this or epochs")
    epochs: float | None = Field(
        default=None, gt=0, description="passes over the training rows, without incomplete last batches"
    )
    batch_size: int = Field(ge=2, description="pairs per step; hard negatives need at least 2")
    micro_batch_size: int | None = Field(
        default=None,
        ge=1,
        description="pairs that the towers encode at once in each process: same gradients with less memory and a third "
        "more time; null: all",
    )
    lr: float = Field(default=1e-5, gt=0, description="peak learning rate of the towers")
    new_lr: float = Field(default=1e-4, gt=0, description="peak learning rate of the training-only modules")
    weight_decay: float = Field(
        default=0.01, ge=0, description="not applied to biases, norms, embeddings and logit_scale"
    )
    warmup: float = Field(default=0.05, ge=0, lt=1, description="share of steps with rising learning rate")
    beta1: float = Field(default=0.9, ge=0, lt=1, description="the optimiser's first moment decay")
    beta2: float = Field(default=0.98, ge=0, lt=1, description="the optimiser's second moment decay")
    eps: float = Field(default=1e-6, gt=0, description="added to the square root of the second moment")
    clip_norm: float | None = Field(
        default=None, gt=0, description="maximum norm of all gradients together; null: no clipping"
    )
    groups: tuple[GroupSettings, ...] = Field(default=(), description="exceptions by parameter name, see below")

    @model_validator(mode="after")
    def _has_one_length(self) -> Self:
        if (self.steps is None) == (self.epochs is None):
            raise ValueError("set either steps or epochs")
        return self

    @model_validator(mode="after")
    def _adam_has_no_decay(self) -> Self:
        if self.optimizer == "adam" and (self.weight_decay or any(group.weight_decay for group in self.groups)):
            raise ValueError("weight decay needs adamw; with adam set weight_decay to 0")
        return self

    def total_steps(self, rows: int) -> int:
        """Return the number of optimiser steps for `rows` training rows."""
        if self.steps is not None:
            return self.steps
        assert self.epochs is not None
        return max(1, round(self.epochs * (rows // self.batch_size)))


class TowerSettings(Section):
    """The CLIP to start from."""

    model: str = Field(description="an open_clip model name, or local-dir:PATH of an open_clip model folder")
    pretrained: str | None = Field(
        default=None,
        description="open_clip's tag of pre-trained weights; null for local-dir or for random weights",
    )

    @model_validator(mode="after")
    def _local_folder_has_its_own_weights(self) -> Self:
        if self.model.startswith(LOCAL_DIR) and self.pretrained is not None:
            raise ValueError(f"pretrained must be null: a {LOCAL_DIR} model contains its own weights")
        return self

    @property
    def folder(self) -> Path | None:
        """Return the model folder, if `model` names one."""
        return Path(self.model.removeprefix(LOCAL_DIR)) if self.model.startswith(LOCAL_DIR) else None


class MethodSettings(Section):
    """What is trained in addition to the contrastive loss; parts that are off are neither built nor computed.

    With mmae and gi_itm off, no bridge and no anchors: plain CLIP fine-tuning.
    """

    mmae: bool = Field(default=True, description="Multimodal Attentive Experts and their contrastive loss")
    gi_itm: bool = Field(default=True, description="Gated Integrative Image-Text Matching on hard negatives")
    image_experts: int = Field(default=4, ge=0, description="n_v, experts on the image")
    shared_experts: int = Field(default=4, ge=0, description="n_s, experts on the explanation")
    text_experts: int = Field(default=4, ge=0, description="n_t, experts on the caption")
    mask_padding: bool = Field(
        default=True, description="experts ignore padding after the end of a text; as published they read it"
    )
    aux_weight: float = Field(default=0.1, ge=0, description="lambda, weight of the MMAE loss; 0: as mmae off")
    itm_weight: float = Field(default=0.1, ge=0, description="eta, weight of the GI-ITM loss; 0: as gi_itm off")
    bridge_weight: float = Field(
        default=0.0,
        ge=0,
        description="lambda_b, our extension, not in the paper: weight of the explanation bridge, "
        "L_vtc(V_cls, E_eot) + L_vtc(T_eot, E_eot); 0: off",
    )
    anchor_text_weight: float = Field(
        default=0.0,
        ge=0,
        description="our extension, not in the paper: weight of L_anchor(T_eot, A), A the explanation as embedded by "
        "the text tower before training; 0: off",
    )
    anchor_image_weight: float = Field(
        default=0.0, ge=0, description="our extension, not in the paper: weight of L_anchor(V_cls, A); 0: off"
    )
    itm_epsilon: float = Field(
        default=0.0, ge=0, lt=1, description="added to a match's probability before its logarithm; 0: cross-entropy"
    )
    reference_compat: bool = Field(
        default=False,
        description="for parity only, follow the authors' code where it differs from the paper: a wrong text is read "
        "at the true text's end position, experts read padding, and itm_epsilon is 1e-8 unless set",
    )

    @model_validator(mode="after")
    def _a_gate_needs_experts(self) -> Self:
        if self.has_experts and not (
            self.image_experts + self.shared_experts and self.text_experts + self.shared_experts
        ):
            raise ValueError(
                "image and text each need an expert: set image_experts and text_experts, or shared_experts"
            )
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
        return self.anchor_text_weight > 0 or self.anchor_image_weight > 0

    @property
    def reads_explanations(self) -> bool:
        """Return whether every step encodes explanations."""
        return (self.has_experts and self.shared_experts > 0) or self.bridge_weight > 0

    @property
    def uses_explanations(self) -> bool:
        """Return whether training uses explanations."""
        return self.reads_explanations or self.has_anchors

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
        """Return the number added to a match's probability before its logarithm."""
        return self.itm_epsilon or (AUTHORS_ITM_EPSILON if self.reference_compat else 0.0)


class SplitSettings(Section):
    """Names of the splits in the explanation folder."""

    train: str = Field(default="train", description="trained on")
    val: str | None = Field(default="val", description="selects the checkpoint; null: the last step")
    test: str = Field(default="test", description="evaluated at the end")


class DataSettings(Section):
    """Where the triples are."""

    explanations: Path | str = Field(
        description="folder of explanation shards, as written by `entityclip generate`, or a URL whose shards are "
        "copied to this machine"
    )
    image_root: Path | None = Field(default=None, description="overrides the image root recorded in the shards")
    splits: SplitSettings = Field(default_factory=SplitSettings)
    statuses: tuple[ExplainedStatus, ...] = Field(
        default=("ok", "over_context"),
        min_length=1,
        description="train on rows with one of these statuses; over_context is a good explanation whose tail CLIP "
        "does not read, entity_missing most often explains something else. A row that is not used is left out with its "
        "image and caption",
    )
    allow_partial: bool = Field(
        default=False,
        description="accept incomplete explanations; the run's records list what is missing",
    )
    wrong_explanations: bool = Field(
        default=False,
        description="a control: every training row gets another row's explanation, with a different text",
    )
    cache_mib: int = Field(
        default=1024,
        ge=0,
        description="a split whose preprocessed images fit in this size is decoded once, at the start",
    )
    workers: int | None = Field(
        default=None,
        ge=0,
        description="processes that decode images ahead of the training loop; null: one per core, at most 16; 0: the "
        "training process decodes. Affects speed, not results",
    )
    max_bad_images: float = Field(
        default=0.01,
        ge=0,
        le=1,
        description="share of a split's rows, rounded up, whose image may be unusable before the run stops; rows with "
        "status bad_image do not count",
    )

    @field_validator("explanations", mode="after")
    @classmethod
    def _folder_or_url(cls, location: Path | str) -> Path | str:
        """Keep a URL as a string: pathlib would merge its two slashes."""
        if not is_url(str(location)):
            return Path(location)
        if has_credentials(str(location)):
            raise ValueError("the URL holds credentials; set them in the environment instead")
        return str(location)


class LockSettings(Section):
    """Towers whose initial weights are frozen; everything else is trained, including logit_scale."""

    image: bool = Field(default=False, description="lock the image tower")
    text: bool = Field(default=False, description="lock the text tower")
    image_unlocked_groups: int = Field(
        default=0,
        ge=0,
        description="number of groups at the end of a locked Vision Transformer that are trained: its projection, its "
        "last block with the last norm, the blocks before, its embeddings",
    )
    text_unlocked_layers: int = Field(
        default=0, ge=0, description="number of groups at the end of a locked text tower that are trained, likewise"
    )

    @model_validator(mode="after")
    def _unlocking_needs_a_lock(self) -> Self:
        if (self.image_unlocked_groups and not self.image) or (self.text_unlocked_layers and not self.text):
            raise ValueError("unlocked groups or layers need a locked tower: set lock.image or lock.text")
        return self


class EvaluationSettings(Section):
    """When and how retrieval is evaluated."""

    every: int = Field(default=100, ge=1, description="steps between validations; the last step is always validated")
    batch_size: int = Field(default=256, ge=1, description="pairs encoded per batch")


class LogSettings(Section):
    """Trackers that log a run, in addition to its own log and TensorBoard."""

    trackers: tuple[Literal["wandb", "mlflow"], ...] = Field(
        default=(), description="each must be installed, and is configured by its own environment variables"
    )
    every: int | None = Field(
        default=None,
        ge=1,
        description="steps between points in TensorBoard, learning curves and trackers; null: at most 20,000 points; "
        "metrics.jsonl has every step",
    )


class DivergenceSettings(Section):
    """When a run stops because it diverges; losses and gradients that are not finite always stop it."""

    loss_factor: float | None = Field(
        default=10,
        gt=1,
        description="limit of the total loss relative to its recent median, or to 1 if that is less; null: off",
    )
    gradient_factor: float | None = Field(
        default=1000, gt=1, description="likewise for the gradient's norm before clipping; null: off"
    )
    window: int = Field(default=100, ge=1, description="number of recent steps")


class CheckpointSettings(Section):
    """When a training state for resuming is saved, whichever comes first. The best weights are saved separately."""

    every: int | None = Field(default=500, ge=1, description="steps between saved states; null: by minutes only")
    minutes: float | None = Field(default=10, gt=0, description="minutes between saved states; null: by steps only")
    keep: int = Field(default=2, ge=1, description="number of latest states to keep")


class TrainSettings(Section):
    """All settings of a training run."""

    towers: TowerSettings
    method: MethodSettings = Field(default_factory=MethodSettings)
    data: DataSettings
    optim: OptimSettings
    lock: LockSettings = Field(default_factory=LockSettings)
    evaluation: EvaluationSettings = Field(default_factory=EvaluationSettings)
    log: LogSettings = Field(default_factory=LogSettings)
    checkpoint: CheckpointSettings = Field(default_factory=CheckpointSettings)
    divergence: DivergenceSettings = Field(default_factory=DivergenceSettings)
    seed: int = Field(default=0, ge=0, lt=2**31, description="seed of initial weights, batch order and hard negatives")
    threads: int | None = Field(default=None, ge=1, description="torch threads; null: torch's default")
    device: Literal["auto", "cpu", "cuda"] = Field(default="auto", description="auto: a GPU if available")
    precision: Literal["fp32", "bf16"] = Field(
        default="fp32",
        description="bf16: autocast in the forward pass; weights, averages, losses and softmaxes stay in fp32",
    )
    grad_checkpointing: bool = Field(
        default=False, description="recompute the towers' blocks in the backward pass: less memory, more time"
    )
    compile: Literal["inductor", "aot_eager"] | None = Field(
        default=None,
        description="backend of torch.compile for the transformer blocks and the experts; null: not compiled",
    )
    preset: str | None = Field(
        default=None, description="source of values that are not set: default, paper or paper-goodnews"
    )

    @model_validator(mode="after")
    def _a_control_needs_a_reader(self) -> Self:
        if self.data.wrong_explanations and not self.method.uses_explanations:
            raise ValueError("data.wrong_explanations has no effect: these method settings read no explanation")
        return self

    def as_plain(self) -> dict[str, Any]:
        """Return the settings as plain types, for YAML and JSON."""
        return self.model_dump(mode="json")
