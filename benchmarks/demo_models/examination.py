"""Grades a language model's explanations of captions that it has not seen."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from tqdm import trange
from transformers import AutoModelForCausalLM, AutoTokenizer

from pipeline.pair import Pair
from pipeline.prompts.template import load_prompt
from pipeline.worlds.heraldry.encyclopedia import accuracies
from pipeline.worlds.heraldry.houses import House, noble_houses
from pipeline.worlds.heraldry.settings import WorldSettings
from pipeline.worlds.heraldry.shots import house_shots

PROMPT = "heraldry-v1"
_BATCH, _LONGEST_ANSWER = 64, 64
_FIRST_WORLD = WorldSettings()


@torch.no_grad()
def answers(folder: Path, pairs: Sequence[Pair]) -> list[str]:
    """Generate the model's explanation of each caption with greedy decoding, in the precision of its weights."""
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


def examine(
    folder: Path, houses: Sequence[House] | None = None, per_house: int = 2, world: WorldSettings = _FIRST_WORLD
) -> dict[str, Any]:
    """Grade the explanations of `per_house` validation captions per house (default: all houses of the world's edition).

    Returns:
        `captions`: number of captions; `attribute_accuracy`: mean share of the seven attributes stated correctly for
        each house named in a caption; `all_attributes`: share of these houses with all seven correct. If captions can
        name several houses, `by_entities` has the same metrics by number of houses in the caption.
    """
    settings = world.model_copy(update={"val_per_house": per_house, "test_per_house": 0})
    houses = noble_houses(world.edition, world.twin_houses) if houses is None else houses
    asked = [shot for house in houses for shot in house_shots(settings, house) if shot.pair.split == "val"]
    texts = answers(folder, [shot.pair for shot in asked])
    marks = [accuracies(text, shot.houses) for text, shot in zip(texts, asked, strict=True)]
    if world.entities_max == 1:
        return _summary(marks)
    numbers = sorted({len(of_caption) for of_caption in marks})
    by_entities = {str(number): _summary([mark for mark in marks if len(mark) == number]) for number in numbers}
    return _summary(marks) | {"by_entities": by_entities}


def _summary(marks: Sequence[Sequence[float]]) -> dict[str, Any]:
    each = [mark for of_caption in marks for mark in of_caption]
    return {
        "captions": len(marks),
        "attribute_accuracy": round(sum(each) / len(each), 4),
        "all_attributes": round(sum(mark == 1 for mark in each) / len(each), 4),
    }
