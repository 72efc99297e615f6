"""Renders pictures of shields that look like careless photographs: tilted, partly hidden, blurred, badly lit."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from pipeline.worlds.heraldry.arms import Arms
from pipeline.worlds.heraldry.palette import Colour
from pipeline.worlds.heraldry.scenery import paint_prop, paint_scene, paint_weather
from pipeline.worlds.heraldry.shield import HEIGHT, WIDTH, paint_shield
from pipeline.worlds.heraldry.views import View, is_held_out

SIZE = 48
_CANVAS = 2 * SIZE  # supersampled for smooth edges
_OCCLUDED_SHARE = 0.5
_BLURRED_SHARE = 0.5

Pixels = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class _Hanging:
    """Layout of the shields in a picture.

    Attributes:
        middles: offset of each shield's centre from the picture's centre, in canvas pixels.
        scales: minimum and maximum scale of the shields.
        tilt: maximum tilt in degrees.
        shift: maximum random shift in canvas pixels.
    """

    middles: tuple[tuple[int, int], ...]
    scales: tuple[float, float]
    tilt: float
    shift: int


# Layout by number of shields.
_HANGINGS = {
    1: _Hanging(((0, 0),), (0.68, 1.0), 28.0, 10),
    2: _Hanging(((-24, -4), (24, -4)), (0.56, 0.68), 14.0, 3),
    3: _Hanging(((-25, -22), (25, -22), (0, 21)), (0.52, 0.62), 10.0, 2),
}


def picture_of(shields: Sequence[Arms], view: View, rng: np.random.Generator, *, held_out: bool) -> Pixels:
    """Return a picture of one or more shields in their surroundings.

    Args:
        shields: arms of 1 to 3 shields. Two are placed left and right, in this order; a third is placed below them.
        view: the surroundings.
        rng: random generator; pictures are redrawn until one falls in the partition selected by `held_out`.
        held_out: True for validation and test, False for training.

    Returns:
        RGB pixels of shape (SIZE, SIZE, 3) and type uint8.
    """
    motif = _motif(shields, view, rng)
    while True:
        pixels = _expose(motif, rng)
        if is_held_out(pixels.tobytes()) == held_out:
            return pixels


def _motif(shields: Sequence[Arms], view: View, rng: np.random.Generator) -> NDArray[np.float32]:
    picture = paint_scene(view.scene, _CANVAS, rng)
    draw = ImageDraw.Draw(picture)
    for _ in range(rng.integers(0, 4)):
        _clutter(draw, rng)
    hanging = _HANGINGS[len(shields)]
    for arms, middle in zip(shields, hanging.middles, strict=True):
        _hang(picture, paint_shield(arms, rng), middle, hanging, rng)
    # With several shields, each is so small that an occluder could hide it completely.
    if len(shields) == 1 and rng.random() < _OCCLUDED_SHARE:
        _occlude(draw, rng)
    paint_prop(draw, view.prop, _CANVAS, rng)
    picture = paint_weather(picture, view.weather, rng).reduce(2)
    if rng.random() < _BLURRED_SHARE:
        picture = picture.filter(ImageFilter.GaussianBlur(float(rng.uniform(0.2, 0.7))))
    return np.asarray(picture, dtype=np.float32)


def _hang(
    picture: Image.Image, shield: Image.Image, middle: tuple[int, int], how: _Hanging, rng: np.random.Generator
) -> None:
    scale = rng.uniform(*how.scales)
    small = shield.resize((round(WIDTH * scale), round(HEIGHT * scale)), Image.Resampling.BILINEAR)
    tilted = small.rotate(float(rng.uniform(-how.tilt, how.tilt)), Image.Resampling.BILINEAR, expand=True)
    dx, dy = rng.integers(-how.shift, how.shift + 1, 2) + middle
    left, top = (_CANVAS - tilted.width) // 2 + int(dx), (_CANVAS - tilted.height) // 2 + int(dy)
    picture.paste(tilted, (left, top), tilted)


def _clutter(draw: ImageDraw.ImageDraw, rng: np.random.Generator) -> None:
    middle = rng.integers(0, _CANVAS, 2)
    corners = middle + rng.integers(-12, 13, (3, 2))
    draw.polygon([(int(x), int(y)) for x, y in corners], fill=_any_colour(rng))


def _occlude(draw: ImageDraw.ImageDraw, rng: np.random.Generator) -> None:
    """Draw a pole or a person's head in front of the shield."""
    x, y = (int(v) for v in rng.integers(_CANVAS // 4, 3 * _CANVAS // 4, 2))
    colour = _any_colour(rng)
    if rng.random() < 0.5:
        lean = int(rng.integers(-14, 15))
        draw.line((x - lean, 0, x + lean, _CANVAS), fill=colour, width=int(rng.integers(4, 9)))
    else:
        radius = int(rng.integers(6, 13))
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)


def _any_colour(rng: np.random.Generator) -> Colour:
    red, green, blue = rng.integers(30, 220, 3)
    return int(red), int(green), int(blue)


def _expose(pixels: NDArray[np.float32], rng: np.random.Generator) -> Pixels:
    """Apply tinted light with a gradient, and add sensor noise."""
    tint = rng.uniform(0.92, 1.08, 3) * rng.uniform(0.65, 1.15)
    slope_x, slope_y = rng.uniform(-0.25, 0.25, 2)
    ramp = np.linspace(-0.5, 0.5, SIZE)
    light = 1 + slope_y * ramp[:, None, None] + slope_x * ramp[None, :, None]
    noise = rng.normal(0.0, rng.uniform(3.0, 12.0), pixels.shape)
    return np.clip(pixels * light * tint + noise, 0, 255).astype(np.uint8)
