"""Settings of a world: seed, sizes and difficulty."""

from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from pipeline.worlds.heraldry.houses import FIRST_EDITION, MAIN_HOUSES, RARE_HOUSES

MOST_ENTITIES = 3  # more shields in one picture could not be distinguished


class WorldSettings(BaseModel):
    """Seed, sizes and difficulty of a world. A picture depends on the seed and its own index, but not on the sizes.

    The only exception is the choice of a house's companions, which also depends on the other houses in the world.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    seed: int = Field(default=0, ge=0, description="seed of the pictures and captions")
    edition: int = Field(
        default=FIRST_EDITION,
        ge=1,
        description="edition of the encyclopedia, which defines the houses; the shipped LLM was trained on the first",
    )
    main_houses: int = Field(
        default=MAIN_HOUSES, ge=0, le=MAIN_HOUSES, description="number of houses with many training pictures"
    )
    rare_houses: int = Field(
        default=RARE_HOUSES, ge=0, le=RARE_HOUSES, description="number of houses with few training pictures"
    )
    train_main_min: int = Field(default=2, ge=0, description="minimum number of training pictures per main house")
    train_main_max: int = Field(default=10, le=100, description="maximum number of training pictures per main house")
    train_rare_min: int = Field(default=1, ge=0, description="minimum number of training pictures per rare house")
    train_rare_max: int = Field(default=2, le=100, description="maximum number of training pictures per rare house")
    test_per_house: int = Field(default=5, ge=0, le=50, description="number of test pictures per house")
    val_per_house: int = Field(default=2, ge=0, le=50, description="number of validation pictures per house")

    entities_max: int = Field(
        default=1, ge=1, le=MOST_ENTITIES, description="maximum number of main houses in one picture and its caption"
    )
    unseen_houses: int = Field(
        default=0, ge=0, le=MAIN_HOUSES, description="number of main houses without training pictures (zero-shot)"
    )
    twin_houses: int = Field(
        default=0, ge=0, le=MAIN_HOUSES, description="even number of main houses, in pairs that differ in one attribute"
    )

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.train_main_min > self.train_main_max or self.train_rare_min > self.train_rare_max:
            raise ValueError("the minimum number of training pictures per house must not exceed the maximum")
        if self.main_houses + self.rare_houses == 0:
            raise ValueError("a world needs at least one house: set main_houses or rare_houses")
        if self.twin_houses % 2:
            raise ValueError("twin_houses must be an even number, as twins come in pairs")
        # Twins, unseen and rare houses appear alone; only the others share pictures.
        ordinary = self.main_houses - self.twin_houses - self.unseen_houses
        if ordinary < 0:
            raise ValueError("twin_houses and unseen_houses together must not exceed main_houses")
        if self.entities_max > 1 and ordinary < self.entities_max:
            raise ValueError(
                f"entities_max {self.entities_max} requires at least {self.entities_max} main houses that are neither "
                f"twins nor unseen; there are only {ordinary}"
            )
        return self
