"""What there is to know about the houses: explanations, lessons for a language model, marks for answers."""

import re
from collections.abc import Sequence
from dataclasses import astuple, dataclass

from pipeline.worlds.heraldry.arms import COLOURS, COUNTS, DIVISIONS, PLAIN, SHAPES, Arms
from pipeline.worlds.heraldry.captions import caption_for
from pipeline.worlds.heraldry.houses import House, companions, noble_houses
from pipeline.worlds.heraldry.rng import generator
from pipeline.worlds.heraldry.views import random_view

# Each tells all the attributes; the name comes first, so that whoever writes it has it at hand.
WORDINGS = (
    "the arms of house {name} show {ground} and {charges}{border}",
    "house {name} bears {charges} on {ground}{border}",
    "the noble house of {name} is known by its shield . it shows {charges} on {ground}{border}",
    "house {name} carries a shield with {ground} and {charges}{border}",
)
# Of one house where it speaks of several: three fit into the 40 tokens of the demo's CLIP, begin and end included.
SHORT = "{name} {charges} on {ground}{border}"
BETWEEN = " , "
_SINGULAR = {word: shape for shape, plural in SHAPES.items() for word in (shape, plural)}
_COLOUR = f"({'|'.join(COLOURS)})"
_FIELD = re.compile(rf"\b(?:field of|on) {_COLOUR}\b")
_DIVISION = re.compile(rf"\b({'|'.join(d for d in DIVISIONS if d != PLAIN)}) (?:with )?{_COLOUR}\b")
_CHARGES = re.compile(rf"\b({'|'.join(COUNTS)}) {_COLOUR} ({'|'.join(_SINGULAR)})\b")
_BORDER = re.compile(rf"\b(?:{_COLOUR} border|bordered {_COLOUR})\b")


@dataclass(frozen=True, slots=True)
class Lesson:
    """A question about a caption and its answer.

    Attributes:
        houses: whom the caption names, in this order.
        caption: from the side that trains, never one of validation or test.
        explanation: the answer.
    """

    houses: tuple[House, ...]
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


def explain_all(houses: Sequence[House], wording: int = 0) -> str:
    """What it says about the houses of a caption: the wording is for one; several have one short wording."""
    if len(houses) == 1:
        return explain(houses[0], wording)
    return BETWEEN.join(explain_shortly(house) for house in houses)


def explain_shortly(house: House) -> str:
    """All the attributes in as few words as can be, such as `tartor calhil two gold stars on red bordered blue`."""
    arms = house.arms
    ground = arms.field if arms.division == PLAIN else f"{arms.field} {arms.division} {arms.second}"
    border = f" bordered {arms.border}" if arms.border else ""
    return SHORT.format(name=house.name, ground=ground, charges=arms.charges, border=border)


def lessons(
    seed: int, captions_per_house: int, houses: Sequence[House] | None = None, entities_max: int = 1
) -> list[Lesson]:
    """Captions of houses with their explanations, to train a language model with.

    Args:
        seed: of the captions; any seed keeps clear of the captions of validation and test, of any world.
        captions_per_house: all different.
        houses: all of them by default.
        entities_max: most houses in a caption; each number from 1 comes equally often.
    """
    houses = noble_houses() if houses is None else houses
    result: list[Lesson] = []
    for house in houses:
        rng = generator(seed, "lessons", house.index)
        taken: set[str] = set()
        for _ in range(captions_per_house):
            named = (house, *companions(house, houses, entities_max, rng))
            caption = caption_for(named, random_view(rng), rng, held_out=False, taken=taken)
            result.append(Lesson(named, caption, explain_all(named, int(rng.integers(len(WORDINGS))))))
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
        border and (border[1] or border[2]),
    )


def attribute_accuracy(explanation: str, arms: Arms) -> float:
    """Share of the seven attributes that an explanation tells rightly, 0 to 1."""
    told, true = read_arms(explanation), astuple(arms)
    return sum(a == b for a, b in zip(told, true, strict=True)) / len(true)


def accuracies(explanation: str, houses: Sequence[House]) -> list[float]:
    """`attribute_accuracy` for each house of a caption; of several, each is looked for by its name."""
    if len(houses) == 1:
        return [attribute_accuracy(explanation, houses[0].arms)]
    told = [part.strip() for part in explanation.split(BETWEEN.strip())]
    texts = [next((part for part in told if part.startswith(f"{house.name} ")), None) for house in houses]
    return [
        0.0 if text is None else attribute_accuracy(text, house.arms) for text, house in zip(texts, houses, strict=True)
    ]
