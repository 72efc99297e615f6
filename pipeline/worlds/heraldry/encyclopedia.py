"""The encyclopedia of houses: explanations, lessons for a language model, and the grading of answers."""

import re
from collections.abc import Sequence
from dataclasses import astuple, dataclass

from pipeline.worlds.heraldry.arms import COLOURS, COUNTS, DIVISIONS, PLAIN, SHAPES, Arms
from pipeline.worlds.heraldry.captions import caption_for
from pipeline.worlds.heraldry.houses import House, companions, noble_houses
from pipeline.worlds.heraldry.rng import generator
from pipeline.worlds.heraldry.views import random_view

# Each wording names the house before its attributes, so that a language model has already read the name.
WORDINGS = (
    "the arms of house {name} show {ground} and {charges}{border}",
    "house {name} bears {charges} on {ground}{border}",
    "the noble house of {name} is known by its shield . it shows {charges} on {ground}{border}",
    "house {name} carries a shield with {ground} and {charges}{border}",
)
# Used if a caption names several houses: three fit into the 40 tokens of the demo's CLIP, including start and end.
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
    """A training example for the language model: a caption as the question, and its explanation as the answer.

    Attributes:
        houses: the houses that the caption names, in order.
        caption: a training caption, never one for validation or test.
        explanation: the expected answer.
    """

    houses: tuple[House, ...]
    caption: str
    explanation: str


def explain(house: House, wording: int = 0) -> str:
    """Return the encyclopedia's text about a house, phrased as in `WORDINGS[wording]`."""
    arms = house.arms
    ground = f"a field of {arms.field}"
    if arms.division != PLAIN:
        ground += f" parted {arms.division} with {arms.second}"
    border = f" within a {arms.border} border" if arms.border else ""
    return WORDINGS[wording].format(name=house.name, ground=ground, charges=arms.charges, border=border)


def explain_all(houses: Sequence[House], wording: int = 0) -> str:
    """Return the text about a caption's houses: in the given wording if there is one house, else in short form."""
    if len(houses) == 1:
        return explain(houses[0], wording)
    return BETWEEN.join(explain_shortly(house) for house in houses)


def explain_shortly(house: House) -> str:
    """Return a house's attributes in a few words, such as `tartor calhil two gold stars on red bordered blue`."""
    arms = house.arms
    ground = arms.field if arms.division == PLAIN else f"{arms.field} {arms.division} {arms.second}"
    border = f" bordered {arms.border}" if arms.border else ""
    return SHORT.format(name=house.name, ground=ground, charges=arms.charges, border=border)


def lessons(
    seed: int, captions_per_house: int, houses: Sequence[House] | None = None, entities_max: int = 1
) -> list[Lesson]:
    """Return captions with their explanations, as training data for a language model.

    Args:
        seed: seed of the captions; no world uses them for validation or test, whatever the seed.
        captions_per_house: number of distinct captions per house.
        houses: houses that the captions name. Default: all.
        entities_max: maximum number of houses in a caption; each count from 1 to this maximum is equally likely.
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
    """Parse the attributes in an explanation, in the order of the fields of `Arms`; missing attributes are None."""
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
    """Return the share of the seven attributes that an explanation gets right, 0 to 1."""
    answers, truth = read_arms(explanation), astuple(arms)
    return sum(a == b for a, b in zip(answers, truth, strict=True)) / len(truth)


def accuracies(explanation: str, houses: Sequence[House]) -> list[float]:
    """Return the `attribute_accuracy` for each house of a caption.

    If there are several houses, each one's text is found by its name; a house without a text scores 0.
    """
    if len(houses) == 1:
        return [attribute_accuracy(explanation, houses[0].arms)]
    parts = [part.strip() for part in explanation.split(BETWEEN.strip())]
    texts = [next((part for part in parts if part.startswith(f"{house.name} ")), None) for house in houses]
    return [
        0.0 if text is None else attribute_accuracy(text, house.arms) for text, house in zip(texts, houses, strict=True)
    ]
