import hashlib
import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydantic import ValidationError

from pipeline.errors import PipelineError
from pipeline.worlds.heraldry.arms import attribute_words
from pipeline.worlds.heraldry.pools import world_houses
from pipeline.worlds.heraldry.settings import WorldSettings
from pipeline.worlds.heraldry.shots import house_shots, take
from pipeline.worlds.heraldry.vocabulary import world_words
from pipeline.worlds.heraldry.world import build_world

TINY = WorldSettings(main_houses=3, rare_houses=2, train_main_max=4)


def read_pairs(root: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in (root / "pairs.jsonl").read_text().splitlines()]


def digests(root: Path) -> dict[str, str]:
    files = sorted(path for path in root.rglob("*") if path.is_file())
    return {str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_a_world_on_disk_is_complete(tmp_path):
    root = build_world(TINY, tmp_path / "world")
    pairs = read_pairs(root)
    assert len({pair["id"] for pair in pairs}) == len(pairs)
    for pair in pairs:
        assert set(pair) == {"id", "split", "image", "caption", "topic"}
        with Image.open(root / "images" / pair["image"]) as image:
            assert (image.size, image.mode) == ((48, 48), "RGB")
    counts = Counter((pair["split"], pair["topic"]) for pair in pairs)
    assert counts["test", "main"] == 15 and counts["test", "rare"] == 10
    assert counts["val", "main"] == 6 and counts["val", "rare"] == 4
    assert 6 <= counts["train", "main"] <= 12 and 2 <= counts["train", "rare"] <= 4


def test_the_same_settings_give_the_same_bytes(tmp_path):
    assert digests(build_world(TINY, tmp_path / "a")) == digests(build_world(TINY, tmp_path / "b"))


def test_another_seed_gives_other_pictures_of_the_same_houses():
    other = TINY.model_copy(update={"seed": 1})
    assert world_houses(TINY) == world_houses(other)
    house = world_houses(TINY)[0]
    first, second = (house_shots(settings, house)[0] for settings in (TINY, other))
    assert first.pair.caption != second.pair.caption
    assert not np.array_equal(take(TINY, first), take(other, second))


def test_a_house_stays_the_same_when_others_are_added():
    larger = TINY.model_copy(update={"main_houses": 9, "rare_houses": 5})
    assert set(world_houses(TINY)) < set(world_houses(larger))
    house = world_houses(TINY)[2]
    shots = house_shots(TINY, house)
    assert shots == house_shots(larger, house)
    assert all(np.array_equal(take(TINY, shot), take(larger, shot)) for shot in shots)


def test_a_complete_world_is_left_as_it_is(tmp_path):
    root = build_world(TINY, tmp_path)
    picture = next((root / "images" / "test").iterdir())
    picture.write_bytes(b"touched")
    assert build_world(TINY, root) == root
    assert picture.read_bytes() == b"touched"


def test_an_interrupted_world_is_built_again(tmp_path):
    expected = digests(build_world(TINY, tmp_path / "whole"))
    root = build_world(TINY, tmp_path / "broken")
    (root / "world.json").unlink()
    (root / "pairs.jsonl").unlink()
    (root / ".pairs.jsonl.tmp").write_text("half a li")
    next((root / "images" / "val").iterdir()).write_bytes(b"half a picture")
    assert digests(build_world(TINY, root)) == expected


def test_another_world_in_the_folder_is_an_error(tmp_path):
    root = build_world(TINY, tmp_path)
    before = digests(root)
    with pytest.raises(PipelineError, match="another world"):
        build_world(TINY.model_copy(update={"seed": 7}), root)
    assert digests(root) == before


def test_a_folder_with_other_things_is_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(PipelineError, match="do not belong to a world"):
        build_world(TINY, tmp_path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["thesis.txt"]


@pytest.mark.parametrize("text", ["", "[]", '{"world": "heraldry"}', '{"format_version": 1, "world": "heraldry"}'])
def test_a_damaged_world_file_is_an_error(tmp_path, text):
    (tmp_path / "world.json").write_text(text)
    with pytest.raises(PipelineError, match=r"world\.json"):
        build_world(TINY, tmp_path)


@pytest.mark.parametrize(
    "wrong",
    [
        {"houses": 3},
        {"seed": -1},
        {"main_houses": 169},
        {"main_houses": 0, "rare_houses": 0},
        {"train_main_min": 5, "train_main_max": 4},
    ],
)
def test_wrong_settings_are_refused(wrong):
    with pytest.raises(ValidationError):
        WorldSettings(**wrong)


def test_captions_name_their_house_and_tell_no_attribute():
    known, secret = set(world_words()), attribute_words()
    for house in world_houses(WorldSettings()):
        for shot in house_shots(WorldSettings(), house):
            words = set(shot.pair.caption.split())
            assert house.name in shot.pair.caption
            assert words <= known
            assert not words & secret, shot.pair.caption
