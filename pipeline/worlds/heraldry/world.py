"""Builds a world on disk: pictures, `pairs.jsonl` and, finally, `world.json`, which marks the world as complete."""

import json
from dataclasses import asdict
from pathlib import Path

from PIL import Image
from pydantic import ValidationError
from tqdm import tqdm

from entityclip.contract.atomic_files import remove_leftovers, written_whole
from entityclip.contract.own_json import read_object
from pipeline.errors import PipelineError
from pipeline.pair import SPLITS
from pipeline.worlds.heraldry.pools import world_houses
from pipeline.worlds.heraldry.settings import WorldSettings
from pipeline.worlds.heraldry.shots import house_shots, take

FORMAT_VERSION = 1  # version of the files, and of all code that determines their content
IMAGES, PAIRS, WORLD = "images", "pairs.jsonl", "world.json"


def build_world(settings: WorldSettings, root: Path) -> Path:
    """Render a world to `root/images/<split>/<id>.png` with `root/pairs.jsonl` and `root/world.json`; return `root`.

    A complete world with the same settings is kept; an incomplete world, left by an interrupted build, is rebuilt.

    Raises:
        PipelineError: `root` contains a different world, or other files.
    """
    if _already_built(settings, root):
        return root
    remove_leftovers(root)
    for name in (PAIRS, WORLD):  # older versions had these temporary names
        (root / f".{name}.tmp").unlink(missing_ok=True)
    shots = [shot for house in world_houses(settings) for shot in house_shots(settings, house)]
    for split in SPLITS:
        (root / IMAGES / split).mkdir(parents=True, exist_ok=True)
    for shot in tqdm(shots, desc="heraldry", unit="image", disable=None):
        Image.fromarray(take(settings, shot)).save(root / IMAGES / shot.pair.image)
    lines = [json.dumps(asdict(shot.pair)) for shot in shots]
    with written_whole(root / PAIRS) as temporary:
        temporary.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    with written_whole(root / WORLD) as temporary:
        temporary.write_text(json.dumps(_identity(settings), indent=2) + "\n", encoding="utf-8")
    return root


def _identity(settings: WorldSettings) -> dict[str, object]:
    return {"world": "heraldry", "format_version": FORMAT_VERSION, "settings": settings.model_dump()}


def _already_built(settings: WorldSettings, root: Path) -> bool:
    """Return whether `root` holds this world; False if `root` is missing, empty, or left by an interrupted build."""
    marker = root / WORLD
    if not marker.is_file():
        ours = (f".{PAIRS}.", f".{WORLD}.")  # temporary files of a killed build
        there = [entry.name for entry in root.iterdir()] if root.is_dir() else []
        foreign = [name for name in there if name not in (IMAGES, PAIRS) and not name.startswith(ours)]
        if foreign or (root.exists() and not root.is_dir()):
            raise PipelineError(f"{root} contains files that do not belong to a world; use an empty or new folder")
        return False
    try:
        found = read_object(marker)
        same_format = found["world"] == "heraldry" and found["format_version"] == FORMAT_VERSION
        same = same_format and WorldSettings.model_validate(found["settings"]) == settings
    except (ValueError, KeyError, TypeError, ValidationError) as error:
        raise PipelineError(f"{marker} is not a valid world file ({error}); delete {root} and try again") from error
    if not same:
        raise PipelineError(
            f"{root} contains another world: {json.dumps(found)}; expected: {json.dumps(_identity(settings))}."
            " Use another folder, or delete this one"
        )
    return True
