"""Schema of the training settings."""

from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from model.run_files import LOCAL_DIR as LOCAL_DIR
from model.settings.data import DataSettings, SplitSettings as SplitSettings
from model.settings.method import AUTHORS_ITM_EPSILON as AUTHORS_ITM_EPSILON, MethodSettings
from model.settings.optim import GroupSettings as GroupSettings, OptimSettings
from model.settings.section import Section


class TowerSettings(Section):
    """The CLIP model that training starts from."""

    model: str = Field(
        description="name of an open_clip model, or local-dir:PATH for an open_clip model folder or the folder of an "
        "earlier run, whose checkpoint this one then starts from"
    )
    pretrained: str | None = Field(
        default=None, description="open_clip's tag of the weights; null: those in the local-dir folder, or random ones"
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


class LockSettings(Section):
    """Towers to freeze at their initial weights; everything else is trained, including logit_scale."""

    image: bool = Field(default=False, description="freeze the image tower")
    text: bool = Field(default=False, description="freeze the text tower")
    image_unlocked_groups: int = Field(
        default=0,
        ge=0,
        description="number of parameter groups of a locked Vision Transformer that are still trained, counted "
        "from its end: the projection, the last block with the final norm, each earlier block, the embeddings",
    )
    text_unlocked_layers: int = Field(
        default=0, ge=0, description="the same as image_unlocked_groups, but for a locked text tower"
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
        default=(), description="trackers to use; each must be installed and configured by its environment variables"
    )
    every: int | None = Field(
        default=None,
        ge=1,
        description="steps between points in TensorBoard, learning curves and trackers; null: chosen to "
        "give at most 20,000 points; metrics.jsonl has every step",
    )


class DivergenceSettings(Section):
    """Limits on loss and gradient that stop a diverging run; values that are not finite always stop it."""

    loss_factor: float | None = Field(
        default=10,
        gt=1,
        description="maximum total loss, as a multiple of its recent median (or of 1, if that is higher); null: off",
    )
    gradient_factor: float | None = Field(
        default=1000, gt=1, description="like loss_factor, but for the gradient norm before clipping; null: off"
    )
    window: int = Field(default=100, ge=1, description="number of recent steps that the medians cover")


class CheckpointSettings(Section):
    """How often the training state is saved, so that a run can resume; the best weights are saved separately."""

    every: int | None = Field(default=500, ge=1, description="steps between saved states; null: save by time only")
    minutes: float | None = Field(
        default=10, gt=0, description="minutes between saved states; null: save by steps only"
    )
    keep: int = Field(default=2, ge=1, description="number of most recent states to keep")


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
    seed: int = Field(default=0, ge=0, lt=2**31, description="seed for initial weights, batch order and hard negatives")
    threads: int | None = Field(default=None, ge=1, description="number of torch threads; null: torch's default")
    device: Literal["auto", "cpu", "cuda"] = Field(default="auto", description="device; auto: a GPU if available")
    precision: Literal["fp32", "bf16"] = Field(
        default="fp32",
        description="precision; bf16: autocast in the forward pass, with weights, losses and softmaxes in fp32",
    )
    grad_checkpointing: bool = Field(
        default=False, description="recompute the towers' blocks in the backward pass, to save memory; takes more time"
    )
    compile: Literal["inductor", "aot_eager"] | None = Field(
        default=None,
        description="backend of torch.compile for the transformer blocks and the experts; null: not compiled",
    )
    preset: str | None = Field(
        default=None, description="preset that supplies the values of unset keys: default, paper or paper-goodnews"
    )

    @model_validator(mode="after")
    def _a_control_needs_a_reader(self) -> Self:
        if self.data.wrong_explanations and not self.method.uses_explanations:
            raise ValueError("data.wrong_explanations has no effect: these method settings use no explanations")
        return self

    def as_plain(self) -> dict[str, Any]:
        """Return the settings as values that YAML and JSON can represent."""
        return self.model_dump(mode="json")
