"""Base class of all sections of the settings."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """Base class of all sections, which are immutable and reject unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
