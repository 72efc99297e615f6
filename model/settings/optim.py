"""Settings of the optimiser."""

import re
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from model.settings.section import Section


class GroupSettings(Section):
    """Learning rate or weight decay of parameters selected by name; the first matching pattern applies."""

    pattern: str = Field(
        description="regular expression to search for in parameter names such as clip.visual.proj or "
        "experts.shared.c_fc_weight; it must match at least one name"
    )
    lr: float | None = Field(default=None, gt=0, description="peak learning rate of these parameters; null: unchanged")
    weight_decay: float | None = Field(
        default=None, ge=0, description="weight decay of these parameters, if they have any; null: unchanged"
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
            raise ValueError("set lr or weight_decay; a group with neither has no effect")
        return self


class OptimSettings(Section):
    """AdamW or Adam, with warm-up and cosine decay to zero."""

    optimizer: Literal["adamw", "adam"] = Field(
        default="adamw", description="optimiser; adam, the authors' choice, has no weight decay"
    )
    steps: int | None = Field(default=None, ge=1, description="number of optimiser steps; set either steps or epochs")
    epochs: float | None = Field(
        default=None, gt=0, description="number of passes over the training rows, each without an incomplete last batch"
    )
    batch_size: int = Field(ge=2, description="pairs per step; hard negatives need at least 2")
    micro_batch_size: int | None = Field(
        default=None,
        ge=1,
        description="pairs that the towers encode at once in each process; a smaller number gives the same "
        "gradients with less memory, but takes a third more time; null: all pairs",
    )
    lr: float = Field(default=1e-5, gt=0, description="peak learning rate of the towers")
    new_lr: float = Field(default=1e-4, gt=0, description="peak learning rate of the training-only modules")
    weight_decay: float = Field(
        default=0.01, ge=0, description="weight decay; not applied to biases, norms, embeddings and logit_scale"
    )
    warmup: float = Field(default=0.05, ge=0, lt=1, description="share of steps used for learning-rate warm-up")
    beta1: float = Field(default=0.9, ge=0, lt=1, description="decay rate of the first moment")
    beta2: float = Field(default=0.98, ge=0, lt=1, description="decay rate of the second moment")
    eps: float = Field(default=1e-6, gt=0, description="constant added to the square root of the second moment")
    clip_norm: float | None = Field(
        default=None, gt=0, description="maximum norm of all gradients taken together; null: no clipping"
    )
    groups: tuple[GroupSettings, ...] = Field(
        default=(), description="settings of parameters selected by name; see below"
    )

    @model_validator(mode="after")
    def _has_one_length(self) -> Self:
        if (self.steps is None) == (self.epochs is None):
            raise ValueError("set exactly one of steps and epochs")
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
