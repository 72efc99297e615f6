"""Assigns a world's houses to pools; results for pictures with a single house are reported by pool."""

from functools import cache

from pipeline.worlds.heraldry.houses import MAIN, MAIN_INDICES, RARE, House, houses_of
from pipeline.worlds.heraldry.settings import WorldSettings

TWINS, UNSEEN = "twins", "unseen"
SEVERAL = {2: "two", 3: "three"}  # number of houses in a picture -> topic


def world_houses(settings: WorldSettings) -> tuple[House, ...]:
    """Return the houses of a world, main houses first."""
    main, rare = (houses_of(pool, settings.edition, settings.twin_houses) for pool in (MAIN, RARE))
    return main[: settings.main_houses] + rare[: settings.rare_houses]


def pool_in(settings: WorldSettings, house: House) -> str:
    """Return the pool of a house: `rare`, `twins`, `unseen` or `main`.

    The houses of the encyclopedia's rare pool are `rare`. Among the other houses, ordered by index, the first
    `twin_houses` are `twins` and the following `unseen_houses` are `unseen`. All remaining houses are `main`.
    """
    if house.pool == RARE:
        return RARE
    place, twins = MAIN_INDICES.index(house.index), settings.twin_houses
    if place < twins:
        return TWINS
    return UNSEEN if place < twins + settings.unseen_houses else MAIN


@cache
def ordinary_houses(settings: WorldSettings) -> tuple[House, ...]:
    """Return the main houses that are neither twins nor unseen; only these may appear together in a picture."""
    return tuple(house for house in world_houses(settings) if pool_in(settings, house) == MAIN)
