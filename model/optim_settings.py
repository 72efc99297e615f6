"""Settings of the optimiser."""

import re
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from model.settings_section import Section


class GroupSettings(Section):
    """Parameters chosen by name, with another learning rate or weight decay; the first pattern that fits decides."""

    pattern: str = Field(
        description="regular expression, searched in names such as clip.visual.proj or "
        "experts.shared.c_fc_weight; one that finds nothing is an error"
    )
    lr: float | None = Field(default=None, gt=0, description="peak learning rate; null: as without the group")
    weight_decay: float | None = Field(
        default=None, ge=0, description="of those that have any; null: as without the group"
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
            raise ValueError("a group without lr and weight_decay changes nothing")
        return self


class OptimSettings(Section):
    """AdamW or Adam, with warm-up and cosine decay to zero."""

    optimizer: Literal["adamw", "adam"] = Field(default="adamw", description="adam is the authors' and has no decay")
    steps: int | None = Field(default=None, ge=1, description="optimiser steps; give these or epochs")
    epochs: float | None = Field(
        default=None, gt=0, description="times through the training rows, incomplete last batches left out"
    )
    batch_size: int = Field(ge=2, description="pairs a step; hard negatives need at least 2")
    micro_batch_size: int | None = Field(
        default=None,
        ge=1,
        description="pairs that pass the towers together, in each process: the same gradients in less memory and a "
        "third more time; null: all at once",
    )
    lr: float = Field(default=1e-5, gt=0, description="peak learning rate of the towers")
    new_lr: float = Field(default=1e-4, gt=0, description="peak learning rate of the training-only modules")
    weight_decay: float = Field(
        default=0.01, ge=0, description="not applied to biases, norms, embeddings and logit_scale"
    )
    warmup: float = Field(default=0.05, ge=0, lt=1, description="share of the steps in which the learning rate rises")
    beta1: float = Field(default=0.9, ge=0, lt=1, description="the optimiser's first momentum")
    beta2: float = Field(default=0.98, ge=0, lt=1, description="the optimiser's second momentum")
    eps: float = Field(default=1e-6, gt=0, description="added to the root of the second momentum")
    clip_norm: float | None = Field(
        default=None, gt=0, description="the longest that all gradients together may be; null: as they are"
    )
    groups: tuple[GroupSettings, ...] = Field(default=(), description="exceptions by name, see below")

    @model_validator(mode="after")
    def _has_one_length(self) -> Self:
        if (self.steps is None) == (self.epochs is None):
            raise ValueError("give steps or epochs, one of the two")
        return self

    @model_validator(mode="after")
    def _adam_has_no_decay(self) -> Self:
        if self.optimizer == "adam" and (self.weight_decay or any(group.weight_decay for group in self.groups)):
            raise ValueError("weight decay belongs to adamw; with adam set weight_decay to 0")
        return self

    def total_steps(self, rows: int) -> int:
        """Optimiser steps over so many training rows."""
        if self.steps is not None:
            return self.steps
        assert self.epochs is not None
        return max(1, round(self.epochs * (rows // self.batch_size)))
