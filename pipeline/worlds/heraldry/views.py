"""Defines a shield's surroundings, the words for them, and the rule that separates training from held-out content."""

from dataclasses import dataclass
from hashlib import blake2b

import numpy as np

SCENES = {
    "meadow": "in the meadow",
    "shore": "on the shore",
    "desert": "in the desert",
    "forest": "in the forest",
    "hall": "inside the great hall",
    "market": "in the market place",
    "mountains": "high in the mountains",
    "marsh": "beside the marsh",
}
WEATHERS = {
    "clear": "under a clear sky",
    "rain": "under pouring rain",
    "snow": "under falling snow",
    "fog": "in thick fog",
}
NO_PROP = "nothing"
PROPS = {
    NO_PROP: "",
    "tent": "near the tent",
    "barrel": "near the barrel",
    "wagon": "near the wagon",
    "fire": "near the fire",
    "tower": "near the tower",
    "ladder": "near the ladder",
}
_SCENE_SHARE, _WEATHER_SHARE, _PROP_SHARE = 0.75, 0.6, 0.7


def is_held_out(content: bytes) -> bool:
    """Return whether this content (a caption in UTF-8, or a picture's pixels) is reserved for validation and test."""
    return blake2b(content, digest_size=1).digest()[0] % 4 == 0  # one item in four


@dataclass(frozen=True, slots=True)
class View:
    """The surroundings of a shield: keys of `SCENES`, `WEATHERS` and `PROPS`."""

    scene: str
    weather: str
    prop: str


def random_view(rng: np.random.Generator) -> View:
    """Return a random scene, weather and prop."""
    return View(str(rng.choice(list(SCENES))), str(rng.choice(list(WEATHERS))), str(rng.choice(list(PROPS))))


def mention(view: View, rng: np.random.Generator) -> str:
    """Describe all, some or none of a shield's surroundings."""
    parts = (
        (SCENES[view.scene], _SCENE_SHARE),
        (WEATHERS[view.weather], _WEATHER_SHARE),
        (PROPS[view.prop], _PROP_SHARE),
    )
    return " ".join(words for words, share in parts if words and rng.random() < share)
