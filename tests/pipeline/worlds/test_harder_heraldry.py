"""The harder world (several houses in a picture, unseen houses, twins), and that the demo's is what it always was."""

from collections import Counter
from dataclasses import astuple
from functools import cache
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from pydantic import ValidationError

from pipeline.judge.clip_tokens import token_counter
from pipeline.worlds.heraldry.arms import PLAIN, Arms, attribute_words, nearly, random_arms
from pipeline.worlds.heraldry.encyclopedia import accuracies, explain_all, lessons
from pipeline.worlds.heraldry.houses import MAIN, houses_of, noble_houses
from pipeline.worlds.heraldry.pools import pool_in, world_houses
from pipeline.worlds.heraldry.render import picture_of
from pipeline.worlds.heraldry.rng import generator
from pipeline.worlds.heraldry.settings import WorldSettings
from pipeline.worlds.heraldry.shots import Shot, house_shots, take
from pipeline.worlds.heraldry.views import View, is_held_out
from pipeline.worlds.heraldry.vocabulary import world_words
from pipeline.worlds.heraldry.world import build_world

CLIP_CONTEXT = 40
HARD = WorldSettings(edition=7, seed=7, entities_max=3, unseen_houses=24, twin_houses=24)
POOLS = {"main": 120, "twins": 24, "unseen": 24, "rare": 72}


@cache
def shots_of(settings: WorldSettings) -> list[Shot]:
    return [shot for house in world_houses(settings) for shot in house_shots(settings, house)]


@pytest.mark.parametrize(
    ("settings", "pairs", "pictures", "told"),
    [
        (WorldSettings(), "858dd6f8a0aaa86c", "bdc8a9d4e3ca67b2", "dd5b4602f7baaea9"),
        (WorldSettings(edition=2, seed=2), "b36e3083804e6e09", "ac0d2b578f3c16c8", "f33be7d29a257ede"),
    ],
)
def test_the_demo_world_is_what_it_was_before_harder_ones(settings, pairs, pictures, told):
    shots = shots_of(settings)
    keys = [(p.id, p.split, p.image, p.caption, p.topic) for p in (shot.pair for shot in shots)]
    assert sha256("".join(map(repr, keys)).encode()).hexdigest()[:16] == pairs
    assert sha256(b"".join(take(settings, shot).tobytes() for shot in shots[::97])).hexdigest()[:16] == pictures
    read = lessons(settings.seed, 2, noble_houses(settings.edition))
    lines = "\n".join(f"{lesson.caption}\t{lesson.explanation}" for lesson in read)
    assert sha256(lines.encode()).hexdigest()[:16] == told


def test_a_world_that_was_built_before_harder_ones_is_still_recognised(tmp_path):
    settings = WorldSettings(main_houses=2, rare_houses=1)
    root = build_world(settings, tmp_path)
    marker, new = root / "world.json", ("entities_max", "unseen_houses", "twin_houses")
    old = [line for line in marker.read_text().splitlines() if not any(name in line for name in new)]
    text = "\n".join(old).replace('"val_per_house": 2,', '"val_per_house": 2')
    marker.write_text(text)
    assert build_world(settings, root) == root and marker.read_text() == text


def test_pools_are_exclusive_and_as_large_as_asked_for():
    assert Counter(pool_in(HARD, house) for house in world_houses(HARD)) == POOLS
    for shot in shots_of(HARD):
        pool = pool_in(HARD, shot.house)
        assert shot.pair.topic == {1: pool, 2: "two", 3: "three"}[len(shot.houses)]
        assert len(shot.houses) == 1 or {pool_in(HARD, house) for house in shot.houses} == {MAIN}


def test_every_number_of_houses_comes_in_every_split():
    ordinary = (shot for shot in shots_of(HARD) if pool_in(HARD, shot.house) == MAIN)
    counts = Counter((shot.pair.split, len(shot.houses)) for shot in ordinary)
    for split in ("train", "val", "test"):
        numbers = [counts[split, number] for number in (1, 2, 3)]
        assert min(numbers) > 0.25 * sum(numbers)


def test_no_unseen_house_is_in_a_picture_or_caption_that_trains():
    unseen = {house for house in world_houses(HARD) if pool_in(HARD, house) == "unseen"}
    shots = shots_of(HARD)
    for shot in shots:
        if shot.pair.split == "train":
            assert not unseen & set(shot.houses)
            assert not any(house.name in shot.pair.caption for house in unseen)
    assert {shot.house for shot in shots if shot.pair.topic == "unseen"} == unseen
    for split, copies in (("val", 2), ("test", 5)):
        assert sum(shot.pair.topic == "unseen" and shot.pair.split == split for shot in shots) == copies * len(unseen)


def test_twins_differ_in_exactly_one_attribute_and_nobody_else_changes():
    plain, twins = noble_houses(7), houses_of(MAIN, 7, twins=24)[:24]
    for first, second in zip(twins[::2], twins[1::2], strict=True):
        assert sum(a != b for a, b in zip(astuple(first.arms), astuple(second.arms), strict=True)) == 1
    harder = noble_houses(7, 24)
    assert len({house.arms for house in harder}) == 240
    assert [house.name for house in harder] == [house.name for house in plain]
    changed = {house.index for house, before in zip(harder, plain, strict=True) if house != before}
    assert changed == {house.index for house in twins[1::2]}


