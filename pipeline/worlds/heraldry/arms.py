"""Defines the visible attributes of a shield and the words that describe them."""

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

COLOURS = ("red", "blue", "green", "gold", "white", "black", "purple")
PLAIN = "plain"
DIVISIONS = (PLAIN, "per pale", "per fess", "per bend", "quarterly")
_NAMES_OF_SHAPES = "star cross disc ring diamond crescent heart triangle".split()
SHAPES = {shape: f"{shape}s" for shape in _NAMES_OF_SHAPES} | {"cross": "crosses"}  # singular -> plural
COUNTS = ("one", "two", "three")
_WORDS_AROUND = ("shield", "field", "parted", "border", "bordered", "plain")
_BORDER_SHARE = 0.6


@dataclass(frozen=True, slots=True)
class Arms:
    """The attributes of one shield, all of them visible.

    Attributes:
        field: colour of the ground.
        division: how the ground is divided, or `plain`.
        second: colour of the second part of the ground; None if `plain`.
        count: number of charges, 1 to 3.
        charge: colour of the charges, different from both colours of the ground.
        shape: shape of the charges, in the singular.
        border: colour of the border; None if there is none.
    """

    field: str
    division: str
    second: str | None
    count: int
    charge: str
    shape: str
    border: str | None

    @property
    def charges(self) -> str:
        """Return the charges as text, such as `three white stars`."""
        shape = self.shape if self.count == 1 else SHAPES[self.shape]
        return f"{COUNTS[self.count - 1]} {self.charge} {shape}"


def random_arms(rng: np.random.Generator) -> Arms:
    """Draw a random shield whose charges and border differ in colour from its ground."""
    field, second, charge, *others = (str(colour) for colour in rng.permutation(COLOURS))
    division = DIVISIONS[rng.integers(len(DIVISIONS))]
    # The border may have the colour of the charges, but no colour of the ground.
    border = str(rng.choice([charge, *others])) if rng.random() < _BORDER_SHARE else None
    return Arms(
        field=field,
        division=division,
        second=None if division == PLAIN else second,
        count=int(rng.integers(1, len(COUNTS) + 1)),
        charge=charge,
        shape=str(rng.choice(list(SHAPES))),
        border=border,
    )


def nearly(arms: Arms, rng: np.random.Generator) -> Arms:
    """Draw arms that differ from `arms` in exactly one attribute and follow the same rules as `random_arms`."""
    colours = list(COLOURS)
    choices: dict[str, list[Any]] = {"field": colours, "charge": colours, "border": [None, *colours]}
    choices |= {"shape": list(SHAPES), "count": [1, 2, 3]}
    if arms.division != PLAIN:  # a change to or from plain would also change the second colour
        choices |= {"second": colours, "division": [division for division in DIVISIONS if division != PLAIN]}
    attribute = str(rng.choice([field.name for field in fields(arms) if field.name in choices]))
    others = [replace(arms, **{attribute: value}) for value in choices[attribute] if value != getattr(arms, attribute)]
    fitting = [other for other in others if _stands_out(other)]
    return fitting[rng.integers(len(fitting))]


def _stands_out(arms: Arms) -> bool:
    return arms.field != arms.second and not {arms.field, arms.second} & {arms.charge, arms.border} - {None}


def attribute_words() -> frozenset[str]:
    """Return all words that describe a shield; captions that name houses contain none of them."""
    divisions = (word for division in DIVISIONS for word in division.split())
    return frozenset((*COLOURS, *divisions, *SHAPES, *SHAPES.values(), *COUNTS, *_WORDS_AROUND))
