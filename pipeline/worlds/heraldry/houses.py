"""The 240 noble houses of each edition of the encyclopedia; the shipped language model was trained on edition 1."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from pipeline.worlds.heraldry.arms import Arms, nearly, random_arms
from pipeline.worlds.heraldry.rng import generator

MAIN, RARE = "main", "rare"
MAIN_HOUSES, RARE_HOUSES = 168, 72
FIRST_EDITION = 1
# Indices that end in 2, 5 or 8 are rare: 72 of 240, spread evenly over the names.
MAIN_INDICES = tuple(index for index in range(MAIN_HOUSES + RARE_HOUSES) if index % 10 not in (2, 5, 8))
_FIRST_ONSETS = ("tar", "bel", "cor", "dun", "fen", "gal", "hol", "jor", "kes", "lor")
_FIRST_ENDINGS = ("tor", "mund", "wick", "dran", "vek", "lith", "bas", "quen")
_SECOND_ONSETS = ("cal", "mor", "nev", "osk", "pel", "rav", "syl", "thul", "vor", "zan")
_SECOND_ENDINGS = ("hil", "dor", "sted", "mire", "garth", "lund", "beck", "fell")
FIRST_NAMES = tuple(onset + ending for onset in _FIRST_ONSETS for ending in _FIRST_ENDINGS)
SECOND_NAMES = tuple(onset + ending for onset in _SECOND_ONSETS for ending in _SECOND_ENDINGS)


@dataclass(frozen=True, slots=True)
class House:
    """A noble house.

    Attributes:
        index: stable number of the house, 0 to 239.
        name: two made-up words, each shared by three houses so that neither alone identifies a house.
        pool: `main` or `rare`; rare houses have very few training pictures.
        arms: the house's shield.
    """

    index: int
    name: str
    pool: str
    arms: Arms


@cache
def noble_houses(edition: int = FIRST_EDITION, twins: int = 0) -> tuple[House, ...]:
    """Return all houses, ordered by index; names and shields are unique.

    Each edition combines the same words into different names and has different arms, so it needs its own language
    model. A world with twins also needs its own model, because some of its arms are different.

    Args:
        edition: edition of the encyclopedia, starting at 1.
        twins: even number of main houses, starting with the first, that form pairs of neighbours whose arms differ in
            one attribute.
    """
    names: list[str] = []
    rng = generator(edition, "names")
    while len(names) < MAIN_HOUSES + RARE_HOUSES:
        # Each round uses every word once, and is redrawn if one of its names already exists.
        matching = zip(rng.permutation(FIRST_NAMES), rng.permutation(SECOND_NAMES), strict=True)
        drawn = [f"{first} {second}" for first, second in matching]
        if not set(drawn) & set(names):
            names += drawn
    houses: list[House] = []
    taken: set[Arms] = set()
    for index, name in enumerate(names):
        rng = generator(edition, "arms", index)
        while (arms := random_arms(rng)) in taken:
            pass
        taken.add(arms)
        houses.append(House(index, name, MAIN if index in MAIN_INDICES else RARE, arms))
    for first, second in zip(MAIN_INDICES[:twins:2], MAIN_INDICES[1:twins:2], strict=True):
        rng = generator(edition, "twins", second)
        while (arms := nearly(houses[first].arms, rng)) in taken:
            pass
        taken.add(arms)
        houses[second] = replace(houses[second], arms=arms)
    return tuple(houses)


def houses_of(pool: str, edition: int = FIRST_EDITION, twins: int = 0) -> tuple[House, ...]:
    """Return the houses in one pool, ordered by index."""
    return tuple(house for house in noble_houses(edition, twins) if house.pool == pool)


def companions(house: House, others: Sequence[House], entities_max: int, rng: np.random.Generator) -> tuple[House, ...]:
    """Draw 0 to `entities_max` - 1 other houses to appear with `house`; each number is equally likely.

    If `entities_max` is 1, `rng` is not used.
    """
    if entities_max == 1:
        return ()
    number = int(rng.integers(entities_max))
    candidates = [other for other in others if other.index != house.index]
    return tuple(candidates[place] for place in rng.choice(len(candidates), number, replace=False))
