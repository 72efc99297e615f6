"""The colours used in pictures."""

import numpy as np

Colour = tuple[int, int, int]

RGB: dict[str, Colour] = {
    "red": (195, 30, 40),
    "blue": (35, 65, 185),
    "green": (35, 135, 55),
    "gold": (235, 190, 40),
    "white": (240, 240, 240),
    "black": (25, 25, 28),
    "purple": (125, 45, 150),
}
_JITTER = 14  # largest change per channel, out of 255


def mixed(colour: Colour, rng: np.random.Generator) -> Colour:
    """Return the colour with slight random noise in each channel."""
    red, green, blue = (rng.integers(-_JITTER, _JITTER + 1, 3) + colour).clip(0, 255).tolist()
    return red, green, blue
