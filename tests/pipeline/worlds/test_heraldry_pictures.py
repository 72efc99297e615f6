import itertools

import numpy as np
import pytest

from pipeline.worlds.heraldry.arms import DIVISIONS, PLAIN, SHAPES, Arms
from pipeline.worlds.heraldry.captions import caption_for
from pipeline.worlds.heraldry.houses import noble_houses
from pipeline.worlds.heraldry.render import SIZE, picture_of
from pipeline.worlds.heraldry.rng import generator
from pipeline.worlds.heraldry.shield import HEIGHT, WIDTH, paint_shield
from pipeline.worlds.heraldry.views import PROPS, SCENES, WEATHERS, View, is_held_out

VIEW = View("meadow", "clear", "tent")


def test_a_picture_is_a_function_of_its_generator():
    arms = noble_houses()[0].arms
    first, again, other = (picture_of([arms], VIEW, generator(0, "test", index), held_out=False) for index in (0, 0, 1))
    assert first.shape == (SIZE, SIZE, 3) and first.dtype == np.uint8
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("held_out", [False, True])
def test_pictures_and_captions_fall_on_the_side_that_was_asked_for(held_out):
    house = noble_houses()[0]
    taken: set[str] = set()
    for index in range(10):
        rng = generator(0, "sides", index)
        assert is_held_out(picture_of([house.arms], VIEW, rng, held_out=held_out).tobytes()) == held_out
        assert is_held_out(caption_for([house], VIEW, rng, held_out=held_out, taken=taken).encode()) == held_out
    assert len(taken) == 10


def test_every_scene_weather_and_prop_can_be_painted_and_seen():
    arms = noble_houses()[0].arms
    seen = {
        picture_of([arms], View(*view), generator(0, "views"), held_out=False).tobytes()
        for view in itertools.product(SCENES, WEATHERS, PROPS)
    }
    assert len(seen) == len(SCENES) * len(WEATHERS) * len(PROPS)


def test_every_shield_can_be_painted_and_told_apart():
    shields = set()
    for division, shape, count, border in itertools.product(DIVISIONS, SHAPES, (1, 2, 3), (None, "gold")):
        second = None if division == PLAIN else "blue"
        arms = Arms("red", division, second, count, "white", shape, border)
        shield = paint_shield(arms, generator(0, "shields"))
        assert shield.size == (WIDTH, HEIGHT) and shield.mode == "RGBA"
        shields.add(shield.tobytes())
    assert len(shields) == len(DIVISIONS) * len(SHAPES) * 3 * 2


def test_the_colours_on_the_shield_are_those_of_the_arms():
    shield = np.asarray(paint_shield(Arms("red", "per pale", "blue", 1, "gold", "disc", None), generator(0, "c")))
    left, middle, right = shield[10, 10], shield[34, 32], shield[10, 54]
    assert left[0] > left[2] + 80  # red
    assert middle[0] > middle[2] + 80 and middle[1] > middle[2] + 80  # gold
    assert right[2] > right[0] + 80  # blue
