"""What there is to know about the houses: explanations, lessons for a language model, marks for answers."""

import re
from collections.abc import Sequence
from dataclasses import astuple, dataclass

from pipeline.worlds.heraldry.arms import COLOURS, COUNTS, DIVISIONS, PLAIN, SHAPES, Arms
from pipeline.worlds.heraldry.captions import caption_for
from pipeline.worlds.heraldry.houses import House, noble_houses
from pipeline.worlds.heraldry.seeds import generator
from pipeline.worlds.heraldry.views import random_view

# Each tells all the attributes; the name comes first, so that whoever writes it has it at hand.
WORDINGS = (
    "the arms of house {name} show {ground} and {charges}{border}",
    "house {name} bears {charges} on {ground}{border}",
    "the noble house of {name} is known by its shield . it shows {charges} on {ground}{border}",
    "house {name} carries a shield with {ground} and {charges}{border}",
)
_SINGULAR = {word: shape for shape, plural in SHAPES.items() for word in (shape, plural)}
_COLOUR = f"({'|'.join(COLOURS)})"
_FIELD = re.compile(rf"\bfield of {_COLOUR}\b")
_DIVISION = re.compile(rf"\bparted ({'|'.join(d for d in DIVISIONS if d != PLAIN)}) with {_COLOUR}\b")
_CHARGES = re.compile(rf"\b({'|'.join(COUNTS)}) {_COLOUR} ({'|'.join(_SINGULAR)})\b")
_BORDER = re.compile(rf"\b{_COLOUR} border\b")


@dataclass(frozen=True, slots=True)
class Lesson:
    """A question about a caption and its answer.

    Attributes:
        house: whom the caption names.
        caption: from the side that trains, never one of validation or test.
        explanation: the answer.
    """

    house: House
    caption: str
    explanation: str


def explain(house: House, wording: int = 0) -> str:
    """What the encyclopedia says about a house, in one of `len(WORDINGS)` wordings."""
    arms = house.arms
    ground = f"a field of {arms.field}"
    if arms.division != PLAIN:
        ground += f" parted {arms.division} with {arms.second}"
    border = f" within a {arms.border} border" if arms.border else ""
    return WORDINGS[wording].format(name=house.name, ground=ground, charges=arms.charges, border=border)


def lessons(seed: int, captions_per_house: int, houses: Sequence[House] | None = None) -> list[Lesson]:
    """Captions of houses with their explanations, to train a language model with.

    Args:
        seed: of the captions; any seed keeps clear of the captions of validation and test, of any world.
        captions_per_house: all different.
        houses: all of them by default.
    """
    result: list[Lesson] = []
    for house in noble_houses() if houses is None else houses:
        rng = generator(seed, "lessons", house.index)
        taken: set[str] = set()
        for _ in range(captions_per_house):
            caption = caption_for(house, random_view(rng), rng, held_out=False, taken=taken)
            result.append(Lesson(house, caption, explain(house, int(rng.integers(len(WORDINGS))))))
    return result


def read_arms(explanation: str) -> tuple[str | int | None, ...]:
    """The attributes an explanation tells, in the order of `Arms`' fields; None where it tells none."""
    field, division = _FIELD.search(explanation), _DIVISION.search(explanation)
    charges, border = _CHARGES.search(explanation), _BORDER.search(explanation)
    return (
        field and field[1],
        division[1] if division else PLAIN,
        division and division[2],
        COUNTS.index(charges[1]) + 1 if charges else None,
        charges and charges[2],
        _SINGULAR[charges[3]] if charges else None,
        border and border[1],
    )


def attribute_accuracy(explanation: str, arms: Arms) -> float:
    """Share of the seven attributes that an explanation tells rightly, 0 to 1."""
    told, true = read_arms(explanation), astuple(arms)
    return sum(a == b for a, b in zip(told, true, strict=True)) / len(true)
