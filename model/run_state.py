"""Is a training run on disk the one that these settings and these shards would give?"""

import json
from pathlib import Path
from typing import Any

import yaml

from model.errors import ModelError
from model.evaluation import SETTINGS
from model.files import digest
from model.resume import changes
from model.run_folder import RECORD
from model.settings import TrainSettings
from model.train_state import newest_origin


def is_finished(run: Path, settings: TrainSettings) -> bool:
    """Whether `run` is finished with settings that train the same, on shards that are still what they were."""
    try:
        record = json.loads((run / RECORD).read_text(encoding="utf-8"))
        trained_with = yaml.safe_load((run / SETTINGS).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return False
    return _would_be_the_same(trained_with, record["data"], settings)


def can_go_on(run: Path, settings: TrainSettings) -> bool:
    """Whether `run` is unfinished, with a saved state of settings that train the same, on the same shards."""
    if (run / RECORD).exists():
        return False
    try:
        origin = newest_origin(run)
    except ModelError:
        return False
    return origin is not None and _would_be_the_same(origin["settings"], origin["data"], settings)


def _would_be_the_same(trained_with: dict[str, Any], data: dict[str, Any], settings: TrainSettings) -> bool:
    try:
        if not all(change.allowed for change in changes(trained_with, settings)):
            return False
    except ModelError:
        return False
    folder = settings.data.explanations
    used = {name: sha for use in data.values() for name, sha in use["shards"].items()}
    splits = [split for split in (settings.data.splits.train, settings.data.splits.val) if split]
    there = {
        str(p.relative_to(folder)): digest(p) for s in splits for p in (folder / f"split={s}").glob("part-*.parquet")
    }
    return used == there
