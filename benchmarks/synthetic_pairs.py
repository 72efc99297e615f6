"""Writes synthetic datasets of any size: news-like captions, a few pictures, and a manifest."""

import json
import random
from pathlib import Path

import yaml
from PIL import Image

from flows.demo import PROJECT

_PICTURES = 64
_WORDS = (
    "president mayor champion singer crowd police bridge harbour cathedral stadium protest speaks arrives leaves "
    "waves meets opens wins during after before near with the a of in on at her his their".split()
)
_NAMES = ["Angela", "Barack", "Carla", "Diego", "Emma", "Fatima", "Goran", "Hana", "Ivan", "Jorge", "Kofi", "Lena"]


def write_dataset(
    folder: Path, rows: int, *, rows_per_shard: int, check_images: bool = False, visualnews: bool = False
) -> Path:
    """Write `rows` distinct pairs, with captions of about 25 words, and a manifest; return the manifest's path.

    The pairs share a few pictures (400 x 300 JPEGs). If `visualnews` is true, the pairs are written to a data.json
    in VisualNews' format, and the images named in this file do not exist.
    """
    rng = random.Random(0)
    (folder / "images").mkdir(parents=True, exist_ok=True)
    for number in range(_PICTURES):
        picture = Image.effect_noise((400, 300), 40 + number).convert("RGB")
        picture.save(folder / "images" / f"{number}.jpg", quality=85)
    if visualnews:
        dataset = {"kind": "visualnews", "root": "."}
        with (folder / "data.json").open("w", encoding="utf-8") as file:
            for number in range(rows):
                file.write(f"{', ' if number else '['}{json.dumps(_visualnews(number, _caption(rng, number)))}")
            file.write("]")
    else:
        dataset = {"kind": "jsonl", "root": "images", "file": "pairs.jsonl"}
        with (folder / "pairs.jsonl").open("w", encoding="utf-8") as file:
            for number in range(rows):
                file.write(json.dumps(_record(number, _caption(rng, number))) + "\n")
    manifest = {
        "name": "synthetic",
        "dataset": dataset,
        "generation": {
            "model": str(PROJECT / "data_manifests" / "heraldry" / "llama"),
            "prompt": "news-v1",
            "max_model_len": 1024,
            "sampling": {"temperature": 0.0, "max_tokens": 160},
        },
        "output": "explanations",
        "num_shards": max(1, rows // rows_per_shard),
        "check_images": check_images,
    }
    path = folder / "synthetic.yaml"
    path.write_text(yaml.safe_dump(manifest), encoding="utf-8")
    return path


def _caption(rng: random.Random, number: int) -> str:
    words = [*rng.choices(_NAMES, k=3), *rng.choices(_WORDS, k=22), str(number)]
    rng.shuffle(words)
    return " ".join(words)


def _record(number: int, caption: str) -> dict[str, str]:
    split = "test" if number % 10 == 0 else "train"
    return {"id": f"news-{number}", "split": split, "image": f"{number % _PICTURES}.jpg", "caption": caption}


def visualnews_image(number: int) -> str:
    """Return the image path that data.json gives for pair `number`."""
    return f"./{_source(number)}/images/{number // 1000:04d}/{number % 1000:03d}.jpg"


def _visualnews(number: int, caption: str) -> dict[str, str | int]:
    source = _source(number)
    return {
        "id": number,
        "caption": caption,
        "topic": "law_crime",
        "source": source,
        "image_path": visualnews_image(number),
        "article_path": f"./{source}/articles/{number // 3}.txt",
    }


def _source(number: int) -> str:
    return ("guardian", "bbc", "usa_today", "washington_post")[number // 3 % 4]
