"""Is a training run on disk the one that these settings and these shards would give?"""

import json
from pathlib import Path
from typing import Any

import yaml

from model.checkpoint import TOWERS, read_card
from model.errors import ModelError
from model.evaluation import SETTINGS, read_metrics
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


def is_measured(run: Path, settings: TrainSettings) -> bool:
    """Whether `metrics.json` is of the weights that are in `run`, on test shards that are still what they were."""
    split = settings.data.splits.test
    try:
        metrics, weights = read_metrics(run), read_card(run)["sha256"][TOWERS]
    except ModelError:
        return False
    if metrics.get("towers_sha256") != weights or split not in metrics["splits"]:
        return False
    return bool(metrics["splits"][split]["shards"] == _shards(settings, [split]))


def _would_be_the_same(trained_with: dict[str, Any], data: dict[str, Any], settings: TrainSettings) -> bool:
    try:
        if not all(change.allowed for change in changes(trained_with, settings)):
            return False
    except ModelError:
        return False
    used = {name: sha for use in data.values() for name, sha in use["shards"].items()}
    return used == _shards(
        settings, [split for split in (settings.data.splits.train, settings.data.splits.val) if split]
    )


def _shards(settings: TrainSettings, splits: list[str]) -> dict[str, str]:
    """Digests of the shards of splits that are there now, by name."""
    folder = settings.data.explanations
    return {
        str(path.relative_to(folder)): digest(path)
        for split in splits
        for path in (folder / f"split={split}").glob("part-*.parquet")
    }
