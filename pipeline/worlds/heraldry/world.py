"""Builds a world on disk: pictures, `pairs.jsonl`, and last `world.json`, which says that it is complete."""

import json
import os
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from PIL import Image
from pydantic import ValidationError
from tqdm import tqdm

from pipeline.errors import PipelineError
from pipeline.pair import Pair
from pipeline.worlds.heraldry.captions import caption_for
from pipeline.worlds.heraldry.houses import MAIN, RARE, House, houses_of
from pipeline.worlds.heraldry.render import Pixels, picture_of
from pipeline.worlds.heraldry.seeds import generator
from pipeline.worlds.heraldry.settings import WorldSettings
from pipeline.worlds.heraldry.views import View, random_view

FORMAT_VERSION = 1  # of the files, and of everything that decides what is in them
IMAGES, PAIRS, WORLD = "images", "pairs.jsonl", "world.json"
SPLITS = ("train", "val", "test")


def build_world(settings: WorldSettings, root: Path) -> Path:
    """Render a world to `root/images/<split>/<id>.png` with `root/pairs.jsonl` and `root/world.json`.

    A complete world with the same settings is left as it is; an interrupted one is built again.

    Returns:
        `root`.

    Raises:
        PipelineError: `root` holds another world, or something else.
    """
    if _already_built(settings, root):
        return root
    houses = world_houses(settings)
    for split in SPLITS:
        (root / IMAGES / split).mkdir(parents=True, exist_ok=True)
    lines: list[str] = []
    total = sum(len(copies) for house in houses for copies in _plan(settings, house).values())
    with tqdm(total=total, desc="heraldry", unit="image", disable=None) as progress:
        for house in houses:
            for pair, pixels in house_pairs(settings, house):
                Image.fromarray(pixels).save(root / IMAGES / pair.image)
                lines.append(json.dumps(asdict(pair)))
                progress.update()
    _write_atomically(root / PAIRS, "".join(f"{line}\n" for line in lines))
    _write_atomically(root / WORLD, json.dumps(_identity(settings), indent=2) + "\n")
    return root


def world_houses(settings: WorldSettings) -> tuple[House, ...]:
    """The houses of a world, main ones first."""
    return houses_of(MAIN)[: settings.main_houses] + houses_of(RARE)[: settings.rare_houses]


def house_pairs(settings: WorldSettings, house: House) -> Iterator[tuple[Pair, Pixels]]:
    """All pairs of one house with their pictures, RGB [48 x 48 x 3] uint8; no caption comes twice."""
    taken: set[str] = set()
    for split, copies in _plan(settings, house).items():
        for copy in copies:
            key = (SPLITS.index(split), house.index, copy)
            view: View = random_view(generator(settings.seed, "view", *key))
            held_out = split != "train"
            caption = caption_for(
                house, view, generator(settings.seed, "caption", *key), held_out=held_out, taken=taken
            )
            pixels = picture_of(house.arms, view, generator(settings.seed, "picture", *key), held_out=held_out)
            name = f"{split}-{house.index:03d}-{copy:03d}"
            yield Pair(name, split, f"{split}/{name}.png", caption, house.pool), pixels


def _plan(settings: WorldSettings, house: House) -> dict[str, range]:
    """How many pictures of a house each split has."""
    fewest, most = (
        (settings.train_main_min, settings.train_main_max)
        if house.pool == MAIN
        else (settings.train_rare_min, settings.train_rare_max)
    )
    train = int(generator(settings.seed, "train size", house.index).integers(fewest, most + 1))
    return {
        "train": range(train),
        "val": range(settings.val_per_house),
        "test": range(settings.test_per_house),
    }


def _identity(settings: WorldSettings) -> dict[str, object]:
    return {"world": "heraldry", "format_version": FORMAT_VERSION, "settings": settings.model_dump()}


def _already_built(settings: WorldSettings, root: Path) -> bool:
    """Whether `root` holds this world; False when there is nothing, or only what an interruption left."""
    marker = root / WORLD
    if not marker.is_file():
        ours = {IMAGES, PAIRS, f"{PAIRS}.tmp", f"{WORLD}.tmp"}
        strangers = sorted({entry.name for entry in root.iterdir()} - ours) if root.is_dir() else []
        if strangers or (root.exists() and not root.is_dir()):
            raise PipelineError(f"{root} holds other things than a world; name an empty or new folder")
        return False
    try:
        found = json.loads(marker.read_text(encoding="utf-8"))
        same_format = found["world"] == "heraldry" and found["format_version"] == FORMAT_VERSION
        same = same_format and WorldSettings.model_validate(found["settings"]) == settings
    except (ValueError, KeyError, TypeError, ValidationError) as error:
        raise PipelineError(f"{marker} is not readable as a world ({error}); delete {root} and try again") from error
    if not same:
        raise PipelineError(
            f"{root} holds another world: {json.dumps(found)}; asked for: {json.dumps(_identity(settings))}."
            " Name another folder, or delete this one"
        )
    return True


def _write_atomically(path: Path, text: str) -> None:
    """Write to a temporary name, flush to disk, rename: the file is there in full or not at all."""
    temporary = path.with_name(f"{path.name}.tmp")
    with temporary.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
