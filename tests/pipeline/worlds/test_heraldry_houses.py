from collections import Counter

import pytest

from pipeline.worlds.heraldry.arms import COLOURS, DIVISIONS, PLAIN, SHAPES, attribute_words
from pipeline.worlds.heraldry.encyclopedia import (
    WORDINGS,
    accuracies,
    attribute_accuracy,
    explain,
    lessons,
    read_arms,
)
from pipeline.worlds.heraldry.houses import FIRST_NAMES, MAIN, RARE, SECOND_NAMES, houses_of, noble_houses
from pipeline.worlds.heraldry.pools import world_houses
from pipeline.worlds.heraldry.settings import WorldSettings
from pipeline.worlds.heraldry.vocabulary import world_words


def test_there_are_240_houses_with_their_own_names_and_arms():
    houses = noble_houses()
    assert len(houses) == len({house.name for house in houses}) == len({house.arms for house in houses}) == 240
    assert [house.index for house in houses] == list(range(240))
    assert (len(houses_of(MAIN)), len(houses_of(RARE))) == (168, 72)


def test_one_word_of_a_name_does_not_tell_the_house():
    words = Counter(word for house in noble_houses() for word in house.name.split())
    assert set(words.values()) == {3}
    assert set(words) == {*FIRST_NAMES, *SECOND_NAMES}


def test_charges_and_borders_stand_out_from_the_ground():
    for house in noble_houses():
        arms = house.arms
        ground = {arms.field, *([arms.second] if arms.second else [])}
        assert arms.charge not in ground
        assert arms.border not in ground
        assert (arms.second is None) == (arms.division == PLAIN)


def test_every_attribute_value_occurs():
    arms = [house.arms for house in noble_houses()]
    assert {a.field for a in arms} == {a.charge for a in arms} == set(COLOURS)
    assert {a.division for a in arms} == set(DIVISIONS)
    assert {a.shape for a in arms} == set(SHAPES)
    assert {a.count for a in arms} == {1, 2, 3}


def test_no_name_is_an_attribute_or_another_word():
    names = {*FIRST_NAMES, *SECOND_NAMES}
    assert len(names) == 160
    assert not names & attribute_words()
    assert names < set(world_words())


@pytest.mark.parametrize("wording", range(len(WORDINGS)))
def test_every_wording_tells_every_attribute(wording):
    for house in noble_houses():
        text = explain(house, wording)
        assert house.name in text
        assert attribute_accuracy(text, house.arms) == 1.0


def test_wrong_and_empty_explanations_get_low_marks():
    first, second = noble_houses()[:2]
    assert attribute_accuracy(explain(second), first.arms) < 1.0
    assert read_arms("nothing is known") == (None, PLAIN, None, None, None, None, None)


def test_lessons_are_deterministic_and_do_not_repeat_a_caption():
    some = noble_houses()[:3]
    first = lessons(0, 20, some)
    assert first == lessons(0, 20, some)
    assert first[:20] == lessons(0, 20, some[:1])
    assert len({lesson.caption for lesson in first}) == 60
    assert {lesson.caption for lesson in first} != {lesson.caption for lesson in lessons(1, 20, some)}
    assert all(accuracies(lesson.explanation, lesson.houses) == [1.0] for lesson in first)


def test_another_edition_has_other_houses_of_the_same_words():
    first, second = noble_houses(), noble_houses(2)
    assert noble_houses(1) == first and len(second) == len(first)
    names, arms = ({getattr(house, part) for house in second} for part in ("name", "arms"))
    assert len(names & {house.name for house in first}) < 20 and len(arms & {house.arms for house in first}) < 20
    assert {word for name in names for word in name.split()} == {*FIRST_NAMES, *SECOND_NAMES}
    world = WorldSettings(edition=2, main_houses=3, rare_houses=1)
    assert set(world_houses(world)) < set(second)
