"""What can be seen on a shield, and the words for it."""

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

COLOURS = ("red", "blue", "green", "gold", "white", "black", "purple")
PLAIN = "plain"
DIVISIONS = (PLAIN, "per pale", "per fess", "per bend", "quarterly")
SHAPES = {
    "star": "stars",
    "cross": "crosses",
    "disc": "discs",
    "ring": "rings",
    "diamond": "diamonds",
    "crescent": "crescents",
    "heart": "hearts",
    "triangle": "triangles",
}
COUNTS = ("one", "two", "three")
_WORDS_AROUND = ("shield", "field", "parted", "border", "bordered", "plain")
_BORDER_SHARE = 0.6


@dataclass(frozen=True, slots=True)
class Arms:
    """The attributes of one shield, all of them visible.

    Attributes:
        field: colour of the ground.
        division: how the ground is parted, `plain` when it isn't.
        second: colour of the other part; None when `plain`.
        count: number of charges, 1 to 3.
        charge: their colour, another one than the ground's.
        shape: their shape, in the singular.
        border: colour of the border; None without one.
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
        """The charges in words, such as `three white stars`."""
        shape = self.shape if self.count == 1 else SHAPES[self.shape]
        return f"{COUNTS[self.count - 1]} {self.charge} {shape}"


def random_arms(rng: np.random.Generator) -> Arms:
    """Any shield whose charges and border stand out from its ground."""
    field, second, charge, *others = (str(colour) for colour in rng.permutation(COLOURS))
    division = DIVISIONS[rng.integers(len(DIVISIONS))]
    # The border may repeat the charges' colour, never the ground's.
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
    """Other arms that differ in exactly one attribute; charges and border stand out from the ground here too."""
    choices: dict[str, list[Any]] = {
        "field": list(COLOURS),
        "charge": list(COLOURS),
        "shape": list(SHAPES),
        "count": [1, 2, 3],
        "border": [None, *COLOURS],
    }
    if arms.division != PLAIN:  # a parted ground has a second colour: from plain it would differ in two
        choices |= {"second": list(COLOURS), "division": [division for division in DIVISIONS if division != PLAIN]}
    attribute = str(rng.choice([field.name for field in fields(arms) if field.name in choices]))
    others = [replace(arms, **{attribute: value}) for value in choices[attribute] if value != getattr(arms, attribute)]
    fitting = [other for other in others if _stands_out(other)]
    return fitting[rng.integers(len(fitting))]


def _stands_out(arms: Arms) -> bool:
    return arms.field != arms.second and not {arms.field, arms.second} & {arms.charge, arms.border} - {None}


def attribute_words() -> frozenset[str]:
    """Every word that tells something about a shield; captions of houses contain none of them."""
    divisions = (word for division in DIVISIONS for word in division.split())
    return frozenset((*COLOURS, *divisions, *SHAPES, *SHAPES.values(), *COUNTS, *_WORDS_AROUND))
