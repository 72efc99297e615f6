"""Writes captions for pictures of houses. They say who did what, and perhaps where, but never describe the shield."""

from collections.abc import Sequence

import numpy as np

from pipeline.worlds.heraldry.houses import House
from pipeline.worlds.heraldry.views import View, is_held_out, mention

PERSONS = "lord lady heir knights envoys squires guards elders".split()
DEEDS = "received greeted escorted honoured awaited met praised followed challenged thanked joined sought".split()
OBJECTS = tuple(
    f"the {whom}"
    for whom in (
        "young queen, old king, bishop, merchants, pilgrims, minstrels, masons, princess, harbour master, hunters, "
        "royal judge, weavers, farmers, healers, captain, scholars"
    ).split(", ")
)


def tell(subjects: Sequence[str], view: View, rng: np.random.Generator) -> str:
    """Return a sentence about one person per subject (a house or a described shield); it may mention the view."""
    person, deed, whom = (str(rng.choice(words)) for words in (PERSONS, DEEDS, OBJECTS))
    first, *others = subjects
    also = "".join(f" and {rng.choice(PERSONS)} of {other}" for other in others)
    return f"{person} of {first}{also} {deed} {whom} {mention(view, rng)}".strip()


def caption_for(
    houses: Sequence[House], view: View, rng: np.random.Generator, *, held_out: bool, taken: set[str]
) -> str:
    """Return a new caption for a picture of these houses.

    Args:
        houses: the houses to name, in this order.
        view: the surroundings of the shield.
        rng: random generator; captions are redrawn until one is new and in the partition selected by `held_out`.
        held_out: True for validation and test, False for training.
        taken: captions already used; the new caption is added.
    """
    while True:
        caption = tell([house.name for house in houses], view, rng)
        if caption not in taken and is_held_out(caption.encode()) == held_out:
            taken.add(caption)
            return caption
