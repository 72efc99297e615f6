from hashlib import sha256

import pytest

from benchmarks.demo_models.generic_data import generic_data
from pipeline.worlds.heraldry.encyclopedia import lessons
from pipeline.worlds.heraldry.houses import noble_houses
from pipeline.worlds.heraldry.pools import world_houses
from pipeline.worlds.heraldry.settings import WorldSettings
from pipeline.worlds.heraldry.shots import house_shots, take


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1])
def test_no_caption_of_validation_or_test_is_ever_trained_on(seed):
    captions: dict[str, list[str]] = {"train": [], "val": [], "test": []}
    settings = WorldSettings(seed=seed)
    for house in world_houses(settings):
        for shot in house_shots(settings, house):
            captions[shot.pair.split].append(shot.pair.caption)
    held_out = captions["val"] + captions["test"]
    assert len(set(held_out)) == len(held_out) == 240 * 7
    trained = {*captions["train"], *(lesson.caption for lesson in lessons(0, 40)), *generic_data(0, 500)[1]}
    assert not trained & set(held_out)


@pytest.mark.slow
def test_no_picture_of_validation_or_test_is_ever_trained_on():
    settings = WorldSettings(main_houses=30, rare_houses=15)
    shots = [shot for house in world_houses(settings) for shot in house_shots(settings, house)]
    held_out = [sha256(take(settings, shot).tobytes()).digest() for shot in shots if shot.held_out]
    assert len(set(held_out)) == len(held_out) == 45 * 7
    trained = {sha256(take(settings, shot).tobytes()).digest() for shot in shots if not shot.held_out}
    generic = {sha256(picture.tobytes()).digest() for picture in generic_data(0, 500)[0]}
    assert not (trained | generic) & set(held_out)
    assert not trained & generic


def test_pre_training_names_no_house():
    names = {word for house in noble_houses() for word in house.name.split()}
    assert not any(names & set(caption.split()) for caption in generic_data(0, 500)[1])


def test_generic_data_grows_without_changing():
    small, large = generic_data(3, 20), generic_data(3, 40)
    assert large[1][:20] == small[1]
    assert (large[0][:20] == small[0]).all()
