"""Asks a language model about captions it has never seen, and marks its answers."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from tqdm import trange
from transformers import AutoModelForCausalLM, AutoTokenizer

from pipeline.pair import Pair
from pipeline.prompt import load_prompt
from pipeline.worlds.heraldry.encyclopedia import attribute_accuracy
from pipeline.worlds.heraldry.houses import House, noble_houses
from pipeline.worlds.heraldry.settings import WorldSettings
from pipeline.worlds.heraldry.shots import house_shots

PROMPT = "heraldry-v1"
_BATCH, _LONGEST_ANSWER = 64, 64


@torch.no_grad()
def answers(folder: Path, pairs: Sequence[Pair]) -> list[str]:
    """The model's explanation of each caption: greedy, in the precision of its file."""
    tokenizer = AutoTokenizer.from_pretrained(folder, padding_side="left")
    model = AutoModelForCausalLM.from_pretrained(folder).eval()
    prompt = load_prompt(PROMPT, Path())
    result: list[str] = []
    for start in trange(0, len(pairs), _BATCH, desc="answers", unit="batch", disable=None):
        asked = tokenizer.apply_chat_template(
            [prompt.render(pair) for pair in pairs[start : start + _BATCH]],
            add_generation_prompt=True,
            padding=True,
            return_tensors="pt",
            return_dict=True,
        )
        tokens = model.generate(**asked, do_sample=False, max_new_tokens=_LONGEST_ANSWER)
        new = tokens[:, asked["input_ids"].shape[1] :]
        result += tokenizer.batch_decode(new, skip_special_tokens=True)
    return result


def examine(folder: Path, houses: Sequence[House] | None = None, per_house: int = 2) -> dict[str, Any]:
    """Mark the explanations of `per_house` validation captions of each house (all houses by default).

    Returns:
        `captions`: how many were asked; `attribute_accuracy`: mean share of the seven attributes told rightly;
        `all_attributes`: share of the explanations with all seven right.
    """
    settings = WorldSettings(val_per_house=per_house, test_per_house=0)
    asked = [
        shot
        for house in (noble_houses() if houses is None else houses)
        for shot in house_shots(settings, house)
        if shot.pair.split == "val"
    ]
    told = answers(folder, [shot.pair for shot in asked])
    marks = [attribute_accuracy(text, shot.house.arms) for text, shot in zip(told, asked, strict=True)]
    return {
        "captions": len(marks),
        "attribute_accuracy": round(sum(marks) / len(marks), 4),
        "all_attributes": round(sum(mark == 1 for mark in marks) / len(marks), 4),
    }