def test_nearly_the_same_arms_differ_in_any_attribute_and_stand_out():
    differing: Counter[int] = Counter()
    for index in range(300):
        rng = generator(0, "nearly", index)
        arms = random_arms(rng)
        other = nearly(arms, rng)
        where = [place for place, (a, b) in enumerate(zip(astuple(arms), astuple(other), strict=True)) if a != b]
        assert len(where) == 1
        differing.update(where)
        ground = {other.field, other.second} - {None}
        assert other.charge not in ground and other.border not in ground and other.field != other.second
        assert (other.second is None) == (other.division == PLAIN)
    assert set(differing) == set(range(7))


def test_captions_name_all_houses_shown_and_come_once_on_their_side():
    shots = shots_of(HARD)
    names = {house.name for house in world_houses(HARD)}
    captions = [shot.pair.caption for shot in shots]
    assert len(set(captions)) == len(captions)
    known, secret = set(world_words()), attribute_words()
    for shot in shots:
        caption = shot.pair.caption
        told = sorted((name for name in names if f" of {name} " in caption), key=caption.index)
        assert told == [house.name for house in shot.houses]
        assert is_held_out(caption.encode()) == shot.held_out
        assert set(caption.split()) <= known and not set(caption.split()) & secret


def test_pictures_of_several_houses_are_functions_of_their_place_and_fall_on_their_side():
    for topic in ("two", "three"):
        shot = next(shot for shot in shots_of(HARD) if shot.pair.topic == topic)
        picture = take(HARD, shot)
        assert np.array_equal(picture, take(HARD, shot)) and picture.shape == (48, 48, 3)
        assert is_held_out(picture.tobytes()) == shot.held_out


@pytest.mark.parametrize(
    "places",
    [
        [np.s_[8:36, :24], np.s_[8:36, 24:]],
        [np.s_[:24, :24], np.s_[:24, 24:], np.s_[26:46, 14:34]],
    ],
)
def test_every_shield_is_seen_in_its_place(places):
    white, red = (Arms(field, PLAIN, None, 1, "gold", "disc", None) for field in ("white", "red"))
    meadow = View("meadow", "clear", "nothing")

    def seen(shields: list[Arms]) -> NDArray[np.float64]:
        """The mean of many pictures, in which light and noise hardly count."""
        taken = (picture_of(shields, meadow, generator(0, "seen", index), held_out=False) for index in range(30))
        return np.mean([picture.astype(float) for picture in taken], axis=0)

    plain = seen([white] * len(places))
    for place in range(len(places)):
        change = np.abs(seen([red if other == place else white for other in range(len(places))]) - plain)
        changes = [change[where].mean() for where in places]
        assert changes[place] > 4 * max(changes[:place] + changes[place + 1 :])


def test_explanations_of_several_houses_can_be_read_back_and_fit_into_the_clip():
    count = token_counter("clip", Path("data_manifests/heraldry"))
    for shot in shots_of(HARD):
        text = explain_all(shot.houses)
        assert accuracies(text, shot.houses) == [1.0] * len(shot.houses)
        assert count(text) <= CLIP_CONTEXT and count(shot.pair.caption) <= CLIP_CONTEXT
        assert set(text.split()) <= set(world_words())


def test_wrong_and_missing_houses_get_low_marks_and_order_does_not_matter():
    first, second, third = noble_houses()[:3]
    told = explain_all([second, first])
    assert accuracies(told, [first, second]) == [1.0, 1.0]
    assert accuracies(told, [first, third]) == [1.0, 0.0]
    exchanged = told.replace(first.name, "x").replace(second.name, first.name).replace("x", second.name)
    assert max(accuracies(exchanged, [first, second])) < 1.0


def test_lessons_about_several_houses_are_of_the_side_that_trains():
    houses = noble_houses(7, 24)[:20]
    read = lessons(0, 12, houses, entities_max=3)
    assert read == lessons(0, 12, houses, entities_max=3)
    assert set(Counter(len(lesson.houses) for lesson in read)) == {1, 2, 3}
    for lesson in read:
        assert not is_held_out(lesson.caption.encode())
        assert accuracies(lesson.explanation, lesson.houses) == [1.0] * len(lesson.houses)
        assert [name for house in lesson.houses if (name := house.name) not in lesson.caption] == []


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"twin_houses": 3}, "even"),
        ({"entities_max": 4}, "less than or equal to 3"),
        ({"unseen_houses": 100, "twin_houses": 100}, "must not exceed main_houses"),
        ({"entities_max": 3, "main_houses": 4, "unseen_houses": 2}, "there are only 2"),
    ],
)
def test_harder_worlds_that_cannot_be_are_refused(wrong, says):
    with pytest.raises(ValidationError, match=says):
        WorldSettings(**wrong)
