"""A dataset with every fault that a check looks for, in random places, and what a slow and simple look finds in it."""

import random
import string
from collections import Counter
from pathlib import Path
from typing import Any

from PIL import Image

from tests.support.dataset import save_records

_WORDS = "mayor crowd bridge harbour speech stadium choir market of the and at with before after".split()
_SPLITS = ("train", "val", "test")


def write_faulty(folder: Path, count: int, *, seed: int = 0) -> list[dict[str, Any]]:
    """Write `count` pairs of which about one in seven has each fault; images too."""
    rng = random.Random(seed)
    images = folder / "images"
    images.mkdir(parents=True)
    Image.new("RGB", (8, 8)).save(folder / "outside.png")
    records: list[dict[str, Any]] = []
    for number in range(count):
        caption = " ".join(rng.choices(_WORDS, k=rng.randint(3, 9))) + f" no {number}."
        record = {"id": f"p{number}", "split": rng.choice(_SPLITS), "image": f"{number}.png", "caption": caption}
        path = images / record["image"]
        Image.new("RGB", (8, 8), (number % 256, number // 256, seed)).save(path)
        old = rng.choice(records) if records else record
        for fault in [name for name in _FAULTS if rng.random() < 1 / 7]:
            _plant(fault, record, old, path, rng)
        records.append(record)
    save_records(folder, records)
    return records


_FAULTS = (
    "id", "caption", "similar", "image", "bytes", "empty", "long", "missing", "truncated", "no image", "outside"
)  # fmt: skip


def _plant(fault: str, record: dict[str, Any], old: dict[str, Any], path: Path, rng: random.Random) -> None:
    match fault:
        case "id" if rng.random() < 0.3:
            record["id"], record["split"] = old["id"], old["split"]
        case "caption":
            record["caption"] = old["caption"]
        case "similar":
            record["caption"] = f"  {old['caption'].upper().replace(' ', '  ')}!"
        case "image":
            record["image"] = old["image"]
        case "bytes" if (path.parent / old["image"]).is_file():
            path.write_bytes((path.parent / old["image"]).read_bytes())
        case "empty":
            record["caption"] = " \n"
        case "long":
            record["caption"] += " bridge" * 80
        case "missing":
            path.unlink(missing_ok=True)
        case "truncated" if path.is_file():
            path.write_bytes(path.read_bytes()[:-20])
        case "no image" if path.is_file():
            path.write_bytes(rng.choice([b"", b"<html>404</html>"]))
        case "outside" if rng.random() < 0.3:
            record["image"] = "../outside.png"


def counted_slowly(folder: Path, records: list[dict[str, Any]]) -> dict[str, int]:
    """The count of each finding, by comparing every pair with every other."""
    images = folder / "images"
    faults = {image: _fault(images, image) for image in {record["image"] for record in records}}
    contents = {image: (images / image).read_bytes() if not fault else None for image, fault in faults.items()}
    counts: Counter[str] = Counter()
    for fault in faults.values():
        if fault:
            counts[f"{fault}_images"] += 1
    seen_paths: dict[str, set[str]] = {split: set() for split in _SPLITS}
    for row, record in enumerate(records):
        split, caption, image = record["split"], record["caption"].strip(), record["image"]
        earlier = [other for other in records[:row] if other["split"] == split]
        counts["empty_captions"] += not caption
        counts["captions_over_context"] += caption.lower().count("bridge") >= 80
        counts["repeated_ids"] += any(other["id"] == record["id"] for other in earlier)
        counts["repeated_images"] += any(other["image"] == image for other in earlier)
        if caption:
            counts["repeated_captions"] += any(other["caption"].strip() == caption for other in earlier)
            counts["repeated_pairs"] += any(
                other["caption"].strip() == caption and other["image"] == image for other in earlier
            )
        if image not in seen_paths[split] and contents[image] is not None:
            counts["repeated_image_bytes"] += any(contents[path] == contents[image] for path in seen_paths[split])
        seen_paths[split].add(image)
        lower = [other for other in records if _SPLITS.index(other["split"]) < _SPLITS.index(split)]
        path_leaks = any(other["image"] == image for other in lower)
        counts["leaked_images"] += path_leaks
        if contents[image] is not None and not path_leaks:
            counts["leaked_image_bytes"] += any(contents[other["image"]] == contents[image] for other in lower)
        if caption:
            leaks = any(other["caption"].strip() == caption for other in lower)
            counts["leaked_captions"] += leaks
            if not leaks and _bare(caption):
                counts["leaked_similar_captions"] += any(_bare(other["caption"]) == _bare(caption) for other in lower)
    return {code: count for code, count in counts.items() if count}


def _fault(root: Path, image: str) -> str:
    if image.startswith("../"):
        return "outside"
    if not (root / image).exists():
        return "missing"
    try:
        Image.open(root / image).convert("L")
    except OSError:
        return "undecodable"
    return ""


def _bare(caption: str) -> str:
    return " ".join("".join(c if c not in string.punctuation else " " for c in caption.lower()).split())
