import json
import socket
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors import safe_open
from transformers import AutoModelForCausalLM, AutoTokenizer

from benchmarks.demo_models.clip import to_tensor
from benchmarks.demo_models.examination import examine
from benchmarks.demo_models.headroom import headroom
from benchmarks.demo_models.llama import PROMPT, conversations
from model.clip.open_clip_import import open_clip
from pipeline.prompts.template import load_prompt
from pipeline.worlds.heraldry.houses import noble_houses
from pipeline.worlds.heraldry.settings import WorldSettings
from pipeline.worlds.heraldry.shots import house_shots, take

SHIPPED = Path(__file__).parents[3] / "data_manifests" / "heraldry"
CLIP, LLAMA = SHIPPED / "clip", SHIPPED / "llama"
MEGABYTE = 2**20


@pytest.fixture(autouse=True)
def _offline(monkeypatch):
    def refuse(*_):
        raise AssertionError("a shipped model needs no network")

    monkeypatch.setattr(socket.socket, "connect", refuse)


def test_both_together_are_small_and_hold_no_pickle():
    files = [path for folder in (CLIP, LLAMA) for path in folder.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) <= 8 * MEGABYTE
    assert {path.suffix for path in files} <= {".json", ".jinja", ".safetensors"}


@pytest.mark.parametrize("folder", [CLIP, LLAMA])
def test_each_says_how_it_was_built(folder):
    note = json.loads((folder / "BUILD.json").read_text())
    assert set(note) == {"command", "versions", "cpu_seconds", "measured"}
    assert note["command"].startswith(f"python -m benchmarks.demo_models.{folder.name} OUT")


def test_clip_loads_strictly_and_reads_both_sides():
    where = f"local-dir:{CLIP.resolve()}"
    model, _, preprocess = open_clip.create_model_and_transforms(where)
    with safe_open(CLIP / "open_clip_model.safetensors", "pt") as weights:
        assert set(weights.keys()) == set(model.state_dict())
        assert all(torch.equal(weights.get_tensor(name), tensor) for name, tensor in model.state_dict().items())
    tokens = open_clip.get_tokenizer(where)(["a red shield with two white stars", "star " * 100])
    assert tokens.shape == (2, model.context_length)
    assert tokens.max() == model.vocab_size - 1 == tokens[1, -1]
    house = noble_houses()[0]
    pixels = take(WorldSettings(), house_shots(WorldSettings(), house)[0])
    image = preprocess(Image.fromarray(pixels))[None]
    assert torch.allclose(image, to_tensor(pixels[None]), atol=1e-6)
    with torch.no_grad():
        assert model.encode_image(image).shape == (1, 96)
        assert model.encode_text(tokens).shape == (2, 96)


def test_clip_knows_shields_in_words_and_no_names():
    recalls = headroom(CLIP, WorldSettings(seed=5, main_houses=60, rare_houses=0))
    name, words = recalls["caption with the name"], recalls["caption with the shield in words"]
    assert words["R@1"] >= 30 and words["house R@1"] >= 45
    assert recalls["explanation"]["house R@1"] >= 20
    assert name["house R@1"] <= 10  # chance is 1 in 60, and scenery helps nobody to tell houses


def test_llama_is_bfloat16_in_the_usual_format():
    model = AutoModelForCausalLM.from_pretrained(LLAMA)
    assert model.dtype == torch.bfloat16
    tokenizer = AutoTokenizer.from_pretrained(LLAMA)
    assert tokenizer.is_fast and tokenizer.chat_template
    assert model.generation_config.eos_token_id == tokenizer.eos_token_id
    assert model.generation_config.pad_token_id == tokenizer.pad_token_id
    chats = conversations(tokenizer, load_prompt(PROMPT, Path()), 0, 5, noble_houses())
    assert not any(tokenizer.unk_token_id in ids for ids, _ in chats)
    assert max(len(ids) for ids, _ in chats) <= model.config.max_position_embeddings


def test_llama_explains_captions_it_has_never_seen():
    marks = examine(LLAMA, noble_houses()[::15], per_house=4)
    assert marks["captions"] == 64
    assert marks["attribute_accuracy"] >= 0.95


def test_an_examination_marks_each_house_that_a_caption_names():
    marks = examine(LLAMA, noble_houses()[::15], per_house=4, world=WorldSettings(entities_max=2))
    one, two = marks["by_entities"]["1"], marks["by_entities"]["2"]
    assert one["captions"] + two["captions"] == marks["captions"] == 64
    assert one["attribute_accuracy"] >= 0.95
    assert two["all_attributes"] <= 0.1  # it has read about one house at a time
