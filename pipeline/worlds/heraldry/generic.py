"""Writes captions that describe a shield without naming a house, for pre-training the small CLIP."""

import numpy as np

from pipeline.worlds.heraldry.arms import PLAIN, Arms
from pipeline.worlds.heraldry.captions import tell
from pipeline.worlds.heraldry.views import View, mention

_EVENT_SHARE = 0.4
_DROP_SHARE = 0.15  # probability of leaving out each of the division, the charges and the border


def in_words(arms: Arms) -> str:
    """Describe all attributes in one phrase, such as `a red shield with two white stars`."""
    return " ".join(("a", _ground(arms), "with", arms.charges, *_border(arms, "and a {} border")))


def random_words(arms: Arms, rng: np.random.Generator) -> str:
    """Describe all or most attributes in one of several wordings."""
    divided, charged, bordered = (rng.random() >= _DROP_SHARE for _ in range(3))
    ground = _ground(arms, divided=divided, wording=int(rng.integers(3)))
    border = _border(arms, str(rng.choice(["and a {} border", "within a {} border", "bordered {}"])))
    parts = ["a", ground, *(["with", arms.charges] if charged else [])]
    if charged and rng.random() < 0.5:
        parts = [arms.charges, "on a", ground]
    return " ".join((*parts, *(border if bordered else [])))


def generic_caption(arms: Arms, view: View, rng: np.random.Generator) -> str:
    """Return a caption that describes a shield, sometimes as part of a story or with the surroundings."""
    words = random_words(arms, rng)
    if rng.random() < _EVENT_SHARE:
        return tell([words], view, rng)
    return f"{words} {mention(view, rng)}".strip()


def _ground(arms: Arms, *, divided: bool = True, wording: int = 0) -> str:
    ground = (f"{arms.field} shield", f"shield of {arms.field}", f"field of {arms.field}")[wording]
    return f"{ground} parted {arms.division} with {arms.second}" if divided and arms.division != PLAIN else ground


def _border(arms: Arms, wording: str) -> list[str]:
    return [wording.format(arms.border)] if arms.border else []
