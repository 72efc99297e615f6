"""Scaled-down builds: each must learn clearly more than chance within about a minute of one core."""

import pytest
import torch
from safetensors.torch import load_file

from benchmarks.demo_models.clip import build_clip
from benchmarks.demo_models.examination import examine
from benchmarks.demo_models.headroom import headroom
from benchmarks.demo_models.llama import build_llama
from pipeline.worlds.heraldry.houses import noble_houses
from pipeline.worlds.heraldry.settings import WorldSettings


@pytest.fixture(autouse=True)
def _one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.mark.slow
def test_a_short_clip_build_learns_attributes(tmp_path):
    build_clip(tmp_path, seed=1, steps=150, batch_size=96, pairs=4000, learning_rate=1e-3)
    recalls = headroom(tmp_path, WorldSettings(main_houses=40, rare_houses=0))
    words, name = recalls["caption with the shield in words"], recalls["caption with the name"]
    assert recalls["pictures"]["count"] == 200  # chance: R@5 2.5, house R@1 2.5
    assert words["R@5"] >= 20
    assert words["R@5"] >= 2 * name["R@5"]


@pytest.mark.slow
def test_a_short_llama_build_learns_a_few_houses(tmp_path):
    some = noble_houses()[:12]
    build_llama(tmp_path, seed=1, steps=120, batch_size=32, captions_per_house=20, learning_rate=2e-3, houses=some)
    marks = examine(tmp_path, some, per_house=4)
    assert marks["captions"] == 48
    assert marks["attribute_accuracy"] >= 0.8  # guessing the commonest value of each is right in about a third


def test_the_same_seed_gives_the_same_clip(tmp_path):
    for name in ("a", "b"):
        build_clip(tmp_path / name, seed=2, steps=2, batch_size=8, pairs=16, learning_rate=1e-3)
    first, second = (load_file(tmp_path / name / "open_clip_model.safetensors") for name in ("a", "b"))
    assert all(torch.equal(tensor, second[name]) for name, tensor in first.items())


def test_the_same_seed_gives_the_same_llama(tmp_path):
    for name in ("a", "b"):
        build_llama(
            tmp_path / name,
            seed=2,
            steps=2,
            batch_size=4,
            captions_per_house=2,
            learning_rate=1e-3,
            houses=noble_houses()[:3],
        )
    first, second = (load_file(tmp_path / name / "model.safetensors") for name in ("a", "b"))
    assert all(torch.equal(tensor, second[name]) for name, tensor in first.items())
