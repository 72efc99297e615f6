"""A small dataset of pairs on disk with a manifest over it."""

import json
import random
from pathlib import Path
from typing import Any

import yaml
from PIL import Image

from tests.support.tiny_llama import WORDS


def write_pairs(folder: Path, count: int, *, seed: int = 0) -> list[dict[str, Any]]:
    """Write `count` one-colour images and return their records, two thirds of them `train`."""
    rng = random.Random(seed)
    (folder / "images").mkdir(parents=True, exist_ok=True)
    records = []
    for i in range(count):
        Image.new("RGB", (8, 8), (i % 256, i // 256, seed)).save(folder / "images" / f"{i}.png")
        caption = " ".join(rng.choices(WORDS[6:], k=rng.randint(2, 12)))
        split = "test" if i % 3 == 2 else "train"
        records.append({"id": f"p{i}", "split": split, "image": f"{i}.png", "caption": caption})
    save_records(folder, records)
    return records


def save_records(folder: Path, records: list[dict[str, Any]]) -> None:
    """(Re)write the dataset's pairs.jsonl."""
    text = "".join(json.dumps(record) + "\n" for record in records)
    (folder / "pairs.jsonl").write_text(text, encoding="utf-8")


def write_manifest(folder: Path, model: Path, **changes: Any) -> Path:
    """A manifest over the dataset; `changes` replace its values by dotted name with `__` for the dot."""
    content: dict[str, Any] = {
        "name": "tiny",
        "dataset": {"kind": "jsonl", "root": "images", "file": "pairs.jsonl"},
        "generation": {
            "model": str(model),
            "prompt": "heraldry-v1",
            "max_model_len": 64,
            "sampling": {"temperature": 0, "max_tokens": 8},
            "engine": {"kind": "transformers", "batch_size": 16, "threads": 1},
        },
        "output": "explanations",
        "num_shards": 2,
    }
    for name, value in changes.items():
        *parents, last = name.split("__")
        section = content
        for parent in parents:
            section = section[parent]
        section[last] = value
    path = folder / "tiny.yaml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return path
