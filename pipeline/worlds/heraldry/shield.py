"""Draws a shield: ground, division, charges and border."""

import math
from functools import cache

import numpy as np
from PIL import Image, ImageDraw

from pipeline.worlds.heraldry.arms import Arms
from pipeline.worlds.heraldry.palette import RGB, Colour, mixed

WIDTH, HEIGHT = 64, 76
_BORDER_WIDTH = 13  # half of the stroke is outside the outline and cut off
_OUTLINE_WIDTH = 3
_OUTLINE: Colour = (15, 12, 10)
# Centres and radius of the charges, by number of charges.
_PLACES: dict[int, tuple[tuple[tuple[int, int], ...], int]] = {
    1: (((32, 34),), 19),
    2: (((20, 32), (44, 32)), 11),
    3: (((20, 24), (44, 24), (32, 50)), 11),
}

Points = list[tuple[float, float]]


def paint_shield(arms: Arms, rng: np.random.Generator) -> Image.Image:
    """Return the upright shield as an RGBA picture of WIDTH x HEIGHT, transparent outside its outline."""
    field = mixed(RGB[arms.field], rng)
    shield = Image.new("RGB", (WIDTH, HEIGHT), field)
    draw = ImageDraw.Draw(shield)
    if arms.second is not None:
        _divide(draw, arms.division, mixed(RGB[arms.second], rng))
    centres, radius = _PLACES[arms.count]
    charge = mixed(RGB[arms.charge], rng)
    for x, y in centres:
        draw.polygon([(x + radius * dx, y + radius * dy) for dx, dy in _shape(arms.shape)], fill=charge)
    outline = _outline()
    ring = [*outline, *outline[:2]]
    if arms.border is not None:
        draw.line(ring, fill=mixed(RGB[arms.border], rng), width=_BORDER_WIDTH, joint="curve")
    draw.line(ring, fill=_OUTLINE, width=_OUTLINE_WIDTH, joint="curve")
    shield.putalpha(_mask())
    return shield


def _divide(draw: ImageDraw.ImageDraw, division: str, colour: Colour) -> None:
    right, bottom, x, y = WIDTH, HEIGHT, WIDTH // 2, int(HEIGHT * 0.45)
    match division:
        case "per pale":
            draw.rectangle((x, 0, right, bottom), fill=colour)
        case "per fess":
            draw.rectangle((0, y, right, bottom), fill=colour)
        case "per bend":
            draw.polygon([(0, 0), (right, bottom), (0, bottom)], fill=colour)
        case "quarterly":
            draw.rectangle((x, 0, right, y), fill=colour)
            draw.rectangle((0, y, x, bottom), fill=colour)
        case _:
            raise ValueError(f"no such division: {division!r}")


@cache
def _outline() -> Points:
    """Return the outline of a heater shield: straight at the top, with two arcs that meet in a point at the bottom."""
    edge = 1
    right = [(WIDTH - 1 - edge, edge), (WIDTH - 1 - edge, HEIGHT * 0.45)]
    arc = [math.radians(angle) for angle in range(0, 91, 10)]
    half = WIDTH / 2 - edge
    curve = [(WIDTH / 2 + half * math.cos(a) ** 0.8, HEIGHT * 0.45 + (HEIGHT * 0.55 - edge) * math.sin(a)) for a in arc]
    side: Points = [(edge, edge), *right, *curve]
    return [*side, *((WIDTH - 1 - x, y) for x, y in reversed(side[3:]))]


@cache
def _mask() -> Image.Image:
    mask = Image.new("L", (WIDTH, HEIGHT), 0)
    ImageDraw.Draw(mask).polygon(_outline(), fill=255)
    return mask


@cache
def _shape(name: str) -> Points:
    """Return the outline of a charge as points within the unit circle, with y pointing down."""
    match name:
        case "star":
            return [_at(36 * i - 90, 1.0 if i % 2 == 0 else 0.42) for i in range(10)]
        case "cross":
            arm, end = 0.32, 0.95
            points = [(arm, -end), (arm, -arm), (end, -arm)]
            for _ in range(3):
                points += [(-y, x) for x, y in points[-3:]]  # the next quarter
            return points
        case "disc":
            return _arc(0, 360, 0.9)
        case "ring":
            return [*_arc(0, 360, 0.95), *reversed(_arc(0, 360, 0.5))]
        case "diamond":
            return [(0, -1), (0.66, 0), (0, 1), (-0.66, 0)]
        case "crescent":
            inner = [(x * 0.78, y * 0.78 - 0.34) for x, y in _arc(-30, 210, 1.0)]
            return [*_arc(-50, 230, 0.95), *reversed(inner)]
        case "heart":
            turns = [math.radians(angle) for angle in range(0, 360, 12)]
            across = [16 * math.sin(t) ** 3 for t in turns]
            down = [-(13 * math.cos(t) - 5 * math.cos(2 * t) - 2 * math.cos(3 * t) - math.cos(4 * t)) for t in turns]
            return [(x / 17, y / 17) for x, y in zip(across, down, strict=True)]
        case "triangle":
            return [_at(-90, 1.0), _at(30, 1.0), _at(150, 1.0)]
        case _:
            raise ValueError(f"no such shape: {name!r}")


def _at(degrees: float, radius: float) -> tuple[float, float]:
    return radius * math.cos(math.radians(degrees)), radius * math.sin(math.radians(degrees))


def _arc(start: int, stop: int, radius: float) -> Points:
    return [_at(angle, radius) for angle in range(start, stop + 1, 20)]
