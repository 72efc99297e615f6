"""How large a world is, and which of all possible ones."""

from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from pipeline.worlds.heraldry.houses import FIRST_EDITION, MAIN_HOUSES, RARE_HOUSES


class WorldSettings(BaseModel):
    """Seed and sizes. A picture depends on the seed and its own place only, not on the sizes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    seed: int = Field(default=0, ge=0, description="of pictures and captions")
    edition: int = Field(
        default=FIRST_EDITION,
        ge=1,
        description="of the encyclopedia: which houses there are; the shipped language model has read the first",
    )
    main_houses: int = Field(
        default=MAIN_HOUSES, ge=0, le=MAIN_HOUSES, description="houses with enough training pictures"
    )
    rare_houses: int = Field(default=RARE_HOUSES, ge=0, le=RARE_HOUSES, description="houses with hardly any")
    train_main_min: int = Field(default=2, ge=0, description="fewest training pictures of a main house")
    train_main_max: int = Field(default=10, le=100, description="most training pictures of a main house")
    train_rare_min: int = Field(default=1, ge=0, description="fewest training pictures of a rare house")
    train_rare_max: int = Field(default=2, le=100, description="most training pictures of a rare house")
    test_per_house: int = Field(default=5, ge=0, le=50, description="test pictures of each house")
    val_per_house: int = Field(default=2, ge=0, le=50, description="validation pictures of each house")

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.train_main_min > self.train_main_max or self.train_rare_min > self.train_rare_max:
            raise ValueError("the fewest training pictures of a house must not be more than the most")
        if self.main_houses + self.rare_houses == 0:
            raise ValueError("a world needs at least one house: set main_houses or rare_houses")
        return self
