"""Paints a shield's surroundings: the scene behind it, a prop next to it, and the weather in front of it."""

import numpy as np
from PIL import Image, ImageDraw

from pipeline.worlds.heraldry.palette import Colour, mixed
from pipeline.worlds.heraldry.views import NO_PROP

# Colours above and below the horizon.
_GROUNDS: dict[str, tuple[Colour, Colour]] = {
    "meadow": ((150, 195, 235), (105, 170, 75)),
    "shore": ((165, 205, 235), (60, 120, 165)),
    "desert": ((200, 205, 200), (215, 180, 120)),
    "forest": ((85, 115, 85), (60, 75, 45)),
    "hall": ((95, 70, 55), (125, 95, 70)),
    "market": ((175, 170, 175), (150, 140, 130)),
    "mountains": ((175, 190, 215), (120, 120, 125)),
    "marsh": ((140, 150, 140), (95, 105, 75)),
}


def paint_scene(scene: str, size: int, rng: np.random.Generator) -> Image.Image:
    """Return an RGB picture of `size` x `size` pixels: sky or wall above, ground below, and objects on the horizon."""
    above, below = (mixed(colour, rng) for colour in _GROUNDS[scene])
    picture = Image.new("RGB", (size, size), above)
    draw = ImageDraw.Draw(picture)
    horizon = int(size * rng.uniform(0.42, 0.6))
    draw.rectangle((0, horizon, size, size), fill=below)
    match scene:
        case "shore":
            top = horizon + int(size * 0.22)
            draw.polygon([(0, top + 8), (size, top), (size, size), (0, size)], fill=mixed((220, 200, 150), rng))
        case "desert":
            for x in rng.integers(0, size, 2):
                draw.ellipse((x - 40, horizon - 10, x + 40, horizon + 26), fill=mixed((225, 190, 130), rng))
        case "forest":
            for x in rng.integers(0, size, 7):
                draw.rectangle((x - 2, horizon - 30, x + 2, horizon + 8), fill=mixed((75, 55, 40), rng))
                draw.polygon([(x - 11, horizon - 8), (x, horizon - 52), (x + 11, horizon - 8)], fill=(40, 80, 45))
        case "hall":
            for x in range(int(rng.integers(0, 20)), size, 26):
                draw.rectangle((x, 0, x + 7, horizon), fill=mixed((150, 125, 100), rng))
        case "market":
            for x in range(int(rng.integers(-12, 0)), size, 24):
                draw.rectangle((x, horizon - 24, x + 20, horizon + 4), fill=mixed((185, 150, 120), rng))
                roof = [(x - 2, horizon - 24), (x + 10, horizon - 38), (x + 22, horizon - 24)]
                draw.polygon(roof, fill=(140, 75, 60))
        case "mountains":
            for x in rng.integers(0, size, 3):
                mountain = [(x - 36, horizon), (x, horizon - 42), (x + 36, horizon)]
                draw.polygon(mountain, fill=mixed((110, 110, 125), rng))
                draw.polygon([(x - 9, horizon - 32), (x, horizon - 42), (x + 9, horizon - 32)], fill=(235, 235, 240))
        case "marsh":
            for x, y in zip(rng.integers(0, size, 4), rng.integers(horizon, size, 4), strict=True):
                draw.ellipse((x - 18, y - 4, x + 18, y + 4), fill=mixed((75, 100, 110), rng))
    return picture


def paint_prop(draw: ImageDraw.ImageDraw, prop: str, size: int, rng: np.random.Generator) -> None:
    """Draw a prop at the bottom of the picture, on the left or right."""
    if prop == NO_PROP:
        return
    x = 15 + int(rng.integers(0, 8))
    if rng.random() < 0.5:
        x = size - x
    foot = size - int(rng.integers(1, 8))
    wood, cloth = mixed((120, 80, 45), rng), mixed((215, 205, 180), rng)
    match prop:
        case "tent":
            draw.polygon([(x - 17, foot), (x, foot - 30), (x + 17, foot)], fill=cloth)
            draw.polygon([(x - 4, foot), (x, foot - 16), (x + 4, foot)], fill=(50, 40, 35))
        case "barrel":
            draw.ellipse((x - 11, foot - 26, x + 11, foot), fill=wood)
            for y in (foot - 19, foot - 8):
                draw.line((x - 11, y, x + 11, y), fill=(60, 60, 60), width=3)
        case "wagon":
            draw.rectangle((x - 16, foot - 20, x + 16, foot - 8), fill=wood)
            for wheel in (x - 10, x + 10):
                draw.ellipse((wheel - 7, foot - 13, wheel + 7, foot + 1), outline=(40, 30, 25), width=3)
        case "fire":
            flames = [(x - 12, foot), (x - 8, foot - 18), (x, foot - 8), (x + 3, foot - 30), (x + 12, foot)]
            draw.polygon(flames, fill=(245, 120, 25))
            draw.polygon([(x - 6, foot), (x, foot - 14), (x + 6, foot)], fill=(255, 225, 90))
        case "tower":
            draw.rectangle((x - 10, foot - 42, x + 10, foot), fill=mixed((130, 130, 135), rng))
            for left in (x - 12, x - 3, x + 6):
                draw.rectangle((left, foot - 48, left + 6, foot - 40), fill=mixed((130, 130, 135), rng))
        case "ladder":
            for rail in (x - 7, x + 7):
                draw.line((rail, foot - 50, rail, foot), fill=wood, width=4)
            for y in range(foot - 46, foot, 9):
                draw.line((x - 7, y, x + 7, y), fill=wood, width=3)
        case _:
            raise ValueError(f"no such prop: {prop!r}")


def paint_weather(picture: Image.Image, weather: str, rng: np.random.Generator) -> Image.Image:
    """Return the picture with the weather (rain, snow, fog or none) painted over it."""
    size = picture.width
    match weather:
        case "clear":
            return picture
        case "rain":
            draw = ImageDraw.Draw(picture)
            for x, y in rng.integers(-8, size, (45, 2)):
                draw.line((x, y, x + 4, y + 13), fill=(195, 205, 220), width=1)
            return Image.blend(picture, Image.new("RGB", picture.size, (70, 80, 95)), 0.18)
        case "snow":
            draw = ImageDraw.Draw(picture)
            for x, y in rng.integers(0, size, (60, 2)):
                draw.ellipse((x - 1.5, y - 1.5, x + 1.5, y + 1.5), fill=(250, 250, 255))
            return picture
        case "fog":
            return Image.blend(picture, Image.new("RGB", picture.size, (205, 208, 212)), 0.42)
        case _:
            raise ValueError(f"no such weather: {weather!r}")
